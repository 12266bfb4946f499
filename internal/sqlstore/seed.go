package sqlstore

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"folioscope/internal/audit"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/seal"
)

// SeedUser is one user with all that is theirs, as a demo makes it. A user without a portfolio has none whose id is set.
type SeedUser struct {
	User       identity.User
	Portfolio  ledger.Portfolio
	Accounts   []ledger.Account
	Activities []ledger.Activity // in order of entry
	Snapshot   []byte
	Holds      []market.InstrumentID
	Session    *identity.Session // somebody who is signed in; nil: nobody is
}

const (
	seedAheadMax = 64    // users sealed and not yet written; the largest of a demo take about 2 MB
	seedRowsMax  = 2_000 // of activities that are written with their users in one go; about 1 MB
)

// sealedSeed is a user's rows, ready to go in.
type sealedSeed struct {
	user                                      sealedUser
	key                                       *seal.Key
	portfolio, accounts, activities, snapshot []any
	session, head, audited                    []any
	wanted                                    map[market.InstrumentID]int
}

// Seed stores many users at once, all or none. It is for data that is made up: there is one audit row for each user, and no
// request stands behind it. The sealing runs beside the writing.
func (s *Store) Seed(ctx context.Context, all []SeedUser) error {
	ctx, cancel := bounded(ctx, bulkWaitMax)
	defer cancel()
	ordered := slices.Clone(all)
	slices.SortFunc(ordered, func(a, b SeedUser) int { return cmp.Compare(a.User.ID, b.User.ID) }) // the order of the rows' keys
	counts := make(map[market.InstrumentID]int)
	var keys []*seal.Key
	err := s.db.write(ctx, func(q queries) error {
		clear(counts)
		keys = keys[:0]
		return s.seedAll(ctx, q, ordered, func(u sealedSeed) {
			keys = append(keys, u.key)
			for id, n := range u.wanted {
				counts[id] += n
			}
		}, func() error { return countInterest(ctx, q, counts) })
	})
	if err != nil {
		return s.explain("seed", err)
	}
	for _, key := range keys {
		s.keep(key)
	}
	return nil
}

// seedAll seals users on all processors, some ahead of the one writer, and inserts them in their order.
func (s *Store) seedAll(ctx context.Context, q queries, all []SeedUser, inserted func(sealedSeed), finally func() error) error {
	by, err := s.wrapping(ctx, q)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	slots := make([]chan sealedSeed, len(all))
	for i := range slots {
		slots[i] = make(chan sealedSeed, 1)
	}
	ahead := make(chan struct{}, seedAheadMax)
	next := make(chan int)
	group.Go(func() error {
		defer close(next)
		for i := range all {
			select {
			case ahead <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			select {
			case next <- i:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	now := s.now().UTC().Truncate(time.Microsecond)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			for i := range next {
				u, err := s.sealSeed(&all[i], by, now)
				if err != nil {
					return err
				}
				slots[i] <- u
			}
			return nil
		})
	}
	group.Go(func() error {
		var together sealedSeed
		for i := range all {
			select {
			case u := <-slots[i]:
				<-ahead
				together.join(u)
				inserted(u)
			case <-ctx.Done():
				return ctx.Err()
			}
			if i < len(all)-1 && len(together.activities) < seedRowsMax*activityColumns && len(together.user.user) < seedRowsMax*userColumns {
				continue
			}
			if err := s.insertSeed(ctx, q, together); err != nil {
				return err
			}
			together = sealedSeed{}
		}
		return finally()
	})
	return group.Wait()
}

func (s *Store) sealSeed(u *SeedUser, by seal.RootKey, now time.Time) (sealedSeed, error) {
	rows, key, err := s.sealUser(u.User, by)
	if err != nil {
		return sealedSeed{}, err
	}
	out := sealedSeed{user: rows, key: key}
	mark := audit.Mark{Portfolio: u.Portfolio.ID, Sequence: u.Portfolio.Sequence, Rows: int64(len(u.Activities))}
	out.head = []any{string(u.User.ID), int64(1)}
	out.audited = s.auditRow(&audit.Row{
		Entry:  audit.Entry{Owner: u.User.ID, Action: audit.UserCreated, Object: string(u.User.ID), Result: "ok", Mark: mark},
		Number: 1, At: now, Node: s.node, Leaf: audit.Waiting, Sealed: []byte{}, Commitment: []byte{},
	})
	if u.Session != nil {
		out.session = sealSession(key, u.Session)
	}
	if u.Portfolio.ID == "" {
		return out, nil
	}
	return out, s.sealSeedPortfolio(&out, u, now)
}

// sealSeedPortfolio adds the rows of a user's portfolio.
func (s *Store) sealSeedPortfolio(out *sealedSeed, u *SeedUser, now time.Time) error {
	p, key := u.Portfolio, out.key
	p.Owner = u.User.ID
	owner, id := string(p.Owner), string(p.ID)
	wanted := make(interest)
	held := make(map[market.InstrumentID]int, len(u.Holds))
	for _, h := range u.Holds {
		held[h] = 1
	}
	currencies := []money.Currency{p.BaseCurrency}
	for i, a := range u.Accounts {
		currencies = append(currencies, a.Currency)
		out.accounts = append(out.accounts, owner, id, string(a.ID), int64(i)+1, sealAccount(key, p.ID, a))
	}
	out.wanted = wanted.add(held, currencies)
	out.portfolio = []any{owner, id, p.Sequence, int64(len(u.Activities)), sealPortfolio(key, p), sealInterest(key, p.ID, wanted), stamp(p.CreatedAt)}
	if u.Snapshot != nil {
		out.snapshot = []any{owner, id, p.Sequence, sealSnapshot(key, p.ID, p.Sequence, u.Snapshot)}
	}
	order := make([]int, len(u.Activities))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(u.Activities[a].ID, u.Activities[b].ID) })
	out.activities = make([]any, 0, len(order)*activityColumns)
	for _, i := range order {
		a := u.Activities[i]
		a.Position, a.Version, a.Voided, a.RecordedAt = int64(i)+1, 1, false, now
		row, err := sealActivity(key, p.ID, &a)
		if err != nil {
			return err
		}
		out.activities = append(out.activities, row...)
	}
	return nil
}

// join puts another user's rows behind these.
func (u *sealedSeed) join(next sealedSeed) {
	for _, table := range [...]struct {
		rows *[]any
		more []any
	}{
		{&u.user.email, next.user.email}, {&u.user.user, next.user.user}, {&u.user.key, next.user.key},
		{&u.portfolio, next.portfolio}, {&u.accounts, next.accounts}, {&u.activities, next.activities}, {&u.snapshot, next.snapshot},
		{&u.session, next.session}, {&u.head, next.head}, {&u.audited, next.audited},
	} {
		*table.rows = append(*table.rows, table.more...)
	}
}

func (s *Store) insertSeed(ctx context.Context, q queries, u sealedSeed) error {
	for _, table := range [...]struct {
		prefix  string
		columns int
		rows    []any
	}{
		{sqlNewEmail, emailColumns, u.user.email},
		{sqlNewUser, userColumns, u.user.user},
		{sqlNewKey, userKeyColumns, u.user.key},
		{sqlNewPortfolio, portfolioColumns, u.portfolio},
		{sqlNewAccount, accountColumns, u.accounts},
		{sqlNewActivity, activityColumns, u.activities},
		{sqlPutSnapshot, snapshotColumns, u.snapshot},
		{sqlNewSession, sessionColumns, u.session},
		{sqlNewAuditHead, auditHeadColumns, u.head},
		{sqlAuditRow, auditColumns, u.audited},
	} {
		if err := insertRows(ctx, q, table.prefix, table.columns, "", table.rows); err != nil {
			return s.taken(err, "a user with this id or e-mail is there already")
		}
	}
	return nil
}
