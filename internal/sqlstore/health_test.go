package sqlstore

import (
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/health"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/notify"
)

func TestReportsOfNodes(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		at := b.clock.Now()
		r := health.Report{Node: "a", At: at, Version: "v1", Roles: []string{"api"}, Checks: []health.Check{{Name: "disk", State: health.Warning, Says: "Little.", Fix: "Make room."}}}
		b.ok(b.PutReport(t.Context(), r))
		b.ok(b.PutReport(t.Context(), health.Report{Node: "", At: at}))
		r.At, r.Version = at.Add(time.Minute), "v2"
		b.ok(b.PutReport(t.Context(), r))
		b.reopen()
		all, err := b.Reports(t.Context())
		b.ok(err)
		if len(all) != 2 || render(all[1]) != render(r) {
			t.Errorf("%+v", all)
		}
		b.ok(b.DeleteReport(t.Context(), "a"))
		if all, err = b.Reports(t.Context()); err != nil || len(all) != 1 || all[0].Node != "" {
			t.Errorf("%+v, %v", all, err)
		}
	})
}

// One node has the watch. What another settles by an older right is refused whole: nobody is told twice.
func TestTroublesAreSettledByWhoWatches(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("root")
		b.user("anna")
		_, err := b.ChangeUser(t.Context(), "root", identity.ChangeUser{Role: identity.RoleAdmin}, []Write{entry("", audit.RoleChanged)})
		b.ok(err)
		now := b.clock.Now()
		claim := func(node string, at time.Time) (int64, bool) {
			t.Helper()
			fence, ok, err := b.ClaimWatch(t.Context(), node, at, at.Add(3*time.Minute), at.Add(time.Hour))
			b.ok(err)
			return fence, ok
		}
		first, ok := claim("a", now)
		if _, other := claim("b", now.Add(time.Minute)); !ok || other {
			t.Fatal("two watch")
		}
		second, ok := claim("b", now.Add(4*time.Minute))
		if !ok || second <= first {
			t.Fatal("nobody takes over")
		}
		trouble := health.Trouble{Node: "a", Name: "disk", State: health.Failing, Since: now, Says: "It is full.", Fix: "Make room.", Told: health.Failing}
		s := health.Settlement{Fence: first, At: now, Keep: []health.Trouble{trouble}, Tell: []health.Told{{Trouble: trouble, News: health.BadNews}}}
		b.kind(b.SettleTroubles(t.Context(), s), fault.Conflict)
		s.Fence = second
		b.ok(b.SettleTroubles(t.Context(), s))
		b.ok(b.SettleTroubles(t.Context(), s)) // the answer of the first try was lost
		inbox := func(owner ledger.OwnerID) []notify.Item {
			t.Helper()
			items, _, err := b.Notices(t.Context(), owner, notify.Place{}, 10)
			b.ok(err)
			return items
		}
		if got := inbox("anna"); len(got) != 0 {
			t.Errorf("somebody who looks after nothing was told: %+v", got)
		}
		if got := inbox("root"); len(got) != 1 || got[0].Kind != notify.NoticeOperator || got[0].Facts.Text != "It is full." || got[0].Facts.Subject != "disk on a" || got[0].Facts.Fix != "Make room." {
			t.Errorf("%+v", got)
		}
		quiet := now.Add(time.Hour)
		b.kind(b.QuietTrouble(t.Context(), "", "disk", quiet, entry("root", audit.TroubleQuieted)), fault.NotFound)
		b.ok(b.QuietTrouble(t.Context(), "a", "disk", quiet, entry("root", audit.TroubleQuieted)))
		s.Tell, s.Keep[0].Says = nil, "It is fuller."
		b.ok(b.SettleTroubles(t.Context(), s))
		b.reopen()
		kept, err := b.Troubles(t.Context())
		b.ok(err)
		trouble.Says, trouble.QuietUntil = "It is fuller.", quiet
		if len(kept) != 1 || render(kept[0]) != render(trouble) {
			t.Errorf("%+v", kept)
		}
		b.ok(b.SettleTroubles(t.Context(), health.Settlement{Fence: second, At: now, Drop: kept, Tell: []health.Told{{Trouble: trouble, News: health.AllClear}}}))
		if kept, err = b.Troubles(t.Context()); err != nil || len(kept) != 0 {
			t.Errorf("%+v, %v", kept, err)
		}
		if got := inbox("root"); len(got) != 2 || got[0].Facts.Fix != "" && got[1].Facts.Fix != "" {
			t.Errorf("%+v", got)
		}
	})
}
