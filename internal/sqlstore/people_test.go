package sqlstore

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

func (b *bench) administrator(id ledger.OwnerID) identity.User {
	b.t.Helper()
	u := identity.User{ID: id, Email: string(id) + "@example.test", Name: "Name of " + string(id), Role: identity.RoleAdmin, Status: identity.Active, CreatedAt: testStart}
	b.ok(b.CreateUser(b.t.Context(), u, entry("", audit.UserCreated)))
	return u
}

func (b *bench) count(text string, args ...any) (n int) {
	b.t.Helper()
	b.ok(b.db.one(b.t.Context(), text, args, &n))
	return n
}

var deletes = regexp.MustCompile(`^DELETE FROM (\w+) WHERE `)

// A table that is added has to be thought of where somebody is erased.
func TestErasingReachesEveryPersonalTable(t *testing.T) {
	reached := []string{"audit_heads", "audit_rows", "audit_leaves"} // these stay; the last is what a migration called the second
	for _, statement := range append(erasures[:], sqlEraseEmail, sqlErasePortfolios, sqlEraseUser) {
		found := deletes.FindStringSubmatch(statement)
		if found == nil {
			t.Fatalf("no erasure: %s", statement)
		}
		reached = append(reached, found[1])
	}
	for _, table := range append(personalTables(t), directoryTables...) {
		if !slices.Contains(reached, table) {
			t.Errorf("what %s holds of somebody stays when they are erased", table)
		}
	}
}

// Somebody with a row in every personal table is erased: nothing of theirs is left but audit rows whose details nobody opens, the tree
// is whole, what they held isn't counted, and what is others' is as it was.
func TestErasedUserIsNowhere(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		a := b.audited()
		b.plant()
		b.appended("u1", "p1", Change{Interest: map[market.InstrumentID]int{"aapl": 1}, Added: []ledger.Activity{buy("a9", "2026-02-02", "aapl")}})
		b.portfolio("u2", "p2")
		b.appended("u2", "p2", Change{Interest: map[market.InstrumentID]int{"aapl": 1}, Added: []ledger.Activity{buy("b9", "2026-02-02", "aapl")}})
		const detail = "198.51.100.77"
		b.ok(b.RecordAudit(ctx, audit.Entry{Actor: "u1", Owner: "u1", Action: audit.SignIn, Result: "ok", Detail: detail}))
		b.ok(b.RecordAudit(ctx, audit.Entry{Actor: "u2", Owner: "u2", Action: audit.SignIn, Result: "ok", Detail: detail}))
		a.minute()
		stored := slices.DeleteFunc(append(personalTables(t), directoryTables...), func(table string) bool { return table == "audit_leaves" })
		var wrapped []byte
		b.ok(b.db.one(ctx, `SELECT wrapped FROM user_keys WHERE owner = 'u1'`, nil, &wrapped))
		held := b.count(`SELECT holders FROM instrument_interest WHERE instrument = 'aapl'`)
		filled := 0
		for _, table := range stored {
			filled += min(b.count(`SELECT COUNT(*) FROM `+table+` WHERE owner = 'u1'`), 1)
		}
		if filled < 15 {
			t.Errorf("only %d tables hold anything of theirs: little is shown", filled)
		}

		b.ok(b.EraseUser(ctx, "u1", audit.Write{Audit: audit.Entry{Actor: "u2", Action: audit.UserErased, Object: "u1", Result: "ok", Detail: detail}}))
		for range 2 { // at once, and when nothing is left in memory
			_, err := b.User(ctx, "u1")
			b.kind(err, fault.NotFound)
			_, err = b.UserByEmail(ctx, planted[0])
			b.kind(err, fault.NotFound)
			_, err = b.Sessions(ctx, "u1")
			b.kind(err, fault.NotFound)
			rows, err := b.AuditsBefore(ctx, "u1", 1<<40, 1000)
			b.ok(err)
			if len(rows) < 10 || rows[0].Action != audit.UserErased {
				t.Errorf("%d audit rows of theirs", len(rows))
			}
			for _, row := range rows {
				if row.Detail != "" {
					t.Errorf("a detail opens: %+v", row)
				}
			}
			if rows, err := b.AuditsBefore(ctx, "u2", 1<<40, 1); err != nil || rows[0].Detail != detail {
				t.Errorf("somebody else's: %+v, %v", rows, err)
			}
			b.reopen()
		}
		for _, table := range stored {
			if n := b.count(`SELECT COUNT(*) FROM ` + table + ` WHERE owner = 'u1'`); n > 0 && !strings.HasPrefix(table, "audit_") {
				t.Errorf("%d rows of theirs are left in %s", n, table)
			}
		}
		if b.options.URL != "" && bytes.Contains(b.rawTables(), fmt.Appendf(nil, "%x", wrapped)) {
			t.Error("their key is still there")
		}
		if now := b.count(`SELECT holders FROM instrument_interest WHERE instrument = 'aapl'`); now != held-2 { // by what they held, and by a rule
			t.Errorf("%d want what they held, %d before", now, held)
		}
		a.restarted()
		a.minute()
		if r := a.verified(); len(r.Findings) > 0 || r.Erased == 0 {
			t.Errorf("%+v", r)
		}
		again := identity.User{ID: "u9", Email: planted[0], Name: "Another", Role: identity.RoleUser, Status: identity.Active, CreatedAt: testStart}
		b.ok(b.CreateUser(ctx, again, entry("", audit.UserCreated)))
		b.kind(b.EraseUser(ctx, "u1", entry("", audit.UserErased)), fault.NotFound)
	})
}

// What comes back after it was erased, past the log, is found.
func TestRowsOfTheErasedAreFound(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		a := b.audited()
		a.lived()
		b.ok(b.EraseUser(t.Context(), "anna", entry("", audit.UserErased)))
		a.minute()
		if r := a.verified(); len(r.Findings) > 0 {
			t.Fatalf("%+v", r.Findings)
		}
		a.sql(`INSERT INTO portfolios (owner, id, sequence, entries, body, interest, created_at) SELECT 'anna', 'p1-anna', sequence, entries, body, interest, created_at FROM portfolios WHERE owner = 'berta'`)
		a.sql(`INSERT INTO users (owner, role, status, key_version, profile, password, created_at) SELECT 'anna', role, status, key_version, profile, password, created_at FROM users WHERE owner = 'berta'`)
		if r := a.verified(); !slices.Equal(kinds(r), []audit.Kind{audit.FoundUnaudited, audit.FoundUnaudited}) && !slices.Equal(kinds(r), []audit.Kind{audit.FoundUnaudited}) {
			t.Errorf("%+v", r.Findings)
		}
	})
}

// Whoever is suspended is nobody from then on; let in again they sign in anew.
func TestSuspending(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.user("anna")
		session := identity.Session{Owner: "anna", Hash: identity.TokenHash{1}, CreatedAt: testStart, SeenAt: testStart, SteppedAt: testStart}
		b.ok(b.CreateSession(ctx, session, entry("anna", audit.SignIn)))
		b.ok(b.CreateToken(ctx, identity.Token{Owner: "anna", Hash: identity.TokenHash{2}, Name: "x", Scopes: identity.ScopeRead, CreatedAt: testStart, ExpiresAt: testStart.AddDate(1, 0, 0)}, entry("anna", audit.TokenCreated)))
		for _, status := range []identity.Status{identity.Suspended, identity.Active} {
			u, err := b.ChangeUser(ctx, "anna", identity.ChangeUser{Status: status}, []Write{entry("root", audit.UserSuspended)})
			if err != nil || u.Status != status || u.Role != identity.RoleUser || u.Name != "Name of anna" {
				t.Errorf("%+v, %v", u, err)
			}
			_, err = b.Session(ctx, "anna", session.Hash)
			b.kind(err, fault.NotFound)
			_, err = b.TokenSession(ctx, "anna", identity.TokenHash{2})
			b.kind(err, fault.NotFound)
		}
		guest := identity.User{ID: "guest", Email: "guest@example.test", Role: identity.RoleUser, Status: identity.Invited, CreatedAt: testStart}
		b.ok(b.CreateInvitation(ctx, guest, identity.Invitation{User: "guest", Hash: identity.TokenHash{3}, ExpiresAt: testStart.AddDate(0, 0, 7)}, entry("root", audit.UserInvited)))
		_, err := b.ChangeUser(ctx, "guest", identity.ChangeUser{Status: identity.Suspended}, []Write{entry("root", audit.UserSuspended)})
		b.ok(err)
		_, err = b.AcceptInvitation(ctx, identity.TokenHash{3}, "", "$argon2id$x", testStart, entry("", audit.InvitationAccepted))
		b.kind(err, fault.NotFound)
		u, err := b.ChangeUser(ctx, "guest", identity.ChangeUser{Status: identity.Active}, []Write{entry("root", audit.UserActivated)})
		if err != nil || u.Status != identity.Invited {
			t.Errorf("who never accepted: %+v, %v", u, err)
		}
		if _, err = b.AcceptInvitation(ctx, identity.TokenHash{3}, "", "$argon2id$x", testStart, entry("", audit.InvitationAccepted)); err != nil {
			t.Errorf("and accepts now: %v", err)
		}
		_, err = b.ChangeUser(ctx, "nobody", identity.ChangeUser{Status: identity.Suspended}, []Write{entry("root", audit.UserSuspended)})
		b.kind(err, fault.NotFound)
	})
}

// Whatever is done at once, somebody is left who can look after the service.
func TestLastAdministratorStays(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.user("anna")
		ways := []func(ledger.OwnerID) error{
			func(id ledger.OwnerID) error {
				_, err := b.ChangeUser(ctx, id, identity.ChangeUser{Role: identity.RoleUser}, []Write{entry("", audit.RoleChanged)})
				return err
			},
			func(id ledger.OwnerID) error {
				_, err := b.ChangeUser(ctx, id, identity.ChangeUser{Status: identity.Suspended}, []Write{entry("", audit.UserSuspended)})
				return err
			},
			func(id ledger.OwnerID) error { return b.EraseUser(ctx, id, entry("", audit.UserErased)) },
		}
		for i, way := range ways {
			one, two := b.administrator(ledger.OwnerID(fmt.Sprint("one", i))), b.administrator(ledger.OwnerID(fmt.Sprint("two", i)))
			var group sync.WaitGroup
			errs := make([]error, 2)
			for j, id := range []ledger.OwnerID{one.ID, two.ID} {
				group.Go(func() { errs[j] = way(id) })
			}
			group.Wait()
			if fault.Is(errs[0], fault.Conflict) == fault.Is(errs[1], fault.Conflict) || (errs[0] == nil) == (errs[1] == nil) {
				t.Errorf("way %d: %v, %v: one of them had to be refused", i, errs[0], errs[1])
			}
			if b.count(sqlSweepAdministrators, "") != 1 {
				t.Fatalf("way %d: no administrator", i)
			}
			_, err := b.ChangeUser(ctx, "anna", identity.ChangeUser{Role: identity.RoleAdmin}, []Write{entry("", audit.RoleChanged)})
			b.ok(err) // now the others may go
			for _, id := range []ledger.OwnerID{one.ID, two.ID} {
				if err := b.EraseUser(ctx, id, entry("", audit.UserErased)); err != nil && !fault.Is(err, fault.NotFound) {
					t.Error(err)
				}
			}
			b.kind(ways[i]("anna"), fault.Conflict)
			b.administrator(ledger.OwnerID(fmt.Sprint("three", i)))
			_, err = b.ChangeUser(ctx, "anna", identity.ChangeUser{Role: identity.RoleUser}, []Write{entry("", audit.RoleChanged)})
			b.ok(err)
			b.ok(b.db.write(ctx, func(q queries) error {
				_, err := q.exec(ctx, `UPDATE users SET role = 'user' WHERE role = 'admin'`)
				return err
			}))
		}
	})
}

// What somebody appends while they are erased is there wholly before, or not at all.
func TestAppendsEndWithTheirOwner(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.user("anna")
		b.portfolio("anna", "p1")
		b.instruments("acme")
		var group sync.WaitGroup
		group.Go(func() {
			for i := range 20 {
				change := Change{Added: []ledger.Activity{buy(ledger.ActivityID(fmt.Sprint("a", i)), "2026-01-05", "acme")}, Interest: map[market.InstrumentID]int{"acme": 1}}
				if _, err := b.Append(ctx, "anna", "p1", int64(i+1), change, entry("anna", audit.ActivitiesAdded)); err != nil {
					if !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Stale) {
						t.Error(err)
					}
					return
				}
			}
		})
		b.ok(b.EraseUser(ctx, "anna", entry("", audit.UserErased)))
		group.Wait()
		for _, table := range []string{"portfolios", "accounts", "activities", "snapshots", "users", "user_keys"} {
			if n := b.count(`SELECT COUNT(*) FROM ` + table); n > 0 {
				t.Errorf("%d rows in %s", n, table)
			}
		}
		if n := b.count(`SELECT COUNT(*) FROM instrument_interest WHERE holders <> 0`); n > 0 {
			t.Errorf("%d instruments are counted as held", n)
		}
	})
}
