package httpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/money"
)

const nameRunesMax = 120 // of portfolios and accounts

// PortfolioPath names a portfolio.
type PortfolioPath struct {
	ID string `path:"id" maxLength:"64"`
}

func portfolioID(r *http.Request) ledger.PortfolioID { return ledger.PortfolioID(r.PathValue("id")) }

type createPortfolioInput struct {
	Body struct {
		Name         string `json:"name" minLength:"1" maxLength:"480"`
		BaseCurrency string `json:"base_currency" pattern:"^[A-Z]{3}$"`
		LotMethod    string `json:"lot_method,omitempty" enum:"fifo,lifo,hifo,average,specific" doc:"fifo where left out"`
		LotScope     string `json:"lot_scope,omitempty" enum:"account,portfolio" doc:"account where left out"`
		AllowShort   bool   `json:"allow_short,omitempty"`
	}
}

type changePortfolioInput struct {
	PortfolioPath
	Body struct {
		Name       *string `json:"name,omitempty" minLength:"1" maxLength:"480"`
		LotMethod  *string `json:"lot_method,omitempty" enum:"fifo,lifo,hifo,average,specific" doc:"At any time; specific only where every disposal names its lots"`
		LotScope   *string `json:"lot_scope,omitempty" enum:"account,portfolio" doc:"At any time"`
		AllowShort *bool   `json:"allow_short,omitempty"`
		Closed     *bool   `json:"closed,omitempty"`
	}
}

type createAccountInput struct {
	PortfolioPath
	Body struct {
		Name     string `json:"name" minLength:"1" maxLength:"480"`
		Currency string `json:"currency" pattern:"^[A-Z]{3}$"`
	}
}

type changeAccountInput struct {
	PortfolioPath
	Account string `path:"account" maxLength:"64"`
	Body    struct {
		Name   *string `json:"name,omitempty" minLength:"1" maxLength:"480"`
		Closed *bool   `json:"closed,omitempty"`
	}
}

func (s *Server) addPortfolioRoutes() {
	const tag = "Portfolios"
	typed(s, route{method: "GET", path: "/api/v1/portfolios", class: classRead, action: access.ListPortfolios, kept: true, tag: tag, summary: "One's own portfolios, and those that others shared"}, http.StatusOK, s.listPortfolios)
	typed(s, route{method: "POST", path: "/api/v1/portfolios", class: classChange, action: access.CreatePortfolio, creates: true, tag: tag, summary: "Create a portfolio"}, http.StatusCreated, s.createPortfolio)
	document := huma.Operation{
		Description: "What the portfolio is worth now and why it moved. The ETag changes with the portfolio, with prices and with the minute.",
		Parameters: []*huma.Param{
			{Name: "sequence", In: "query", Schema: &huma.Schema{Type: huma.TypeInteger}, Description: "Never answer from an older state than this"},
			{Name: "If-None-Match", In: "header", Schema: &huma.Schema{Type: huma.TypeString}},
		},
		Responses: map[string]*huma.Response{
			"200": {Description: "The portfolio", Content: jsonContent(s.schemaOf(PortfolioDocument{})), Headers: map[string]*huma.Header{"ETag": {Schema: &huma.Schema{Type: huma.TypeString}}}},
			"304": {Description: "Nothing has changed"},
		},
	}
	s.written(route{method: "GET", path: portfolioPrefix, class: classRead, action: access.ReadPortfolio, tag: tag, summary: "A portfolio at current prices"}, document, s.serveDocument)
	typed(s, route{method: "PATCH", path: portfolioPrefix, class: classChange, action: access.ChangePortfolio, tag: tag, summary: "Rename, close or set up a portfolio"}, http.StatusOK, s.changePortfolio)
	typed(s, route{method: "GET", path: portfolioPrefix + "/accounts", class: classRead, action: access.ReadPortfolio, tag: tag, summary: "A portfolio's accounts"}, http.StatusOK, s.listAccounts)
	typed(s, route{method: "POST", path: portfolioPrefix + "/accounts", class: classChange, action: access.ChangePortfolio, creates: true, tag: tag, summary: "Create an account"}, http.StatusCreated, s.createAccount)
	typed(s, route{method: "PATCH", path: portfolioPrefix + "/accounts/{account}", class: classChange, action: access.ChangePortfolio, tag: tag, summary: "Rename or close an account"}, http.StatusOK, s.changeAccount)
}

func (s *Server) listPortfolios(ctx context.Context, _ *none) (*answer[Portfolios], error) {
	all, err := s.store.Portfolios(ctx, callOf(ctx).user())
	if err != nil {
		return nil, err
	}
	out := Portfolios{Items: make([]Portfolio, 0, len(all))}
	for _, p := range all {
		out.Items = append(out.Items, portfolioOf(p))
	}
	shared, err := s.sharedPortfolios(ctx)
	if err != nil {
		return nil, err
	}
	out.Items = append(out.Items, shared...)
	return &answer[Portfolios]{out}, nil
}

func (s *Server) createPortfolio(ctx context.Context, in *createPortfolioInput) (*answer[Portfolio], error) {
	c := callOf(ctx)
	name, err := cleanName(in.Body.Name)
	if err != nil {
		return nil, err
	}
	base, err := money.ParseCurrency(in.Body.BaseCurrency)
	if err != nil {
		return nil, fault.At("base_currency", "This is not a currency.")
	}
	id, err := identity.NewID(s.random)
	if err != nil {
		return nil, err
	}
	p := ledger.Portfolio{
		ID: ledger.PortfolioID(id), Owner: c.owner(), Name: name, BaseCurrency: base, LotMethod: ledger.FIFO, LotScope: ledger.ScopeAccount, AllowShort: in.Body.AllowShort, CreatedAt: s.now(),
	}
	if in.Body.LotMethod != "" {
		p.LotMethod = ledger.LotMethod(in.Body.LotMethod)
	}
	if in.Body.LotScope != "" {
		p.LotScope = ledger.LotScope(in.Body.LotScope)
	}
	out := portfolioOf(p)
	w := c.write(c.entry(audit.PortfolioCreated, id), out)
	if err := s.store.CreatePortfolio(ctx, p, w); err != nil {
		return nil, err
	}
	return &answer[Portfolio]{out}, nil
}

// changesMax is how often a change is made anew because another came first.
const changesMax = 5

func (s *Server) changePortfolio(ctx context.Context, in *changePortfolioInput) (*answer[Portfolio], error) {
	c := callOf(ctx)
	for attempt := 1; ; attempt++ {
		p, err := s.store.Portfolio(ctx, c.owner(), ledger.PortfolioID(in.ID))
		if err != nil {
			return nil, err
		}
		if in.Body.AllowShort != nil && !*in.Body.AllowShort && p.AllowShort {
			if err := s.nothingShort(ctx, c, p); err != nil {
				return nil, err
			}
		}
		method, scope := p.LotMethod, p.LotScope
		if err := in.change(&p); err != nil {
			return nil, err
		}
		if p.LotMethod != method || p.LotScope != scope {
			if err := s.lotsFit(ctx, c, p, p.LotMethod != method); err != nil {
				return nil, err
			}
		}
		p.Sequence, err = s.store.UpdatePortfolio(ctx, p, audit.Write{Audit: c.entry(audit.PortfolioChanged, in.ID)})
		if fault.Is(err, fault.Stale) && attempt < changesMax {
			continue // the fields that this request doesn't name are the other's to say
		}
		if err != nil {
			return nil, err
		}
		s.journal.Announce(ctx, c.owner(), p.ID, p.Sequence)
		out, err := s.reached(ctx, p)
		if err != nil {
			return nil, err
		}
		return &answer[Portfolio]{out}, nil
	}
}

// nothingShort refuses while a portfolio is short of something. What comes in between makes the change stale, and it is looked at again.
func (s *Server) nothingShort(ctx context.Context, c *call, p ledger.Portfolio) error {
	book, err := s.journal.Book(ctx, c.owner(), p.ID, p.Sequence)
	if err != nil {
		return err
	}
	short := ledger.Shorts(*book)
	if len(short) == 0 {
		return nil
	}
	const namedMax = 5
	var names []string
	for _, id := range short[:min(len(short), namedMax)] {
		names = append(names, cmp.Or(book.Instruments[id].Symbol, string(id)))
	}
	if more := len(short) - len(names); more > 0 {
		names = append(names, strconv.Itoa(more)+" more")
	}
	return fault.At("allow_short", "The portfolio is short of %s. Close these positions first.", strings.Join(names, ", "))
}

// lotsFit refuses a lot method or scope that the activities can't be worked out by. What comes in between makes the change stale, and
// it is looked at again.
func (s *Server) lotsFit(ctx context.Context, c *call, p ledger.Portfolio, otherMethod bool) error {
	book, err := s.journal.Book(ctx, c.owner(), p.ID, p.Sequence)
	if err != nil {
		return err
	}
	return lotsFit(book, p.LotMethod, p.LotScope, otherMethod)
}

// lotsFit names the field that asks for what the activities don't allow, and the activity that is in the way.
func lotsFit(book *ledger.Book, method ledger.LotMethod, scope ledger.LotScope, otherMethod bool) error {
	err := ledger.CheckLots(*book, method, scope)
	refused, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	field := "lot_scope"
	if otherMethod {
		field = "lot_method"
	}
	hindered := &hindered{fault: fault.At(field, "%s", refused.Message)}
	for _, place := range refused.Places {
		hindered.activity = ledger.ActivityID(place.Location)
	}
	return hindered
}

// change sets what the request names.
func (in *changePortfolioInput) change(p *ledger.Portfolio) (err error) {
	if in.Body.Name != nil {
		if p.Name, err = cleanName(*in.Body.Name); err != nil {
			return err
		}
	}
	if in.Body.LotMethod != nil {
		p.LotMethod = ledger.LotMethod(*in.Body.LotMethod)
	}
	if in.Body.LotScope != nil {
		p.LotScope = ledger.LotScope(*in.Body.LotScope)
	}
	if in.Body.AllowShort != nil {
		p.AllowShort = *in.Body.AllowShort
	}
	if in.Body.Closed != nil {
		p.Closed = *in.Body.Closed
	}
	return nil
}

// accounts is a portfolio's accounts at the sequence that the caller's session was checked at.
func (s *Server) accounts(ctx context.Context, portfolio string) ([]ledger.Account, error) {
	c := callOf(ctx)
	book, err := s.journal.Book(ctx, c.owner(), ledger.PortfolioID(portfolio), c.sequence)
	if err != nil {
		return nil, err
	}
	return book.Accounts, nil
}

func (s *Server) listAccounts(ctx context.Context, in *PortfolioPath) (*answer[Accounts], error) {
	all, err := s.accounts(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := Accounts{Items: make([]Account, 0, len(all))}
	for _, a := range all {
		out.Items = append(out.Items, accountOf(a))
	}
	return &answer[Accounts]{out}, nil
}

func (s *Server) createAccount(ctx context.Context, in *createAccountInput) (*answer[Account], error) {
	c := callOf(ctx)
	name, err := cleanName(in.Body.Name)
	if err != nil {
		return nil, err
	}
	currency, err := money.ParseCurrency(in.Body.Currency)
	if err != nil {
		return nil, fault.At("currency", "This is not a currency.")
	}
	all, err := s.accounts(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := accountNameFree(all, "", name); err != nil {
		return nil, err
	}
	id, err := identity.NewID(s.random)
	if err != nil {
		return nil, err
	}
	a := ledger.Account{ID: ledger.AccountID(id), Name: name, Currency: currency}
	w := c.write(c.entry(audit.AccountCreated, id), accountOf(a))
	sequence, err := s.store.CreateAccount(ctx, c.owner(), ledger.PortfolioID(in.ID), a, w)
	if err != nil {
		return nil, err
	}
	s.journal.Announce(ctx, c.owner(), ledger.PortfolioID(in.ID), sequence)
	return &answer[Account]{accountOf(a)}, nil
}

func (s *Server) changeAccount(ctx context.Context, in *changeAccountInput) (*answer[Account], error) {
	c := callOf(ctx)
	all, err := s.accounts(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if string(a.ID) != in.Account {
			continue
		}
		if in.Body.Name != nil {
			if a.Name, err = cleanName(*in.Body.Name); err != nil {
				return nil, err
			}
			if err := accountNameFree(all, a.ID, a.Name); err != nil {
				return nil, err
			}
		}
		if in.Body.Closed != nil {
			a.Closed = *in.Body.Closed
		}
		sequence, err := s.store.UpdateAccount(ctx, c.owner(), ledger.PortfolioID(in.ID), a, audit.Write{Audit: c.entry(audit.AccountChanged, in.Account)})
		if err != nil {
			return nil, err
		}
		s.journal.Announce(ctx, c.owner(), ledger.PortfolioID(in.ID), sequence)
		return &answer[Account]{accountOf(a)}, nil
	}
	return nil, fault.New(fault.NotFound, "There is no such account.")
}

func accountNameFree(all []ledger.Account, self ledger.AccountID, name string) error {
	for _, a := range all {
		if a.Name == name && a.ID != self {
			return fault.At("name", "Another account of this portfolio has this name.")
		}
	}
	return nil
}

// cleanName is a name as it is kept: trimmed, one line, not too long. What it says is the owner's business; screens show it as text.
func cleanName(text string) (string, error) {
	name, err := identity.CleanName(text)
	if err != nil {
		return "", err
	}
	if utf8.RuneCountInString(name) > nameRunesMax {
		return "", fault.At("name", "The name may have at most %d characters.", nameRunesMax)
	}
	return name, nil
}

// serveDocument is the hot path: session and sequence in one query, the rest from memory.
func (s *Server) serveDocument(w http.ResponseWriter, r *http.Request) {
	c := callOf(r.Context())
	least := c.sequence
	if r.URL.RawQuery != "" {
		asked, err := askedSequence(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if err := s.awaitSequence(r.Context(), c, portfolioID(r), asked); err != nil {
			s.fail(w, r, err)
			return
		}
		least = max(least, asked)
	}
	doc, err := s.live.Document(r.Context(), c.owner(), portfolioID(r), least)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	h := w.Header()
	h["Etag"] = []string{doc.ETag}
	h["Cache-Control"] = revalidateHeader
	if match := r.Header.Get("If-None-Match"); match != "" && etagMatches(match, doc.ETag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Type"] = jsonHeader
	h["Content-Length"] = []string{strconv.Itoa(len(doc.JSON))}
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(doc.JSON) // the client may have gone; there is nobody to tell
}

var (
	jsonHeader       = []string{"application/json"}
	revalidateHeader = []string{"private, no-cache"}
)

// How long a portfolio is waited for that isn't as far yet as somebody has seen it: another node's change may be on its way.
const (
	sequenceWaitMax    = 2 * time.Second
	sequencePauseLeast = 25 * time.Millisecond // doubled each time
)

// awaitSequence waits until a portfolio is as far as asked, looking at its sequence alone: whoever asks for one that never comes must
// not have whole books read meanwhile.
func (s *Server) awaitSequence(ctx context.Context, c *call, portfolio ledger.PortfolioID, asked int64) error {
	if s.options.Sequence == nil {
		return nil // whoever reads the portfolio waits
	}
	for pause, waited := sequencePauseLeast, time.Duration(0); c.sequence < asked; pause *= 2 {
		if waited >= sequenceWaitMax {
			p := newProblem(fault.Unavailable, "The portfolio has not come that far yet. Ask again in a moment.")
			p.retryAfter = retrySeconds * time.Second
			return p
		}
		pause = min(pause, sequenceWaitMax-waited)
		select {
		case <-time.After(pause):
			waited += pause
		case <-ctx.Done():
			return ctx.Err()
		}
		now, err := s.options.Sequence(ctx, c.owner(), portfolio)
		if err != nil {
			return err
		}
		c.sequence = now
	}
	return nil
}

func askedSequence(r *http.Request) (int64, error) {
	text := r.URL.Query().Get("sequence")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fault.At("sequence", "This is not a sequence number.")
	}
	return n, nil
}

// etagMatches says whether an If-None-Match header names a tag; weak ones compare like strong ones.
func etagMatches(header, tag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == tag || part == "*" {
			return true
		}
	}
	return false
}
