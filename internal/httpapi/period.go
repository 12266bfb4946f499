package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"folioscope/internal/access"
	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

type exposureInput struct {
	PortfolioPath
	Period
	By string `query:"by" enum:"currency,sector,asset_class,country" default:"currency"`
}

type benchmarkInput struct {
	PortfolioPath
	Period
	Instrument string `query:"instrument" maxLength:"64" required:"true" doc:"Id of the instrument to compare with"`
}

func (s *Server) addPeriodRoutes() {
	add := func(name, summary string) route {
		return route{method: "GET", path: portfolioPrefix + "/" + name, class: classRead, action: access.ReadPortfolio, tag: "Figures", summary: summary}
	}
	typed(s, add("income", "Dividends and interest by month and year, and what the holdings yield"), http.StatusOK, s.income)
	typed(s, add("returns", "Returns by month and year, rolling returns, drawdowns"), http.StatusOK, s.returns)
	typed(s, add("contribution", "What each holding added to the profit of a period"), http.StatusOK, s.contribution)
	typed(s, add("exposure", "How the value was spread over time"), http.StatusOK, s.exposure)
	typed(s, add("lot-methods", "Gains and remaining cost under every lot method, side by side"), http.StatusOK, s.lotMethods)
	typed(s, add("benchmark", "The same cash flows in another instrument"), http.StatusOK, s.benchmark)
}

func figureDays(from, to market.Date) FigureDays {
	return FigureDays{From: from.String(), To: to.String()}
}

func troubles(all []figures.Problem) []Trouble {
	out := make([]Trouble, len(all))
	for i, p := range all {
		out[i] = Trouble(p)
	}
	return out
}

// rateText is a rate as a plain decimal.
func rateText(f *figures.Float) *string { return float((*float64)(f)) }

// named is what an instrument of a book is called.
func named(book *ledger.Book, id market.InstrumentID) (symbol, name string) {
	i := book.Instruments[id]
	return i.Symbol, i.Name
}

func incomeSum(x figures.IncomeSum) IncomeSum {
	return IncomeSum{Gross: maybe(x.Gross), Tax: maybe(x.Tax), Fee: maybe(x.Fee), Net: maybe(x.Net)}
}

func (s *Server) income(ctx context.Context, in *historyInput) (*answer[Income], error) {
	book, m, from, to, err := s.past(ctx, ledger.PortfolioID(in.ID), in.Period)
	if err != nil {
		return nil, err
	}
	got, err := figures.Income(*book, m, from, to)
	if err != nil {
		return nil, fmt.Errorf("work out income: %w", err)
	}
	out := Income{
		BaseCurrency: string(got.Base), Period: figureDays(got.From, got.To), IncomeSum: incomeSum(got.IncomeSum),
		Months: make([]IncomeMonth, 0, len(got.Months)), Years: make([]IncomeYear, 0, len(got.Years)), Positions: make([]IncomePosition, 0, len(got.Positions)),
		Trailing: TrailingIncome{
			From: got.TrailingFrom.String(), To: got.To.String(), Gross: maybe(got.Trailing.Gross),
			Yield: maybe(got.Trailing.OnValue), YieldOnCost: maybe(got.Trailing.OnCost),
		},
		Problems: troubles(got.Problems),
	}
	for _, month := range got.Months {
		one := IncomeMonth{Month: month.Month.String(), IncomeSum: incomeSum(month.IncomeSum), Items: make([]IncomeItem, 0, len(month.Items))}
		for _, x := range month.Items {
			item := IncomeItem{InstrumentID: given(string(x.Instrument)), Symbol: string(x.Currency), Name: "Cash in " + string(x.Currency), IncomeSum: incomeSum(x.IncomeSum)}
			if x.Instrument != "" {
				item.Symbol, item.Name = named(book, x.Instrument)
			}
			one.Items = append(one.Items, item)
		}
		out.Months = append(out.Months, one)
	}
	for _, year := range got.Years {
		out.Years = append(out.Years, IncomeYear{Year: strconv.Itoa(year.Year), IncomeSum: incomeSum(year.IncomeSum)})
	}
	for _, y := range got.Positions {
		symbol, name := named(book, y.Instrument)
		out.Positions = append(out.Positions, IncomePosition{
			InstrumentID: string(y.Instrument), Symbol: symbol, Name: name, TrailingGross: maybe(y.Gross), Yield: maybe(y.OnValue), YieldOnCost: maybe(y.OnCost),
		})
	}
	return &answer[Income]{out}, nil
}

func (s *Server) returns(ctx context.Context, in *historyInput) (*answer[PeriodReturns], error) {
	book, m, from, to, err := s.past(ctx, ledger.PortfolioID(in.ID), in.Period)
	if err != nil {
		return nil, err
	}
	got, err := figures.CalendarReturns(*book, m, from, to)
	if err != nil {
		return nil, fmt.Errorf("work out returns: %w", err)
	}
	month := func(x *figures.MonthReturn) *MonthReturn {
		if x == nil {
			return nil
		}
		return &MonthReturn{Month: x.Month.String(), Return: rateText(x.Return)}
	}
	day := func(x *figures.DatedReturn) *DayReturn {
		if x == nil {
			return nil
		}
		return &DayReturn{Date: x.Date.String(), Return: *rateText(&x.Return)}
	}
	out := PeriodReturns{
		Period: figureDays(got.From, got.To), Months: make([]MonthReturn, 0, len(got.Months)), Years: make([]YearReturn, 0, len(got.Years)),
		Rolling: make([]Rolling, 0, len(got.Rolling)), BestDay: day(got.BestDay), WorstDay: day(got.WorstDay), BestMonth: month(got.BestMonth), WorstMonth: month(got.WorstMonth),
		Drawdowns: make([]DrawdownPeriod, 0, len(got.Drawdowns)), Problems: troubles(got.Problems),
	}
	for i := range got.Months {
		out.Months = append(out.Months, *month(&got.Months[i]))
	}
	for _, x := range got.Years {
		out.Years = append(out.Years, YearReturn{Year: strconv.Itoa(x.Year), Return: rateText(x.Return), Complete: x.Complete})
	}
	for _, x := range got.Rolling {
		one := Rolling{Months: x.Months, Points: make([]RollingPoint, 0, len(x.Points))}
		for _, p := range x.Points {
			one.Points = append(one.Points, RollingPoint{Date: p.Date.String(), Return: rateText(p.Return), Annualised: rateText(p.Annualised)})
		}
		out.Rolling = append(out.Rolling, one)
	}
	for _, x := range got.Drawdowns {
		fall := DrawdownPeriod{From: x.From.String(), Low: x.Low.String(), Depth: *float(&x.Depth), Days: x.Days}
		if x.To != nil {
			recovered := x.To.String()
			fall.To = &recovered
		}
		out.Drawdowns = append(out.Drawdowns, fall)
	}
	return &answer[PeriodReturns]{out}, nil
}

func profitParts(p figures.ProfitPart) ProfitParts {
	return ProfitParts{
		Price: maybe(p.Price), Currency: maybe(p.Currency), Income: maybe(p.Income), Costs: maybe(p.Costs), Profit: maybe(p.Profit),
		ShareOfProfit: maybe(p.ShareOfProfit), Contribution: maybe(p.Contribution),
	}
}

func (s *Server) contribution(ctx context.Context, in *historyInput) (*answer[PeriodContribution], error) {
	book, m, from, to, err := s.past(ctx, ledger.PortfolioID(in.ID), in.Period)
	if err != nil {
		return nil, err
	}
	got, err := figures.Contributions(*book, m, from, to)
	if err != nil {
		return nil, fmt.Errorf("work out contributions: %w", err)
	}
	out := PeriodContribution{
		BaseCurrency: string(got.Base), Period: figureDays(got.From, got.To), Profit: maybe(got.Profit), Items: make([]ProfitItem, 0, len(got.Items)),
		Cash: profitParts(got.Cash), Problems: troubles(got.Problems),
	}
	for _, p := range got.Items {
		symbol, name := named(book, p.Instrument)
		out.Items = append(out.Items, ProfitItem{InstrumentID: string(p.Instrument), Symbol: symbol, Name: name, ProfitParts: profitParts(p)})
	}
	return &answer[PeriodContribution]{out}, nil
}

func (s *Server) exposure(ctx context.Context, in *exposureInput) (*answer[Exposure], error) {
	book, m, from, to, err := s.past(ctx, ledger.PortfolioID(in.ID), in.Period)
	if err != nil {
		return nil, err
	}
	got, err := figures.Exposure(*book, m, figures.By(in.By), from, to)
	if err != nil {
		return nil, fmt.Errorf("work out exposure: %w", err)
	}
	out := Exposure{
		By: in.By, BaseCurrency: string(got.Base), Period: figureDays(from, to), Points: make([]ExposurePoint, 0, len(got.Points)), Problems: troubles(got.Problems),
	}
	for _, p := range got.Points {
		point := ExposurePoint{Date: p.Date.String(), Value: maybe(p.Value), Shares: make([]ExposureShare, 0, len(p.Shares))}
		for _, x := range p.Shares {
			point.Shares = append(point.Shares, ExposureShare{Key: x.Key, Label: labelOf(got.By, x.Key, book), Value: maybe(x.Value), Share: rounded(x.Share)})
		}
		out.Points = append(out.Points, point)
	}
	return &answer[Exposure]{out}, nil
}

func (s *Server) benchmark(ctx context.Context, in *benchmarkInput) (*answer[BenchmarkComparison], error) {
	instrument, err := s.instrument(ctx, in.Instrument)
	if err != nil {
		return nil, err
	}
	book, m, from, to, err := s.pastBeside(ctx, ledger.PortfolioID(in.ID), in.Period, &instrument)
	if err != nil {
		return nil, err
	}
	if m.Series[instrument.ID] == nil {
		return nil, fault.At("instrument", "There are no prices of this instrument yet.")
	}
	got, err := figures.Benchmark(*book, m, instrument.ID, from, to)
	if err != nil {
		return nil, fmt.Errorf("compare with benchmark: %w", err)
	}
	out := BenchmarkComparison{
		InstrumentID: string(instrument.ID), Symbol: instrument.Symbol, Name: instrument.Name, Currency: string(got.Base), Period: figureDays(from, to),
		Points: make([]BenchmarkPoint, 0, len(got.Days)), Value: maybe(got.Value), BenchmarkValue: rounded(got.BenchmarkValue), Difference: rounded(got.Difference),
		TWR: rateText(got.Returns.TWR), BenchmarkTWR: rateText(got.Returns.BenchmarkTWR), Excess: rateText(got.Returns.Excess),
		XIRR: rateText(got.Returns.XIRR.Rate), XIRRStatus: got.Returns.XIRR.Status,
		BenchmarkXIRR: rateText(got.BenchmarkXIRR.Rate), BenchmarkXIRRStatus: got.BenchmarkXIRR.Status,
		Beta: rateText(got.Risk.Beta), Alpha: rateText(got.Risk.Alpha), TrackingError: rateText(got.Risk.TrackingError), Problems: troubles(got.Problems),
	}
	for _, d := range got.Days {
		out.Points = append(out.Points, BenchmarkPoint{
			Date: d.Date.String(), Value: maybe(d.Value), BenchmarkValue: rounded(d.Benchmark), BenchmarkTWR: rateText(d.TWR),
		})
	}
	return &answer[BenchmarkComparison]{out}, nil
}
