package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/ingest"
	"folioscope/internal/market"
)

// SourcePlace is a source's place in a chain.
type SourcePlace struct {
	Chain    string `json:"chain" enum:"stock,fund,fx,crypto"`
	Position int    `json:"position" doc:"1 is asked first"`
}

// SourceQuota is one window of a source's quota, as all nodes share it.
type SourceQuota struct {
	Span    string    `json:"span" enum:"minute,hour,day,month"`
	Max     int64     `json:"max"`
	Used    int64     `json:"used"`
	Ends    time.Time `json:"ends"`
	PerName bool      `json:"per_name" doc:"each name of a request counts, not each request"`
}

// OutcomeCount is how many calls ended in one way.
type OutcomeCount struct {
	Outcome string `json:"outcome"`
	Calls   int64  `json:"calls"`
}

// Source is how one source of prices is doing.
type Source struct {
	Name            string         `json:"name"`
	Enabled         bool           `json:"enabled"`
	Pushed          bool           `json:"pushed" doc:"it sends prices by itself; nobody asks it"`
	NeedsKey        bool           `json:"needs_key"`
	HasKey          bool           `json:"has_key"`
	Chains          []SourcePlace  `json:"chains" nullable:"false"`
	Circuit         string         `json:"circuit" enum:"closed,half-open,open,none" doc:"closed: asked as usual; open: left alone until next_try; half-open: one call tries it out"`
	NextTry         *time.Time     `json:"next_try"`
	Spent           *string        `json:"spent" doc:"the span whose quota is spent"`
	Quotas          []SourceQuota  `json:"quotas" nullable:"false" doc:"of the windows that have a limit"`
	Calls           int64          `json:"calls" doc:"in the last 24 hours to the full hour, of all nodes"`
	Failed          int64          `json:"failed" doc:"of them; an answer that a name is unknown is no failure"`
	Outcomes        []OutcomeCount `json:"outcomes" nullable:"false" doc:"of the same time, the most frequent first"`
	MedianMS        *int64         `json:"median_ms" doc:"half of the calls for prices took at most so long, by buckets; null without calls"`
	SlowMS          *int64         `json:"slow_ms" doc:"95 of 100 took at most so long"`
	NodeCalls       int64          `json:"node_calls" doc:"of this node since it started"`
	NodeFailed      int64          `json:"node_failed"`
	LastSuccess     *time.Time     `json:"last_success"`
	LastFailure     *time.Time     `json:"last_failure"`
	LastOutcome     *string        `json:"last_outcome" doc:"of the last failure"`
	Serves          int            `json:"serves" doc:"instruments whose price comes from it now"`
	StandsIn        int            `json:"stands_in" doc:"of those, in the place of a source before it"`
	Replaced        int            `json:"replaced" doc:"instruments that should have its price and have another's"`
	RefusedNames    int            `json:"refused_names" doc:"names that it doesn't know, or doesn't give with this key"`
	KnowsNothingYet bool           `json:"knows_nothing_yet" doc:"switched on, and never answered nor failed"`
}

// DataWarning is something for an administrator to look at.
type DataWarning struct {
	Code   string  `json:"code" enum:"schema_drift,bad_key,no_key,calendar_ends,unserved,held,no_source"`
	Text   string  `json:"text"`
	Source *string `json:"source"`
	MIC    *string `json:"mic"`
}

// NamedInstrument is an instrument in a list.
type NamedInstrument struct {
	InstrumentID string `json:"instrument_id"`
	Symbol       string `json:"symbol"`
	Name         string `json:"name"`
}

// Sources is how all sources are doing, and what is to be looked at.
type Sources struct {
	AsOf          time.Time         `json:"as_of"`
	Items         []Source          `json:"items" nullable:"false" doc:"those that are switched on first, by name"`
	Warnings      []DataWarning     `json:"warnings" nullable:"false"`
	Unserved      []NamedInstrument `json:"unserved" nullable:"false" doc:"held instruments that no source has, at most 100"`
	UnservedCount int               `json:"unserved_count"`
	Held          int               `json:"held" doc:"prices that wait for a second source or a decision"`
}

// SourceTest is what came of asking a source for one name.
type SourceTest struct {
	Asked      bool       `json:"asked" doc:"false where the source is left alone until next_try"`
	NextTry    *time.Time `json:"next_try"`
	Name       string     `json:"name" doc:"what it was asked for, in its own words; of a page only the host"`
	Outcome    *string    `json:"outcome"`
	Took       *int64     `json:"took_ms"`
	Text       string     `json:"text" doc:"what it means, in a sentence"`
	Detail     *string    `json:"detail" doc:"what the source said; never a key"`
	Price      *string    `json:"price"`
	Currency   *string    `json:"currency"`
	MarketTime *time.Time `json:"market_time"`
}

type testSourceInput struct {
	Name string `path:"name" maxLength:"40"`
}

func (s *Server) addSourceRoutes() {
	const tag = "Administration"
	typed(s, route{method: "GET", path: "/api/v1/admin/providers", class: classRead, action: access.ReadSources, tag: tag, summary: "How the sources of prices are doing"}, http.StatusOK, s.listSources)
	typed(s, route{method: "POST", path: "/api/v1/admin/providers/{name}/test", class: classBulk, action: access.TestSource, tag: tag, summary: "Ask a source for one price, and keep nothing of it"}, http.StatusOK, s.testSource)
}

func (s *Server) listSources(ctx context.Context, _ *struct{}) (*answer[Sources], error) {
	prices, err := s.prices()
	if err != nil {
		return nil, err
	}
	health, err := prices.Health(ctx)
	if err != nil {
		return nil, err
	}
	out := Sources{AsOf: s.now().UTC(), Items: make([]Source, 0, len(health.Sources)), Warnings: warningsOf(health, s.now()),
		Unserved: make([]NamedInstrument, 0, len(health.Unserved)), UnservedCount: health.UnservedCount, Held: health.Held}
	for _, h := range health.Sources {
		out.Items = append(out.Items, sourceOf(h))
	}
	slices.SortStableFunc(out.Items, func(a, b Source) int {
		switch {
		case a.Enabled == b.Enabled:
			return 0
		case a.Enabled:
			return -1
		}
		return 1
	})
	for _, i := range health.Unserved {
		out.Unserved = append(out.Unserved, NamedInstrument{InstrumentID: string(i.ID), Symbol: i.Symbol, Name: i.Name})
	}
	return &answer[Sources]{out}, nil
}

func sourceOf(h ingest.SourceHealth) Source {
	out := Source{
		Name: h.Name, Enabled: h.Setting.Enabled, Pushed: h.Pushed, NeedsKey: h.Setting.NeedsKey, HasKey: h.Setting.HasKey,
		Chains: []SourcePlace{}, Circuit: h.Circuit, NextTry: moment(h.NextTry), Spent: given(h.Spent), Quotas: []SourceQuota{}, Outcomes: []OutcomeCount{},
		NodeCalls: h.Status.Calls, NodeFailed: h.Failures, LastSuccess: moment(h.LastSuccess), LastFailure: moment(h.LastFailure), LastOutcome: given(string(h.Outcome)),
		Serves: h.Serves, StandsIn: h.StandsIn, Replaced: h.Replaced, RefusedNames: h.Refused,
	}
	if out.Circuit == "" {
		out.Circuit = "none"
	}
	for _, chain := range ingest.ChainNames() {
		if at := h.Places[chain]; at > 0 {
			out.Chains = append(out.Chains, SourcePlace{chain, at})
		}
	}
	for _, q := range h.Quotas {
		out.Quotas = append(out.Quotas, SourceQuota{Span: q.Span.String(), Max: q.Max, Used: q.Used, Ends: q.Ends.UTC(), PerName: q.PerName})
	}
	out.Calls, out.Failed = h.Today.Calls()
	for outcome, n := range h.Today.Outcomes {
		out.Outcomes = append(out.Outcomes, OutcomeCount{string(outcome), n})
	}
	slices.SortFunc(out.Outcomes, func(a, b OutcomeCount) int {
		if a.Calls != b.Calls {
			return int(b.Calls - a.Calls)
		}
		return strings.Compare(a.Outcome, b.Outcome)
	})
	if median := h.Today.Latency(0.5); median > 0 {
		half, slow := median.Milliseconds(), h.Today.Latency(0.95).Milliseconds()
		out.MedianMS, out.SlowMS = &half, &slow
	}
	out.KnowsNothingYet = h.Setting.Enabled && !h.Pushed && h.LastSuccess.IsZero() && h.LastFailure.IsZero()
	return out
}

// moment is a time as answers show it, nil where there is none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// warningsOf is what an administrator should look at, what hurts most first.
func warningsOf(h ingest.Health, now time.Time) []DataWarning {
	out := []DataWarning{}
	add := func(code, source, mic, format string, args ...any) {
		out = append(out, DataWarning{Code: code, Text: fmt.Sprintf(format, args...), Source: given(source), MIC: given(mic)})
	}
	for _, source := range h.Sources {
		name := ingest.Title(source.Name)
		switch {
		case !source.Setting.Enabled:
			continue
		case source.Setting.NeedsKey && !source.Setting.HasKey:
			add("no_key", source.Name, "", "%s is in a chain, but has no key. Set providers.%s.key, or take it out of the chain.", name, source.Name)
		case source.Outcome == ingest.BadKey && source.Circuit != "closed":
			add("bad_key", source.Name, "", "%s refuses our key. Set another one and start the node again.", name)
		}
		if n := source.Today.Outcomes[ingest.SchemaDrift]; n > 0 {
			add("schema_drift", source.Name, "", "%s answered %s in a shape that isn't known. Its format may have changed: look for a newer version.", name, times(n))
		}
	}
	if h.UnservedCount > 0 {
		add("unserved", "", "", "%s held, and no source has a price for %s. Give a name at a source, or switch one on.",
			plural(h.UnservedCount, "instrument is", "instruments are"), map[bool]string{true: "it", false: "them"}[h.UnservedCount == 1])
	}
	if h.Held > 0 {
		add("held", "", "", "%s held back. The last good ones stay in use until you decide.", plural(h.Held, "price is", "prices are"))
	}
	today := market.DateOf(now.UTC())
	for _, c := range h.Horizons {
		switch {
		case c.Last == market.NoDate:
			add("calendar_ends", "", c.MIC, "The days off of %s aren't known: every weekday counts as a trading day.", c.Name)
		case c.Last < today:
			add("calendar_ends", "", c.MIC, "The days off of %s are known up to %s only: since then every weekday counts as a trading day.", c.Name, c.Last)
		default:
			add("calendar_ends", "", c.MIC, "The days off of %s are known up to %s only. A newer version knows more.", c.Name, c.Last)
		}
	}
	return out
}

func times(n int64) string {
	if n == 1 {
		return "once today"
	}
	return fmt.Sprintf("%d times in the last day", n)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (s *Server) testSource(ctx context.Context, in *testSourceInput) (*answer[SourceTest], error) {
	prices, err := s.prices()
	if err != nil {
		return nil, err
	}
	entry := callOf(ctx).entry(audit.SourceTested, in.Name)
	entry.Owner = "" // a source is nobody's
	trial, err := prices.TestSource(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if err := s.store.RecordAudit(ctx, entry); err != nil {
		return nil, err
	}
	out := SourceTest{Asked: trial.Asked, NextTry: moment(trial.NextTry), Name: trial.Name, MarketTime: moment(trial.MarketTime), Text: trialText(in.Name, trial)}
	if trial.Asked {
		took := trial.Took.Milliseconds()
		out.Outcome, out.Took, out.Detail = given(string(trial.Outcome)), &took, given(trial.Detail)
	}
	if trial.Price != nil {
		out.Price, out.Currency = given(trial.Price.String()), given(string(trial.Currency))
	}
	return &answer[SourceTest]{out}, nil
}

// trialText says what came of a test.
func trialText(source string, t ingest.Trial) string {
	if !t.Asked {
		return ingest.Title(source) + " is left alone for now, so it wasn't asked."
	}
	return ingest.Title(source) + " " + ingest.OutcomeText(t.Outcome) + "."
}
