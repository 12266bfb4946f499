package figures

import (
	"encoding/json"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Output is what `evaluate` answers. Amounts are exact; unknown figures are null and named in the problems.
type Output struct {
	Period    Period         `json:"period"`
	Positions []PositionLine `json:"positions"`
	Disposals []Disposal     `json:"disposals"`
	Totals    Totals         `json:"totals"`
	Returns   Returns        `json:"returns"`
	Risk      Risk           `json:"risk"`
	Identity  Identity       `json:"identity"`
	Problems  []Problem      `json:"problems"`
	Series    []DayLine      `json:"series,omitempty"`
}

// Period is the days that the figures are of, both whole.
type Period struct {
	From market.Date   `json:"from"`
	To   market.Date   `json:"to"`
	Days money.Decimal `json:"days"` // to − from + 1
}

// MarshalJSON writes null for a day there is none of, which only a case without any date has.
func (p Period) MarshalJSON() ([]byte, error) {
	written := struct {
		From *market.Date   `json:"from"`
		To   *market.Date   `json:"to"`
		Days *money.Decimal `json:"days"`
	}{&p.From, &p.To, &p.Days}
	if p.From == market.NoDate || p.To == market.NoDate {
		written.From, written.To, written.Days = nil, nil, nil
	}
	return json.Marshal(written)
}

// PositionLine is one position at the end of the period, or one that was closed within it.
type PositionLine struct {
	Instrument     market.InstrumentID `json:"instrument_id,omitempty"` // where the portfolio's instruments are known
	Symbol         string              `json:"symbol"`
	Account        string              `json:"account"` // "*" where lots are shared by all accounts
	Currency       money.Currency      `json:"currency"`
	Quantity       money.Decimal       `json:"quantity"`
	AverageCost    money.Maybe         `json:"average_cost"`
	Cost           money.Maybe         `json:"cost"`
	CostBase       money.Maybe         `json:"cost_base"`
	Price          money.Maybe         `json:"price"`
	PriceDate      *market.Date        `json:"price_date"`
	Value          money.Maybe         `json:"value"`
	ValueBase      money.Maybe         `json:"value_base"`
	UnrealisedBase money.Maybe         `json:"unrealised_base"`
	RealisedBase   money.Maybe         `json:"realised_base"`
	IncomeBase     money.Maybe         `json:"income_base"`
	FeesBase       money.Maybe         `json:"fees_base"`
	TaxesBase      money.Maybe         `json:"taxes_base"`
	FXEffectBase   money.Maybe         `json:"fx_effect_base"`
	ProfitBase     money.Maybe         `json:"profit_base"`
	Lots           []LotLine           `json:"lots"`
}

// LotLine is one open lot.
type LotLine struct {
	Opened   market.Date   `json:"opened"`
	Quantity money.Decimal `json:"quantity"`
	UnitCost money.Maybe   `json:"unit_cost"`
	Cost     money.Maybe   `json:"cost"`
	ID       string        `json:"id"`
}

// Disposal is one sale, delivery out or cover of a short position, with the lots it took.
type Disposal struct {
	Date       market.Date         `json:"date"`
	Instrument market.InstrumentID `json:"instrument_id,omitempty"`
	Symbol     string              `json:"symbol"`
	Account    string              `json:"account"`
	Quantity   money.Decimal       `json:"quantity"`
	Proceeds   money.Maybe         `json:"proceeds"`
	Cost       money.Maybe         `json:"cost"`
	Gain       money.Maybe         `json:"gain"`
	Currency   money.Currency      `json:"currency"`
	GainBase   money.Maybe         `json:"gain_base"`
	Matched    []Match             `json:"matched"`
}

// Match is what a disposal took of one lot.
type Match struct {
	ID       string        `json:"id"`
	Opened   market.Date   `json:"opened"`
	Quantity money.Decimal `json:"quantity"`
	Cost     money.Maybe   `json:"cost"`
}

// Totals are of the whole portfolio in the base currency.
type Totals struct {
	Value      money.Maybe `json:"value"`
	Cash       money.Maybe `json:"cash"`
	Cost       money.Maybe `json:"cost"`
	Unrealised money.Maybe `json:"unrealised"`
	Realised   money.Maybe `json:"realised"`
	Income     money.Maybe `json:"income"`
	Fees       money.Maybe `json:"fees"`
	Taxes      money.Maybe `json:"taxes"`
	FXEffect   money.Maybe `json:"fx_effect"`
	PaidIn     money.Maybe `json:"paid_in"`
	TakenOut   money.Maybe `json:"taken_out"`
	ValueStart money.Maybe `json:"value_start"`
	Profit     money.Maybe `json:"profit"`
}

// Returns are the rates of the period; ModifiedDietz and Simple are exact quotients.
type Returns struct {
	TWR           *Float      `json:"twr"`
	TWRAnnualised *Float      `json:"twr_annualised"`
	ModifiedDietz money.Maybe `json:"modified_dietz"`
	Simple        money.Maybe `json:"simple"`
	XIRR          XIRR        `json:"xirr"`
	BenchmarkTWR  *Float      `json:"benchmark_twr"`
	Excess        *Float      `json:"excess"`
}

// Risk is how unevenly the period went.
type Risk struct {
	Volatility          *Float         `json:"volatility"`
	SemiDeviation       *Float         `json:"semi_deviation"`
	MaxDrawdown         *Float         `json:"max_drawdown"`
	MaxDrawdownDays     *money.Decimal `json:"max_drawdown_days"`
	LongestDrawdownDays *money.Decimal `json:"longest_drawdown_days"`
	Sharpe              *Float         `json:"sharpe"`
	Sortino             *Float         `json:"sortino"`
	Beta                *Float         `json:"beta"`
	Alpha               *Float         `json:"alpha"`
	TrackingError       *Float         `json:"tracking_error"`
}

// Identity says whether value − value_start − paid_in + taken_out is what its parts sum to, and what they miss it by.
type Identity struct {
	Holds      bool        `json:"holds"`
	Difference money.Maybe `json:"difference"`
}

// DayLine is one day of the series, with that day's flows alone.
type DayLine struct {
	Date     market.Date `json:"date"`
	Value    money.Maybe `json:"value"`
	PaidIn   money.Maybe `json:"paid_in"`
	TakenOut money.Maybe `json:"taken_out"`
	TWR      *Float      `json:"twr"`
	Drawdown *Float      `json:"drawdown"`
}
