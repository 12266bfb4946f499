package alert

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of what a condition may say.
const (
	thresholdDigitsMax = 18   // significant ones: what 63 bits hold, and more than any price has
	exDaysMax          = 90   // days: nobody announces dividends earlier
	staleHoursMax      = 1000 // hours of a market's time: half a year of New York's
	percentMax         = 100_000
	weightPercentMax   = 1_000 // a portfolio on ten times its worth
	namesBytesMax      = 200   // bytes of an id or of a group's name
)

// Validate sees that a rule says what its kind needs and nothing else. The error is fault.Invalid at the fields as the API names them.
func (r *Rule) Validate() error {
	v := validation{}
	v.check(len(r.Name) <= NameBytesMax && market.OneLine(r.Name) && strings.TrimSpace(r.Name) == r.Name, "name",
		"A name has at most %d bytes, in one line, none of them hidden.", NameBytesMax)
	v.check(slices.Contains([]Repeat{RepeatOnce, RepeatEach, RepeatDaily}, r.Repeat), "repeat", "It is one of once, each, daily.")
	v.check(r.Cooldown >= 0 && r.Cooldown <= CooldownMax, "cooldown_minutes", "At most %d minutes, which is 30 days.", CooldownMax/time.Minute)
	v.check(r.For >= 0 && r.For <= ForMax, "for_minutes", "At most %d minutes, which is 7 days.", ForMax/time.Minute)
	v.channels(r.Channels)
	v.condition(&r.Condition)
	if shape, known := shapes[r.Condition.Kind]; known && !shape.level {
		v.check(r.For == 0, "for_minutes", "What happens doesn't last: leave this out.")
		v.check(!r.NoData, "no_data", "What happens has no data to be missing: leave this out.")
	}
	if len(v.wrong) == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Message: v.wrong[0].Message, Places: v.wrong}
}

// validation gathers what is wrong.
type validation struct{ wrong []fault.Place }

func (v *validation) check(right bool, field, format string, args ...any) {
	if !right {
		v.wrong = append(v.wrong, fault.Place{Location: field, Message: fmt.Sprintf(format, args...)})
	}
}

func (v *validation) channels(all []ChannelID) {
	if len(all) > ChannelsMax {
		v.check(false, "channels", "At most %d channels.", ChannelsMax)
		return
	}
	for i, id := range all {
		field := fmt.Sprintf("channels[%d]", i)
		v.check(isID(string(id)), field, "This is not a channel.")
		v.check(!slices.Contains(all[:i], id), field, "It is named twice.")
	}
}

func isID(text string) bool {
	return text != "" && len(text) <= namesBytesMax && market.OneLine(text)
}

func (v *validation) condition(c *Condition) {
	shape, known := shapes[c.Kind]
	if !known {
		v.check(false, "condition.kind", "This is not a kind of rule.")
		return
	}
	v.about(c, shape.about)
	v.check(shape.days || c.Days == 0, "condition.days", notOfKind)
	v.check(!shape.days || c.Days >= 1 && c.Days <= DaysMax, "condition.days", "Between 1 and %d days.", DaysMax)
	v.check(shape.units || c.Unit == "", "condition.unit", notOfKind)
	v.check(!shape.units || c.Unit == UnitAmount || c.Unit == UnitPercent, "condition.unit", "It is one of amount, percent.")
	v.target(c)
	v.expression(c)
	measure := c.Measure()
	directed := shape.level && measure != InNothing
	v.check(directed || c.Direction == "", "condition.direction", notOfKind)
	v.check(!directed || slices.Contains([]Direction{Above, Below, Crossing}, c.Direction), "condition.direction", "It is one of above, below, crossing.")
	v.check(measure != InNothing || c.Threshold.IsZero(), "condition.threshold", notOfKind)
	if measure != InNothing {
		v.level(c.Kind, measure, c.Threshold, "condition.threshold")
	}
	v.rearm(c, directed, measure)
}

const notOfKind = "A rule of this kind has none: leave this out."

// about sees what a condition is about.
func (v *validation) about(c *Condition, about subject) {
	portfolio := about == ofPortfolio || about == ofPart || about == ofEither && c.Instrument == ""
	instrument := about == ofInstrument || about == ofEither && c.Portfolio == "" || about == ofPart && c.Group == Group{}
	switch {
	case about == ofEither && c.Portfolio == "" && c.Instrument == "":
		v.check(false, "condition.portfolio_id", "Name a portfolio, for whatever it holds, or an instrument.")
		return
	case about == ofEither && c.Portfolio != "" && c.Instrument != "":
		v.check(false, "condition.instrument_id", "Name a portfolio, for whatever it holds, or an instrument; not both.")
		return
	case about == ofPart && c.Instrument == "" && c.Group == Group{}:
		v.check(false, "condition.instrument_id", "Name an instrument or a group.")
		instrument = false
	}
	v.check(portfolio || c.Portfolio == "", "condition.portfolio_id", notOfKind)
	v.check(!portfolio || isID(string(c.Portfolio)), "condition.portfolio_id", "This is not a portfolio.")
	v.check(instrument || c.Instrument == "", "condition.instrument_id", notOfKind)
	v.check(!instrument || isID(string(c.Instrument)), "condition.instrument_id", "This is not an instrument.")
	v.group(c.Group, about == ofPart)
	v.currency(c.Base, about == ofPair, "condition.base")
	v.currency(c.Quote, about == ofPair, "condition.quote")
	v.check(about != ofPair || c.Base != c.Quote || c.Base == "", "condition.quote", "A currency costs one of itself.")
}

func (v *validation) currency(c money.Currency, needed bool, field string) {
	if !needed {
		v.check(c == "", field, notOfKind)
		return
	}
	_, err := money.ParseCurrency(string(c))
	v.check(err == nil, field, "This is not a currency.")
}

func (v *validation) group(g Group, allowed bool) {
	if g == (Group{}) {
		return
	}
	v.check(allowed, "condition.group", notOfKind)
	v.check(slices.Contains([]figures.By{figures.ByClass, figures.BySector, figures.ByCountry, figures.ByCurrency}, g.By), "condition.group.by",
		"It is one of asset_class, sector, country, currency.")
	v.check(isID(g.Name), "condition.group.name", "Name the group, in at most %d bytes.", namesBytesMax)
}

func (v *validation) target(c *Condition) {
	v.check(c.Kind == Drift || c.Target == nil, "condition.target", notOfKind)
	v.check(c.Kind != Drift || c.Target != nil, "condition.target", "How many percent it should be.")
	if c.Kind == Drift && c.Target != nil {
		v.level(Weight, InPercent, *c.Target, "condition.target")
	}
}

func (v *validation) expression(c *Condition) {
	v.check(c.Kind == Expressed || c.Expression == "", "condition.expression", notOfKind)
	if c.Kind != Expressed {
		return
	}
	if strings.TrimSpace(c.Expression) == "" {
		v.check(false, "condition.expression", "Write what has to be true.")
		return
	}
	if _, err := Compile(c.Expression); err != nil {
		v.check(false, "condition.expression", "%s", refusal(err))
	}
}

// refusal is what may be shown of why an expression is refused.
func refusal(err error) string {
	if problem, ok := errors.AsType[*fault.Error](err); ok {
		return problem.Message
	}
	return "This can't be read."
}

func (v *validation) rearm(c *Condition, directed bool, measure Measure) {
	if c.Rearm == nil {
		return
	}
	if !directed || c.Direction == Crossing {
		v.check(false, "condition.rearm", "Only what is above or below is armed again: leave this out.")
		return
	}
	v.level(c.Kind, measure, *c.Rearm, "condition.rearm")
	v.check(c.Direction != Above || c.Rearm.Cmp(c.Threshold) <= 0, "condition.rearm", "What is above is armed again at the threshold or less.")
	v.check(c.Direction != Below || c.Rearm.Cmp(c.Threshold) >= 0, "condition.rearm", "What is below is armed again at the threshold or more.")
}

// levelBounds are the bounds of a kind's levels; low itself is refused where it is open.
type levelBounds struct {
	low, high int64
	open      bool
}

// boundsOf gives the bounds of a level; ok is false where any number will do.
func boundsOf(kind Kind, measure Measure) (b levelBounds, ok bool) {
	switch {
	case kind == Change || kind == PortfolioChange:
		return levelBounds{-100, percentMax, true}, true
	case kind == OffHigh || kind == Drawdown:
		return levelBounds{0, 100, true}, true
	case kind == Weight:
		return levelBounds{-weightPercentMax, weightPercentMax, false}, true
	case kind == Drift:
		return levelBounds{0, weightPercentMax, true}, true
	case measure == InPercent:
		return levelBounds{-percentMax, percentMax, false}, true
	case measure == InDays:
		return levelBounds{1, exDaysMax, false}, true
	case measure == InHours:
		return levelBounds{1, staleHoursMax, false}, true
	}
	return b, false
}

// level sees that a number can be a level of its kind.
func (v *validation) level(kind Kind, measure Measure, x money.Decimal, field string) {
	if _, exponent, narrow := x.Narrow(); !narrow || exponent < -thresholdDigitsMax || x.Abs().Cmp(money.NewDecimal(1, thresholdDigitsMax)) >= 0 {
		v.check(false, field, "At most %d digits.", thresholdDigitsMax)
		return
	}
	if measure == InPriceCurrency || measure == InQuote {
		v.check(x.Sign() > 0, field, "It is above 0.")
		return
	}
	b, bounded := boundsOf(kind, measure)
	if !bounded {
		return
	}
	low, high := money.NewDecimal(b.low, 0), money.NewDecimal(b.high, 0)
	format := "Between %d and %d."
	if b.open {
		format = "It is above %d and at most %d."
	}
	v.check(x.Cmp(low) >= 0 && x.Cmp(high) <= 0 && !(b.open && x.Equal(low)), field, format, b.low, b.high)
	v.check(measure != InDays || x.Round(0).Equal(x), field, "Whole days.")
}
