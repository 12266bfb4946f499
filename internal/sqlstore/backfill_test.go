package sqlstore

import (
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/ingest"
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
			Silent: []ingest.Silence{{From: market.MustDate("2021-05-31"), Until: market.MustDate("2021-05-31"), Tries: 2, Again: market.MustDate("2026-03-09")}},
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
		got, err := parseSilent(formatSilent(all))
		if err != nil || len(got) != len(all) || len(all) > 0 && !reflect.DeepEqual(got, all) {
			t.Fatalf("%v %v", got, err)
		}
	})
	if got, err := parseSilent(formatSilent(make([]ingest.Silence, silencesMax+5))); err != nil || len(got) != silencesMax {
		t.Errorf("%d %v", len(got), err)
	}
	for _, text := range []string{"x", "[1]", "[[1,2,3]", `[[99999999999,1,1,1]]`, "[" + strings.Repeat("[0,0,0,0],", silencesMax) + "[0,0,0,0]]"} {
		if _, err := parseSilent(text); err == nil {
			t.Errorf("%.40q was read", text)
		}
	}
}
