package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// plan is what an import of a file into a book comes to.
type plan struct {
	rows       int
	added      []ledger.Activity
	lines      []int // of added
	status     map[int]Status
	duplicates int
	mistakes   []RowError
}

// planning is a plan in the making.
type planning struct {
	*plan
	reader *Reader
	had    *content
	ids    map[string]ledger.ActivityID // of the activities of rows, by the id that the file gives them
	fresh  map[int]ledger.Activity      // by the index of their row
	newID  func() string
}

func (s *Service) plan(ctx context.Context, book *ledger.Book, before []ledger.Activity, rows []Row, mistakes []RowError) (*plan, error) {
	p := planning{
		plan:   &plan{rows: len(rows), status: make(map[int]Status, len(rows)), mistakes: append([]RowError(nil), mistakes...)},
		reader: NewReader(book.Portfolio.BaseCurrency, book.Accounts, InstrumentsOf(book, s.o.Instruments)),
		had:    contentsOf(book.Activities, before), ids: map[string]ledger.ActivityID{}, fresh: map[int]ledger.Activity{}, newID: s.o.NewID,
	}
	for i, m := range mistakes {
		if i == 0 || mistakes[i-1].Row != m.Row {
			p.rows++
		}
	}
	for _, naming := range []bool{false, true} { // rows that name others come when the others are known
		for i, row := range rows {
			if naming != (len(row.Entry.Lots) > 0) {
				continue
			}
			if err := ended(ctx, i); err != nil {
				return nil, err
			}
			if len(p.mistakes) >= errorsMax {
				return p.plan, nil
			}
			if err := p.take(ctx, i, row); err != nil {
				return nil, err
			}
		}
	}
	for i, row := range rows {
		if a, ok := p.fresh[i]; ok {
			p.added, p.lines = append(p.added, a), append(p.lines, row.Line)
		}
	}
	slices.SortStableFunc(p.mistakes, func(a, b RowError) int { return a.Row - b.Row })
	if len(p.mistakes) > 0 || len(p.added) == 0 {
		return p.plan, nil
	}
	return p.plan, p.try(*book, market.DateOf(s.o.Now().UTC()))
}

// take looks at one row: is it right, and is it new?
func (p *planning) take(ctx context.Context, i int, row Row) error {
	wrong := func(column, message string) {
		p.status[row.Line] = StatusError
		p.mistakes = append(p.mistakes, RowError{row.Line, column, message})
	}
	a, err := p.reader.Activity(ctx, row.Entry, func(field string) string { return field })
	if refused, ok := errors.AsType[*fault.Error](err); ok && refused.Kind == fault.Invalid {
		for _, place := range refused.Places {
			column, _, _ := strings.Cut(place.Location, "[")
			wrong(column, place.Message)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if _, twice := p.ids[row.ID]; twice && row.ID != "" {
		wrong("id", "another row has this id: "+quoted(row.ID))
		return nil
	}
	for n, lot := range a.Lots {
		if id, ok := p.ids[string(lot.ID)]; ok {
			a.Lots[n].ID = id
		}
	}
	if id, ok := p.had.take(contentOf(a)); ok {
		p.duplicates++
		p.status[row.Line] = StatusDuplicate
		p.name(row, id)
		return nil
	}
	if row.ID != "" {
		a.ID = ledger.ActivityID(p.newID())
		p.name(row, a.ID)
	}
	p.status[row.Line] = StatusNew
	p.fresh[i] = a
	return nil
}

// name notes which activity a row is.
func (p *planning) name(row Row, id ledger.ActivityID) {
	if row.ID != "" {
		p.ids[row.ID] = id
	}
}

// try sees what the ledger says to all that is new.
func (p *planning) try(book ledger.Book, today market.Date) error {
	checked := slices.Clone(p.added)
	for i := range checked {
		if checked[i].ID == "" {
			checked[i].ID = ledger.ActivityID("row " + strconv.Itoa(p.lines[i])) // the journal gives the true ones
		}
	}
	if _, err := ledger.Apply(p.reader.with(book), ledger.Changes{Added: checked}, today); err != nil {
		mistake, ok := p.mistakeOf(err)
		if !ok {
			return fmt.Errorf("check activities: %w", err)
		}
		p.status[mistake.Row] = StatusError
		p.mistakes = append(p.mistakes, mistake)
	}
	return nil
}

// content is what activities say, each as it is and as it was: a row is one of them at most once.
type content struct {
	saying map[string][]int // indexes of activities
	ids    []ledger.ActivityID
	taken  []bool
}

func contentsOf(activities, before []ledger.Activity) *content {
	c := &content{saying: make(map[string][]int, len(activities)), ids: make([]ledger.ActivityID, len(activities)), taken: make([]bool, len(activities))}
	index := make(map[ledger.ActivityID]int, len(before))
	for i, a := range activities {
		said := contentOf(a)
		c.saying[said] = append(c.saying[said], i)
		c.ids[i] = a.ID
		if a.Version > 1 {
			index[a.ID] = i
		}
	}
	for _, a := range before { // after what stands now, which is the nearer
		if i, ok := index[a.ID]; ok {
			said := contentOf(a)
			c.saying[said] = append(c.saying[said], i)
		}
	}
	return c
}

// take gives the activity that says it, if there is one that no row was yet.
func (c *content) take(said string) (ledger.ActivityID, bool) {
	for left := c.saying[said]; len(left) > 0; left = c.saying[said] {
		c.saying[said] = left[1:]
		if i := left[0]; !c.taken[i] {
			c.taken[i] = true
			return c.ids[i], true
		}
	}
	return "", false
}

// contentOf is what makes two activities the same trade. Notes and ids don't; the way an amount was written doesn't either.
func contentOf(a ledger.Activity) string {
	var b strings.Builder
	part := func(text string) {
		b.WriteString(text)
		b.WriteByte(0)
	}
	number := func(x *money.Decimal) {
		if x == nil {
			part("")
			return
		}
		part(x.Reduced().String())
	}
	gross := a.Amount
	if gross == nil && a.Price != nil && a.Quantity != nil {
		product := a.Price.Mul(*a.Quantity)
		gross = &product
	}
	for _, text := range []string{a.Date.String(), string(a.Type), string(a.Account), string(a.Instrument), string(a.Currency), string(a.ToAccount), string(a.ToInstrument), string(a.ToCurrency)} {
		part(text)
	}
	for _, x := range []*money.Decimal{a.Quantity, gross, &a.Fee, &a.Tax, a.FXRate, a.CostShare, a.ToAmount} {
		number(x)
	}
	if a.Ratio != nil {
		number(&a.Ratio.New)
		number(&a.Ratio.Old)
	}
	for i := range a.Lots {
		part(string(a.Lots[i].ID))
		number(&a.Lots[i].Quantity)
	}
	part(strconv.FormatBool(a.Reinvest) + strconv.FormatBool(a.Refund))
	return b.String()
}
