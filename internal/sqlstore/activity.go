package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/seal"
)

// Change is what one append does to a portfolio.
type Change struct {
	Added     []ledger.Activity                   // in order of entry; ids are the caller's, position and version the store's
	Corrected []ledger.Activity                   // new versions of activities that exist
	Voided    []ledger.ActivityID                 // last versions
	Snapshot  []byte                              // the positions after it, nil to keep the old snapshot
	Interest  map[market.InstrumentID]int         // 1 where the portfolio begins to hold, −1 where it ends to
	Since     map[market.InstrumentID]market.Date // from when on closes are needed, where that is earlier than before: only the month is kept, and not whose
	Accepted  []ledger.Decision                   // the proposals that Added came of; Sequence is the store's
}

const (
	// An append takes the next sequence if the portfolio still is where its writer saw it, and with it the portfolio's row.
	sqlAppend = `UPDATE portfolios SET sequence = sequence + 1, entries = entries + $4
WHERE owner = $1 AND id = $2 AND sequence = $3 RETURNING entries`
	sqlNewActivity = `INSERT INTO activities (owner, portfolio, id, version, position, voided, recorded_at, body) VALUES `
	sqlActivities  = `SELECT id, version, position, voided, recorded_at, body FROM activities
WHERE owner = $1 AND portfolio = $2 ORDER BY id, version`
	sqlVersions = `SELECT id, version, position, voided, recorded_at, body FROM activities
WHERE owner = $1 AND portfolio = $2 AND id = $3 ORDER BY version`
)

const activityColumns = 8

var columnActivity = seal.Column{Table: "activities", Name: "body"}

// The fields of an activity.
const (
	activityDate       tag = 1
	activityType       tag = 2
	activityAccount    tag = 3
	activityInstrument tag = 4
	activityQuantity   tag = 5
	activityPrice      tag = 6
	activityAmount     tag = 7
	activityCurrency   tag = 8
	activityFee        tag = 9
	activityTax        tag = 10
	activityRate       tag = 11
	activityToAccount  tag = 12
	activityRatioNew   tag = 13
	activityRatioOld   tag = 14
	activityReinvest   tag = 15
	activityRefund     tag = 16
	activityNote       tag = 17

	activityToInstrument tag = 18
	activityCostShare    tag = 19
	activityToCurrency   tag = 20
	activityToAmount     tag = 21
	activityLot          tag = 22 // a record of its own, as often as there are lots

	lotID       tag = 1
	lotQuantity tag = 2
)

// activityPlace binds all that lies open beside a sealed activity, so that none of it can be changed either.
func activityPlace(portfolio ledger.PortfolioID, a *ledger.Activity) []string {
	voided := ""
	if a.Voided {
		voided = "voided"
	}
	return []string{string(portfolio), string(a.ID), strconv.Itoa(a.Version), strconv.FormatInt(a.Position, 10), voided}
}

// sealActivity gives the row of an activity, whose journal fields are set.
func sealActivity(key *seal.Key, portfolio ledger.PortfolioID, a *ledger.Activity) ([]any, error) {
	r := make(record, 0, 192) // most take less
	r.date(activityDate, a.Date)
	r.text(activityType, string(a.Type))
	r.text(activityAccount, string(a.Account))
	r.text(activityInstrument, string(a.Instrument))
	r.decimal(activityQuantity, a.Quantity)
	r.decimal(activityPrice, a.Price)
	r.decimal(activityAmount, a.Amount)
	r.text(activityCurrency, string(a.Currency))
	if !a.Fee.IsZero() {
		r.decimal(activityFee, &a.Fee)
	}
	if !a.Tax.IsZero() {
		r.decimal(activityTax, &a.Tax)
	}
	r.decimal(activityRate, a.FXRate)
	r.text(activityToAccount, string(a.ToAccount))
	if a.Ratio != nil {
		r.decimal(activityRatioNew, &a.Ratio.New)
		r.decimal(activityRatioOld, &a.Ratio.Old)
	}
	r.flag(activityReinvest, a.Reinvest)
	r.flag(activityRefund, a.Refund)
	r.text(activityNote, a.Note)
	r.text(activityToInstrument, string(a.ToInstrument))
	r.decimal(activityCostShare, a.CostShare)
	r.text(activityToCurrency, string(a.ToCurrency))
	r.decimal(activityToAmount, a.ToAmount)
	for i := range a.Lots {
		var lot record
		lot.text(lotID, string(a.Lots[i].ID))
		lot.decimal(lotQuantity, &a.Lots[i].Quantity)
		r.bytes(activityLot, lot)
		if err := readable(&a.Lots[i].Quantity); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "activity %s: a number has too many digits", a.ID)
		}
	}
	for _, d := range [...]*money.Decimal{a.Quantity, a.Price, a.Amount, a.FXRate, &a.Fee, &a.Tax, a.CostShare, a.ToAmount} {
		if err := readable(d); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "activity %s: a number has too many digits", a.ID)
		}
	}
	return []any{string(key.Owner()), string(portfolio), string(a.ID), a.Version, a.Position, a.Voided, stamp(a.RecordedAt),
		key.Seal(r, columnActivity, activityPlace(portfolio, a)...)}, nil
}

// readable says whether a number that is written now can be read again: money bounds what it reads.
func readable(d *money.Decimal) error {
	const alwaysBytes = 30 // no text this short has too many digits
	if d == nil {
		return nil
	}
	text := d.String()
	if len(text) <= alwaysBytes {
		return nil
	}
	_, err := money.Parse(text)
	return err
}

func openActivity(key *seal.Key, portfolio ledger.PortfolioID, a *ledger.Activity, sealed []byte) error {
	plain, err := key.Open(sealed, columnActivity, activityPlace(portfolio, a)...)
	if err != nil {
		return err
	}
	var ratio ledger.Ratio
	return fields(plain, func(t tag, value []byte) (err error) {
		switch t {
		case activityDate:
			a.Date, err = dateOf(value)
		case activityType:
			a.Type = ledger.Type(value)
		case activityAccount:
			a.Account = ledger.AccountID(value)
		case activityInstrument:
			a.Instrument = market.InstrumentID(value)
		case activityQuantity:
			a.Quantity, err = decimalOf(value)
		case activityPrice:
			a.Price, err = decimalOf(value)
		case activityAmount:
			a.Amount, err = decimalOf(value)
		case activityCurrency:
			a.Currency = money.Currency(value)
		case activityFee:
			a.Fee, err = money.Parse(string(value))
		case activityTax:
			a.Tax, err = money.Parse(string(value))
		case activityRate:
			a.FXRate, err = decimalOf(value)
		case activityToAccount:
			a.ToAccount = ledger.AccountID(value)
		case activityRatioNew:
			ratio.New, err = money.Parse(string(value))
			a.Ratio = &ratio
		case activityRatioOld:
			ratio.Old, err = money.Parse(string(value))
			a.Ratio = &ratio
		case activityReinvest:
			a.Reinvest = true
		case activityRefund:
			a.Refund = true
		case activityNote:
			a.Note = string(value)
		case activityToInstrument:
			a.ToInstrument = market.InstrumentID(value)
		case activityCostShare:
			a.CostShare, err = decimalOf(value)
		case activityToCurrency:
			a.ToCurrency = money.Currency(value)
		case activityToAmount:
			a.ToAmount, err = decimalOf(value)
		case activityLot:
			var lot ledger.Choice
			lot, err = lotOf(value)
			a.Lots = append(a.Lots, lot)
		default:
			err = errUnknownField
		}
		return err
	})
}

// lotOf reads a lot that an activity names.
func lotOf(data []byte) (lot ledger.Choice, err error) {
	err = fields(data, func(t tag, value []byte) (err error) {
		switch t {
		case lotID:
			lot.ID = ledger.ActivityID(value)
		case lotQuantity:
			lot.Quantity, err = money.Parse(string(value))
		default:
			err = errUnknownField
		}
		return err
	})
	return lot, err
}

// stored is an activity's row before it is opened.
type stored struct {
	ledger.Activity
	body []byte
}

func scanActivity(row scanner) (a stored, err error) {
	var id string
	var recorded int64
	err = row.Scan(&id, &a.Version, &a.Position, &a.Voided, &recorded, &a.body)
	a.ID, a.RecordedAt = ledger.ActivityID(id), moment(recorded)
	return a, err
}

// Append changes a portfolio's journal in one step and gives its new sequence. A portfolio that is at another sequence than
// expected gives fault.Stale, an activity that isn't there fault.NotFound, one that was voided, or a proposal that was decided
// on, fault.Conflict; then nothing changed.
func (s *Store) Append(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, expected int64, change Change, w Write) (sequence int64, err error) {
	err = s.db.write(ctx, func(q queries) error {
		var entries int64
		err := q.one(ctx, sqlAppend, []any{string(owner), string(portfolio), expected, len(change.Added)}, &entries)
		if noRow(err) {
			return s.staleOrMissing(ctx, q, owner, portfolio, expected)
		}
		if err != nil {
			return err
		}
		sequence = expected + 1
		key, err := s.key(ctx, q, owner)
		if err != nil {
			return err
		}
		rows, err := s.activityRows(ctx, q, key, portfolio, entries-int64(len(change.Added)), change)
		if err != nil {
			return err
		}
		if err := insertRows(ctx, q, sqlNewActivity, activityColumns, "", rows); err != nil {
			return s.taken(err, "there is an activity with this id already")
		}
		accepted := slices.Clone(change.Accepted)
		for i := range accepted {
			accepted[i].Sequence = sequence
		}
		if err := s.decide(ctx, q, key, portfolio, accepted); err != nil {
			return err
		}
		if change.Snapshot != nil {
			if err := insertRows(ctx, q, sqlPutSnapshot, snapshotColumns, sqlPutSnapshotSuffix,
				[]any{string(owner), string(portfolio), sequence, sealSnapshot(key, portfolio, sequence, change.Snapshot)}); err != nil {
				return err
			}
		}
		if err := s.record(ctx, q, owner, marked(w, portfolio, sequence, len(rows)/activityColumns)); err != nil {
			return err
		}
		// Last, since these rows are everybody's: they are locked for the shortest time.
		if err := s.changeInterest(ctx, q, key, owner, portfolio, change.Interest, nil); err != nil {
			return err
		}
		return wantHistory(ctx, q, change.Since)
	})
	if err != nil {
		return 0, s.explain("append activities", err)
	}
	return sequence, nil
}

func (s *Store) staleOrMissing(ctx context.Context, q queries, owner ledger.OwnerID, portfolio ledger.PortfolioID, expected int64) error {
	var current int64
	if err := q.one(ctx, sqlSequence, []any{string(owner), string(portfolio)}, &current); noRow(err) {
		return errNoPortfolio()
	} else if err != nil {
		return err
	}
	return fault.New(fault.Stale, "the portfolio is at %d, not at %d: read it again", current, expected)
}

// activityRows seals the new rows of a change; first is how many activities were entered before.
func (s *Store) activityRows(ctx context.Context, q queries, key *seal.Key, portfolio ledger.PortfolioID, first int64, change Change) ([]any, error) {
	now := s.now().UTC().Truncate(time.Microsecond)
	rows := make([]any, 0, activityColumns*(len(change.Added)+len(change.Corrected)+len(change.Voided)))
	add := func(a ledger.Activity) error {
		a.RecordedAt = now
		row, err := sealActivity(key, portfolio, &a)
		rows = append(rows, row...)
		return err
	}
	for i, a := range change.Added {
		a.Position, a.Version, a.Voided = first+int64(i)+1, 1, false
		if err := add(a); err != nil {
			return nil, err
		}
	}
	for _, a := range change.Corrected {
		last, err := s.lastVersion(ctx, q, key, portfolio, a.ID)
		if err != nil {
			return nil, err
		}
		a.Position, a.Version, a.Voided = last.Position, last.Version+1, false
		if err := add(a); err != nil {
			return nil, err
		}
	}
	for _, id := range change.Voided {
		last, err := s.lastVersion(ctx, q, key, portfolio, id)
		if err != nil {
			return nil, err
		}
		last.Version, last.Voided = last.Version+1, true
		if err := add(last); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// lastVersion reads the newest version of an activity that may still change.
func (s *Store) lastVersion(ctx context.Context, q queries, key *seal.Key, portfolio ledger.PortfolioID, id ledger.ActivityID) (ledger.Activity, error) {
	versions, err := readVersions(ctx, q, key, portfolio, id)
	if err != nil {
		return ledger.Activity{}, err
	}
	last := versions[len(versions)-1]
	if last.Voided {
		return ledger.Activity{}, fault.New(fault.Conflict, "the activity %s was voided", id)
	}
	return last, nil
}

func readVersions(ctx context.Context, q queries, key *seal.Key, portfolio ledger.PortfolioID, id ledger.ActivityID) ([]ledger.Activity, error) {
	var versions []ledger.Activity
	err := q.each(ctx, sqlVersions, []any{string(key.Owner()), string(portfolio), string(id)}, func(row scanner) error {
		a, err := scanActivity(row)
		if err != nil {
			return err
		}
		if err := openActivity(key, portfolio, &a.Activity, a.body); err != nil {
			return err
		}
		versions = append(versions, a.Activity)
		return nil
	})
	if err == nil && len(versions) == 0 {
		err = fault.New(fault.NotFound, "there is no activity %s", id)
	}
	return versions, err
}

// readActivities gives the newest versions, voided ones only where asked for, in the order of a book.
func readActivities(ctx context.Context, q queries, key *seal.Key, portfolio ledger.PortfolioID, voided bool) ([]ledger.Activity, error) {
	var activities []ledger.Activity
	var newest stored // of the activity at hand; it is opened when the next begins
	finish := func() error {
		if newest.ID == "" || newest.Voided && !voided {
			return nil
		}
		if err := openActivity(key, portfolio, &newest.Activity, newest.body); err != nil {
			return fmt.Errorf("activity %s: %w", newest.ID, err)
		}
		activities = append(activities, newest.Activity)
		return nil
	}
	err := q.each(ctx, sqlActivities, []any{string(key.Owner()), string(portfolio)}, func(row scanner) error {
		a, err := scanActivity(row)
		if err != nil {
			return err
		}
		if a.ID == newest.ID {
			if a.Version != newest.Version+1 {
				return fmt.Errorf("activity %s: version %d follows %d", a.ID, a.Version, newest.Version)
			}
		} else if err := finish(); err != nil {
			return err
		}
		newest = a
		return nil
	})
	if err == nil {
		err = finish()
	}
	if err != nil {
		return nil, err
	}
	sortBook(activities)
	return activities, nil
}

// Activities gives the newest version of every activity, voided ones too, in the order of a book; fault.NotFound where the
// portfolio is not there or not this owner's.
func (s *Store) Activities(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) ([]ledger.Activity, error) {
	var activities []ledger.Activity
	err := s.db.read(ctx, func(q queries) error {
		_, key, err := s.readPortfolio(ctx, q, owner, portfolio)
		if err != nil {
			return err
		}
		activities, err = readActivities(ctx, q, key, portfolio, true)
		return err
	})
	if err != nil {
		return nil, s.explain("read activities", err)
	}
	return activities, nil
}

// Superseded gives every version but the newest of activities that aren't voided, by id and version; fault.NotFound where the portfolio
// is not there or not this owner's.
func (s *Store) Superseded(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) ([]ledger.Activity, error) {
	var superseded []ledger.Activity
	err := s.db.read(ctx, func(q queries) error {
		_, key, err := s.readPortfolio(ctx, q, owner, portfolio)
		if err != nil {
			return err
		}
		superseded = nil
		var versions []stored // of the activity at hand, the newest last
		finish := func() error {
			if len(versions) == 0 || versions[len(versions)-1].Voided {
				return nil
			}
			for _, old := range versions[:len(versions)-1] {
				if err := openActivity(key, portfolio, &old.Activity, old.body); err != nil {
					return fmt.Errorf("activity %s: %w", old.ID, err)
				}
				superseded = append(superseded, old.Activity)
			}
			return nil
		}
		err = q.each(ctx, sqlActivities, []any{string(owner), string(portfolio)}, func(row scanner) error {
			a, err := scanActivity(row)
			if err != nil {
				return err
			}
			if len(versions) > 0 && versions[0].ID != a.ID {
				if err := finish(); err != nil {
					return err
				}
				versions = versions[:0]
			}
			versions = append(versions, a)
			return nil
		})
		if err != nil {
			return err
		}
		return finish()
	})
	if err != nil {
		return nil, s.explain("read superseded activities", err)
	}
	return superseded, nil
}

// History gives all versions of an activity, the oldest first; fault.NotFound where there is none of this owner's.
func (s *Store) History(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, id ledger.ActivityID) ([]ledger.Activity, error) {
	var versions []ledger.Activity
	key, err := s.key(ctx, s.db, owner)
	if err == nil {
		versions, err = readVersions(ctx, s.db, key, portfolio, id)
	}
	if err != nil {
		return nil, s.explain("read history", err)
	}
	return versions, nil
}
