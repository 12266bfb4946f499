package sqlstore

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/market"
)

func facebook() market.Instrument {
	return market.Instrument{ID: "fb", Symbol: "FB", MIC: "XNAS", ISIN: "US30303M1027", Name: "Facebook, Inc.", Currency: "USD", Class: market.Stock}
}

func (b *bench) record(id market.InstrumentID) market.Record {
	b.t.Helper()
	r, err := b.InstrumentRecord(b.t.Context(), id)
	b.ok(err)
	return r
}

func TestRenamedAndDelistedInstruments(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.ok(b.CreateInstrument(ctx, facebook(), entry("admin", audit.InstrumentCreated)))
		r := b.record("fb")
		if r.Version != 1 || len(r.Aliases) != 0 {
			t.Fatalf("new: %+v", r)
		}
		next := r.Instrument
		next.Symbol, next.Name = "META", "Meta Platforms, Inc."
		next.Delisted, next.DelistedOn = true, market.MustDate("2023-05-01")
		next.Names = map[string]string{"yahoo": "META"}
		changed, err := r.Change(next, []market.Identifier{{Scheme: market.CUSIP, Value: "30303M102"}, {Scheme: market.WKN, Value: "A1JWVX"}}, false, market.MustDate("2022-06-09"))
		b.ok(err)
		b.ok(b.ChangeInstrument(ctx, changed, entry("admin", audit.InstrumentChanged)))
		b.kind(b.ChangeInstrument(ctx, changed, entry("admin", audit.InstrumentChanged)), fault.Stale)
		gone := changed
		gone.ID = "nobody"
		b.kind(b.ChangeInstrument(ctx, gone, entry("admin", audit.InstrumentChanged)), fault.NotFound)

		b.reopen()
		if got := b.record("fb"); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", changed) {
			t.Errorf("stored\n%+v\nwant\n%+v", got, changed)
		}
		for _, text := range []string{"meta", "fb", "Facebook", "30303m102", "a1jwvx", "US30303M1027"} {
			if found, err := b.FindInstruments(ctx, text, 10); err != nil || len(found) != 1 || !found[0].Delisted {
				t.Errorf("%q: %v, %v", text, found, err)
			}
		}
		aliases, err := b.InstrumentAliases(ctx, []market.InstrumentID{"fb", "none"})
		if err != nil || len(aliases) != 1 || !slices.Equal(aliases["fb"], changed.Aliases) {
			t.Errorf("aliases: %v, %v", aliases, err)
		}
		rows, err := b.Audits(ctx, "", 0, 10)
		if err != nil || len(rows) != 2 {
			t.Errorf("%d audit rows, %v: what was refused leaves none", len(rows), err)
		}
		// The old symbol is free again, the new one isn't.
		again := facebook()
		again.ID, again.ISIN = "fb2", ""
		b.ok(b.CreateInstrument(ctx, again, entry("admin", audit.InstrumentCreated)))
		again.ID, again.Symbol = "fb3", "META"
		b.kind(b.CreateInstrument(ctx, again, entry("admin", audit.InstrumentCreated)), fault.Conflict)
		second := b.record("fb2")
		second.Symbol, second.Version = "META", 2
		b.kind(b.ChangeInstrument(ctx, second, entry("admin", audit.InstrumentChanged)), fault.Conflict)
		if got := b.record("fb2"); got.Symbol != "FB" || got.Version != 1 {
			t.Errorf("half changed: %+v", got)
		}
	})
}

// Of several who add the same at once, one does.
func TestInstrumentsAreAddedOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const askers = 8
		var group sync.WaitGroup
		errs := make([]error, askers)
		for n := range askers {
			group.Go(func() {
				i := facebook()
				i.ID = market.InstrumentID(fmt.Sprint("i", n))
				if n%2 == 1 {
					i.Symbol = fmt.Sprint("FB", n) // the same by its ISIN
				}
				errs[n] = b.CreateInstrument(t.Context(), i, entry("admin", audit.InstrumentCreated))
			})
		}
		group.Wait()
		added := 0
		for _, err := range errs {
			if err == nil {
				added++
			} else if !fault.Is(err, fault.Conflict) {
				t.Error(err)
			}
		}
		if found, err := b.InstrumentByISIN(t.Context(), "US30303M1027"); err != nil || len(found) != 1 || added != 1 {
			t.Errorf("%d added, %d there, %v", added, len(found), err)
		}
	})
}

func TestListings(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		a, c := facebook(), facebook()
		c.ID, c.MIC, c.Currency, c.Symbol = "fb2a", "XETR", "EUR", "FB2A"
		b.ok(b.PutInstruments(t.Context(), []market.Instrument{a, c, {ID: "fx", Symbol: "FB", Class: market.FX}}))
		for _, q := range []struct {
			symbols, isins []string
			want           int
		}{{[]string{"FB"}, nil, 1}, {[]string{"FB", "FB2A", "X"}, []string{"US30303M1027"}, 2}, {nil, []string{"US30303M1027", ""}, 2}, {nil, nil, 0}, {nil, []string{""}, 0}} {
			if found, err := b.Listings(t.Context(), q.symbols, q.isins); err != nil || len(found) != q.want {
				t.Errorf("%v %v: %v, %v", q.symbols, q.isins, found, err)
			}
		}
	})
}
