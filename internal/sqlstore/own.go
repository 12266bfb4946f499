package sqlstore

import (
	"context"
	"encoding/binary"
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

const (
	sqlNewOwn    = `INSERT INTO own_instruments (owner, portfolio, id, body) VALUES `
	sqlOwn       = `SELECT id, body FROM own_instruments WHERE owner = $1 AND portfolio = $2 ORDER BY id`
	sqlSetOwn    = `UPDATE own_instruments SET body = $4 WHERE owner = $1 AND portfolio = $2 AND id = $3`
	sqlDropOwn   = `DELETE FROM own_instruments WHERE owner = $1 AND portfolio = $2 AND id = $3`
	sqlOwnPrices = `SELECT list, body FROM own_prices WHERE owner = $1 AND portfolio = $2 ORDER BY list`
	sqlPutPrices = `INSERT INTO own_prices (owner, portfolio, list, body) VALUES ($1, $2, $3, $4)
ON CONFLICT (owner, portfolio, list) DO UPDATE SET body = excluded.body`
	sqlDropPrices = `DELETE FROM own_prices WHERE owner = $1 AND portfolio = $2 AND list = $3`
)

const ownColumns = 4

// The fields of an own instrument and of a list of prices.
const (
	ownSymbol   tag = 1
	ownName     tag = 2
	ownCurrency tag = 3
	ownClass    tag = 4
	ownSector   tag = 5
	ownCountry  tag = 6
	ownGroup    tag = 7
	ownNote     tag = 8

	pricesInstrument tag = 1
	pricesClose      tag = 2 // as often as there are closes: day, then when it was entered in µs, both as varints, then the close
)

var (
	columnOwn       = seal.Column{Table: "own_instruments", Name: "body"}
	columnOwnPrices = seal.Column{Table: "own_prices", Name: "body"}
)

func sealOwn(key *seal.Key, portfolio ledger.PortfolioID, o ledger.Own) []byte {
	var r record
	i := o.Instrument
	r.text(ownSymbol, i.Symbol)
	r.text(ownName, i.Name)
	r.text(ownCurrency, string(i.Currency))
	r.text(ownClass, string(i.Class))
	r.text(ownSector, i.Sector)
	r.text(ownCountry, i.Country)
	r.text(ownGroup, o.Group)
	r.text(ownNote, o.Note)
	return key.Seal(r, columnOwn, string(portfolio), string(i.ID))
}

func openOwn(key *seal.Key, portfolio ledger.PortfolioID, id market.InstrumentID, sealed []byte) (o ledger.Own, err error) {
	plain, err := key.Open(sealed, columnOwn, string(portfolio), string(id))
	if err != nil {
		return o, err
	}
	o.Instrument.ID = id
	return o, fields(plain, func(t tag, value []byte) error {
		switch text := string(value); t {
		case ownSymbol:
			o.Instrument.Symbol = text
		case ownName:
			o.Instrument.Name = text
		case ownCurrency:
			o.Instrument.Currency = money.Currency(text)
		case ownClass:
			o.Instrument.Class = market.Class(text)
		case ownSector:
			o.Instrument.Sector = text
		case ownCountry:
			o.Instrument.Country = text
		case ownGroup:
			o.Group = text
		case ownNote:
			o.Note = text
		default:
			return errUnknownField
		}
		return nil
	})
}

// priceList is the manual prices of one instrument with the number of their row.
type priceList struct {
	number int64
	prices []ledger.ManualPrice
}

func pricesPlace(portfolio ledger.PortfolioID, number int64) []string {
	return []string{string(portfolio), strconv.FormatInt(number, 10)}
}

func sealPrices(key *seal.Key, portfolio ledger.PortfolioID, instrument market.InstrumentID, list priceList) []byte {
	const priceBytes = 28 // of most
	r := make(record, 0, len(list.prices)*priceBytes)
	r.text(pricesInstrument, string(instrument))
	var room [96]byte
	for i := range list.prices {
		p := &list.prices[i]
		one := binary.AppendVarint(room[:0], int64(p.Date))
		one = binary.AppendVarint(one, stamp(p.EnteredAt))
		one, _ = p.Close.AppendText(one) // has no error to give
		r.bytes(pricesClose, one)
	}
	return key.Seal(r, columnOwnPrices, pricesPlace(portfolio, list.number)...)
}

func openPrices(key *seal.Key, portfolio ledger.PortfolioID, number int64, sealed []byte) (instrument market.InstrumentID, list priceList, err error) {
	list.number = number
	plain, err := key.Open(sealed, columnOwnPrices, pricesPlace(portfolio, number)...)
	if err != nil {
		return "", list, err
	}
	return instrument, list, fields(plain, func(t tag, value []byte) error {
		switch t {
		case pricesInstrument:
			instrument = market.InstrumentID(value)
		case pricesClose:
			p, err := priceOf(value)
			list.prices = append(list.prices, p)
			return err
		default:
			return errUnknownField
		}
		return nil
	})
}

func priceOf(value []byte) (p ledger.ManualPrice, err error) {
	day, n := binary.Varint(value)
	if n <= 0 || day != int64(market.Date(day)) {
		return p, errRecord
	}
	entered, m := binary.Varint(value[n:])
	if m <= 0 {
		return p, errRecord
	}
	p.Date, p.EnteredAt = market.Date(day), moment(entered)
	p.Close, err = money.Parse(string(value[n+m:]))
	return p, err
}

// readOwn reads a portfolio's own instruments.
func readOwn(ctx context.Context, q queries, key *seal.Key, portfolio ledger.PortfolioID) (map[market.InstrumentID]ledger.Own, error) {
	var found map[market.InstrumentID]ledger.Own // mostly there is none
	err := q.each(ctx, sqlOwn, []any{string(key.Owner()), string(portfolio)}, func(row scanner) error {
		var id string
		var body []byte
		if err := row.Scan(&id, &body); err != nil {
			return err
		}
		own, err := openOwn(key, portfolio, market.InstrumentID(id), body)
		if err != nil {
			return fmt.Errorf("own instrument %s: %w", id, err)
		}
		if found == nil {
			found = make(map[market.InstrumentID]ledger.Own)
		}
		found[own.Instrument.ID] = own
		return nil
	})
	return found, err
}

// readPrices reads a portfolio's manual prices.
func readPrices(ctx context.Context, q queries, key *seal.Key, portfolio ledger.PortfolioID) (map[market.InstrumentID]priceList, error) {
	var found map[market.InstrumentID]priceList
	err := q.each(ctx, sqlOwnPrices, []any{string(key.Owner()), string(portfolio)}, func(row scanner) error {
		var number int64
		var body []byte
		if err := row.Scan(&number, &body); err != nil {
			return err
		}
		instrument, list, err := openPrices(key, portfolio, number, body)
		if err != nil {
			return fmt.Errorf("manual prices %d: %w", number, err)
		}
		if found == nil {
			found = make(map[market.InstrumentID]priceList)
		}
		found[instrument] = list
		return nil
	})
	return found, err
}

// addOwn puts into a book what its owner keeps by hand.
func addOwn(ctx context.Context, q queries, key *seal.Key, book *ledger.Book) error {
	var err error
	if book.Own, err = readOwn(ctx, q, key, book.Portfolio.ID); err != nil {
		return err
	}
	lists, err := readPrices(ctx, q, key, book.Portfolio.ID)
	if err != nil || len(lists) == 0 {
		return err
	}
	book.Prices = make(map[market.InstrumentID][]ledger.ManualPrice, len(lists))
	for id, list := range lists {
		book.Prices[id] = list.prices
	}
	return nil
}

// changeOwn takes the portfolio's next sequence, has the change made and records it. A portfolio at another sequence than expected,
// where one is, gives fault.Stale.
func (s *Store) changeOwn(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, expected *int64, w func(sequence int64) Write,
	change func(q queries, key *seal.Key) error,
) (sequence int64, err error) {
	err = s.db.write(ctx, func(q queries) error {
		if sequence, _, err = s.bump(ctx, q, owner, portfolio); err != nil {
			return err
		}
		if expected != nil && sequence != *expected+1 {
			return fault.New(fault.Stale, "the portfolio is at %d, not at %d: read it again", sequence-1, *expected)
		}
		key, err := s.key(ctx, q, owner)
		if err != nil {
			return err
		}
		if err := change(q, key); err != nil {
			return err
		}
		return s.record(ctx, q, owner, marked(w(sequence), portfolio, sequence, 0))
	})
	if err != nil {
		return 0, err
	}
	return sequence, nil
}

// CreateOwnInstrument adds an own instrument to a portfolio. What ledger.CheckOwn refuses is refused here, at what the portfolio
// holds when it is written. What travels with the change is asked for once its sequence is known.
func (s *Store) CreateOwnInstrument(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, own ledger.Own, w func(sequence int64) Write) (sequence int64, err error) {
	sequence, err = s.changeOwn(ctx, owner, portfolio, nil, w, func(q queries, key *seal.Key) error {
		book, err := s.readBook(ctx, q, owner, portfolio)
		if err != nil {
			return err
		}
		if err := ledger.CheckOwn(book, own); err != nil {
			return err
		}
		err = insertRows(ctx, q, sqlNewOwn, ownColumns, "",
			[]any{string(owner), string(portfolio), string(own.Instrument.ID), sealOwn(key, portfolio, own)})
		return s.taken(err, "there is an instrument with this id already")
	})
	return sequence, s.explain("create own instrument", err)
}

// UpdateOwnInstrument replaces an own instrument, but for its currency: that of what was bought and priced stays. An instrument that
// the portfolio doesn't have gives fault.NotFound, a portfolio at another sequence than expected fault.Stale.
func (s *Store) UpdateOwnInstrument(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, expected int64, own ledger.Own, w Write) (sequence int64, err error) {
	sequence, err = s.changeOwn(ctx, owner, portfolio, &expected, func(int64) Write { return w }, func(q queries, key *seal.Key) error {
		book, err := s.readBook(ctx, q, owner, portfolio)
		if err != nil {
			return err
		}
		stored, there := book.Own[own.Instrument.ID]
		if !there {
			return errNoOwn()
		}
		own.Instrument.Currency = stored.Instrument.Currency
		if err := ledger.CheckOwn(book, own); err != nil {
			return err
		}
		_, err = q.exec(ctx, sqlSetOwn, string(owner), string(portfolio), string(own.Instrument.ID), sealOwn(key, portfolio, own))
		return err
	})
	return sequence, s.explain("update own instrument", err)
}

// DeleteOwnInstrument takes an own instrument away, with its prices. One that an activity names gives fault.Conflict, one that the
// portfolio doesn't have fault.NotFound, a portfolio at another sequence than expected fault.Stale.
func (s *Store) DeleteOwnInstrument(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, expected int64, id market.InstrumentID, w Write) (sequence int64, err error) {
	sequence, err = s.changeOwn(ctx, owner, portfolio, &expected, func(int64) Write { return w }, func(q queries, key *seal.Key) error {
		book, err := s.readBook(ctx, q, owner, portfolio)
		if err != nil {
			return err
		}
		if _, there := book.Own[id]; !there {
			return errNoOwn()
		}
		if book.Uses(id) {
			return fault.New(fault.Conflict, "Activities name this instrument. Void them first.")
		}
		if _, err := q.exec(ctx, sqlDropOwn, string(owner), string(portfolio), string(id)); err != nil {
			return err
		}
		lists, err := readPrices(ctx, q, key, portfolio)
		if err != nil {
			return err
		}
		if list, there := lists[id]; there {
			_, err = q.exec(ctx, sqlDropPrices, string(owner), string(portfolio), list.number)
		}
		return err
	})
	return sequence, s.explain("delete own instrument", err)
}

func errNoOwn() error { return fault.New(fault.NotFound, "There is no such instrument of your own.") }

// ChangePrices sets and removes manual prices, all of it or nothing. latest is the last day that a price may be of. What
// ledger.Reprice refuses is refused; an own instrument that the portfolio doesn't have gives fault.NotFound. A change that changes
// nothing takes a sequence all the same. What travels with it is asked for once its sequence is known.
func (s *Store) ChangePrices(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, changes []ledger.PriceChange, latest market.Date, w func(sequence int64) Write) (sequence int64, err error) {
	now := s.now().UTC().Truncate(time.Microsecond)
	sequence, err = s.changeOwn(ctx, owner, portfolio, nil, w, func(q queries, key *seal.Key) error {
		own, err := readOwn(ctx, q, key, portfolio)
		if err != nil {
			return err
		}
		lists, err := readPrices(ctx, q, key, portfolio)
		if err != nil {
			return err
		}
		if lists == nil {
			lists = make(map[market.InstrumentID]priceList)
		}
		changed, err := reprice(own, lists, changes, latest, now)
		if err != nil {
			return err
		}
		for _, id := range changed {
			if err := putPrices(ctx, q, key, portfolio, id, lists[id]); err != nil {
				return err
			}
		}
		return nil
	})
	return sequence, s.explain("change manual prices", err)
}

// reprice applies changes to a portfolio's lists and gives the instruments whose lists are others now, once each.
func reprice(own map[market.InstrumentID]ledger.Own, lists map[market.InstrumentID]priceList, changes []ledger.PriceChange, latest market.Date, now time.Time) (changed []market.InstrumentID, err error) {
	last, total := int64(0), 0
	for _, list := range lists {
		last = max(last, list.number)
	}
	for _, change := range changes {
		id := change.Instrument
		if _, there := own[id]; !there && ledger.IsOwn(id) {
			return nil, errNoOwn()
		}
		list := lists[id]
		after, other, err := ledger.Reprice(list.prices, change, latest, now)
		if err != nil {
			return nil, err
		}
		if !other {
			continue
		}
		if list.number == 0 {
			last++
			list.number = last
		}
		list.prices = after
		lists[id] = list
		if !slices.Contains(changed, id) {
			changed = append(changed, id)
		}
	}
	for _, list := range lists {
		total += len(list.prices)
	}
	if total > ledger.ManualTotalMax {
		return nil, fault.New(fault.TooLarge, "A portfolio has at most %d prices entered by hand.", ledger.ManualTotalMax)
	}
	return changed, nil
}

// putPrices writes a list; one without prices goes.
func putPrices(ctx context.Context, q queries, key *seal.Key, portfolio ledger.PortfolioID, id market.InstrumentID, list priceList) error {
	if len(list.prices) == 0 {
		_, err := q.exec(ctx, sqlDropPrices, string(key.Owner()), string(portfolio), list.number)
		return err
	}
	_, err := q.exec(ctx, sqlPutPrices, string(key.Owner()), string(portfolio), list.number, sealPrices(key, portfolio, id, list))
	return err
}
