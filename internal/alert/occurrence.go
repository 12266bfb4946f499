package alert

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// dividendDaysMax is how many days after its ex-date or payment a dividend is still news: sources tell of most on the day itself, and what
// comes with a backfill is history.
const dividendDaysMax = 7

// Age is how old the price of an instrument is.
type Age struct {
	ObservedAt time.Time     // when the last one came
	Traded     time.Duration // how long its market was open since
}

// Incident is something that happened to an owner: an import that failed or an unusual sign-in.
type Incident struct {
	ID   string
	Kind Kind // ImportFailed or SignIn
	At   time.Time
	Says string // a sentence that is safe to show
}

// Scene is where occurrences are looked for; of each rule only what its kind is about.
type Scene struct {
	Now       time.Time
	Zone      *time.Location                          // its owner's: decides which day it is
	Names     map[market.InstrumentID]string          // of the instruments that it is about: its own, or all that its portfolio holds
	Actions   map[market.InstrumentID][]market.Action // what is known of these
	Ages      map[market.InstrumentID]Age             // of these; without those that nobody polls
	Incidents []Incident                              // of its owner
}

// Occurrences are what a rule of a kind without a level has to see, by their keys. The same scene gives the same keys again: whoever steps
// the rule leaves out those that it has seen. What was over before the rule was made isn't among them.
func (r *Rule) Occurrences(s Scene) []Observation {
	var all []Observation
	switch r.Condition.Kind {
	case Dividend, ExDate:
		for id, name := range s.Names {
			for i := range s.Actions[id] {
				if a := &s.Actions[id][i]; a.Kind == market.ActionDividend {
					all = append(all, r.ofDividend(s, a, name)...)
				}
			}
		}
	case Stale:
		wait := time.Duration(r.Condition.Threshold.Mul(money.NewDecimal(int64(time.Hour), 0)).Float64())
		for id, name := range s.Names {
			if age, known := s.Ages[id]; known && age.Traded >= wait {
				key := fmt.Sprintf("%s:%s:%d", Stale, id, age.ObservedAt.UnixMicro())
				all = append(all, Observation{At: s.Now, Occurrence: key, Subject: name})
			}
		}
	case ImportFailed, SignIn:
		for _, one := range s.Incidents {
			if one.Kind == r.Condition.Kind && !one.At.Before(r.CreatedAt) {
				all = append(all, Observation{At: one.At, Occurrence: string(one.Kind) + ":" + one.ID, Subject: one.Says})
			}
		}
	}
	slices.SortFunc(all, func(a, b Observation) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Occurrence, b.Occurrence)) })
	return all
}

// ofDividend is what there is to say of one dividend today.
func (r *Rule) ofDividend(s Scene, a *market.Action, name string) (all []Observation) {
	today := market.DateOf(s.Now.In(s.Zone))
	made := market.DateOf(r.CreatedAt.In(s.Zone))
	paid := fmt.Sprintf("%s: %s\u00a0%s a share", name, a.Amount, a.Currency)
	say := func(key, subject string) {
		all = append(all, Observation{At: s.Now, Occurrence: fmt.Sprintf("%s:%s", key, a.ID()), Subject: subject})
	}
	news := func(day market.Date) bool { return today-day <= dividendDaysMax }
	switch ahead := int64(a.Date - today); {
	case a.ObservedAt.After(s.Now): // nobody knows of it yet
	case r.Condition.Kind == ExDate && ahead >= 0 && r.Condition.Threshold.Cmp(money.NewDecimal(ahead, 0)) >= 0:
		say(string(ExDate), fmt.Sprintf("%s, ex-date %s", paid, a.Date))
	case r.Condition.Kind == ExDate:
	default:
		if news(a.Date) && !a.ObservedAt.Before(r.CreatedAt) {
			say("announced", fmt.Sprintf("%s announced, ex-date %s", paid, a.Date))
		}
		if a.PayDate != market.NoDate && today >= a.PayDate && news(a.PayDate) && a.PayDate >= made {
			say("paid", fmt.Sprintf("%s paid on %s", paid, a.PayDate))
		}
	}
	return all
}
