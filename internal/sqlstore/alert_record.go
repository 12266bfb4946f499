package sqlstore

import (
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/seal"
)

// The fields of a rule, of its condition and of its standing.
const (
	ruleName      tag = 1
	ruleCondition tag = 2 // a record of its own
	ruleRepeat    tag = 3
	ruleCooldown  tag = 4 // seconds, as is the next
	ruleFor       tag = 5
	ruleNoData    tag = 6
	ruleExpires   tag = 7
	ruleSnoozed   tag = 8
	ruleChosen    tag = 9 // the channels are those named, not all
	ruleChannel   tag = 10
	ruleCreated   tag = 11

	conditionKind       tag = 1
	conditionPortfolio  tag = 2
	conditionInstrument tag = 3
	conditionBase       tag = 4
	conditionQuote      tag = 5
	conditionDirection  tag = 6
	conditionThreshold  tag = 7
	conditionUnit       tag = 8
	conditionDays       tag = 9
	conditionGroupBy    tag = 10
	conditionGroup      tag = 11
	conditionTarget     tag = 12
	conditionRearm      tag = 13
	conditionExpression tag = 14

	standingState   tag = 1
	standingSince   tag = 2
	standingThrough tag = 3
	standingValue   tag = 4
	standingSide    tag = 5
	standingHeld    tag = 6
	standingFired   tag = 7
	standingTold    tag = 8
	standingTrouble tag = 9
	standingFirings tag = 10
	standingEnded   tag = 11
	standingWhy     tag = 12
	standingValueAt tag = 13
)

// Sealed under the rule.
var (
	columnRule         = seal.Column{Table: "alert_rules", Name: "body"}
	columnRuleStanding = seal.Column{Table: "alert_rules", Name: "standing"}
)

func sealRule(key *seal.Key, rule *alert.Rule) []byte {
	var r record
	r.text(ruleName, rule.Name)
	r.bytes(ruleCondition, conditionRecord(&rule.Condition))
	r.text(ruleRepeat, string(rule.Repeat))
	r.number(ruleCooldown, int64(rule.Cooldown/time.Second))
	r.number(ruleFor, int64(rule.For/time.Second))
	r.flag(ruleNoData, rule.NoData)
	r.number(ruleExpires, ending(rule.ExpiresAt))
	r.number(ruleSnoozed, ending(rule.SnoozedUntil))
	r.flag(ruleChosen, rule.Channels != nil)
	for _, channel := range rule.Channels {
		r.text(ruleChannel, string(channel))
	}
	r.number(ruleCreated, ending(rule.CreatedAt))
	return key.Seal(r, columnRule, string(rule.ID))
}

func conditionRecord(c *alert.Condition) record {
	var r record
	r.text(conditionKind, string(c.Kind))
	r.text(conditionPortfolio, string(c.Portfolio))
	r.text(conditionInstrument, string(c.Instrument))
	r.text(conditionBase, string(c.Base))
	r.text(conditionQuote, string(c.Quote))
	r.text(conditionDirection, string(c.Direction))
	r.decimal(conditionThreshold, &c.Threshold)
	r.text(conditionUnit, string(c.Unit))
	r.number(conditionDays, int64(c.Days))
	r.text(conditionGroupBy, string(c.Group.By))
	r.text(conditionGroup, c.Group.Name)
	r.decimal(conditionTarget, c.Target)
	r.decimal(conditionRearm, c.Rearm)
	r.text(conditionExpression, c.Expression)
	return r
}

// openRule sets what is sealed of a rule whose owner and id are known.
func openRule(key *seal.Key, rule *alert.Rule, sealed []byte) error {
	plain, err := key.Open(sealed, columnRule, string(rule.ID))
	if err != nil {
		return err
	}
	return fields(plain, func(t tag, value []byte) (err error) {
		switch t {
		case ruleName:
			rule.Name = string(value)
		case ruleCondition:
			rule.Condition, err = conditionOf(value)
		case ruleRepeat:
			rule.Repeat = alert.Repeat(value)
		case ruleCooldown:
			rule.Cooldown, err = secondsOf(value)
		case ruleFor:
			rule.For, err = secondsOf(value)
		case ruleNoData:
			rule.NoData = true
		case ruleExpires:
			rule.ExpiresAt, err = endingOf(value)
		case ruleSnoozed:
			rule.SnoozedUntil, err = endingOf(value)
		case ruleChosen:
			rule.Channels = []alert.ChannelID{}
		case ruleChannel:
			rule.Channels = append(rule.Channels, alert.ChannelID(value))
		case ruleCreated:
			rule.CreatedAt, err = endingOf(value)
		default:
			err = errUnknownField
		}
		return err
	})
}

func conditionOf(data []byte) (c alert.Condition, err error) {
	err = fields(data, func(t tag, value []byte) (err error) {
		switch t {
		case conditionKind:
			c.Kind = alert.Kind(value)
		case conditionPortfolio:
			c.Portfolio = ledger.PortfolioID(value)
		case conditionInstrument:
			c.Instrument = market.InstrumentID(value)
		case conditionBase:
			c.Base = money.Currency(value)
		case conditionQuote:
			c.Quote = money.Currency(value)
		case conditionDirection:
			c.Direction = alert.Direction(value)
		case conditionThreshold:
			c.Threshold, err = money.Parse(string(value))
		case conditionUnit:
			c.Unit = alert.Unit(value)
		case conditionDays:
			var days int64
			days, err = numberOf(value)
			c.Days = int(days)
		case conditionGroupBy:
			c.Group.By = figures.By(value)
		case conditionGroup:
			c.Group.Name = string(value)
		case conditionTarget:
			c.Target, err = decimalOf(value)
		case conditionRearm:
			c.Rearm, err = decimalOf(value)
		case conditionExpression:
			c.Expression = string(value)
		default:
			err = errUnknownField
		}
		return err
	})
	return c, err
}

func sealStanding(key *seal.Key, id alert.RuleID, standing *alert.Standing) []byte {
	var r record
	r.text(standingState, string(standing.State))
	r.number(standingSince, ending(standing.Since))
	r.number(standingThrough, standing.Through)
	r.decimal(standingValue, standing.Value)
	r.text(standingSide, string(standing.Side))
	r.flag(standingHeld, standing.Held)
	r.number(standingFired, ending(standing.FiredAt))
	r.number(standingTold, ending(standing.ToldAt))
	r.number(standingTrouble, ending(standing.TroubleAt))
	r.number(standingFirings, standing.Firings)
	r.flag(standingEnded, standing.Ended)
	r.text(standingWhy, standing.Why)
	r.number(standingValueAt, ending(standing.ValueAt))
	return key.Seal(r, columnRuleStanding, string(id))
}

func openStanding(key *seal.Key, id alert.RuleID, sealed []byte) (s alert.Standing, err error) {
	plain, err := key.Open(sealed, columnRuleStanding, string(id))
	if err != nil {
		return s, err
	}
	err = fields(plain, func(t tag, value []byte) (err error) {
		switch t {
		case standingState:
			s.State = alert.State(value)
		case standingSince:
			s.Since, err = endingOf(value)
		case standingThrough:
			s.Through, err = numberOf(value)
		case standingValue:
			s.Value, err = decimalOf(value)
		case standingSide:
			s.Side = alert.Direction(value)
		case standingHeld:
			s.Held = true
		case standingFired:
			s.FiredAt, err = endingOf(value)
		case standingTold:
			s.ToldAt, err = endingOf(value)
		case standingTrouble:
			s.TroubleAt, err = endingOf(value)
		case standingFirings:
			s.Firings, err = numberOf(value)
		case standingEnded:
			s.Ended = true
		case standingWhy:
			s.Why = string(value)
		case standingValueAt:
			s.ValueAt, err = endingOf(value)
		default:
			err = errUnknownField
		}
		return err
	})
	return s, err
}

func secondsOf(value []byte) (time.Duration, error) {
	n, err := numberOf(value)
	return time.Duration(n) * time.Second, err
}

// endingOf is a time that may never come.
func endingOf(value []byte) (time.Time, error) {
	n, err := numberOf(value)
	return endingAt(n), err
}
