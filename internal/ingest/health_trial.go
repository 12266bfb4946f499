package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

const (
	trialFloor    = circuitDelay     // between two trials of one source: it may be down, and is asked as rarely as by the polls
	trialDeadline = 15 * time.Second // a person waits
	trialTextMax  = 200              // bytes of an error's cause
)

// Trial is what came of asking a source for one name.
type Trial struct {
	Asked      bool // false where it is left alone for now
	NextTry    time.Time
	Name       string // what it was asked for
	Outcome    Outcome
	Took       time.Duration
	Detail     string // of a failure; never a key or the query of an address
	Price      *money.Decimal
	Currency   money.Currency // of Price, empty where the source doesn't say
	MarketTime time.Time
}

// TestSource asks a source for the price of an instrument that it serves, else of one that everybody knows, and keeps nothing of
// it but how the source is doing. Its quotas and circuit hold as ever. fault.NotFound where no such source is switched on,
// fault.Limited within 30 s after the last trial on this node, fault.Conflict where there is nothing to ask it for.
func (g *Ingest) TestSource(ctx context.Context, source string) (Trial, error) {
	gate := g.gates[source]
	if gate == nil {
		return Trial{}, fault.New(fault.NotFound, "No source of this name is switched on.")
	}
	name, err := g.trialName(ctx, gate)
	if err != nil {
		return Trial{}, err
	}
	if name == "" {
		return Trial{}, fault.New(fault.Conflict, "Nothing that is held has a name at this source yet, so there is nothing to ask it for.")
	}
	if !g.tried.claim(market.InstrumentID(source), g.now(), trialFloor) {
		return Trial{}, fault.New(fault.Limited, "This source was tested a moment ago. Wait half a minute.")
	}
	if err := g.learn(ctx); err != nil {
		return Trial{}, fmt.Errorf("test a source: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, trialDeadline)
	defer cancel()
	out := Trial{Name: shownName(source, name)}
	if err := g.pass(ctx, gate); errors.Is(err, errOpen) {
		out.NextTry = gate.closedUntil(g.now())
		return out, nil
	} else if err != nil {
		return Trial{}, fmt.Errorf("test a source: %w", err)
	}
	out.Asked = true
	began := g.now()
	answer, failed := g.once(ctx, gate.source, []string{name})
	out.Took = g.now().Sub(began)
	g.tallies.took(source, began, out.Took)
	if failed == nil {
		failed = whole(answer)
	}
	g.report(ctx, gate, failed)
	g.shareTallies(ctx)
	out.conclude(source, name, answer, failed)
	return out, nil
}

// conclude says what an answer means.
func (t *Trial) conclude(source, name string, answer provider.Batch, failed error) {
	if failed == nil {
		if e := answer.Failed[name]; e != nil {
			failed = e
		}
	}
	t.Outcome, t.Detail = provider.OutcomeOf(failed), detailOf(source, failed)
	for _, q := range answer.Quotes {
		if q.Name != name || failed != nil {
			continue
		}
		price := q.Price
		if q.HasCurrency {
			price, t.Currency = q.Unit.Major(price), q.Unit.Currency
		}
		t.Price, t.MarketTime = &price, q.MarketTime
		return
	}
	if failed == nil {
		t.Outcome = provider.Empty
	}
}

// detailOf is the cause of a failure, which never holds a key. Of pages that people name nothing is told: their addresses may.
func detailOf(source string, failed error) string {
	e, ok := errors.AsType[*provider.Error](failed)
	if !ok || e.Cause == nil || source == provider.HTTP {
		return ""
	}
	text := e.Cause.Error()
	if len(text) > trialTextMax {
		text = strings.ToValidUTF8(text[:trialTextMax], "") + "…"
	}
	return text
}

// shownName is a source's name for an instrument as an administrator may see it: of a page only the host.
func shownName(source, name string) string {
	if source != provider.HTTP {
		return name
	}
	if u, err := url.Parse(name); err == nil && u.Host != "" {
		return u.Host
	}
	return "a page"
}

// trialName is the name of the instrument that most people hold of those that a source serves, else of those that it could, else
// one that everybody knows.
func (g *Ingest) trialName(ctx context.Context, t *gate) (string, error) {
	wanted, err := g.Store.Wanted(ctx)
	if err != nil {
		return "", fmt.Errorf("test a source: read what is wanted: %w", err)
	}
	asked, err := g.askedLately(ctx)
	if err != nil {
		return "", fmt.Errorf("test a source: %w", err)
	}
	now := g.now()
	slices.SortStableFunc(wanted, func(a, b market.Instrument) int {
		return cmp.Compare(asked[b.ID].Holders, asked[a.ID].Holders)
	})
	could := ""
	for _, i := range wanted {
		name, named := nameAt(t.source, i)
		if !named || !slices.Contains(g.Chains[ChainOf(i.Class)], t.source) {
			continue
		}
		if _, refused := t.refuses(name, now); refused {
			continue
		}
		if mark := g.book.mark(i.ID); mark != nil && mark.Source == t.source.Name() {
			return name, nil
		}
		could = cmp.Or(could, name)
	}
	return cmp.Or(could, wellKnown(t.source.Name())), nil
}

// wellKnown is a name that a source has had for as long as anybody remembers, empty for sources without one.
func wellKnown(source string) string {
	switch source {
	case provider.Yahoo, provider.Finnhub, provider.Tiingo, provider.TwelveData, provider.Massive:
		return "AAPL"
	case provider.EODHD:
		return "AAPL.US"
	case provider.AlphaVantage:
		return "IBM"
	case provider.ECB, provider.Frankfurter, provider.FRED:
		return "USD"
	case provider.CoinGecko:
		return "bitcoin"
	case provider.AMFI, provider.MFAPI:
		return "119551"
	}
	return ""
}
