package sqlstore

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ingest"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

func (b *bench) want(id market.InstrumentID, day string) {
	b.t.Helper()
	b.ok(b.WantHistory(b.t.Context(), map[market.InstrumentID]market.Date{id: market.MustDate(day)}))
}

func (b *bench) history(id market.InstrumentID) ingest.HistoryState {
	b.t.Helper()
	all, err := b.Histories(b.t.Context(), []market.InstrumentID{id})
	b.ok(err)
	return all[id]
}

func TestHistoryIsWantedFromTheEarliestMonth(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		for _, step := range [][2]string{{"2021-05-17", "2021-05-01"}, {"2021-05-02", "2021-05-01"}, {"2023-01-31", "2021-05-01"}, {"2019-02-28", "2019-02-01"}} {
			b.want("aapl", step[0])
			if h := b.history("aapl"); h.WantedFrom != market.MustDate(step[1]) || h.State != ingest.BackfillWaiting || h.From != market.NoDate || !h.AgainAt.IsZero() {
				t.Errorf("after %s: %+v", step[0], h)
			}
		}
		b.want("msft", "2020-01-01")
		all, err := b.Histories(t.Context(), nil)
		b.ok(err)
		if len(all) != 2 || all["msft"].Instrument != "msft" {
			t.Errorf("%+v", all)
		}
		if some, err := b.Histories(t.Context(), []market.InstrumentID{"nobody's"}); err != nil || len(some) != 0 {
			t.Errorf("%+v %v", some, err)
		}
	})
}

func TestAHistoryIsClaimedByOne(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const lease = 5 * time.Minute
		b.want("aapl", "2021-05-17")
		var won atomic.Int64
		var nodes sync.WaitGroup
		for n := range 8 {
			nodes.Go(func() {
				until := testStart.Add(lease + time.Duration(n)*time.Millisecond)
				if _, ours, err := b.ClaimHistory(t.Context(), "aapl", testStart, until, testStart.Add(time.Hour)); err != nil {
					t.Error(err)
				} else if ours {
					won.Add(1)
				}
			})
		}
		nodes.Wait()
		if won.Load() != 1 || b.history("aapl").State != ingest.BackfillRunning {
			t.Errorf("%d of 8 nodes got it: %+v", won.Load(), b.history("aapl"))
		}
		claim := func(at time.Time) (ingest.HistoryState, bool) {
			t.Helper()
			h, ours, err := b.ClaimHistory(t.Context(), "aapl", at, at.Add(lease), at.Add(time.Hour))
			b.ok(err)
			return h, ours
		}
		if _, ours := claim(testStart.Add(time.Minute)); ours {
			t.Error("given while another has it")
		}
		first, ours := claim(testStart.Add(6 * time.Minute))
		second, again := claim(testStart.Add(12 * time.Minute))
		if !ours || !again {
			t.Fatal("not given after the lease ended")
		}
		first.Bars, second.Bars, second.State = 1, 2, ingest.BackfillDone
		if kept, err := b.PutHistory(t.Context(), first, testStart.Add(11*time.Minute), time.Time{}); err != nil || kept {
			t.Errorf("whoever lost the claim wrote: %v %v", kept, err)
		}
		if kept, err := b.PutHistory(t.Context(), second, testStart.Add(17*time.Minute), testStart.Add(20*time.Minute)); err != nil || !kept {
			t.Errorf("%v %v", kept, err)
		}
		if _, ours := claim(testStart.Add(18 * time.Minute)); ours {
			t.Error("the claim was kept on")
		}
		if kept, err := b.PutHistory(t.Context(), second, testStart.Add(20*time.Minute), time.Time{}); err != nil || !kept {
			t.Errorf("%v %v", kept, err)
		}
		if _, ours := claim(testStart.Add(18 * time.Minute)); !ours {
			t.Error("the claim was given back")
		}
		if _, ours := claim(testStart.Add(-48 * time.Hour)); !ours {
			t.Error("a lease of a clock that was days ahead stands in the way")
		}
		if _, ours, err := b.ClaimHistory(t.Context(), "nobody's", testStart, testStart.Add(lease), testStart.Add(time.Hour)); err != nil || ours {
			t.Errorf("%v %v", ours, err)
		}
	})
}

func TestProgressIsKept(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.want("aapl", "2021-05-17")
		now := moment(stamp(testStart))
		lease := now.Add(5 * time.Minute)
		h, ours, err := b.ClaimHistory(t.Context(), "aapl", now, lease, now.Add(time.Hour))
		b.ok(err)
		if !ours || h.WantedFrom != market.MustDate("2021-05-01") || !h.TriedAt.Equal(now) {
			t.Fatalf("%v %+v", ours, h)
		}
		want := ingest.HistoryState{
			Instrument: "aapl", WantedFrom: h.WantedFrom, State: ingest.BackfillDone, Source: "yahoo", From: market.MustDate("2021-05-03"),
			Until: market.MustDate("2026-02-27"), Bars: 1200, Outcome: "EMPTY", TriedAt: now, DoneAt: now.Add(time.Second), AgainAt: now.Add(24 * time.Hour),
			ActionsFrom: market.MustDate("2021-04-21"), ActionsAt: now.Add(2 * time.Second),
			Silent:   []ingest.Silence{{From: market.MustDate("2021-05-31"), Until: market.MustDate("2021-05-31"), Tries: 2, Again: market.MustDate("2026-03-09")}},
			SilentOf: "tiingo yahoo",
		}
		kept, err := b.PutHistory(t.Context(), want, lease, time.Time{})
		b.ok(err)
		b.reopen()
		got, ours, err := b.ClaimHistory(t.Context(), "aapl", now.Add(time.Minute), lease, now.Add(time.Hour))
		b.ok(err)
		want.State, want.TriedAt = ingest.BackfillRunning, now.Add(time.Minute)
		if !kept || !ours || !reflect.DeepEqual(got, want) {
			t.Errorf("%v %v\ngot  %+v\nwant %+v", kept, ours, got, want)
		}
		// Somebody asks for an earlier day while it is looked for: what is kept then doesn't end the wait.
		b.want("aapl", "2015-01-05")
		want.State = ingest.BackfillDone
		kept, err = b.PutHistory(t.Context(), want, lease, time.Time{})
		b.ok(err)
		if h := b.history("aapl"); !kept || h.State != ingest.BackfillWaiting || !h.AgainAt.IsZero() || h.WantedFrom != market.MustDate("2015-01-01") || h.Bars != 1200 {
			t.Errorf("%v %+v", kept, h)
		}
	})
}

func TestSilencesAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ingest.Silence {
			day := func(label string) market.Date { return market.Date(rapid.Int32().Draw(t, label)) }
			return ingest.Silence{From: day("from"), Until: day("until"), Tries: rapid.IntRange(0, 9).Draw(t, "tries"), Again: day("again")}
		}), 0, 20).Draw(t, "silences")
		h := ingest.HistoryState{Silent: all, SilentOf: rapid.String().Draw(t, "of")}
		var got ingest.HistoryState
		if err := parseSilent(formatSilent(&h), &got); err != nil || !slices.Equal(got.Silent, all) || strings.ToValidUTF8(got.SilentOf, "") != strings.ToValidUTF8(h.SilentOf, "") {
			t.Fatalf("%+v %v", got, err)
		}
	})
	h := ingest.HistoryState{Silent: make([]ingest.Silence, silencesMax+5)}
	if err := parseSilent(formatSilent(&h), &h); err != nil || len(h.Silent) != silencesMax {
		t.Errorf("%d %v", len(h.Silent), err)
	}
	for _, text := range []string{"x", "[1]", `{"Days":[[1,2,3]`, `{"Days":[[99999999999,1,1,1]]}`, `{"Days":[` + strings.Repeat("[0,0,0,0],", silencesMax) + "[0,0,0,0]]}"} {
		if err := parseSilent(text, &h); err == nil {
			t.Errorf("%.40q was read", text)
		}
	}
}

// What an append needs closes of is asked for in its transaction, by the month; an own instrument's id is never among it.
func TestAppendAsksForHistory(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.instruments("aapl")
		b.user("anna")
		b.portfolio("anna", "p1")
		own := ledger.OwnID("house")
		b.appended("anna", "p1", Change{Since: map[market.InstrumentID]market.Date{"aapl": market.MustDate("2021-05-17"), "fx-eur-USD": market.MustDate("2020-02-29"), own: market.MustDate("2020-02-29")}})
		all, err := b.Histories(t.Context(), nil)
		b.ok(err)
		if len(all) != 2 || all["aapl"].WantedFrom != market.MustDate("2021-05-01") || all["fx-eur-USD"].WantedFrom != market.MustDate("2020-02-01") {
			t.Errorf("%+v", all)
		}
		_, err = b.Append(t.Context(), "anna", "p1", 1, Change{Since: map[market.InstrumentID]market.Date{"aapl": market.MustDate("1990-01-01")}}, entry("anna", audit.ActivitiesAdded))
		if b.kind(err, fault.Stale); b.history("aapl").WantedFrom != market.MustDate("2021-05-01") {
			t.Error("an append that was refused asked for history")
		}
	})
}
