//go:build unix

package app

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"folioscope/internal/health"
	"folioscope/internal/identity"
	"folioscope/internal/sqlstore"
)

// What operators have to hear of goes to administrators by their own channels, once when it is so and once when it is over, however often
// it was looked at between.
func TestOperatorsAreToldByTheirChannels(t *testing.T) {
	t.Parallel()
	hook, others := newReceiver(t, always(http.StatusNoContent)), newReceiver(t, always(http.StatusNoContent))
	settings := settingsIn(t.TempDir())
	settings.Outbound.Messages = []string{hook.hostPort(), others.hostPort()}
	settings.Identity.RequireSecondFactor = nil
	newPlace(t, settings)
	const operator = "operator@example.test"
	beside(t, settings, func(people *identity.Service) error {
		_, err := people.CreateUser(t.Context(), identity.NewUser{Email: operator, Name: "Operator", Role: identity.RoleAdmin, Password: personPassword})
		return err
	})
	url, stop := serve(t, settings)
	me, other := signInAs(t, url, operator), signIn(t, url)
	me.stepUp()
	other.stepUp()
	me.must("POST", "/api/v1/channels", map[string]string{"kind": "webhook", "name": "mine", "url": hook.URL + "/hook"}, nil)
	other.must("POST", "/api/v1/channels", map[string]string{"kind": "webhook", "name": "mine", "url": others.URL + "/hook"}, nil)
	stop()

	settings.Health.BackupFile = filepath.Join(t.TempDir(), "made")
	begin := time.Now().Add(-time.Hour)
	now := begin
	o := quiet(nil)
	o.Now = func() time.Time { return now }
	if err := withStore(t.Context(), settings, o, func(store *sqlstore.Store) error {
		watch := health.NewWatch(health.WatchOptions{Store: store, Node: "node-a", Own: []health.Look{backupLook(settings.Health, o)}, Now: o.Now, Log: o.Log})
		for minute := range 40 {
			now = begin.Add(time.Duration(minute) * time.Minute)
			if minute == 20 {
				if err := os.WriteFile(settings.Health.BackupFile, nil, 0o600); err != nil {
					return err
				}
			}
			if err := watch.Step(t.Context()); err != nil {
				return err
			}
		}
		return store.DeleteReport(t.Context(), "node-a")
	}); err != nil {
		t.Fatal(err)
	}

	url, _ = serve(t, settings)
	var got inbox
	waitFor(t, func() string { return fmt.Sprintf("two messages to be sent: %+v", got) }, func() bool {
		sent := 0
		me.at(url).must("GET", "/api/v1/notifications", nil, &got)
		for _, item := range got.Items {
			for _, d := range item.Deliveries {
				if d.State == "sent" {
					sent++
				}
			}
		}
		return sent >= 2
	})
	if ids := hook.ids(); len(got.Items) != 2 || len(ids) != 2 || len(others.ids()) != 0 {
		t.Fatalf("%d and %d messages of %+v", len(ids), len(others.ids()), got)
	}
	if first := got.Items[1].Title; first != "No backup was made yet." {
		t.Errorf("told %q", first)
	}
}
