package demo

import (
	"testing"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/ledger"
)

// What people of the demo want to be told is what the service takes, and the first of them shows every kind.
func TestAlertsAreTaken(t *testing.T) {
	world, err := New(1, 3, time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	kinds, owners := make(map[alert.Kind]bool), make(map[ledger.OwnerID]bool)
	for _, r := range world.Alerts() {
		if err := r.Validate(); err != nil {
			t.Errorf("%s, %s: %v", r.ID, r.Condition.Kind, err)
		}
		if r.Condition.Kind == alert.Expressed {
			if _, err := alert.Compile(r.Condition.Expression); err != nil {
				t.Error(err)
			}
		}
		kinds[r.Condition.Kind], owners[r.Owner] = true, true
	}
	for _, kind := range alert.Kinds() {
		if !kinds[kind] {
			t.Errorf("nobody has a rule of the kind %s", kind)
		}
	}
	if len(owners) != 3 {
		t.Errorf("%d of 3 people want to be told of something", len(owners))
	}
}
