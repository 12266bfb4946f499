package alert

import (
	"fmt"
	"strings"

	"folioscope/internal/money"
)

// Names are what people call what a rule is about.
type Names struct {
	Instrument string         // "Nvidia"
	Portfolio  string         // "Family"
	Currency   money.Currency // of the instrument's price, or of the portfolio: what a threshold in an amount is in
}

// Sentence is a rule's condition in plain English, such as "Price of Nvidia above 200 USD". A name that is missing is left general.
func (r *Rule) Sentence(names Names) string {
	c := &r.Condition
	if c.Kind == Expressed {
		return c.Expression
	}
	what := c.phrase(names)
	if c.Direction == "" {
		return what
	}
	verb := map[Direction]string{Above: "above", Below: "below", Crossing: "crosses"}[c.Direction]
	return what + " " + verb + " " + c.amount(c.Threshold, names)
}

// phrase names what a condition looks at; for what happens it is all there is to say.
func (c *Condition) phrase(names Names) string {
	instrument, portfolio := names.Instrument, names.Portfolio
	if instrument == "" {
		instrument = "the instrument"
	}
	if portfolio == "" {
		portfolio = "the portfolio"
	}
	part := instrument
	if c.Group != (Group{}) {
		part = c.Group.Name
	}
	either := instrument
	if c.Instrument == "" {
		either = "anything held in " + portfolio
	}
	threshold := c.Threshold.Reduced()
	switch c.Kind {
	case Price:
		return "Price of " + instrument
	case Change:
		return "Change of " + instrument + c.window()
	case OffHigh:
		return fmt.Sprintf("Fall of %s from its %d-day high", instrument, c.Days)
	case CurrencyRate:
		return fmt.Sprintf("1 %s in %s", c.Base, c.Quote)
	case Value:
		return "Value of " + portfolio
	case Gain:
		return "Gain of " + portfolio
	case PortfolioChange:
		return "Change of " + portfolio + c.window()
	case Drawdown:
		return fmt.Sprintf("Fall of %s from its %d-day peak", portfolio, c.Days)
	case Weight:
		return "Weight of " + part + " in " + portfolio
	case Drift:
		return fmt.Sprintf("Drift of %s from %s in %s", part, percent(*c.Target), portfolio)
	case Dividend:
		return "Dividend of " + either + " announced or paid"
	case ExDate:
		return fmt.Sprintf("Ex-date of %s within %s", either, counted(threshold, "day"))
	case Stale:
		return fmt.Sprintf("No new price of %s for %s of trading", either, counted(threshold, "hour"))
	case ImportFailed:
		return "An import failed"
	case SignIn:
		return "An unusual sign-in"
	}
	return string(c.Kind)
}

// window is " today" for one day.
func (c *Condition) window() string {
	if c.Days == 1 {
		return " today"
	}
	return fmt.Sprintf(" in %d days", c.Days)
}

// amount writes a level with what it counts.
func (c *Condition) amount(x money.Decimal, names Names) string {
	switch c.Measure() {
	case InPercent:
		return percent(x)
	case InPoints:
		return signed(x) + "\u00a0points"
	case InQuote:
		return signed(x) + "\u00a0" + string(c.Quote)
	}
	return strings.TrimSuffix(signed(x)+"\u00a0"+string(names.Currency), "\u00a0")
}

func percent(x money.Decimal) string { return signed(x) + "\u00a0%" }

// signed writes a number with the true minus sign.
func signed(x money.Decimal) string {
	return strings.Replace(x.String(), "-", "−", 1)
}

func counted(n money.Decimal, unit string) string {
	if n.Equal(money.One) {
		return "1 " + unit
	}
	return n.String() + " " + unit + "s"
}
