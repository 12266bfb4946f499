package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/seal"
)

const (
	sqlNewPortfolio = `INSERT INTO portfolios (owner, id, sequence, entries, body, interest, created_at) VALUES `
	sqlHoldUser     = `UPDATE users SET role = role WHERE owner = $1` // who comes second waits until the first has committed
	sqlOwned        = `SELECT COUNT(*) FROM portfolios WHERE owner = $1`
	sqlPortfolios   = `SELECT id, sequence, body, created_at FROM portfolios WHERE owner = $1 ORDER BY created_at, id`
	sqlPortfolio    = `SELECT id, sequence, body, created_at FROM portfolios WHERE owner = $1 AND id = $2`
	sqlBump         = `UPDATE portfolios SET sequence = sequence + 1 WHERE owner = $1 AND id = $2 RETURNING sequence, entries, body`
	sqlSetPortfolio = `UPDATE portfolios SET body = $3 WHERE owner = $1 AND id = $2`
	sqlSequence     = `SELECT sequence FROM portfolios WHERE owner = $1 AND id = $2`

	sqlSweepOwnerOf = `SELECT owner FROM portfolios WHERE id = $1`

	sqlNewAccount = `INSERT INTO accounts (owner, portfolio, id, position, body) VALUES `
	sqlAccounts   = `SELECT id, body FROM accounts WHERE owner = $1 AND portfolio = $2 ORDER BY position, id`
	sqlAccount    = `SELECT body FROM accounts WHERE owner = $1 AND portfolio = $2 AND id = $3`
	sqlSetAccount = `UPDATE accounts SET body = $4 WHERE owner = $1 AND portfolio = $2 AND id = $3`

	sqlSnapshot = `SELECT p.sequence, COALESCE(s.sequence, -1), s.body FROM portfolios p
LEFT JOIN snapshots s ON s.owner = p.owner AND s.portfolio = p.id WHERE p.owner = $1 AND p.id = $2`
	sqlDropSnapshot      = `DELETE FROM snapshots WHERE owner = $1 AND portfolio = $2`
	sqlPutSnapshot       = `INSERT INTO snapshots (owner, portfolio, sequence, body) VALUES `
	sqlPutSnapshotSuffix = ` ON CONFLICT (owner, portfolio) DO UPDATE SET sequence = excluded.sequence, body = excluded.body`
)

const (
	portfolioColumns = 7
	accountColumns   = 5
	snapshotColumns  = 4
)

// The fields of a portfolio and of an account.
const (
	portfolioName      tag = 1
	portfolioCurrency  tag = 2
	portfolioLotMethod tag = 3
	portfolioShort     tag = 4
	portfolioClosed    tag = 5
	portfolioLotScope  tag = 6

	accountName     tag = 1
	accountCurrency tag = 2
	accountClosed   tag = 3
)

var (
	columnPortfolio = seal.Column{Table: "portfolios", Name: "body"}
	columnAccount   = seal.Column{Table: "accounts", Name: "body"}
	columnSnapshot  = seal.Column{Table: "snapshots", Name: "body"}
)

// errNoPortfolio is the same for a portfolio that isn't there and one that is another's.
func errNoPortfolio() error { return fault.New(fault.NotFound, "there is no such portfolio") }

func sealPortfolio(key *seal.Key, p ledger.Portfolio) []byte {
	var r record
	r.text(portfolioName, p.Name)
	r.text(portfolioCurrency, string(p.BaseCurrency))
	r.text(portfolioLotMethod, string(p.LotMethod))
	r.flag(portfolioShort, p.AllowShort)
	r.flag(portfolioClosed, p.Closed)
	if p.LotScope != ledger.ScopeAccount { // as all were once
		r.text(portfolioLotScope, string(p.LotScope))
	}
	return key.Seal(r, columnPortfolio, string(p.ID))
}

func openPortfolio(key *seal.Key, p *ledger.Portfolio, sealed []byte) error {
	plain, err := key.Open(sealed, columnPortfolio, string(p.ID))
	if err != nil {
		return err
	}
	p.LotScope = ledger.ScopeAccount
	return fields(plain, func(t tag, value []byte) error {
		switch t {
		case portfolioName:
			p.Name = string(value)
		case portfolioCurrency:
			p.BaseCurrency = money.Currency(value)
		case portfolioLotMethod:
			p.LotMethod = ledger.LotMethod(value)
		case portfolioShort:
			p.AllowShort = true
		case portfolioClosed:
			p.Closed = true
		case portfolioLotScope:
			p.LotScope = ledger.LotScope(value)
		default:
			return errUnknownField
		}
		return nil
	})
}

func sealAccount(key *seal.Key, portfolio ledger.PortfolioID, a ledger.Account) []byte {
	var r record
	r.text(accountName, a.Name)
	r.text(accountCurrency, string(a.Currency))
	r.flag(accountClosed, a.Closed)
	return key.Seal(r, columnAccount, string(portfolio), string(a.ID))
}

func openAccount(key *seal.Key, portfolio ledger.PortfolioID, a *ledger.Account, sealed []byte) error {
	plain, err := key.Open(sealed, columnAccount, string(portfolio), string(a.ID))
	if err != nil {
		return err
	}
	return fields(plain, func(t tag, value []byte) error {
		switch t {
		case accountName:
			a.Name = string(value)
		case accountCurrency:
			a.Currency = money.Currency(value)
		case accountClosed:
			a.Closed = true
		default:
			return errUnknownField
		}
		return nil
	})
}

func sealSnapshot(key *seal.Key, portfolio ledger.PortfolioID, sequence int64, data []byte) []byte {
	return key.Seal(data, columnSnapshot, string(portfolio), strconv.FormatInt(sequence, 10))
}

// portfolioFits refuses one portfolio too many. It has the owner's row afterwards, so that nobody comes between.
func portfolioFits(ctx context.Context, q queries, owner ledger.OwnerID) error {
	if _, err := q.exec(ctx, sqlHoldUser, string(owner)); err != nil {
		return err
	}
	var owned int
	if err := q.one(ctx, sqlOwned, []any{string(owner)}, &owned); err != nil {
		return err
	}
	if owned >= ledger.PortfoliosMax {
		return fault.New(fault.TooLarge, "One person has at most %d portfolios, closed ones included.", ledger.PortfoliosMax)
	}
	return nil
}

// CreatePortfolio adds a portfolio to its owner, with the sequence that it comes with. The rate of its base currency is wanted from now on.
// One more than ledger.PortfoliosMax gives fault.TooLarge.
func (s *Store) CreatePortfolio(ctx context.Context, p ledger.Portfolio, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		key, err := s.key(ctx, q, p.Owner)
		if err != nil {
			return err
		}
		if err := portfolioFits(ctx, q, p.Owner); err != nil {
			return err
		}
		wanted := make(interest)
		deltas := wanted.add(nil, []money.Currency{p.BaseCurrency})
		if err := insertRows(ctx, q, sqlNewPortfolio, portfolioColumns, "", []any{string(p.Owner), string(p.ID), p.Sequence, 0,
			sealPortfolio(key, p), sealInterest(key, p.ID, wanted), stamp(p.CreatedAt)}); err != nil {
			return s.taken(err, "there is a portfolio with this id already")
		}
		if err := countInterest(ctx, q, deltas); err != nil {
			return err
		}
		return s.record(ctx, q, p.Owner, marked(w, p.ID, p.Sequence, 0))
	})
	return s.explain("create portfolio", err)
}

// Portfolios gives an owner's portfolios in the order in which they were made.
func (s *Store) Portfolios(ctx context.Context, owner ledger.OwnerID) ([]ledger.Portfolio, error) {
	var found []ledger.Portfolio
	var sealed [][]byte
	err := s.db.each(ctx, sqlPortfolios, []any{string(owner)}, func(row scanner) error {
		p, body, err := scanPortfolio(owner, row)
		found, sealed = append(found, p), append(sealed, body)
		return err
	})
	if err == nil && len(found) > 0 {
		var key *seal.Key
		if key, err = s.key(ctx, s.db, owner); err == nil {
			for i := range found {
				if err = openPortfolio(key, &found[i], sealed[i]); err != nil {
					break
				}
			}
		}
	}
	if err != nil {
		return nil, s.explain("list portfolios", err)
	}
	return found, nil
}

func scanPortfolio(owner ledger.OwnerID, row scanner) (p ledger.Portfolio, body []byte, err error) {
	var id string
	var created int64
	err = row.Scan(&id, &p.Sequence, &body, &created)
	p.ID, p.Owner, p.CreatedAt = ledger.PortfolioID(id), owner, moment(created)
	return p, body, err
}

// Portfolio reads one portfolio; fault.NotFound where there is none, or where it is not this owner's.
func (s *Store) Portfolio(ctx context.Context, owner ledger.OwnerID, id ledger.PortfolioID) (ledger.Portfolio, error) {
	p, _, err := s.readPortfolio(ctx, s.db, owner, id)
	return p, s.explain("read portfolio", err)
}

// OwnerOf says whose a portfolio is. It is for operators at the machine itself, who name a portfolio by its id alone; no
// request of a user ever reaches it.
func (s *Store) OwnerOf(ctx context.Context, id ledger.PortfolioID) (owner ledger.OwnerID, err error) {
	ctx, cancel := bounded(ctx, operationWaitMax)
	defer cancel()
	var found []string
	err = s.db.each(ctx, sqlSweepOwnerOf, []any{string(id)}, func(row scanner) error {
		var one string
		err := row.Scan(&one)
		found = append(found, one)
		return err
	})
	switch {
	case err != nil:
		return "", s.explain("find the owner of a portfolio", err)
	case len(found) == 0:
		return "", fault.New(fault.NotFound, "there is no portfolio %q", id)
	case len(found) > 1:
		return "", fault.New(fault.Conflict, "several people have a portfolio %q", id)
	}
	return ledger.OwnerID(found[0]), nil
}

func (s *Store) readPortfolio(ctx context.Context, q queries, owner ledger.OwnerID, id ledger.PortfolioID) (ledger.Portfolio, *seal.Key, error) {
	var p ledger.Portfolio
	var body []byte
	err := q.each(ctx, sqlPortfolio, []any{string(owner), string(id)}, func(row scanner) (err error) {
		p, body, err = scanPortfolio(owner, row)
		return err
	})
	if err != nil {
		return p, nil, err
	}
	if body == nil {
		return p, nil, errNoPortfolio()
	}
	key, err := s.key(ctx, q, owner)
	if err != nil {
		return p, nil, err
	}
	return p, key, openPortfolio(key, &p, body)
}

// bump takes the portfolio's next sequence and, with it, the row: who comes second waits, then sees the change.
func (s *Store) bump(ctx context.Context, q queries, owner ledger.OwnerID, id ledger.PortfolioID) (sequence int64, body []byte, err error) {
	var entries int64
	err = q.one(ctx, sqlBump, []any{string(owner), string(id)}, &sequence, &entries, &body)
	if noRow(err) {
		err = errNoPortfolio()
	}
	return sequence, body, err
}

// UpdatePortfolio sets name, lot method and scope, whether shorts are allowed and whether it is closed; all else stays as it is. A portfolio
// that is at another sequence than the given one gives fault.Stale: what it was made from has changed.
func (s *Store) UpdatePortfolio(ctx context.Context, p ledger.Portfolio, w Write) (sequence int64, err error) {
	err = s.db.write(ctx, func(q queries) error {
		var body []byte
		if sequence, body, err = s.bump(ctx, q, p.Owner, p.ID); err != nil {
			return err
		}
		if sequence != p.Sequence+1 {
			return fault.New(fault.Stale, "the portfolio is at %d, not at %d: read it again", sequence-1, p.Sequence)
		}
		key, err := s.key(ctx, q, p.Owner)
		if err != nil {
			return err
		}
		stored := ledger.Portfolio{ID: p.ID, Owner: p.Owner}
		if err := openPortfolio(key, &stored, body); err != nil {
			return err
		}
		otherLots := stored.LotMethod != p.LotMethod || stored.LotScope != cmp.Or(p.LotScope, ledger.ScopeAccount)
		stored.Name, stored.LotMethod, stored.LotScope, stored.AllowShort, stored.Closed = p.Name, p.LotMethod, p.LotScope, p.AllowShort, p.Closed
		if otherLots { // what was kept of the positions has other costs
			if _, err := q.exec(ctx, sqlDropSnapshot, string(p.Owner), string(p.ID)); err != nil {
				return err
			}
		}
		if _, err := q.exec(ctx, sqlSetPortfolio, string(p.Owner), string(p.ID), sealPortfolio(key, stored)); err != nil {
			return err
		}
		return s.record(ctx, q, p.Owner, marked(w, p.ID, sequence, 0))
	})
	return sequence, s.explain("update portfolio", err)
}

// accountFits refuses an account whose name another of the portfolio has, since people name accounts in activities and files, and one
// account too many. Who calls it has the portfolio's row, so that nobody comes between.
func (s *Store) accountFits(ctx context.Context, q queries, key *seal.Key, owner ledger.OwnerID, portfolio ledger.PortfolioID, a ledger.Account) error {
	all, err := s.readAccounts(ctx, q, key, owner, portfolio)
	if err != nil {
		return err
	}
	others := 0
	for _, other := range all {
		if other.ID == a.ID {
			continue
		}
		if other.Name == a.Name {
			return fault.At("name", "Another account of this portfolio has this name.")
		}
		others++
	}
	if others >= ledger.AccountsMax {
		return fault.New(fault.TooLarge, "A portfolio has at most %d accounts.", ledger.AccountsMax)
	}
	return nil
}

// CreateAccount adds an account. The rate of its currency is wanted from now on. A name that another account of the portfolio has gives
// fault.Invalid.
func (s *Store) CreateAccount(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, a ledger.Account, w Write) (sequence int64, err error) {
	err = s.db.write(ctx, func(q queries) error {
		if sequence, _, err = s.bump(ctx, q, owner, portfolio); err != nil {
			return err
		}
		key, err := s.key(ctx, q, owner)
		if err != nil {
			return err
		}
		if err := s.accountFits(ctx, q, key, owner, portfolio, a); err != nil {
			return err
		}
		if err := insertRows(ctx, q, sqlNewAccount, accountColumns, "",
			[]any{string(owner), string(portfolio), string(a.ID), sequence, sealAccount(key, portfolio, a)}); err != nil {
			return s.taken(err, "there is an account with this id already")
		}
		if err := s.changeInterest(ctx, q, key, owner, portfolio, nil, []money.Currency{a.Currency}); err != nil {
			return err
		}
		return s.record(ctx, q, owner, marked(w, portfolio, sequence, 0))
	})
	return sequence, s.explain("create account", err)
}

// UpdateAccount sets an account's name, as in CreateAccount, and whether it is closed; its currency stays.
func (s *Store) UpdateAccount(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, a ledger.Account, w Write) (sequence int64, err error) {
	err = s.db.write(ctx, func(q queries) error {
		if sequence, _, err = s.bump(ctx, q, owner, portfolio); err != nil {
			return err
		}
		key, err := s.key(ctx, q, owner)
		if err != nil {
			return err
		}
		var body []byte
		if err := q.one(ctx, sqlAccount, []any{string(owner), string(portfolio), string(a.ID)}, &body); noRow(err) {
			return fault.New(fault.NotFound, "there is no such account")
		} else if err != nil {
			return err
		}
		stored := ledger.Account{ID: a.ID}
		if err := openAccount(key, portfolio, &stored, body); err != nil {
			return err
		}
		stored.Name, stored.Closed = a.Name, a.Closed
		if err := s.accountFits(ctx, q, key, owner, portfolio, stored); err != nil {
			return err
		}
		if _, err := q.exec(ctx, sqlSetAccount, string(owner), string(portfolio), string(a.ID), sealAccount(key, portfolio, stored)); err != nil {
			return err
		}
		return s.record(ctx, q, owner, marked(w, portfolio, sequence, 0))
	})
	return sequence, s.explain("update account", err)
}

func (s *Store) readAccounts(ctx context.Context, q queries, key *seal.Key, owner ledger.OwnerID, portfolio ledger.PortfolioID) ([]ledger.Account, error) {
	var accounts []ledger.Account
	err := q.each(ctx, sqlAccounts, []any{string(owner), string(portfolio)}, func(row scanner) error {
		var id string
		var body []byte
		if err := row.Scan(&id, &body); err != nil {
			return err
		}
		accounts = append(accounts, ledger.Account{ID: ledger.AccountID(id)})
		return openAccount(key, portfolio, &accounts[len(accounts)-1], body)
	})
	return accounts, err
}

// Snapshot gives what the last Append kept of a portfolio's positions and at which sequence that was: 0 and nil before the
// first, and after a change of lot method or scope. A portfolio that is not there or not this owner's gives fault.NotFound.
func (s *Store) Snapshot(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) (sequence int64, data []byte, err error) {
	var current int64
	var body []byte
	err = s.db.one(ctx, sqlSnapshot, []any{string(owner), string(portfolio)}, &current, &sequence, &body)
	if noRow(err) {
		return 0, nil, errNoPortfolio()
	}
	if err == nil && sequence < 0 {
		return 0, nil, nil
	}
	var key *seal.Key
	if err == nil {
		key, err = s.key(ctx, s.db, owner)
	}
	if err == nil {
		data, err = key.Open(body, columnSnapshot, string(portfolio), strconv.FormatInt(sequence, 10))
	}
	if err != nil {
		return 0, nil, s.explain("read snapshot", err)
	}
	return sequence, data, nil
}

// PortfolioKey names a portfolio with its owner.
type PortfolioKey struct {
	Owner     ledger.OwnerID
	Portfolio ledger.PortfolioID
}

// Sequences tells how far portfolios are; those that don't exist are left out.
func (s *Store) Sequences(ctx context.Context, keys []PortfolioKey) (map[PortfolioKey]int64, error) {
	found := make(map[PortfolioKey]int64, len(keys))
	err := s.db.read(ctx, func(q queries) error {
		clear(found)
		for _, k := range keys {
			var sequence int64
			if err := q.one(ctx, sqlSequence, []any{string(k.Owner), string(k.Portfolio)}, &sequence); noRow(err) {
				continue
			} else if err != nil {
				return err
			}
			found[k] = sequence
		}
		return nil
	})
	return found, s.explain("read sequences", err)
}

// sortBook puts activities in the order in which they happened: by date, then by entry.
func sortBook(activities []ledger.Activity) {
	slices.SortFunc(activities, func(a, b ledger.Activity) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.Position, b.Position), cmp.Compare(a.ID, b.ID))
	})
}

// instrumentsOf lists what activities name, once each.
func instrumentsOf(activities []ledger.Activity) []market.InstrumentID {
	seen := make(map[market.InstrumentID]bool)
	var ids []market.InstrumentID
	for i := range activities {
		for _, id := range [...]market.InstrumentID{activities[i].Instrument, activities[i].ToInstrument} {
			if id != "" && !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// Book reads all that a portfolio is worked out from, as of one moment.
func (s *Store) Book(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) (ledger.Book, error) {
	var book ledger.Book
	err := s.db.read(ctx, func(q queries) (err error) {
		book, err = s.readBook(ctx, q, owner, portfolio)
		return err
	})
	if err != nil {
		return ledger.Book{}, s.explain("read book", err)
	}
	return book, nil
}

func (s *Store) readBook(ctx context.Context, q queries, owner ledger.OwnerID, portfolio ledger.PortfolioID) (book ledger.Book, err error) {
	p, key, err := s.readPortfolio(ctx, q, owner, portfolio)
	if err != nil {
		return book, err
	}
	book.Portfolio = p
	if book.Accounts, err = s.readAccounts(ctx, q, key, owner, portfolio); err != nil {
		return book, err
	}
	if book.Activities, err = readActivities(ctx, q, key, portfolio, false); err != nil {
		return book, err
	}
	if err := addOwn(ctx, q, key, &book); err != nil {
		return book, err
	}
	return book, addInstruments(ctx, q, &book)
}

// addInstruments puts into a book the instruments that its activities name, and all own ones.
func addInstruments(ctx context.Context, q queries, book *ledger.Book) error {
	named := instrumentsOf(book.Activities)
	shared := slices.DeleteFunc(slices.Clone(named), ledger.IsOwn)
	found, err := readInstruments(ctx, q, shared)
	if err != nil {
		return err
	}
	book.Instruments = make(map[market.InstrumentID]market.Instrument, len(found)+len(book.Own))
	for _, i := range found {
		book.Instruments[i.ID] = i
	}
	for id, own := range book.Own {
		book.Instruments[id] = own.Instrument
	}
	missing := 0
	for _, id := range named {
		if _, there := book.Instruments[id]; !there {
			missing++
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d instruments are missing", missing, len(named))
	}
	return nil
}
