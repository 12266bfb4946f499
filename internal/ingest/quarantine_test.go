package ingest

import (
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/provider"
)

// waiting is the one price that waits.
func (w *world) waiting(t *testing.T) Held {
	t.Helper()
	all, err := w.HeldPrices(t.Context(), true, 0, 10)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d prices wait, %v", len(all), err)
	}
	return all[0]
}

func TestAnAdministratorDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := (&source{name: "first"}).says("100")
		w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first)
		w.step(t)
		first.says("10000") // no poll ever confirms an error of unit by itself
		w.step(t)
		held := w.waiting(t)
		if held.Price.String() != "10000" || held.LastPrice.String() != "100" || held.Source != "first" || held.Instrument != "A" {
			t.Errorf("%+v", held)
		}
		if _, err := w.RefuseHeld(t.Context(), 4711, audit.Write{}); !fault.Is(err, fault.NotFound) {
			t.Errorf("an unknown number: %v", err)
		}
		refused, err := w.RefuseHeld(t.Context(), held.ID, audit.Write{})
		if m := w.store.mark(t, "A"); err != nil || refused.State != HeldRefused || m.HeldBack != nil || m.Price.String() != "100" {
			t.Fatalf("%v, %+v, %+v", err, refused, m)
		}
		if _, err := w.AcceptHeld(t.Context(), held.ID, audit.Write{}); !fault.Is(err, fault.Conflict) {
			t.Errorf("decided twice: %v", err)
		}
		for range 3 { // the same mistake stays refused
			if m := w.step(t); m.HeldBack != nil || m.Price.String() != "100" {
				t.Errorf("%+v", m)
			}
		}
		other := w.node(t, w.Chains)
		time.Sleep(slot)
		if err := other.Poll(t.Context(), ChainStock); err != nil {
			t.Fatal(err)
		}
		if m := w.store.mark(t, "A"); m.HeldBack != nil {
			t.Errorf("another node doesn't know of it: %+v", m)
		}
		time.Sleep(refusedStands)
		if m := w.step(t); m.HeldBack == nil {
			t.Errorf("a day later it is shown again: %+v", m)
		}
		hints := len(w.hints.all)
		accepted, err := w.AcceptHeld(t.Context(), w.waiting(t).ID, audit.Write{})
		if m := w.store.mark(t, "A"); err != nil || accepted.State != HeldAccepted || m.HeldBack != nil || m.Price.String() != "10000" || m.Source != "first" || m.Fallback || len(w.hints.all) != hints+1 {
			t.Fatalf("%v, %+v, %+v", err, accepted, m)
		}
		if m := w.step(t); m.Price.String() != "10000" || m.HeldBack != nil {
			t.Errorf("and is the measure from then on: %+v", m)
		}
	})
}

func TestADecisionThatCameTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := (&source{name: "first"}).says("100")
		w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first)
		w.step(t)
		first.says("1000")
		w.step(t)
		id := w.waiting(t).ID
		first.says("101")
		w.step(t)
		if _, err := w.AcceptHeld(t.Context(), id, audit.Write{}); !fault.Is(err, fault.Conflict) {
			t.Errorf("a newer price is in use: %v", err)
		}
		all, err := w.HeldPrices(t.Context(), false, 0, 10)
		if err != nil || len(all) != 1 || all[0].State != HeldEnded || all[0].Confirmed() || all[0].DecidedPrice.String() != "101" {
			t.Errorf("%+v, %v", all, err)
		}
		first.says("1000")
		w.step(t)
		first.says("1001")
		w.step(t)
		if all, _ := w.HeldPrices(t.Context(), false, 0, 10); len(all) != 2 || !all[0].Confirmed() {
			t.Errorf("%+v", all)
		}
	})
}

// A second source says what the first was refused for: it is held back too, and what two sources say is believed in the end.
func TestARefusalIsOfOneSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := (&source{name: "first"}).says("100"), (&source{name: "second"}).down(provider.Transient, 0)
		w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first, second)
		w.step(t)
		first.says("1000")
		w.step(t)
		if _, err := w.RefuseHeld(t.Context(), w.waiting(t).ID, audit.Write{}); err != nil {
			t.Fatal(err)
		}
		second.says("1001")
		if m := w.step(t); m.HeldBack == nil || m.HeldBack.Source != "second" || m.Price.String() != "100" {
			t.Errorf("%+v", m)
		}
		if m := w.step(t); m.HeldBack != nil || m.Price.String() != "1000" || m.Source != "first" {
			t.Errorf("%+v", m)
		}
	})
}
