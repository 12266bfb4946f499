package alert

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/money"
)

func decimal(text string) *money.Decimal {
	d := money.MustParse(text)
	return &d
}

// valid is a rule of each kind that is as it should be.
func valid(kind Kind) Rule {
	c := Condition{Kind: kind, Direction: Above, Threshold: money.MustParse("10")}
	switch kind {
	case Price:
		c.Instrument = "nvda"
	case Change, OffHigh:
		c.Instrument, c.Days = "nvda", 30
	case CurrencyRate:
		c.Base, c.Quote = "EUR", "USD"
	case Value:
		c.Portfolio = "family"
	case Gain:
		c.Portfolio, c.Unit = "family", UnitPercent
	case PortfolioChange, Drawdown:
		c.Portfolio, c.Days = "family", 1
	case Weight:
		c.Portfolio, c.Instrument = "family", "nvda"
	case Drift:
		c.Portfolio, c.Group, c.Target = "family", Group{By: figures.BySector, Name: "Technology"}, decimal("25")
	case Dividend:
		c.Portfolio, c.Direction, c.Threshold = "family", "", money.Zero
	case ExDate, Stale:
		c.Instrument, c.Direction = "nvda", ""
	case ImportFailed, SignIn:
		c.Direction, c.Threshold = "", money.Zero
	case Expressed:
		c.Portfolio, c.Expression, c.Direction, c.Threshold = "family", "day.change_percent < -3", "", money.Zero
	}
	return Rule{Owner: "ada", ID: "r1", Condition: c, Repeat: RepeatEach}
}

func TestValidOfEachKind(t *testing.T) {
	for _, kind := range Kinds() {
		rule := valid(kind)
		if err := rule.Validate(); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if len(Kinds()) != len(shapes) {
		t.Errorf("%d kinds are offered, %d are known", len(Kinds()), len(shapes))
	}
}

func TestInvalid(t *testing.T) {
	for name, one := range map[string]struct {
		kind   Kind
		change func(*Rule)
		places []string
	}{
		"unknown kind":           {Price, func(r *Rule) { r.Condition.Kind = "moon" }, []string{"condition.kind"}},
		"no repeat":              {Price, func(r *Rule) { r.Repeat = "" }, []string{"repeat"}},
		"long name":              {Price, func(r *Rule) { r.Name = strings.Repeat("x", 121) }, []string{"name"}},
		"name in two lines":      {Price, func(r *Rule) { r.Name = "a\nb" }, []string{"name"}},
		"long cooldown":          {Price, func(r *Rule) { r.Cooldown = CooldownMax + 1 }, []string{"cooldown_minutes"}},
		"cooldown below 0":       {Price, func(r *Rule) { r.Cooldown = -1 }, []string{"cooldown_minutes"}},
		"long wait":              {Price, func(r *Rule) { r.For = ForMax + time.Minute }, []string{"for_minutes"}},
		"many channels":          {Price, func(r *Rule) { r.Channels = make([]ChannelID, 10_000) }, []string{"channels"}},
		"a channel twice":        {Price, func(r *Rule) { r.Channels = []ChannelID{"a", "b", "a"} }, []string{"channels[2]"}},
		"no instrument":          {Price, func(r *Rule) { r.Condition.Instrument = "" }, []string{"condition.instrument_id"}},
		"a portfolio too":        {Price, func(r *Rule) { r.Condition.Portfolio = "family" }, []string{"condition.portfolio_id"}},
		"no direction":           {Price, func(r *Rule) { r.Condition.Direction = "" }, []string{"condition.direction"}},
		"price of 0":             {Price, func(r *Rule) { r.Condition.Threshold = money.Zero }, []string{"condition.threshold"}},
		"19 digits":              {Price, func(r *Rule) { r.Condition.Threshold = money.MustParse("1234567890123456789") }, []string{"condition.threshold"}},
		"tiny":                   {Price, func(r *Rule) { r.Condition.Threshold = money.NewDecimal(1, -60) }, []string{"condition.threshold"}},
		"60 digits":              {Value, func(r *Rule) { r.Condition.Threshold = money.MustParse(strings.Repeat("9", 60)) }, []string{"condition.threshold"}},
		"days of a price":        {Price, func(r *Rule) { r.Condition.Days = 1 }, []string{"condition.days"}},
		"no days":                {Change, func(r *Rule) { r.Condition.Days = 0 }, []string{"condition.days"}},
		"many days":              {Drawdown, func(r *Rule) { r.Condition.Days = DaysMax + 1 }, []string{"condition.days"}},
		"a fall of more than it": {Change, func(r *Rule) { r.Condition.Threshold = money.MustParse("-100") }, []string{"condition.threshold"}},
		"armed again higher":     {Price, func(r *Rule) { r.Condition.Rearm = decimal("10.01") }, []string{"condition.rearm"}},
		"armed again lower":      {Price, func(r *Rule) { r.Condition.Direction, r.Condition.Rearm = Below, decimal("9.99") }, []string{"condition.rearm"}},
		"armed after crossing":   {Price, func(r *Rule) { r.Condition.Direction, r.Condition.Rearm = Crossing, decimal("9") }, []string{"condition.rearm"}},
		"rate of one currency":   {CurrencyRate, func(r *Rule) { r.Condition.Quote = "EUR" }, []string{"condition.quote"}},
		"rate of no currency":    {CurrencyRate, func(r *Rule) { r.Condition.Base = "euro" }, []string{"condition.base"}},
		"gain in moons":          {Gain, func(r *Rule) { r.Condition.Unit = "moons" }, []string{"condition.unit"}},
		"weight of nothing":      {Weight, func(r *Rule) { r.Condition.Instrument = "" }, []string{"condition.instrument_id"}},
		"weight of both": {Weight, func(r *Rule) { r.Condition.Group = Group{By: figures.ByCountry, Name: "US"} },
			[]string{"condition.instrument_id"}},
		"weight by account":    {Drift, func(r *Rule) { r.Condition.Group.By = figures.ByAccount }, []string{"condition.group.by"}},
		"drift from nowhere":   {Drift, func(r *Rule) { r.Condition.Target = nil }, []string{"condition.target"}},
		"dividend of nothing":  {Dividend, func(r *Rule) { r.Condition.Portfolio = "" }, []string{"condition.portfolio_id"}},
		"dividend of both":     {Dividend, func(r *Rule) { r.Condition.Instrument = "nvda" }, []string{"condition.instrument_id"}},
		"dividend over 10":     {Dividend, func(r *Rule) { r.Condition.Threshold = money.One }, []string{"condition.threshold"}},
		"half a day ahead":     {ExDate, func(r *Rule) { r.Condition.Threshold = money.MustParse("1.5") }, []string{"condition.threshold"}},
		"an hour below 1":      {Stale, func(r *Rule) { r.Condition.Threshold = money.Zero }, []string{"condition.threshold"}},
		"an import that lasts": {ImportFailed, func(r *Rule) { r.For = time.Hour }, []string{"for_minutes"}},
		"sign-in without data": {SignIn, func(r *Rule) { r.NoData = true }, []string{"no_data"}},
		"no expression":        {Expressed, func(r *Rule) { r.Condition.Expression = " " }, []string{"condition.expression"}},
		"long expression":      {Expressed, func(r *Rule) { r.Condition.Expression = strings.Repeat("1", 1001) }, []string{"condition.expression"}},
		"expression of a price": {
			Price, func(r *Rule) { r.Condition.Expression, r.Repeat = "true", "" },
			[]string{"repeat", "condition.expression"},
		},
	} {
		rule := valid(one.kind)
		one.change(&rule)
		err := rule.Validate()
		problem, _ := errors.AsType[*fault.Error](err)
		if problem == nil || problem.Kind != fault.Invalid {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var places []string
		for _, p := range problem.Places {
			places = append(places, p.Location)
		}
		if !slices.Equal(places, one.places) {
			t.Errorf("%s: wrong at %v, want %v", name, places, one.places)
		}
	}
}

func TestSentences(t *testing.T) {
	names := Names{Instrument: "Nvidia", Portfolio: "Family", Currency: "USD"}
	for kind, want := range map[Kind]string{
		Price: "Price of Nvidia above 10\u00a0USD", Change: "Change of Nvidia in 30 days above 10\u00a0%",
		OffHigh: "Fall of Nvidia from its 30-day high above 10\u00a0%", CurrencyRate: "1 EUR in USD above 10\u00a0USD",
		Value: "Value of Family above 10\u00a0USD", Gain: "Gain of Family above 10\u00a0%", PortfolioChange: "Change of Family today above 10\u00a0%",
		Drawdown: "Fall of Family from its 1-day peak above 10\u00a0%", Weight: "Weight of Nvidia in Family above 10\u00a0%",
		Drift:    "Drift of Technology from 25\u00a0% in Family above 10\u00a0points",
		Dividend: "Dividend of anything held in Family announced or paid", ExDate: "Ex-date of Nvidia within 10 days",
		Stale: "No new price of Nvidia for 10 hours of trading", ImportFailed: "An import failed", SignIn: "An unusual sign-in",
		Expressed: "day.change_percent < -3",
	} {
		rule := valid(kind)
		if got := rule.Sentence(names); got != want {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
	fall := valid(Change)
	fall.Condition.Direction, fall.Condition.Threshold, fall.Condition.Days = Crossing, money.MustParse("-2.5"), 1
	if got, want := fall.Sentence(Names{}), "Change of the instrument today crosses −2.5\u00a0%"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCross(t *testing.T) {
	rates := Rates{"USD": money.MustParse("1.25"), "GBP": money.MustParse("0.8"), "JPY": money.Zero}
	for pair, want := range map[[2]money.Currency]string{{"EUR", "USD"}: "1.25", {"USD", "EUR"}: "0.8", {"GBP", "USD"}: "1.5625", {"USD", "GBP"}: "0.64"} {
		if got := rates.Cross(pair[0], pair[1]); got == nil || got.String() != want {
			t.Errorf("%v: %v, want %s", pair, got, want)
		}
	}
	for _, pair := range [][2]money.Currency{{"EUR", "CHF"}, {"CHF", "EUR"}, {"JPY", "EUR"}} {
		if got := rates.Cross(pair[0], pair[1]); got != nil {
			t.Errorf("%v is %v, though a rate is missing", pair, got)
		}
	}
}
