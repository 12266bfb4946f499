package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

// gazette tells a few days of all its funds at once.
type gazette struct {
	source
	failing error
	reports []asked
	unit    string
}

func (g *gazette) Classes() []market.Class { return []market.Class{market.Fund} }

func (g *gazette) Report(ctx context.Context, names []string, from, to market.Date) (map[string][]market.Bar, money.Unit, error) {
	if _, ok := ctx.Deadline(); !ok {
		return nil, money.Unit{}, errors.New("a call without a deadline")
	}
	g.reports = append(g.reports, asked{from, to})
	if g.failing != nil {
		return nil, money.Unit{}, g.failing
	}
	unit, err := money.ParseUnit(g.unit)
	closes := map[string][]market.Bar{}
	for _, name := range names {
		for day := from; day <= to; day++ {
			closes[name] = append(closes[name], market.Bar{Date: day, Close: priceOn(day)})
		}
	}
	return closes, unit, err
}

// funds is a world of funds with closes for two weeks but for some of the last days.
func funds(t *testing.T, n int, g *gazette, missing ...market.Date) *world {
	t.Helper()
	var wanted []market.Instrument
	for k := range n {
		id := fmt.Sprint("fund", k)
		wanted = append(wanted, market.Instrument{ID: market.InstrumentID(id), Symbol: id, Currency: "USD", Class: market.Fund, Names: map[string]string{g.name: id}})
	}
	w := newWorld(t, wanted)
	w.Ingest = w.node(t, map[string][]provider.Provider{ChainFund: {g}})
	for _, i := range wanted {
		for day := today() - 14; day < today(); day++ {
			if wd := day.Weekday(); wd != time.Saturday && wd != time.Sunday && !slices.Contains(missing, day) {
				if err := w.store.PutBars(t.Context(), i.ID, []market.Bar{{Date: day, Close: priceOn(day)}}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return w
}

// Yesterday's values of all funds come in one request, once a day, however often one looks.
func TestOneReportFillsTheHoleOfAllFunds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(4*24*time.Hour + 12*time.Hour) // the clock of the test begins on a Saturday; this is a Wednesday
		yesterday := today() - 1
		g := &gazette{source: source{name: "gazette"}, unit: "USD"}
		w := funds(t, 8, g, yesterday)
		w.backfill(t)
		w.backfill(t)
		if want := []asked{{yesterday, yesterday}}; !slices.Equal(g.reports, want) {
			t.Errorf("asked for %v, want %v", g.reports, want)
		}
		for k := range 8 {
			closes := w.closes(t, market.InstrumentID(fmt.Sprint("fund", k)))
			if last := closes[len(closes)-1]; last.Date != yesterday || !last.Close.Equal(priceOn(yesterday)) {
				t.Errorf("fund %d ends with %s on %s", k, last.Close, last.Date)
			}
		}
		time.Sleep(24 * time.Hour)
		w.backfill(t)
		if len(g.reports) != 2 {
			t.Errorf("%d reports by the next day, want 2", len(g.reports))
		}
	})
}

// What can't be right isn't taken, and a source that fails is asked again.
func TestReportsThatAreNotTaken(t *testing.T) {
	for name, c := range map[string]struct {
		funds, reports int
		change         func(*gazette)
	}{
		"too few to ask for together": {funds: reportedMin - 1},
		"another currency":            {funds: 8, reports: 1, change: func(g *gazette) { g.unit = "EUR" }},
		"another unit":                {funds: 8, reports: 1, change: func(g *gazette) { g.unit = "GBp" }},
		"the source failed":           {funds: 8, reports: 2, change: func(g *gazette) { g.failing = g.fails(provider.Transient, 0) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(4*24*time.Hour + 12*time.Hour)
				g := &gazette{source: source{name: "gazette"}, unit: "USD"}
				if c.change != nil {
					c.change(g)
				}
				w := funds(t, c.funds, g, today()-1)
				w.backfill(t)
				time.Sleep(10 * time.Minute)
				w.backfill(t)
				if len(g.reports) != c.reports {
					t.Errorf("%d reports, want %d", len(g.reports), c.reports)
				}
				closes := w.closes(t, "fund0")
				if last := closes[len(closes)-1]; last.Date == today()-1 {
					t.Errorf("took %s of yesterday", last.Close)
				}
			})
		})
	}
}
