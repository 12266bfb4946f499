package sqlstore

import (
	"fmt"
	"testing"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/audit"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// incidents are what happened to somebody, as rules see it.
func (b *bench) incidents(owner ledger.OwnerID, since time.Time) []alert.Incident {
	b.t.Helper()
	all, err := b.Incidents(b.t.Context(), owner, since)
	b.ok(err)
	return all
}

func TestIncidentsComeWithWhatHappens(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		b.user("bert")
		for i := range 2 {
			session := identity.Session{Owner: "anna", Hash: identity.TokenHash{byte(i + 1)}, CreatedAt: testStart, SeenAt: testStart, SteppedAt: testStart}
			device := identity.Device{Hash: identity.TokenHash{byte(i + 11)}}
			b.ok(b.OpenSession(t.Context(), session, nil, &device, entry("anna", audit.SignIn)))
		}
		refused := entry("anna", audit.CodeRefused)
		refused.Audit.Owner = "anna"
		refused.Incident = audit.IncidentCodesRefused
		b.ok(b.RecordRefusal(t.Context(), refused))
		refused = entry("anna", audit.ActivitiesImported)
		refused.Audit.Owner = "anna"
		refused.Incident = audit.IncidentImportRefused
		b.ok(b.RecordRefusal(t.Context(), refused))
		b.reopen()
		kinds := map[alert.Kind]int{}
		for _, one := range b.incidents("anna", time.Unix(0, 0)) {
			if one.ID == "" || one.Says == "" || one.At.IsZero() {
				t.Errorf("%+v", one)
			}
			kinds[one.Kind]++
		}
		if kinds[alert.SignIn] != 2 || kinds[alert.ImportFailed] != 1 || len(kinds) != 2 {
			t.Errorf("%v: the first browser surprises nobody, the second does", kinds)
		}
		if all := b.incidents("bert", time.Unix(0, 0)); len(all) != 0 {
			t.Errorf("somebody else's: %+v", all)
		}
		if all := b.incidents("anna", time.Now().Add(time.Hour)); len(all) != 0 {
			t.Errorf("of the future: %+v", all)
		}
	})
}

func TestOnlyTheLatestIncidentsAreKept(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		for i := range incidentsMax + 5 {
			refused := entry("anna", audit.ActivitiesImported)
			refused.Audit.Owner, refused.Audit.Object, refused.Incident = "anna", fmt.Sprint(i), audit.IncidentImportRefused
			b.ok(b.RecordRefusal(t.Context(), refused))
		}
		if n := len(b.incidents("anna", time.Unix(0, 0))); n != incidentsMax {
			t.Errorf("%d are kept", n)
		}
	})
}
