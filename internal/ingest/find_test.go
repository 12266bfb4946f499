package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/provider"
)

// searcher is a scripted source that can be searched.
type searcher struct {
	*source
	found    func(ctx context.Context, text string) ([]market.Instrument, error)
	searches atomic.Int32
}

func (s *searcher) Search(ctx context.Context, text string) ([]market.Instrument, error) {
	if _, ok := ctx.Deadline(); !ok {
		return nil, errors.New("a search without a deadline")
	}
	s.searches.Add(1)
	return s.found(ctx, text)
}

func finds(name string, all ...market.Instrument) *searcher {
	return &searcher{source: (&source{name: name}).says("1"), found: func(context.Context, string) ([]market.Instrument, error) { return slices.Clone(all), nil }}
}

// shelf is a catalogue in memory.
type shelf struct {
	all     []market.Instrument
	aliases map[market.InstrumentID][]market.Alias
}

func (s shelf) FindInstruments(_ context.Context, text string, limit int) (found []market.Instrument, err error) {
	for _, i := range s.all {
		if strings.Contains(strings.ToLower(i.Symbol+" "+i.Name+" "+i.ISIN), strings.ToLower(text)) && len(found) < limit {
			found = append(found, i)
		}
	}
	return found, nil
}

func (s shelf) Listings(_ context.Context, symbols, isins []string) (found []market.Instrument, err error) {
	for _, i := range s.all {
		if slices.Contains(symbols, i.Symbol) || i.ISIN != "" && slices.Contains(isins, i.ISIN) {
			found = append(found, i)
		}
	}
	return found, nil
}

func (s shelf) InstrumentAliases(context.Context, []market.InstrumentID) (map[market.InstrumentID][]market.Alias, error) {
	return s.aliases, nil
}

// guide is a scripted directory.
type guide struct{ listings []provider.Listing }

func (guide) Name() string             { return provider.OpenFIGI }
func (guide) Quotas() []provider.Quota { return nil }
func (g guide) Identify(_ context.Context, wanted []provider.Identifier) ([][]provider.Listing, map[int]*provider.Error, error) {
	found := make([][]provider.Listing, len(wanted))
	found[len(wanted)-1] = g.listings
	return found, nil, nil
}

func newFinding(t *testing.T, catalogue Catalogue, directory Directory, sources ...provider.Provider) *Ingest {
	t.Helper()
	made, err := New(Options{Store: newMemory(nil), Publisher: &hints{}, Sessions: hours{}, Log: slog.New(slog.DiscardHandler),
		Chains: map[string][]provider.Provider{ChainStock: sources, ChainCrypto: sources}, Interval: slot, Catalogue: catalogue, Directory: directory})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (g *Ingest) found(t *testing.T, text string) Found {
	t.Helper()
	f, err := g.Find(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// shown is a candidate in short: id or "+", symbol, market, currency, who knows it.
func shown(f Found) string {
	var out []string
	for _, c := range f.Candidates {
		id := string(c.ID)
		if id == "" {
			id = "+"
		}
		out = append(out, fmt.Sprint(id, " ", c.Symbol, " ", c.MIC, " ", c.Currency, " ", strings.Join(c.Sources, "+")))
	}
	return strings.Join(out, "\n")
}

var (
	appleUS  = market.Instrument{Symbol: "AAPL", MIC: "XNAS", Name: "Apple Inc.", Class: market.Stock, Names: map[string]string{"yahoo": "AAPL"}}
	appleDE  = market.Instrument{Symbol: "APC", MIC: "XETR", Name: "Apple Inc.", Class: market.Stock, Currency: "EUR", Names: map[string]string{"yahoo": "APC.DE"}}
	appleEOD = market.Instrument{Symbol: "AAPL", MIC: "", ISIN: "US0378331005", Name: "Apple Inc", Class: market.Stock, Currency: "USD", Names: map[string]string{"eodhd": "AAPL.US"}}
	appletON = market.Instrument{Symbol: "APPL", MIC: "XNYS", Name: "Appleton Corp", Class: market.Stock, Currency: "USD", Names: map[string]string{"yahoo": "APPL"}}
)

func TestFindMergesWhatSourcesSay(t *testing.T) {
	ours := market.Instrument{ID: "apple-de", Symbol: "APC", MIC: "XETR", ISIN: "US0378331005", Name: "Apple", Currency: "EUR", Class: market.Stock}
	yahoo := finds("yahoo", appletON, appleUS, appleDE)
	eodhd := finds("eodhd", appleEOD)
	g := newFinding(t, shelf{all: []market.Instrument{ours}, aliases: map[market.InstrumentID][]market.Alias{"apple-de": {{Scheme: market.WKN, Value: "865985"}}}}, nil, yahoo, eodhd)
	f := g.found(t, "apple")
	want := "apple-de APC XETR EUR yahoo\n+ AAPL XNAS USD yahoo+eodhd\n+ APPL XNYS USD yahoo"
	if shown(f) != want || len(f.Silent) > 0 {
		t.Fatalf("found\n%s\nwant\n%s\nsilent %v", shown(f), want, f.Silent)
	}
	if c := f.Candidates; c[0].Company != c[1].Company || c[1].Company == c[2].Company || c[1].ISIN != "US0378331005" || len(c[0].Aliases) != 1 || c[0].Market != "XETR" {
		t.Errorf("%+v", c)
	}
	if names := f.Candidates[1].Names; names != nil {
		t.Errorf("names that follow from symbol and market are kept: %v", names)
	}
	if exact := g.found(t, "APPL"); exact.Candidates[0].Symbol != "APPL" {
		t.Errorf("not what was typed exactly first:\n%s", shown(exact))
	}
}

func TestFindRemembersAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yahoo := finds("yahoo", appleDE)
		g := newFinding(t, nil, nil, yahoo)
		for range 3 {
			g.found(t, "Apple")
			g.found(t, "  apple ")
		}
		if n := yahoo.searches.Load(); n != 1 {
			t.Errorf("%d searches for one text", n)
		}
		time.Sleep(answersKept)
		if g.found(t, "apple"); yahoo.searches.Load() != 2 {
			t.Error("remembered for good")
		}
		if g.found(t, "a"); yahoo.searches.Load() != 2 {
			t.Error("asked for one letter")
		}
	})
}

// A source that fails, hangs or panics costs its hits; the others' are there, and prices aren't asked elsewhere because of it.
func TestFindWithoutADeadSource(t *testing.T) {
	for name, found := range map[string]func(context.Context, string) ([]market.Instrument, error){
		"fails": func(context.Context, string) ([]market.Instrument, error) {
			return nil, &provider.Error{Provider: "dead", Outcome: provider.Transient, Cause: errors.New("503")}
		},
		"drifts": func(context.Context, string) ([]market.Instrument, error) {
			return nil, &provider.Error{Provider: "dead", Outcome: provider.SchemaDrift, Cause: errors.New("no JSON")}
		},
		"hangs": func(ctx context.Context, _ string) ([]market.Instrument, error) {
			<-ctx.Done()
			return nil, &provider.Error{Provider: "dead", Outcome: provider.Transient, Cause: ctx.Err()}
		},
		"panics": func(context.Context, string) ([]market.Instrument, error) { panic("index out of range") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dead := finds("dead")
				dead.found = found
				g := newFinding(t, nil, nil, dead, finds("yahoo", appleDE))
				began := time.Now()
				f := g.found(t, "apple")
				if shown(f) != "+ APC XETR EUR yahoo" || !slices.Equal(f.Silent, []string{"dead"}) || time.Since(began) > findDeadline {
					t.Fatalf("%s, silent %v, after %v", shown(f), f.Silent, time.Since(began))
				}
				for n := range 5 {
					g.found(t, fmt.Sprint("apple", n))
				}
				if n := dead.searches.Load(); n != 1 {
					t.Errorf("asked %d times in half a minute", n)
				}
				if name != "fails" && !g.gates["dead"].circuit.closedUntil(time.Now()).IsZero() {
					t.Error("its prices are left alone because of its search")
				}
				time.Sleep(searchDriftPause + time.Second)
				if g.found(t, "apple"); dead.searches.Load() != 2 {
					t.Error("never asked again")
				}
			})
		})
	}
}

// A plan without a search is no failure, and isn't asked for long.
func TestFindWhereThePlanHasNoSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		poor := finds("poor")
		poor.found = func(context.Context, string) ([]market.Instrument, error) {
			return nil, &provider.Error{Provider: "poor", Outcome: provider.NotEntitled, Cause: errors.New("403")}
		}
		g := newFinding(t, nil, nil, poor)
		for n := range 3 {
			if f := g.found(t, fmt.Sprint("apple", n)); len(f.Silent) > 0 {
				t.Errorf("silent: %v", f.Silent)
			}
		}
		if n := poor.searches.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// Searches leave half of a source's day to its prices.
func TestFindLeavesQuotaToPrices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		small := &rationedSearcher{finds("small", appleDE)}
		g := newFinding(t, nil, nil, small)
		for n := range 20 {
			g.found(t, fmt.Sprint("apple", n))
		}
		if n := small.searches.Load(); n != 5 {
			t.Errorf("%d searches out of 10 requests a day, want 5", n)
		}
	})
}

type rationedSearcher struct{ *searcher }

func (rationedSearcher) Quotas() []provider.Quota {
	return []provider.Quota{{Outcome: provider.RateDay, Max: 10}}
}

// Who leaves while typing costs the source nothing, and the answer is there for the next.
func TestFindGoesOnWithoutWhoAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := finds("yahoo")
		slow.found = func(ctx context.Context, _ string) ([]market.Instrument, error) {
			time.Sleep(time.Second)
			return []market.Instrument{appleDE}, ctx.Err()
		}
		g := newFinding(t, nil, nil, slow)
		leaving, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := g.Find(leaving, "apple"); err != nil {
			t.Fatal(err)
		}
		if f := g.found(t, "apple"); shown(f) != "+ APC XETR EUR yahoo" || slow.searches.Load() != 1 {
			t.Errorf("%s after %d searches", shown(f), slow.searches.Load())
		}
	})
}

func TestFindIsBoundedOnANode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := finds("yahoo")
		slow.found = func(ctx context.Context, _ string) ([]market.Instrument, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		g := newFinding(t, nil, nil, slow)
		errs := make(chan error)
		for n := range findsAtOnceMax + 1 {
			go func() {
				_, err := g.Find(context.Background(), fmt.Sprint("apple", n))
				errs <- err
			}()
		}
		limited := 0
		for range findsAtOnceMax + 1 {
			if fault.Is(<-errs, fault.Limited) {
				limited++
			}
		}
		if limited != 1 {
			t.Errorf("%d were told to wait, want 1", limited)
		}
	})
}

// A German number of a foreign share is a part of no ISIN: the directory knows its lines, and the sources what they cost and in what.
func TestFindByIdentifiers(t *testing.T) {
	yahoo := finds("yahoo")
	yahoo.batch = 20
	yahoo.latest = func(names []string, now time.Time) (provider.Batch, error) {
		var b provider.Batch
		for _, name := range names {
			b.Quotes = append(b.Quotes, quote(name, "1", map[string]string{"AAPL": "USD", "APC.DE": "EUR", "BA.L": "GBp"}[name], now))
		}
		return b, nil
	}
	var texts []string
	yahoo.found = func(_ context.Context, text string) ([]market.Instrument, error) {
		texts = append(texts, text)
		return nil, nil
	}
	common := provider.Listing{Name: "APPLE INC", Ticker: "AAPL", Class: market.Stock}
	line := func(exchange, ticker string) provider.Listing {
		l := common
		l.Exchange, l.Ticker = exchange, ticker
		return l
	}
	g := newFinding(t, nil, guide{[]provider.Listing{line("US", "AAPL"), line("UN", "AAPL"), line("UW", "AAPL"), line("GR", "APC"), line("GY", "APC"), line("??", "X")}}, yahoo)
	f := g.found(t, "865985")
	if want := "+ AAPL XNAS USD openfigi\n+ APC XETR EUR openfigi"; shown(f) != want {
		t.Errorf("found\n%s\nwant\n%s", shown(f), want)
	}
	if !slices.Equal(texts, []string{"865985", "DE0008659855"}) {
		t.Errorf("asked for %v: six digits may be a symbol as well", texts)
	}
	if n := yahoo.asked(); n != 1 {
		t.Errorf("%d requests for currencies", n)
	}
	texts = nil
	f = g.found(t, "us 0378 3310 05")
	if len(f.Candidates) != 2 || f.Candidates[0].ISIN != "US0378331005" || !slices.Equal(texts, []string{"US0378331005"}) || yahoo.asked() != 1 {
		t.Errorf("%s, asked for %v", shown(f), texts)
	}
	if texts = nil; len(g.found(t, "0263494").Candidates) != 2 || !slices.Equal(texts, []string{"GB0002634946"}) {
		t.Errorf("SEDOL: asked for %v", texts)
	}
	if got := g.CurrencyOf(t.Context(), market.Instrument{Symbol: "BA", MIC: "XLON", Class: market.Stock}); got != "GBP" {
		t.Errorf("currency in pence: %q", got)
	}
}

// Coins share symbols: only the one that everybody means is the same at two sources.
func TestFindTellsCoinsApart(t *testing.T) {
	coinAt := func(id, name string) market.Instrument {
		return market.Instrument{Symbol: "BTC", Name: name, Currency: "USD", Class: market.Crypto, Names: map[string]string{"coingecko": id}}
	}
	yahoo := finds("yahoo", market.Instrument{Symbol: "BTC-USD", Name: "Bitcoin USD", Class: market.Crypto, Names: map[string]string{"yahoo": "BTC-USD"}})
	gecko := finds("coingecko", coinAt("bitcoin", "Bitcoin"), coinAt("batcat", "batcat"))
	f := newFinding(t, nil, nil, yahoo, gecko).found(t, "btc")
	if want := "+ BTC  USD yahoo+coingecko\n+ BTC  USD coingecko"; shown(f) != want {
		t.Fatalf("found\n%s\nwant\n%s", shown(f), want)
	}
	if a, b := f.Candidates[0], f.Candidates[1]; a.Names != nil || b.Names["coingecko"] != "batcat" || a.Company == b.Company || a.Same(b.Instrument) {
		t.Errorf("%+v", f.Candidates)
	}
}

func TestCompanyKey(t *testing.T) {
	for _, names := range [][]string{
		{"Apple Inc.", "APPLE INC", "Apple, Inc", "Apple"}, {"SAP SE", "SAP", "SAP AG", "Sap Se Adr"}, {"AT&T Inc.", "AT & T"},
		{"E.ON SE", "EON SE"},
	} {
		for _, name := range names {
			if companyKey(name, market.Stock) != companyKey(names[0], market.Stock) {
				t.Errorf("%q and %q are two", name, names[0])
			}
		}
	}
	if companyKey("Vanguard Holdings", market.ETF) == companyKey("Vanguard", market.ETF) || companyKey("SE", market.Stock) == "" {
		t.Error("too much is cut")
	}
}
