package httpapi

import "time"

// FigurePeriod is the days that figures are of.
type FigurePeriod struct {
	From string `json:"from"`
	To   string `json:"to"`
	Days string `json:"days"`
}

// FigureLot is a lot of a position.
type FigureLot struct {
	Opened   string  `json:"opened"`
	Quantity string  `json:"quantity"`
	UnitCost *string `json:"unit_cost"`
	Cost     *string `json:"cost"`
	ID       string  `json:"id"`
}

// FigurePosition is a position with its figures.
type FigurePosition struct {
	Symbol         string      `json:"symbol"`
	InstrumentID   string      `json:"instrument_id"`
	Account        string      `json:"account"`
	Currency       string      `json:"currency"`
	Quantity       string      `json:"quantity"`
	AverageCost    *string     `json:"average_cost"`
	Cost           *string     `json:"cost"`
	CostBase       *string     `json:"cost_base"`
	Price          *string     `json:"price"`
	PriceDate      *string     `json:"price_date"`
	Value          *string     `json:"value"`
	ValueBase      *string     `json:"value_base"`
	UnrealisedBase *string     `json:"unrealised_base"`
	RealisedBase   *string     `json:"realised_base"`
	IncomeBase     *string     `json:"income_base"`
	FeesBase       *string     `json:"fees_base"`
	TaxesBase      *string     `json:"taxes_base"`
	FXEffectBase   *string     `json:"fx_effect_base"`
	ProfitBase     *string     `json:"profit_base"`
	Lots           []FigureLot `json:"lots" nullable:"false"`
}

// MatchedLot is a part of a lot that a disposal took.
type MatchedLot struct {
	ID       string  `json:"id"`
	Opened   string  `json:"opened"`
	Quantity string  `json:"quantity"`
	Cost     *string `json:"cost"`
}

// Disposal is a sale with its gain.
type Disposal struct {
	Date         string       `json:"date"`
	Symbol       string       `json:"symbol"`
	InstrumentID string       `json:"instrument_id"`
	Account      string       `json:"account"`
	Quantity     string       `json:"quantity"`
	Proceeds     *string      `json:"proceeds"`
	Cost         *string      `json:"cost"`
	Gain         *string      `json:"gain"`
	Currency     string       `json:"currency"`
	GainBase     *string      `json:"gain_base"`
	Matched      []MatchedLot `json:"matched" nullable:"false"`
}

// Totals are the sums of a period in the base currency.
type Totals struct {
	Value      *string `json:"value"`
	Cash       *string `json:"cash"`
	Cost       *string `json:"cost"`
	Unrealised *string `json:"unrealised"`
	Realised   *string `json:"realised"`
	Income     *string `json:"income"`
	Fees       *string `json:"fees"`
	Taxes      *string `json:"taxes"`
	FXEffect   *string `json:"fx_effect"`
	PaidIn     *string `json:"paid_in"`
	TakenOut   *string `json:"taken_out"`
	ValueStart *string `json:"value_start"`
	Profit     *string `json:"profit"`
}

// XIRR is the money-weighted rate.
type XIRR struct {
	Status string   `json:"status" enum:"ok,several,none,not_meaningful"`
	Rate   *string  `json:"rate"`
	Roots  []string `json:"roots" nullable:"false"`
}

// Returns are rates as fractions.
type Returns struct {
	TWR           *string `json:"twr"`
	TWRAnnualised *string `json:"twr_annualised"`
	ModifiedDietz *string `json:"modified_dietz"`
	Simple        *string `json:"simple"`
	XIRR          XIRR    `json:"xirr"`
	BenchmarkTWR  *string `json:"benchmark_twr"`
	Excess        *string `json:"excess"`
}

// Risk is how the returns moved.
type Risk struct {
	Volatility          *string `json:"volatility"`
	SemiDeviation       *string `json:"semi_deviation"`
	MaxDrawdown         *string `json:"max_drawdown"`
	MaxDrawdownDays     *string `json:"max_drawdown_days"`
	LongestDrawdownDays *string `json:"longest_drawdown_days"`
	Sharpe              *string `json:"sharpe"`
	Sortino             *string `json:"sortino"`
	Beta                *string `json:"beta"`
	Alpha               *string `json:"alpha"`
	TrackingError       *string `json:"tracking_error"`
}

// ProfitIdentity says whether the parts of the profit add up to it.
type ProfitIdentity struct {
	Holds      bool    `json:"holds"`
	Difference *string `json:"difference"`
}

// Performance is the figures of a period.
type Performance struct {
	Period    FigurePeriod     `json:"period"`
	Positions []FigurePosition `json:"positions" nullable:"false"`
	Disposals []Disposal       `json:"disposals" nullable:"false"`
	Totals    Totals           `json:"totals"`
	Returns   Returns          `json:"returns"`
	Risk      Risk             `json:"risk"`
	Identity  ProfitIdentity   `json:"identity"`
	Problems  []Trouble        `json:"problems" nullable:"false"`
}

// HistoryPoint is one day.
type HistoryPoint struct {
	Date      string  `json:"date"`
	Value     *string `json:"value"`
	PaidIn    *string `json:"paid_in"`
	TakenOut  *string `json:"taken_out"`
	NetPaidIn *string `json:"net_paid_in" doc:"Since the first day of the portfolio"`
	TWR       *string `json:"twr"`
	Drawdown  *string `json:"drawdown"`
}

// History is the daily series of a portfolio.
type History struct {
	BaseCurrency string         `json:"base_currency"`
	From         string         `json:"from"`
	To           string         `json:"to"`
	Series       []HistoryPoint `json:"series" nullable:"false"`
	Gaps         []PriceGap     `json:"gaps" nullable:"false" doc:"Where the values rest on a price that is more than ten weekdays old; problems name them too"`
	Problems     []Trouble      `json:"problems" nullable:"false"`
}

// AllocationLeaf is one holding's, or one currency's cash's, part of a share.
type AllocationLeaf struct {
	InstrumentID     *string `json:"instrument_id"`
	Symbol           string  `json:"symbol"`
	Name             string  `json:"name"`
	Value            string  `json:"value"`
	Share            string  `json:"share"`
	DayChangePercent *string `json:"day_change_percent"`
	ReturnPercent    *string `json:"return_percent"`
}

// AllocationItem is one share.
type AllocationItem struct {
	Key   string           `json:"key"`
	Label string           `json:"label"`
	Value string           `json:"value"`
	Share string           `json:"share" doc:"A fraction"`
	Items []AllocationLeaf `json:"items" nullable:"false"`
}

// Unvalued is a holding that has no value to share.
type Unvalued struct {
	InstrumentID string `json:"instrument_id"`
	Symbol       string `json:"symbol"`
	Name         string `json:"name"`
}

// Allocation is how a portfolio's value is spread.
type Allocation struct {
	By           string           `json:"by" enum:"asset_class,sector,country,currency,account"`
	BaseCurrency string           `json:"base_currency"`
	Value        *string          `json:"value"`
	Items        []AllocationItem `json:"items" nullable:"false"`
	Unvalued     []Unvalued       `json:"unvalued" nullable:"false"`
}

// AdminUser is a user as administrators see them: who they are, nothing of what they hold.
type AdminUser struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Name      string    `json:"name"`
	Role      string    `json:"role" enum:"user,adviser,auditor,admin"`
	Status    string    `json:"status" enum:"active,invited,suspended"`
	CreatedAt time.Time `json:"created_at"`
}

// AdminUsers is a page of users.
type AdminUsers struct {
	Items      []AdminUser `json:"items" nullable:"false"`
	NextCursor *string     `json:"next_cursor"`
}

// Invitation is a link that is shown once, or was mailed.
type Invitation struct {
	URL       *string   `json:"url" doc:"To hand over; null where it was mailed, since then nobody else may know it"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Recorded answers an append of activities.
type Recorded struct {
	Sequence int64    `json:"sequence"`
	IDs      []string `json:"ids" nullable:"false"`
}

// Corrected answers a correction.
type Corrected struct {
	Sequence int64  `json:"sequence"`
	ID       string `json:"id"`
}

// Voided answers a void.
type Voided struct {
	Sequence int64 `json:"sequence"`
}

// ImportError is one mistake in an imported file.
type ImportError struct {
	Row     int    `json:"row" doc:"Line of the file, the header being 1"`
	Column  string `json:"column"`
	Message string `json:"message"`
}

// ImportRow is one line of an imported file as it is understood.
type ImportRow struct {
	Row      int     `json:"row"`
	Status   string  `json:"status" enum:"new,duplicate,error"`
	Date     *string `json:"date"`
	Type     *string `json:"type"`
	Account  *string `json:"account"`
	Symbol   *string `json:"symbol"`
	Quantity *string `json:"quantity"`
	Price    *string `json:"price"`
	Amount   *string `json:"amount"`
	Currency *string `json:"currency"`
}

// ImportPreview says what an import would do.
type ImportPreview struct {
	Rows       int           `json:"rows"`
	New        int           `json:"new"`
	Duplicates int           `json:"duplicates"`
	Errors     []ImportError `json:"errors" nullable:"false"`
	Preview    []ImportRow   `json:"preview" nullable:"false"`
}

// ImportResult says what an import did.
type ImportResult struct {
	Sequence   int64 `json:"sequence"`
	Added      int   `json:"added"`
	Duplicates int   `json:"duplicates"`
}

// Readiness says whether a node takes requests.
type Readiness struct {
	Ready   bool     `json:"ready"`
	Reasons []string `json:"reasons" nullable:"false"`

	Degraded []string `json:"degraded" nullable:"false" doc:"What a node that takes requests does without"`
}
