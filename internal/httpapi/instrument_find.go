package httpapi

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ingest"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Finder looks for instruments where prices come from; *ingest.Ingest is one.
type Finder interface {
	// Find searches our instruments and all sources; fault.Limited where too many search at once.
	Find(ctx context.Context, text string) (ingest.Found, error)
	// CurrencyOf is the currency that an instrument is quoted in, empty where no source says so.
	CurrencyOf(ctx context.Context, i market.Instrument) money.Currency
}

// FoundInstrument is one listing: an instrument that is here already, or one that a source knows and that can be added as it is.
type FoundInstrument struct {
	Instrument *Instrument  `json:"instrument,omitempty" doc:"The instrument, where it is here already"`
	Candidate  *string      `json:"candidate" doc:"What to add it by, where it isn't; good for an hour"`
	Name       string       `json:"name"`
	Symbol     string       `json:"symbol"`
	MIC        *string      `json:"mic"`
	Market     *string      `json:"market" doc:"The market's name"`
	ISIN       *string      `json:"isin"`
	Currency   *string      `json:"currency" doc:"null where no source says so yet"`
	AssetClass string       `json:"asset_class"`
	Country    *string      `json:"country"`
	Company    string       `json:"company" doc:"The same for all listings of one company, fund or coin"`
	Sources    []string     `json:"sources" nullable:"false" doc:"Who knows it"`
	Delisted   bool         `json:"delisted"`
	DelistedOn *string      `json:"delisted_on"`
	Former     []FormerName `json:"former" nullable:"false"`
}

// FoundInstruments are listings, those of one company one after the other.
type FoundInstruments struct {
	Items  []FoundInstrument `json:"items" nullable:"false"`
	Silent []string          `json:"silent" nullable:"false" doc:"Sources that didn't answer, or are left alone for now"`
}

type searchInstrumentsInput struct {
	Text string `query:"q" minLength:"1" maxLength:"100" doc:"A name, a symbol, an ISIN, WKN, CUSIP, SEDOL or FIGI"`
}

type chooseCandidateInput struct {
	Body struct {
		Candidate string  `json:"candidate" minLength:"1" maxLength:"6000" doc:"As a search gave it"`
		Currency  *string `json:"currency,omitempty" pattern:"^[A-Z]{3}$" doc:"Where no source says in which currency it is quoted"`
	}
}

type chosenOutput struct {
	Status int
	Body   Instrument
}

func (s *Server) addInstrumentFindRoutes() {
	const tag, path = "Instruments", "/api/v1/instruments"
	typed(s, route{method: "GET", path: path + "/search", class: classChart, action: access.ReadInstruments, tag: tag, summary: "Search instruments here and at the sources of prices"}, http.StatusOK, s.searchInstruments)
	typed(s, route{method: "POST", path: path + "/candidates", class: classChart, action: access.CreateInstrument, creates: true, tag: tag, summary: "Add an instrument that a search found; 200 with the one that is here where somebody was quicker"}, http.StatusCreated, s.chooseCandidate)
}

func (s *Server) searchInstruments(ctx context.Context, in *searchInstrumentsInput) (*answer[FoundInstruments], error) {
	text := strings.TrimSpace(in.Text)
	if text == "" {
		return nil, fault.At("q", "Type a name, a symbol or an ISIN.")
	}
	if wait, ok := s.searches.allow(string(callOf(ctx).user()), s.now()); !ok {
		p := newProblem(fault.Limited, "These are many searches. Wait a few seconds.")
		p.retryAfter = wait
		return nil, p
	}
	var found ingest.Found
	var err error
	if s.options.Finder != nil {
		found, err = s.options.Finder.Find(ctx, text)
	} else {
		var known []market.Instrument
		known, err = s.store.FindInstruments(ctx, text, 20)
		for _, i := range known {
			found.Candidates = append(found.Candidates, ingest.Candidate{Instrument: i, Company: i.Name})
		}
	}
	if err != nil {
		return nil, err
	}
	out := FoundInstruments{Items: []FoundInstrument{}, Silent: found.Silent}
	if out.Silent == nil {
		out.Silent = []string{}
	}
	for _, c := range found.Candidates {
		out.Items = append(out.Items, s.foundInstrument(c))
	}
	return &answer[FoundInstruments]{out}, nil
}

func (s *Server) foundInstrument(c ingest.Candidate) FoundInstrument {
	one := instrumentOf(c.Instrument)
	out := FoundInstrument{
		Name: c.Name, Symbol: c.Symbol, MIC: given(c.MIC), Market: given(c.Market), ISIN: given(c.ISIN), Currency: given(string(c.Currency)),
		AssetClass: string(c.Class), Country: given(c.Country), Company: c.Company, Sources: c.Sources, Delisted: c.Delisted,
		DelistedOn: one.DelistedOn, Former: formerOf(c.Aliases),
	}
	if out.Sources == nil {
		out.Sources = []string{}
	}
	if out.Former == nil {
		out.Former = []FormerName{}
	}
	if c.ID != "" {
		one.Former = formerOf(c.Aliases)
		out.Instrument = &one
		return out
	}
	out.Candidate = given(s.offer(c.Instrument))
	return out
}

// A candidate goes to the browser and comes back: what sources said of it, with our own word that we said so, so that any node
// knows it again and nobody else can make one.
const (
	candidateKept = time.Hour
	candidateUse  = "candidate"
	vouchBytes    = 16 // of the keyed hash: nobody guesses 128 bits
)

type offered struct {
	Symbol   string            `json:"s"`
	MIC      string            `json:"m,omitempty"`
	ISIN     string            `json:"i,omitempty"`
	Name     string            `json:"n"`
	Currency string            `json:"c,omitempty"`
	Class    string            `json:"a"`
	Sector   string            `json:"g,omitempty"`
	Country  string            `json:"l,omitempty"`
	Names    map[string]string `json:"p,omitempty"`
	Until    int64             `json:"u"` // s since 1970
}

func (s *Server) offer(i market.Instrument) string {
	text := strings.TrimSuffix(string(marshal(offered{
		Symbol: i.Symbol, MIC: i.MIC, ISIN: i.ISIN, Name: i.Name, Currency: string(i.Currency), Class: string(i.Class), Sector: i.Sector,
		Country: i.Country, Names: i.Names, Until: s.now().Add(candidateKept).Unix(),
	})), "\n")
	vouched := s.store.Vouch(candidateUse, text)
	return base64.RawURLEncoding.EncodeToString(append(vouched[:vouchBytes], text...))
}

// offeredBefore reads a candidate that we gave.
func (s *Server) offeredBefore(candidate string) (market.Instrument, error) {
	unknown := fault.At("candidate", "This was not found by a search. Search again.")
	raw, err := base64.RawURLEncoding.DecodeString(candidate)
	if err != nil || len(raw) <= vouchBytes {
		return market.Instrument{}, unknown
	}
	text := string(raw[vouchBytes:])
	vouched := s.store.Vouch(candidateUse, text)
	var o offered
	if subtle.ConstantTimeCompare(raw[:vouchBytes], vouched[:vouchBytes]) != 1 || json.Unmarshal([]byte(text), &o) != nil {
		return market.Instrument{}, unknown
	}
	if s.now().Unix() > o.Until {
		return market.Instrument{}, fault.At("candidate", "This was found too long ago. Search again.")
	}
	return market.Instrument{
		Symbol: o.Symbol, MIC: o.MIC, ISIN: o.ISIN, Name: o.Name, Currency: money.Currency(o.Currency), Class: market.Class(o.Class), Sector: o.Sector,
		Country: o.Country, Names: o.Names,
	}, nil
}

func (s *Server) chooseCandidate(ctx context.Context, in *chooseCandidateInput) (*chosenOutput, error) {
	c := callOf(ctx)
	i, err := s.offeredBefore(in.Body.Candidate)
	if err != nil {
		return nil, err
	}
	if i.Currency == "" {
		if i.Currency, err = s.currencyOf(ctx, i, in.Body.Currency); err != nil {
			return nil, err
		}
	}
	if i.Name, err = identity.CleanName(i.Name); err != nil {
		return nil, err
	}
	if checkNames(i.Names) != nil {
		i.Names = nil // what a source calls it isn't worth refusing it
	}
	other, found, err := s.same(ctx, i)
	if err != nil {
		return nil, err
	}
	if found {
		return &chosenOutput{http.StatusOK, instrumentOf(other)}, nil
	}
	if err := s.allowNewInstrument(c); err != nil {
		return nil, err
	}
	id, err := identity.NewID(s.random)
	if err != nil {
		return nil, err
	}
	i.ID = market.InstrumentID(id)
	out := instrumentOf(i)
	entry := c.entry(audit.InstrumentCreated, id)
	entry.Owner = "" // it is everybody's
	err = s.store.CreateInstrument(ctx, i, c.write(entry, out))
	if fault.Is(err, fault.Conflict) {
		if other, found, again := s.same(ctx, i); again == nil && found {
			return &chosenOutput{http.StatusOK, instrumentOf(other)}, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return &chosenOutput{http.StatusCreated, out}, nil
}

// currencyOf is what the sources say, else what the person does.
func (s *Server) currencyOf(ctx context.Context, i market.Instrument, typed *string) (money.Currency, error) {
	if s.options.Finder != nil {
		if c := s.options.Finder.CurrencyOf(ctx, i); c != "" {
			return c, nil
		}
	}
	if typed == nil {
		return "", fault.At("currency", "No source says in which currency this is quoted. Choose it.")
	}
	c, err := money.ParseCurrency(*typed)
	if err != nil {
		return "", fault.At("currency", "This is not a currency.")
	}
	return c, nil
}
