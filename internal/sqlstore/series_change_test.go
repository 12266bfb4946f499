package sqlstore

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Every change of closes has a number, whichever way it came, and what changes nothing has none.
func TestChangesOfClosesAreNumbered(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.sessions = shiftedSessions{}
		b.instruments("a", "b", "c")
		_, newest, err := b.SeriesChanges(t.Context(), -1)
		b.ok(err)
		bar := func(day, price string) []market.Bar {
			return []market.Bar{{Date: market.MustDate(day), Close: money.MustParse(price)}}
		}
		quote := at("c", 0, "7")
		quote.MarketTime = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
		quote.ObservedAt = quote.MarketTime
		for _, c := range []struct {
			what   string
			change func() error
			want   []market.InstrumentID
		}{
			{"first closes", func() error { return b.PutBars(t.Context(), "a", bar("2026-03-02", "1")) }, []market.InstrumentID{"a"}},
			{"the same once more", func() error { return b.PutBars(t.Context(), "a", bar("2026-03-02", "1")) }, nil},
			{"the same in other digits", func() error { return b.PutBars(t.Context(), "a", bar("2026-03-02", "1.0")) }, nil},
			{"another close of the day", func() error { return b.PutBars(t.Context(), "a", bar("2026-03-02", "2")) }, []market.InstrumentID{"a"}},
			{"an earlier year", func() error { return b.PutBars(t.Context(), "a", bar("2020-03-02", "2")) }, []market.InstrumentID{"a"}},
			{"several series", func() error {
				return b.PutSeries(t.Context(), []market.Series{
					market.NewSeries("c", "USD", bar("2020-01-01", "3")), market.NewSeries("a", "USD", bar("2020-03-02", "2")), market.NewSeries("b", "USD", bar("2020-01-01", "3")),
				})
			}, []market.InstrumentID{"b", "c"}},
			{"a price alone", func() error { _, _, err := b.Accept(t.Context(), []market.Mark{quote}); return err }, nil},
			{"quotes of days that are over", func() error { _, err := b.FoldQuotes(t.Context(), quote.MarketTime.AddDate(0, 0, 2)); return err }, []market.InstrumentID{"c"}},
			{"nothing to fold", func() error { _, err := b.FoldQuotes(t.Context(), quote.MarketTime.AddDate(0, 0, 2)); return err }, nil},
		} {
			b.ok(c.change())
			changed, now, err := b.SeriesChanges(t.Context(), newest)
			b.ok(err)
			if got := slices.Sorted(maps.Keys(changed)); !slices.Equal(got, c.want) || now != newest+int64(len(c.want)) {
				t.Errorf("%s: %v changed, from %d to %d; want %v", c.what, got, newest, now, c.want)
			}
			newest = now
		}
		changed, now, err := b.SeriesChanges(t.Context(), 0)
		b.ok(err)
		if len(changed) != 3 || now != newest || changed["c"] != newest {
			t.Errorf("all changes: %v up to %d", changed, now)
		}
	})
}

// Whoever follows the numbers misses no change, however many write at once; a change is seen with its number, not after it.
func TestNoChangeOfClosesIsPassedBy(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const writers, each = 4, 15
		var ids []market.InstrumentID
		for w := range writers {
			ids = append(ids, market.InstrumentID(fmt.Sprint("i", w)))
		}
		b.instruments(ids...)
		_, cursor, err := b.SeriesChanges(t.Context(), -1)
		b.ok(err)
		began := cursor
		var group errgroup.Group
		for w := range writers {
			group.Go(func() error {
				for n := range each {
					if err := b.PutBars(t.Context(), ids[w], []market.Bar{{Date: market.MustDate("2026-03-02"), Close: money.NewDecimal(int64(n+1), 0)}}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		written := make(chan error, 1)
		go func() { written <- group.Wait() }()
		seen := make(map[market.InstrumentID]string) // the last close that a follower read, after the change that told of it
		for done := false; !done; {
			select {
			case err := <-written:
				b.ok(err)
				done = true // and one look more
			default:
			}
			changed, newest, err := b.SeriesChanges(t.Context(), cursor)
			b.ok(err)
			if newest < cursor {
				t.Fatalf("from %d back to %d", cursor, newest)
			}
			cursor = newest
			for id := range changed {
				series, err := b.Series(t.Context(), id, market.NoDate, market.MustDate("2030-01-01"))
				b.ok(err)
				seen[id] = series.Close(0).Reduced().String()
			}
		}
		for _, id := range ids {
			if seen[id] != fmt.Sprint(each) {
				t.Errorf("%s: a follower ends with %s of %d", id, seen[id], each)
			}
		}
		if cursor != began+writers*each {
			t.Errorf("%d changes have %d numbers", writers*each, cursor-began)
		}
	})
}
