package httpapi

import "github.com/danielgtaylor/huma/v2"

// FigureDays is the days that figures are of, both whole.
type FigureDays struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// IncomeSum is dividends and interest in the base currency.
type IncomeSum struct {
	Gross *string `json:"gross"`
	Tax   *string `json:"tax" doc:"Withheld, as booked with the dividend or interest"`
	Fee   *string `json:"fee"`
	Net   *string `json:"net" doc:"gross − tax − fee"`
}

// IncomeItem is what one holding, or cash, earned in a month.
type IncomeItem struct {
	InstrumentID *string `json:"instrument_id" doc:"null for interest on cash"`
	Symbol       string  `json:"symbol"`
	Name         string  `json:"name"`
	IncomeSum
}

// IncomeMonth is the income of one month.
type IncomeMonth struct {
	Month string `json:"month" doc:"YYYY-MM"`
	IncomeSum
	Items []IncomeItem `json:"items" nullable:"false"`
}

// IncomeYear is the income of one calendar year.
type IncomeYear struct {
	Year string `json:"year" doc:"YYYY"`
	IncomeSum
}

// TrailingIncome is what open positions paid in twelve months.
type TrailingIncome struct {
	From        string  `json:"from"`
	To          string  `json:"to"`
	Gross       *string `json:"gross"`
	Yield       *string `json:"yield" doc:"gross / value of the open positions at the end of the period, a fraction"`
	YieldOnCost *string `json:"yield_on_cost" doc:"gross / their cost"`
}

// IncomePosition is what one open position paid in the trailing twelve months.
type IncomePosition struct {
	InstrumentID  string  `json:"instrument_id"`
	Symbol        string  `json:"symbol"`
	Name          string  `json:"name"`
	TrailingGross *string `json:"trailing_gross"`
	Yield         *string `json:"yield"`
	YieldOnCost   *string `json:"yield_on_cost"`
}

// Income is what a portfolio earned in a period, and what it yields.
type Income struct {
	BaseCurrency string     `json:"base_currency"`
	Period       FigureDays `json:"period"`
	IncomeSum
	Months    []IncomeMonth    `json:"months" nullable:"false" doc:"Every month of the period"`
	Years     []IncomeYear     `json:"years" nullable:"false"`
	Trailing  TrailingIncome   `json:"trailing" doc:"Of the twelve months up to the end of the period, whatever its beginning"`
	Positions []IncomePosition `json:"positions" nullable:"false"`
	Problems  []Trouble        `json:"problems" nullable:"false"`
}

// MonthReturn is the time-weighted return of a month.
type MonthReturn struct {
	Month  string  `json:"month" doc:"YYYY-MM"`
	Return *string `json:"return" doc:"A fraction; null where a day can't be known"`
}

// YearReturn is the time-weighted return of a calendar year.
type YearReturn struct {
	Year     string  `json:"year" doc:"YYYY"`
	Return   *string `json:"return"`
	Complete bool    `json:"complete" doc:"The period holds all its days"`
}

// DayReturn is the time-weighted return of a day.
type DayReturn struct {
	Date   string `json:"date"`
	Return string `json:"return"`
}

// RollingPoint is the return over a window that ends with a day.
type RollingPoint struct {
	Date       string  `json:"date"`
	Return     *string `json:"return" doc:"Over the whole window"`
	Annualised *string `json:"annualised" doc:"Of windows of 365 days and more"`
}

// Rolling is the returns over windows of so many months.
type Rolling struct {
	Months int            `json:"months"`
	Points []RollingPoint `json:"points" nullable:"false" doc:"At each month's end and at the end of the period; windows may begin before the period, none before the portfolio"`
}

// DrawdownPeriod is one fall of the time-weighted index until its peak is reached again.
type DrawdownPeriod struct {
	From  string  `json:"from" doc:"The peak"`
	Low   string  `json:"low"`
	To    *string `json:"to" doc:"The recovery; null where there is none yet"`
	Depth string  `json:"depth" doc:"A positive fraction of the peak"`
	Days  int     `json:"days" doc:"From the peak to the recovery, or to the end of the period"`
}

// PeriodReturns is how a period went by month and year, over rolling windows, and where it fell.
type PeriodReturns struct {
	Period     FigureDays       `json:"period"`
	Months     []MonthReturn    `json:"months" nullable:"false" doc:"They chain to the years, and these to the period's twr"`
	Years      []YearReturn     `json:"years" nullable:"false"`
	Rolling    []Rolling        `json:"rolling" nullable:"false"`
	BestDay    *DayReturn       `json:"best_day" doc:"Of days on which something held has a price of its own"`
	WorstDay   *DayReturn       `json:"worst_day"`
	BestMonth  *MonthReturn     `json:"best_month"`
	WorstMonth *MonthReturn     `json:"worst_month"`
	Drawdowns  []DrawdownPeriod `json:"drawdowns" nullable:"false" doc:"The deepest ten, deepest first"`
	Problems   []Trouble        `json:"problems" nullable:"false"`
}

// TransformSchema says in the description that the extremes may be null: tags can't say it of objects.
func (PeriodReturns) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	for _, name := range []string{"best_day", "worst_day", "best_month", "worst_month"} {
		described := s.Properties[name]
		s.Properties[name] = &huma.Schema{Description: described.Description, AnyOf: []*huma.Schema{{Ref: described.Ref}, {Type: "null"}}}
	}
	return s
}

// ProfitParts is where a profit came from: price + currency + income − costs = profit, to the last digit.
type ProfitParts struct {
	Price         *string `json:"price" doc:"Gains from prices, without costs and currency"`
	Currency      *string `json:"currency" doc:"The effect of exchange rates; of cash its result of exchange"`
	Income        *string `json:"income" doc:"Gross"`
	Costs         *string `json:"costs" doc:"Fees and taxes, those inside cost and proceeds too"`
	Profit        *string `json:"profit"`
	ShareOfProfit *string `json:"share_of_profit" doc:"A fraction; null where the whole profit is 0"`
	Contribution  *string `json:"contribution" doc:"profit / the capital invested on average, as Modified Dietz weighs it; contributions sum to modified_dietz"`
}

// ProfitItem is what one holding added to the profit.
type ProfitItem struct {
	InstrumentID string `json:"instrument_id"`
	Symbol       string `json:"symbol"`
	Name         string `json:"name"`
	ProfitParts
}

// PeriodContribution is a period's profit by what it came from. Items and cash sum to it to the last digit.
type PeriodContribution struct {
	BaseCurrency string       `json:"base_currency"`
	Period       FigureDays   `json:"period"`
	Profit       *string      `json:"profit"`
	Items        []ProfitItem `json:"items" nullable:"false" doc:"By profit, biggest first"`
	Cash         ProfitParts  `json:"cash" doc:"Interest, costs of no holding, and what exchange rates did to cash"`
	Problems     []Trouble    `json:"problems" nullable:"false"`
}

// ExposureShare is one group's part of the value on a day.
type ExposureShare struct {
	Key   string  `json:"key" doc:"As in an allocation"`
	Label string  `json:"label"`
	Value *string `json:"value"`
	Share *string `json:"share" doc:"A fraction, to 8 digits; null where the whole isn't known or not above 0"`
}

// ExposurePoint is how the value was spread at the end of a day.
type ExposurePoint struct {
	Date   string          `json:"date"`
	Value  *string         `json:"value"`
	Shares []ExposureShare `json:"shares" nullable:"false"`
}

// Exposure is how a portfolio was spread over time.
type Exposure struct {
	By           string          `json:"by" enum:"currency,sector,asset_class,country"`
	BaseCurrency string          `json:"base_currency"`
	Period       FigureDays      `json:"period"`
	Points       []ExposurePoint `json:"points" nullable:"false" doc:"Month ends and the last day"`
	Problems     []Trouble       `json:"problems" nullable:"false"`
}

// BenchmarkPoint is one day of a portfolio beside its benchmark.
type BenchmarkPoint struct {
	Date           string  `json:"date"`
	Value          *string `json:"value"`
	BenchmarkValue *string `json:"benchmark_value" doc:"What the same cash flows would be worth in the benchmark, to 8 digits after the point"`
	BenchmarkTWR   *string `json:"benchmark_twr" doc:"Of the benchmark's closes alone since the start of the period"`
}

// BenchmarkComparison is a portfolio beside an instrument that took the same cash flows on the same days.
type BenchmarkComparison struct {
	InstrumentID        string           `json:"instrument_id"`
	Symbol              string           `json:"symbol"`
	Name                string           `json:"name"`
	Currency            string           `json:"currency" doc:"Of all amounts: the portfolio's base currency"`
	Period              FigureDays       `json:"period"`
	Points              []BenchmarkPoint `json:"points" nullable:"false" doc:"Every day of the period"`
	Value               *string          `json:"value"`
	BenchmarkValue      *string          `json:"benchmark_value"`
	Difference          *string          `json:"difference" doc:"value − benchmark_value"`
	TWR                 *string          `json:"twr"`
	BenchmarkTWR        *string          `json:"benchmark_twr"`
	Excess              *string          `json:"excess" doc:"twr − benchmark_twr"`
	XIRR                *string          `json:"xirr"`
	XIRRStatus          string           `json:"xirr_status" enum:"ok,several,none,not_meaningful"`
	BenchmarkXIRR       *string          `json:"benchmark_xirr" doc:"Of the same cash flows, with the benchmark's value at the end"`
	BenchmarkXIRRStatus string           `json:"benchmark_xirr_status" enum:"ok,several,none,not_meaningful"`
	Beta                *string          `json:"beta"`
	Alpha               *string          `json:"alpha"`
	TrackingError       *string          `json:"tracking_error"`
	Problems            []Trouble        `json:"problems" nullable:"false"`
}

// PriceGap is a stretch of days on which a holding was valued at an old price or rate.
type PriceGap struct {
	InstrumentID *string `json:"instrument_id" doc:"null for a currency's rate"`
	Symbol       string  `json:"symbol" doc:"Or the currency"`
	Name         string  `json:"name"`
	After        string  `json:"after" doc:"Day of the last price before it"`
	Before       *string `json:"before" doc:"Day of the next price; null where there is none up to the end of the period"`
}
