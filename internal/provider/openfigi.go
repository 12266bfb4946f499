package provider

import (
	"context"
	"encoding/json"
	"slices"

	"folioscope/internal/market"
)

// Bounds of OpenFIGI, with the key in brackets: 25 requests a minute (in six seconds), 10 (100) identifiers in each.
const (
	figiPerMinute    = 20
	figiKeyPerMinute = 200
	figiJobsMax      = 10
	figiKeyJobsMax   = 100
	figiListingsMax  = 1000 // of one identifier: the lines of one share all over the world
)

// OpenFIGISource tells identifiers of one scheme from those of another, and which lines a share has. It knows no prices, no
// currencies and never gives an ISIN back. What it says doesn't change and may be kept for good.
type OpenFIGISource struct{ *source }

// NewOpenFIGI makes the source; the error is about Options only.
func NewOpenFIGI(o Options) (*OpenFIGISource, error) {
	perMinute := figiPerMinute
	if o.Key != "" {
		perMinute = figiKeyPerMinute
	}
	s, err := newSource(OpenFIGI, "https://api.openfigi.com", perMinute, o)
	if err != nil {
		return nil, err
	}
	s.keyHeader = "X-OPENFIGI-APIKEY"
	return &OpenFIGISource{source: s}, nil
}

// IdentifiersMax is how many identifiers go into one request; Identify takes any number.
func (g *OpenFIGISource) IdentifiersMax() int {
	if g.key != "" {
		return figiKeyJobsMax
	}
	return figiJobsMax
}

// figiKinds are OpenFIGI's names of the schemes.
var figiKinds = map[IdentifierKind]string{
	ISIN: "ID_ISIN", CUSIP: "ID_CUSIP", SEDOL: "ID_SEDOL", WKN: "ID_WERTPAPIER", FIGI: "ID_BB_GLOBAL", Ticker: "TICKER",
}

type figiJob struct {
	Kind     string `json:"idType"`
	Value    string `json:"idValue"`
	MIC      string `json:"micCode,omitempty"`
	Currency string `json:"currency,omitempty"`
}

// figiRow is one listing.
type figiRow struct {
	FIGI, Name, Ticker, ExchCode, CompositeFIGI, ShareClassFIGI string
	SecurityType, SecurityType2, MarketSector                   string
}

// Identify asks for all identifiers, as many at once as the plan allows.
func (g *OpenFIGISource) Identify(ctx context.Context, wanted []Identifier) ([][]Listing, map[int]*Error, error) {
	found, failed := make([][]Listing, len(wanted)), map[int]*Error{}
	var jobs []figiJob
	var places []int
	for i, w := range wanted {
		kind := figiKinds[w.Kind]
		if kind == "" || !plainName(w.Value) || w.MIC != "" && !plainName(w.MIC) {
			failed[i] = g.fail(UnknownSymbol, "", "no identifier of a known scheme")
			continue
		}
		jobs = append(jobs, figiJob{Kind: kind, Value: w.Value, MIC: w.MIC, Currency: string(w.Currency)})
		places = append(places, i)
	}
	for first := 0; first < len(jobs); first += g.IdentifiersMax() {
		last := min(first+g.IdentifiersMax(), len(jobs))
		answers, err := g.mapping(ctx, jobs[first:last])
		if err != nil {
			return nil, nil, err
		}
		for i, a := range answers {
			switch place := places[first+i]; {
			case a.Error != "":
				failed[place] = g.fail(UnknownSymbol, clipName(wanted[place].Value), "%q", g.brief(a.Error))
			default:
				found[place] = listings(a.Data)
			}
		}
	}
	return found, failed, nil
}

type figiAnswer struct {
	Data           []figiRow
	Warning, Error string
}

// mapping is one request; its answers stand in the order of the jobs, which is all that ties them together.
func (g *OpenFIGISource) mapping(ctx context.Context, jobs []figiJob) ([]figiAnswer, *Error) {
	payload, err := json.Marshal(jobs)
	if err != nil {
		return nil, g.fail(UnknownSymbol, "", "the identifiers make no request")
	}
	a, failed := g.get(ctx, request{path: "/v3/mapping", payload: payload, classify: g.classify})
	if failed != nil {
		return nil, failed
	}
	var answers []figiAnswer
	if err := g.decodeJSON(a.body, "", &answers); err != nil {
		return nil, err
	}
	if len(answers) != len(jobs) {
		return nil, g.fail(SchemaDrift, "", "%d answers for %d identifiers", len(answers), len(jobs))
	}
	return answers, nil
}

// Find looks for listings by text.
func (g *OpenFIGISource) Find(ctx context.Context, query string) ([]Listing, error) {
	payload, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		return nil, g.fail(UnknownSymbol, "", "the text makes no request")
	}
	a, failed := g.get(ctx, request{path: "/v3/search", payload: payload, classify: g.classify})
	if failed != nil {
		return nil, failed
	}
	var got struct{ Data []figiRow }
	if err := g.decodeJSON(a.body, "", &got); err != nil {
		return nil, err
	}
	return listings(got.Data), nil
}

func listings(rows []figiRow) []Listing {
	var all []Listing
	for _, r := range rows[:min(len(rows), figiListingsMax)] {
		if len(r.FIGI) != 12 || !plainName(r.FIGI) {
			continue
		}
		all = append(all, Listing{
			FIGI: r.FIGI, Composite: clip(r.CompositeFIGI), ShareClass: clip(r.ShareClassFIGI), Name: clip(r.Name), Ticker: clip(r.Ticker),
			Exchange: clip(r.ExchCode), Class: figiClass(r), Kind: clip(r.SecurityType),
		})
	}
	return all
}

// figiClass is the asset class of a listing, empty where it can't be held here.
func figiClass(r figiRow) market.Class {
	switch {
	case r.SecurityType == "ETP":
		return market.ETF
	case slices.Contains([]string{"Open-End Fund", "Mutual Fund", "Fund of Funds"}, r.SecurityType):
		return market.Fund
	case r.MarketSector == "Corp" || r.MarketSector == "Govt" || r.MarketSector == "Muni":
		return market.Bond
	case r.SecurityType2 == "Common Stock", r.SecurityType2 == "Depositary Receipt", r.SecurityType2 == "Preference":
		return market.Stock
	case r.SecurityType2 == "Mutual Fund":
		return market.Fund
	}
	return ""
}

// classify goes by the status; the texts beside it may change.
func (g *OpenFIGISource) classify(a answer) (Outcome, string) {
	if isHTML(a) {
		if a.status >= 500 {
			return Transient, ""
		}
		return Blocked, ""
	}
	return statusOutcome(a.status), opening(a)
}
