package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/transfer"
)

// Bounds of lists.
const (
	activitiesDefault = 100
	decimalPattern    = `^-?[0-9]{1,60}(\.[0-9]{1,60})?$`
)

// activityFields is an activity as somebody enters it.
type activityFields struct {
	Date      string  `json:"date" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" example:"2026-01-31"`
	Type      string  `json:"type" enum:"buy,sell,deliver_in,deliver_out,transfer,deposit,withdrawal,dividend,interest,fee,tax,cash_transfer,split,spin_off,merger,return_of_capital,rename,write_off"`
	Account   *string `json:"account,omitempty" maxLength:"400" doc:"Id or exact name; left out: the only account, and of split, spin_off, merger, rename and write_off every one that holds the symbol"`
	Symbol    *string `json:"symbol,omitempty" maxLength:"80" doc:"Our instrument id, an ISIN, or a symbol with mic"`
	MIC       *string `json:"mic,omitempty" pattern:"^[A-Z0-9]{4}$"`
	Quantity  *string `json:"quantity,omitempty" pattern:"^-?[0-9]{1,60}(\\.[0-9]{1,60})?$"`
	Price     *string `json:"price,omitempty" pattern:"^-?[0-9]{1,60}(\\.[0-9]{1,60})?$"`
	Amount    *string `json:"amount,omitempty" pattern:"^-?[0-9]{1,60}(\\.[0-9]{1,60})?$"`
	Currency  *string `json:"currency,omitempty" pattern:"^[A-Za-z]{3}$" doc:"Of price, amount, fee and tax; left out: the instrument's, else the portfolio's"`
	Fee       *string `json:"fee,omitempty" pattern:"^-?[0-9]{1,60}(\\.[0-9]{1,60})?$"`
	Tax       *string `json:"tax,omitempty" pattern:"^-?[0-9]{1,60}(\\.[0-9]{1,60})?$"`
	FXRate    *string `json:"fx_rate,omitempty" pattern:"^-?[0-9]{1,60}(\\.[0-9]{1,60})?$" doc:"Base units for 1 unit of the currency, as booked"`
	ToAccount *string `json:"to_account,omitempty" maxLength:"400"`
	Ratio     *string `json:"ratio,omitempty" pattern:"^[0-9.]{1,60}:[0-9.]{1,60}$" doc:"new:old, such as 2:1"`
	Reinvest  bool    `json:"reinvest,omitempty"`
	Refund    bool    `json:"refund,omitempty"`
	Note      *string `json:"note,omitempty" maxLength:"8000"`

	ToSymbol   *string     `json:"to_symbol,omitempty" maxLength:"80" doc:"What it becomes or gives off: our instrument id, an ISIN, or a symbol with to_mic"`
	ToMIC      *string     `json:"to_mic,omitempty" pattern:"^[A-Z0-9]{4}$"`
	CostShare  *string     `json:"cost_share,omitempty" pattern:"^-?[0-9]{1,60}(\\.[0-9]{1,60})?$" doc:"Of a spin-off: which part of the cost goes to it, 0 to 1"`
	ToCurrency *string     `json:"to_currency,omitempty" pattern:"^[A-Za-z]{3}$" doc:"Of a cash transfer that changes currency"`
	ToAmount   *string     `json:"to_amount,omitempty" pattern:"^-?[0-9]{1,60}(\\.[0-9]{1,60})?$" doc:"What arrives of a cash transfer"`
	Lots       []lotFields `json:"lots,omitempty" maxItems:"10000" nullable:"false" doc:"Of a sale, delivery or transfer: the lots it takes; needed where the lot method is specific"`
}

// lotFields is a part of a lot that a disposal takes.
type lotFields struct {
	ID       string `json:"id" minLength:"1" maxLength:"64" doc:"Of the activity that opened it"`
	Quantity string `json:"quantity" pattern:"^-?[0-9]{1,60}(\\.[0-9]{1,60})?$"`
}

func (f activityFields) entry() transfer.Entry {
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	e := transfer.Entry{
		Date: f.Date, Type: f.Type, Account: text(f.Account), Symbol: text(f.Symbol), MIC: text(f.MIC), Quantity: text(f.Quantity), Price: text(f.Price),
		Amount: text(f.Amount), Currency: text(f.Currency), Fee: text(f.Fee), Tax: text(f.Tax), FXRate: text(f.FXRate), ToAccount: text(f.ToAccount),
		Ratio: text(f.Ratio), Note: text(f.Note), Reinvest: f.Reinvest, Refund: f.Refund,
		ToSymbol: text(f.ToSymbol), ToMIC: text(f.ToMIC), CostShare: text(f.CostShare), ToCurrency: text(f.ToCurrency), ToAmount: text(f.ToAmount),
	}
	for _, lot := range f.Lots {
		e.Lots = append(e.Lots, transfer.EntryLot(lot))
	}
	return e
}

type listActivitiesInput struct {
	PortfolioPath
	Cursor     string `query:"cursor" maxLength:"40" doc:"next_cursor of the page before"`
	Limit      int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
	Instrument string `query:"instrument_id" maxLength:"64"`
	Account    string `query:"account" maxLength:"64"`
	Voided     bool   `query:"voided" doc:"Voided ones, too"`
}

type appendInput struct {
	PortfolioPath
	Body struct {
		Activities []activityFields `json:"activities" minItems:"1" maxItems:"5000" nullable:"false"`
	}
}

type correctInput struct {
	PortfolioPath
	Activity string `path:"activity" maxLength:"64"`
	IfMatch  string `header:"If-Match" doc:"The sequence that the change is made on"`
	Body     activityFields
}

type voidInput struct {
	PortfolioPath
	Activity string `path:"activity" maxLength:"64"`
	IfMatch  string `header:"If-Match" doc:"The sequence that the change is made on"`
}

func (s *Server) addActivityRoutes() {
	const tag = "Activities"
	path := portfolioPrefix + "/activities"
	typed(s, route{method: "GET", path: path, class: classRead, action: access.ReadPortfolio, tag: tag, summary: "Activities, newest first"}, http.StatusOK, s.listActivities)
	typed(s, route{method: "POST", path: path, class: classChange, action: access.WriteActivities, creates: true, tag: tag, summary: "Append activities, all or none"}, http.StatusCreated, s.appendActivities)
	typed(s, route{method: "PUT", path: path + "/{activity}", class: classChange, action: access.WriteActivities, tag: tag, summary: "Correct an activity; the old version is kept"}, http.StatusOK, s.correctActivity)
	typed(s, route{method: "DELETE", path: path + "/{activity}", class: classChange, action: access.WriteActivities, tag: tag, summary: "Void an activity; it is kept and counts no more"}, http.StatusOK, s.voidActivity)
}

func (s *Server) reader(book *ledger.Book) *transfer.Reader {
	return transfer.NewReader(book.Portfolio.BaseCurrency, book.Accounts, transfer.InstrumentsOf(book, s.store))
}

// offering adds to an error what the caller may have meant.
func offering(err error) error {
	several, ok := errors.AsType[*transfer.Ambiguous](err)
	if !ok {
		return err
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	return &ambiguous{fault: f, candidates: instrumentsOf(several.Candidates)}
}

func (s *Server) appendActivities(ctx context.Context, in *appendInput) (*answer[Recorded], error) {
	c, id := callOf(ctx), ledger.PortfolioID(in.ID)
	book, err := s.journal.Book(ctx, c.owner(), id, c.sequence)
	if err != nil {
		return nil, err
	}
	entries := make([]transfer.Entry, 0, len(in.Body.Activities))
	for _, f := range in.Body.Activities {
		entries = append(entries, f.entry())
	}
	added, err := s.reader(book).Batch(ctx, entries, func(i int, field string) string { return fmt.Sprintf("activities[%d].%s", i, field) })
	if err != nil {
		return nil, offering(err)
	}
	recorded, err := s.journal.Record(ctx, c.owner(), id, nil, ledger.Changes{Added: added}, func(r journal.Recorded) audit.Write {
		return c.write(c.entry(audit.ActivitiesAdded, in.ID), recordedOf(r))
	})
	if err != nil {
		return nil, err
	}
	return &answer[Recorded]{recordedOf(recorded)}, nil
}

func recordedOf(r journal.Recorded) Recorded {
	out := Recorded{Sequence: r.Sequence, IDs: make([]string, 0, len(r.IDs))}
	for _, id := range r.IDs {
		out.IDs = append(out.IDs, string(id))
	}
	return out
}

// expectedSequence reads If-Match: a number, in quotes or bare.
func expectedSequence(header string) (*int64, error) {
	if header == "" {
		p := newProblem(fault.Stale, "This request needs the header If-Match with the sequence it is made on.")
		p.Status, p.Title = http.StatusPreconditionRequired, http.StatusText(http.StatusPreconditionRequired)
		return nil, p
	}
	n, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(header, "W/"), `"`), 10, 64)
	if err != nil {
		return nil, fault.At("If-Match", "This is not a sequence number.")
	}
	return &n, nil
}

// single drops the index from places, since only one activity was sent.
func single(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid {
		return err
	}
	out := *f
	out.Places = nil
	for _, place := range f.Places {
		place.Location = strings.TrimPrefix(place.Location, "activities[0].")
		out.Places = append(out.Places, place)
	}
	out.Message = strings.TrimPrefix(out.Message, "activities[0].")
	return &out
}

func (s *Server) correctActivity(ctx context.Context, in *correctInput) (*answer[Corrected], error) {
	c, id := callOf(ctx), ledger.PortfolioID(in.ID)
	expected, err := expectedSequence(in.IfMatch)
	if err != nil {
		return nil, err
	}
	book, err := s.journal.Book(ctx, c.owner(), id, c.sequence)
	if err != nil {
		return nil, err
	}
	corrected, err := s.reader(book).Activity(ctx, in.Body.entry(), func(field string) string { return field })
	if err != nil {
		return nil, offering(err)
	}
	corrected.ID = ledger.ActivityID(in.Activity)
	recorded, err := s.journal.Record(ctx, c.owner(), id, expected, ledger.Changes{Corrected: []ledger.Activity{corrected}}, func(journal.Recorded) audit.Write {
		return audit.Write{Audit: c.entry(audit.ActivityCorrected, in.Activity)}
	})
	if err != nil {
		return nil, single(err)
	}
	return &answer[Corrected]{Corrected{Sequence: recorded.Sequence, ID: in.Activity}}, nil
}

func (s *Server) voidActivity(ctx context.Context, in *voidInput) (*answer[Voided], error) {
	c := callOf(ctx)
	expected, err := expectedSequence(in.IfMatch)
	if err != nil {
		return nil, err
	}
	changes := ledger.Changes{Voided: []ledger.ActivityID{ledger.ActivityID(in.Activity)}}
	recorded, err := s.journal.Record(ctx, c.owner(), ledger.PortfolioID(in.ID), expected, changes, func(journal.Recorded) audit.Write {
		return audit.Write{Audit: c.entry(audit.ActivityVoided, in.Activity)}
	})
	if err != nil {
		return nil, single(err)
	}
	return &answer[Voided]{Voided{Sequence: recorded.Sequence}}, nil
}

// listActivities pages through the book from its end. The cursor names the last activity shown, by date and entry, so that a book that
// has changed since is paged on without showing anything twice.
func (s *Server) listActivities(ctx context.Context, in *listActivitiesInput) (*answer[ActivityPage], error) {
	c := callOf(ctx)
	book, err := s.journal.Book(ctx, c.owner(), ledger.PortfolioID(in.ID), c.sequence)
	if err != nil {
		return nil, err
	}
	rows := book.Activities
	if in.Voided {
		if rows, err = s.store.Activities(ctx, c.owner(), ledger.PortfolioID(in.ID)); err != nil {
			return nil, err
		}
	}
	start, err := after(rows, in.Cursor)
	if err != nil {
		return nil, err
	}
	accounts := make(map[ledger.AccountID]ledger.Account, len(book.Accounts))
	for _, a := range book.Accounts {
		accounts[a.ID] = a
	}
	out := ActivityPage{Items: make([]Activity, 0, min(in.Limit, len(rows))), Sequence: book.Portfolio.Sequence}
	for i := start; i >= 0; i-- {
		a := rows[i]
		if in.Instrument != "" && string(a.Instrument) != in.Instrument && string(a.ToInstrument) != in.Instrument || in.Account != "" && string(a.Account) != in.Account && string(a.ToAccount) != in.Account {
			continue
		}
		if len(out.Items) == in.Limit {
			out.NextCursor = given(cursorOf(rows[i+1]))
			break
		}
		out.Items = append(out.Items, activityOf(a, accounts, book.Instruments))
	}
	return &answer[ActivityPage]{out}, nil
}

// cursorOf names the place just before an activity in the order of date and entry.
func cursorOf(a ledger.Activity) string { return fmt.Sprintf("%s.%d", a.Date, a.Position) }

// after is the index of the newest activity that a cursor hasn't shown yet; rows rise by date and entry.
func after(rows []ledger.Activity, cursor string) (int, error) {
	if cursor == "" {
		return len(rows) - 1, nil
	}
	at, err := parseCursor(cursor)
	if err != nil {
		return 0, err
	}
	for i, row := range slices.Backward(rows) {
		if row.Date < at.Date || row.Date == at.Date && row.Position < at.Position {
			return i, nil
		}
	}
	return -1, nil
}

func parseCursor(text string) (at ledger.Activity, err error) {
	date, position, found := strings.Cut(text, ".")
	if at.Date, err = market.ParseDate(date); err == nil && found {
		at.Position, err = strconv.ParseInt(position, 10, 64)
	}
	if err != nil || !found {
		return at, fault.At("cursor", "This is not a cursor that a page named.")
	}
	return at, nil
}
