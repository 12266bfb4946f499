package health

import (
	"fmt"

	"folioscope/internal/ingest"
)

const (
	staleWarningShare = 0.01 // of what trades now: the promise is 99.9 % of instrument minutes within 21 minutes
	staleFailingShare = 0.1
)

// Prices judges the sources and how old prices are.
func Prices(h ingest.Health) Found {
	f := staleness(h)
	for i := range h.Sources {
		if s := &h.Sources[i]; s.Setting.Enabled && !s.Pushed {
			down := 0.0
			c := sourceCheck(s)
			if c.State == Failing || s.Circuit == "open" {
				down = 1
			}
			f.Checks = append(f.Checks, c)
			f.Measures = append(f.Measures, Measure{MeasureSourceDown, s.Name, down})
		}
	}
	return f
}

func staleness(h ingest.Health) Found {
	c := Check{Name: "prices", State: OK, Says: "No price of an open market is older than 21 minutes."}
	share := 0.0
	if h.Open > 0 {
		share = float64(h.Stale) / float64(h.Open)
	} else {
		c.Says = "No market is open in which somebody holds something."
	}
	if h.Stale > 0 {
		c.Says = fmt.Sprintf("%d of %d prices of open markets are older than 21 minutes.", h.Stale, h.Open)
	}
	if share > staleWarningShare {
		c.State, c.Fix = Warning, "See the data sources: one that fails is named there with what to do. Else look whether a node with the role ingest runs."
	}
	if share > staleFailingShare {
		c.State = Failing
	}
	return found(c).with(MeasureStaleShare, share)
}

func sourceCheck(s *ingest.SourceHealth) Check {
	title := ingest.Title(s.Name)
	c := Check{Name: "source " + s.Name, State: OK, Says: title + " answers as it should."}
	switch {
	case s.Setting.NeedsKey && !s.Setting.HasKey:
		c.State, c.Says, c.Fix = Warning, title+" has no key.", fmt.Sprintf("Set providers.%s.key, or take it out of the chain.", s.Name)
	case s.Outcome == ingest.BadKey && s.Circuit != "closed":
		c.State, c.Says, c.Fix = Failing, title+" refuses our key.", fmt.Sprintf("Set another providers.%s.key and start the node again.", s.Name)
	case s.Circuit == "open":
		c.State, c.Says = Failing, title+" is left alone for now: it "+ingest.OutcomeText(s.Outcome)+"."
		c.Fix = "Nothing, if it is back soon: it is asked again by itself, and others stand in where they can. Else take it out of the chain."
		if s.Replaced > 0 {
			c.State = Warning // somebody has a price for what it serves
		}
	case s.Spent != "":
		c.State, c.Says = Warning, fmt.Sprintf("The quota of %s is used up for this %s.", title, s.Spent)
		c.Fix = "Others stand in where they can. Get a larger plan, or put it further back in its chain."
	case s.LastSuccess.IsZero() && s.LastFailure.IsZero():
		c.State, c.Says = Unknown, title+" wasn't asked yet."
	default:
		c.Says = fmt.Sprintf("%s answers; last on %s UTC.", title, s.LastSuccess.UTC().Format("2006-01-02 at 15:04"))
	}
	return c
}
