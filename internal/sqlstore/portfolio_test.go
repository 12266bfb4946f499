package sqlstore

import (
	"fmt"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// However many are asked for at once, a person gets as many portfolios as are allowed and no more; others are not counted.
func TestPortfoliosAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		b.user("ben")
		create := func(owner ledger.OwnerID, n int) error {
			p := ledger.Portfolio{ID: ledger.PortfolioID(fmt.Sprint("p", n)), Owner: owner, Name: "Some", BaseCurrency: "EUR", LotMethod: ledger.FIFO, CreatedAt: testStart}
			return b.CreatePortfolio(t.Context(), p, entry(owner, audit.PortfolioCreated))
		}
		const before = ledger.PortfoliosMax - 2
		for n := range before {
			b.ok(create("anna", n))
		}
		errs := make(chan error, 40)
		for n := range cap(errs) {
			go func() { errs <- create("anna", before+n) }()
		}
		refused := 0
		for range cap(errs) {
			if err := <-errs; err != nil {
				b.kind(err, fault.TooLarge)
				refused++
			}
		}
		all, err := b.Portfolios(t.Context(), "anna")
		b.ok(err)
		if len(all) != ledger.PortfoliosMax || refused != cap(errs)-2 {
			t.Errorf("%d portfolios, %d refused", len(all), refused)
		}
		b.ok(create("ben", 0))
	})
}

func TestPortfoliosAndAccounts(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		first := ledger.Portfolio{ID: "z", Owner: "anna", Name: "First", BaseCurrency: "CHF", LotMethod: ledger.HIFO, LotScope: ledger.ScopePortfolio, AllowShort: true, CreatedAt: testStart}
		second := ledger.Portfolio{ID: "a", Owner: "anna", Name: "Second", BaseCurrency: "EUR", LotMethod: ledger.FIFO, LotScope: ledger.ScopeAccount, CreatedAt: testStart.Add(time.Second)}
		b.ok(b.CreatePortfolio(t.Context(), first, entry("anna", audit.PortfolioCreated)))
		b.ok(b.CreatePortfolio(t.Context(), second, entry("anna", audit.PortfolioCreated)))
		b.kind(b.CreatePortfolio(t.Context(), first, entry("anna", audit.PortfolioCreated)), fault.Conflict)
		b.reopen()
		all, err := b.Portfolios(t.Context(), "anna")
		b.ok(err)
		if len(all) != 2 || all[0] != first || all[1] != second {
			t.Errorf("portfolios %+v", all)
		}
		change := ledger.Portfolio{ID: "z", Owner: "anna", Name: "New name", BaseCurrency: "USD", LotMethod: ledger.FIFO, Closed: true}
		sequence, err := b.UpdatePortfolio(t.Context(), change, entry("anna", audit.PortfolioChanged))
		b.ok(err)
		_, err = b.UpdatePortfolio(t.Context(), change, entry("anna", audit.PortfolioChanged))
		b.kind(err, fault.Stale)
		want := first
		want.Name, want.LotMethod, want.LotScope, want.AllowShort, want.Closed, want.Sequence = "New name", ledger.FIFO, ledger.ScopeAccount, false, true, 1
		if got, err := b.Portfolio(t.Context(), "anna", "z"); err != nil || got != want || sequence != 1 {
			t.Errorf("updated to %d %+v, %v", sequence, got, err)
		}

		sequence, err = b.CreateAccount(t.Context(), "anna", "z", ledger.Account{ID: "c2", Name: "Depot", Currency: "USD"}, entry("anna", audit.AccountCreated))
		if err != nil || sequence != 2 {
			t.Errorf("account: %d, %v", sequence, err)
		}
		_, err = b.CreateAccount(t.Context(), "anna", "z", ledger.Account{ID: "c1", Name: "Cash", Currency: "CHF"}, entry("anna", audit.AccountCreated))
		b.ok(err)
		_, err = b.CreateAccount(t.Context(), "anna", "z", ledger.Account{ID: "c1", Name: "Again", Currency: "CHF"}, entry("anna", audit.AccountCreated))
		b.kind(err, fault.Conflict)
		_, err = b.CreateAccount(t.Context(), "anna", "z", ledger.Account{ID: "c3", Name: "Cash", Currency: "CHF"}, entry("anna", audit.AccountCreated))
		b.kind(err, fault.Invalid)
		_, err = b.UpdateAccount(t.Context(), "anna", "z", ledger.Account{ID: "c2", Name: "Cash"}, entry("anna", audit.AccountChanged))
		b.kind(err, fault.Invalid)
		sequence, err = b.UpdateAccount(t.Context(), "anna", "z", ledger.Account{ID: "c2", Name: "Renamed", Currency: "JPY", Closed: true}, entry("anna", audit.AccountChanged))
		if err != nil || sequence != 4 {
			t.Errorf("update account: %d, %v", sequence, err)
		}
		_, err = b.UpdateAccount(t.Context(), "anna", "z", ledger.Account{ID: "none"}, entry("anna", audit.AccountChanged))
		b.kind(err, fault.NotFound)
		book, err := b.Book(t.Context(), "anna", "z")
		b.ok(err)
		if len(book.Accounts) != 2 || book.Accounts[0] != (ledger.Account{ID: "c2", Name: "Renamed", Currency: "USD", Closed: true}) || book.Accounts[1].ID != "c1" || book.Portfolio.Sequence != 4 {
			t.Errorf("book %+v", book)
		}
		if sequence, data, err := b.Snapshot(t.Context(), "anna", "z"); sequence != 0 || data != nil || err != nil {
			t.Errorf("a snapshot before the first: %d %q %v", sequence, data, err)
		}
		if got := b.holders(market.RateID("CHF")); got != 1 {
			t.Errorf("%d want CHF, wanted by one portfolio for two reasons", got)
		}
		found, err := b.Sequences(t.Context(), []PortfolioKey{{"anna", "z"}, {"anna", "a"}, {"anna", "none"}, {"berta", "z"}})
		if err != nil || len(found) != 2 || found[PortfolioKey{"anna", "z"}] != 4 || found[PortfolioKey{"anna", "a"}] != 0 {
			t.Errorf("sequences %v, %v", found, err)
		}
	})
}

// TestAnotherOwnersDataIsNotThere goes through every method that takes an owner, with somebody else's ids.
func TestAnotherOwnersDataIsNotThere(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.user("anna")
		b.user("eve")
		b.portfolio("anna", "p1")
		b.portfolio("eve", "p2")
		b.instruments("aapl")
		hash := identity.TokenHash{1}
		b.ok(b.CreateSession(ctx, identity.Session{Owner: "anna", Hash: hash, CreatedAt: testStart, SeenAt: testStart}, entry("anna", audit.SignIn)))
		_, err := b.Append(ctx, "anna", "p1", 1, Change{Added: []ledger.Activity{buy("a1", "2024-05-02", "aapl")}, Snapshot: []byte("x")}, once("anna", audit.ActivitiesAdded, "k", "b", "answer"))
		b.ok(err)
		w := entry("eve", audit.ActivitiesAdded)
		account := ledger.Account{ID: "acc-p1", Name: "Eve's", Currency: "EUR"}
		stolen := Change{Added: []ledger.Activity{buy("e1", "2024-05-02", "aapl")}}

		attempts := map[string]func() error{
			"Portfolio": func() error { _, err := b.Portfolio(ctx, "eve", "p1"); return err },
			"UpdatePortfolio": func() error {
				_, err := b.UpdatePortfolio(ctx, ledger.Portfolio{ID: "p1", Owner: "eve"}, w)
				return err
			},
			"CreateAccount": func() error {
				_, err := b.CreateAccount(ctx, "eve", "p1", ledger.Account{ID: "new", Currency: "EUR"}, w)
				return err
			},
			"UpdateAccount":            func() error { _, err := b.UpdateAccount(ctx, "eve", "p1", account, w); return err },
			"UpdateAccount in her own": func() error { _, err := b.UpdateAccount(ctx, "eve", "p2", account, w); return err },
			"Append":                   func() error { _, err := b.Append(ctx, "eve", "p1", 2, stolen, w); return err },
			"Append, another's void": func() error {
				_, err := b.Append(ctx, "eve", "p2", 1, Change{Voided: []ledger.ActivityID{"a1"}}, w)
				return err
			},
			"Append, another's correct": func() error {
				_, err := b.Append(ctx, "eve", "p2", 1, Change{Corrected: []ledger.Activity{buy("a1", "2024-05-02", "aapl")}}, w)
				return err
			},
			"Book":          func() error { _, err := b.Book(ctx, "eve", "p1"); return err },
			"Activities":    func() error { _, err := b.Activities(ctx, "eve", "p1"); return err },
			"History":       func() error { _, err := b.History(ctx, "eve", "p1", "a1"); return err },
			"Snapshot":      func() error { _, _, err := b.Snapshot(ctx, "eve", "p1"); return err },
			"Session":       func() error { _, err := b.Session(ctx, "eve", hash); return err },
			"DeleteSession": func() error { return b.DeleteSession(ctx, "eve", hash, w) },
			"nobody's Book": func() error { _, err := b.Book(ctx, "nobody", "p1"); return err },
			"nobody's User": func() error { _, err := b.User(ctx, "nobody"); return err },
		}
		for name, attempt := range attempts {
			if err := attempt(); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, _, err = b.SessionAndSequence(ctx, "eve", hash, "p1")
		b.kind(err, fault.Unauthenticated)
		b.ok(b.CreateSession(ctx, identity.Session{Owner: "eve", Hash: hash, CreatedAt: testStart, SeenAt: testStart}, entry("eve", audit.SignIn)))
		_, _, err = b.SessionAndSequence(ctx, "eve", hash, "p1")
		b.kind(err, fault.NotFound)
		b.ok(b.TouchSession(ctx, "eve", hash, testStart.Add(time.Hour)))
		if s, err := b.Session(ctx, "anna", hash); err != nil || !s.SeenAt.Equal(testStart) {
			t.Errorf("eve touched anna's session: %+v, %v", s, err)
		}
		if all, err := b.Portfolios(ctx, "eve"); err != nil || len(all) != 1 || all[0].ID != "p2" {
			t.Errorf("eve's portfolios %+v, %v", all, err)
		}
		if stored, err := b.Answer(ctx, "eve", "k"); stored != nil || err != nil {
			t.Errorf("eve got anna's answer: %v, %v", stored, err)
		}
		if found, err := b.Sequences(ctx, []PortfolioKey{{"eve", "p1"}}); err != nil || len(found) != 0 {
			t.Errorf("eve sees sequences %v, %v", found, err)
		}
		if rows, err := b.Audits(ctx, "eve", 0, 100); err != nil || len(rows) != 4 {
			t.Errorf("eve's audit rows %+v, %v", rows, err)
		}
		book, err := b.Book(ctx, "anna", "p1")
		b.ok(err)
		if book.Portfolio.Sequence != 2 || len(book.Activities) != 1 || book.Accounts[0].Name != "Depot" {
			t.Errorf("anna's book changed: %+v", book)
		}
	})
}

func TestSwappedRowsDoNotOpen(t *testing.T) {
	for _, c := range []struct{ what, tamper, read string }{
		{"nothing", `UPDATE activities SET body = body`, ""},
		{"an activity of another row", `UPDATE activities SET body = (SELECT body FROM activities WHERE owner = 'anna' AND id = 'a2' AND version = 1) WHERE owner = 'anna' AND id = 'a1'`, "book"},
		{"an activity of another owner", `UPDATE activities SET body = (SELECT body FROM activities WHERE owner = 'eve' AND id = 'a1') WHERE owner = 'anna' AND id = 'a1'`, "book"},
		{"an activity's void undone", `UPDATE activities SET voided = (version < 0) WHERE owner = 'anna' AND id = 'a2'`, "book"},
		{"an activity moved", `UPDATE activities SET position = 7 WHERE owner = 'anna' AND id = 'a1'`, "book"},
		{"an activity's version gone", `DELETE FROM activities WHERE owner = 'anna' AND id = 'a3' AND version = 2`, "book"},
		{"a portfolio of another owner", `UPDATE portfolios SET body = (SELECT body FROM portfolios WHERE owner = 'eve') WHERE owner = 'anna'`, "portfolio"},
		{"another column", `UPDATE portfolios SET body = interest WHERE owner = 'anna'`, "portfolio"},
		{"an account of another owner", `UPDATE accounts SET body = (SELECT body FROM accounts WHERE owner = 'eve') WHERE owner = 'anna'`, "book"},
		{"a snapshot of another sequence", `UPDATE snapshots SET sequence = sequence + 1 WHERE owner = 'anna'`, "snapshot"},
		{"a snapshot of another owner", `UPDATE snapshots SET body = (SELECT body FROM snapshots WHERE owner = 'eve') WHERE owner = 'anna'`, "snapshot"},
		{"a profile of another user", `UPDATE users SET profile = (SELECT profile FROM users WHERE owner = 'eve') WHERE owner = 'anna'`, "user"},
		{"a password of another user", `UPDATE users SET password = (SELECT password FROM users WHERE owner = 'eve') WHERE owner = 'anna'`, "user"},
		{"a password out of another column", `UPDATE users SET password = profile WHERE owner = 'anna'`, "user"},
	} {
		t.Run(c.what, func(t *testing.T) {
			onEach(t, func(t *testing.T, b *bench) {
				b.instruments("aapl")
				for owner, id := range map[ledger.OwnerID]ledger.PortfolioID{"anna": "p1", "eve": "p2"} {
					b.user(owner)
					b.portfolio(owner, id)
					b.appended(owner, id, Change{Added: []ledger.Activity{buy("a1", "2024-05-02", "aapl"), buy("a2", "2024-05-02", "aapl"), buy("a3", "2024-05-02", "aapl")}, Snapshot: []byte("s")})
				}
				b.appended("anna", "p1", Change{Voided: []ledger.ActivityID{"a2"}})
				b.appended("anna", "p1", Change{Corrected: []ledger.Activity{buy("a3", "2024-05-03", "aapl")}})
				b.appended("anna", "p1", Change{Corrected: []ledger.Activity{buy("a3", "2024-05-04", "aapl")}})
				_, err := b.db.exec(t.Context(), c.tamper)
				b.ok(err)
				for name, read := range map[string]func() error{
					"book":      func() error { _, err := b.Book(t.Context(), "anna", "p1"); return err },
					"portfolio": func() error { _, err := b.Portfolio(t.Context(), "anna", "p1"); return err },
					"snapshot":  func() error { _, _, err := b.Snapshot(t.Context(), "anna", "p1"); return err },
					"user":      func() error { _, err := b.User(t.Context(), "anna"); return err },
				} {
					if err := read(); name == c.read && fault.KindOf(err) != fault.Internal || c.read == "" && err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			})
		})
	}
}

func TestKeysOfUsersDoNotSwap(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		b.user("eve")
		_, err := b.db.exec(t.Context(), `UPDATE user_keys SET wrapped = (SELECT wrapped FROM user_keys WHERE owner = 'eve') WHERE owner = 'anna'`)
		b.ok(err)
		b.reopen()
		_, err = b.User(t.Context(), "anna")
		b.kind(err, fault.Internal)
		_, err = b.User(t.Context(), "eve")
		b.ok(err)
	})
}

// A snapshot has the costs of a lot method and a scope: it is gone with them, and stays when only something else is changed.
func TestOtherLotsDropTheSnapshot(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		p := b.portfolio("anna", "p1")
		b.instruments("aapl")
		for i, c := range []struct {
			change func()
			kept   bool
		}{
			{func() { p.Name = "Other" }, true},
			{func() { p.LotScope = "" }, true}, // the same as by account
			{func() { p.LotMethod = ledger.Specific }, false},
			{func() { p.LotScope = ledger.ScopePortfolio }, false},
			{func() { p.AllowShort = true }, true},
			{func() { p.LotScope = ledger.ScopeAccount }, false},
		} {
			p.Sequence = b.appended("anna", "p1", Change{Added: []ledger.Activity{buy(ledger.ActivityID(fmt.Sprintf("a%d", i)), "2024-05-02", "aapl")}, Snapshot: []byte("positions")})
			c.change()
			sequence, err := b.UpdatePortfolio(t.Context(), p, entry("anna", audit.PortfolioChanged))
			b.ok(err)
			at, data, err := b.Snapshot(t.Context(), "anna", "p1")
			b.ok(err)
			if kept := data != nil; kept != c.kept || kept && at != sequence-1 {
				t.Errorf("change %d: snapshot %q of %d", i, data, at)
			}
		}
	})
}
