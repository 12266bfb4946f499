//go:build unix

package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"folioscope/internal/alert"
	"folioscope/internal/audit"
	"folioscope/internal/ingest"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/notify"
	"folioscope/internal/provider"
	"folioscope/internal/provider/replaytest"
)

// feed is one instrument that one source alone has a price of.
type feed struct {
	source, called string // by the source's own stand-in
	instrument     market.Instrument
	good           money.Decimal
	bare           bool // the source says no close of the day before, so that ours counts

	price    money.Decimal // that the source says now
	last     string        // its last good payload
	foreign  string        // another source's, with this price
	recorded []replaytest.Entry
	ingest   ingest.Options
}

// feeds are of all sources whose stand-in can be told a price.
func feeds() []*feed {
	made := func(source, name, called, good string, class market.Class, currency money.Currency, bare bool) *feed {
		i := market.Instrument{ID: market.InstrumentID("i-" + source), Symbol: "S" + source, Name: source, Currency: currency, Class: class, Names: map[string]string{source: name}}
		if class == market.FX {
			i.ID = market.RateID(currency)
		}
		return &feed{source: source, called: called, instrument: i, good: money.MustParse(good), bare: bare}
	}
	return []*feed{
		made(provider.Yahoo, "AAPL", "AAPL", "197.53", market.Stock, "USD", false),
		made(provider.CoinGecko, "bitcoin", "bitcoin", "90123.75", market.Crypto, "USD", true),
		made(provider.Finnhub, "FRST", "FRST", "311.37", market.Stock, "USD", false),
		made(provider.Tiingo, "FRST", "FRST", "312.79", market.Stock, "USD", false),
		made(provider.TwelveData, "FRST", "FRST", "313.87", market.Stock, "USD", false),
		made(provider.EODHD, "FRST.US", "FRST.US", "314.91", market.Stock, "USD", false),
		made(provider.AMFI, "101001", "101001", "130.57", market.Fund, "INR", true),
		made(provider.MFAPI, "101001", "101001", "131.63", market.Fund, "INR", true),
		made(provider.ECB, "", "USD", "1.1379", market.FX, "USD", false),
		made(provider.Frankfurter, "", "GBP", "0.8713", market.FX, "GBP", false),
	}
}

// rules are around the feed's good price, so near that whatever is believed fires one.
func (f *feed) rules() (all []alert.Rule) {
	add := func(name string, c alert.Condition) {
		all = append(all, alert.Rule{ID: alert.RuleID(f.source + " " + name), Name: f.source + " " + name, Condition: c})
	}
	about := alert.Condition{Kind: alert.Price, Instrument: f.instrument.ID}
	if f.instrument.Class == market.FX {
		about = alert.Condition{Kind: alert.CurrencyRate, Base: market.RateBase, Quote: f.instrument.Currency}
	}
	for direction, factor := range near {
		c := about
		c.Direction, c.Threshold = direction, f.good.Mul(factor)
		add(string(direction), c)
	}
	if about.Kind == alert.Price {
		add("stale", alert.Condition{Kind: alert.Stale, Instrument: f.instrument.ID, Threshold: money.MustParse("1000")})
	}
	if f.bare {
		add("up", alert.Condition{Kind: alert.Change, Instrument: f.instrument.ID, Direction: alert.Above, Threshold: money.MustParse("0.5"), Days: 1})
		add("down", alert.Condition{Kind: alert.Change, Instrument: f.instrument.ID, Direction: alert.Below, Threshold: money.MustParse("-0.5"), Days: 1})
		add("off high", alert.Condition{Kind: alert.OffHigh, Instrument: f.instrument.ID, Direction: alert.Above, Threshold: money.MustParse("0.5"), Days: 30})
	}
	return all
}

// near is how far from the good value the thresholds are.
var near = map[alert.Direction]money.Decimal{alert.Above: money.MustParse("1.005"), alert.Below: money.MustParse("0.995"), alert.Crossing: money.MustParse("1.003")}

// kitchen is a node with people's rules, and all the sources that its prices come from.
type kitchen struct {
	*node
	t     *testing.T
	front *front
	feeds []*feed
	clock atomic.Int64 // nanoseconds since 1970
	owner ledger.OwnerID
}

const (
	pollGap      = 13 * time.Hour // between two polls: a source that was to be left alone is asked again
	requestsMany = 1_000_000      // nobody counts them here
)

func (k *kitchen) ok(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *kitchen) now() time.Time { return time.Unix(0, k.clock.Load()).UTC() }

// newKitchen serves a node whose clock stands still. Its payloads are of the time of its clock, a year from now: what is recorded is old.
func newKitchen(t *testing.T) *kitchen {
	t.Helper()
	k := &kitchen{t: t, feeds: feeds(), front: &front{}}
	k.clock.Store(time.Now().UTC().AddDate(1, 0, 0).Truncate(24 * time.Hour).Add(15 * time.Hour).UnixNano())
	settings := settingsIn(t.TempDir())
	newPlace(t, settings)
	calendar, err := market.NewCalendar()
	k.ok(err)
	ready, ended := make(chan string, 1), make(chan error, 1)
	o := quiet(func(url string) { ready <- url })
	o.Now, o.alertsLook = k.now, 50*time.Millisecond
	store, err := openStore(t.Context(), settings, calendar, o)
	k.ok(err)
	if k.node, err = newNode(t.Context(), settings, "payloads", store, calendar, o); err != nil {
		t.Fatal(errors.Join(err, store.Close()))
	}
	k.connect(calendar)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- k.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	k.furnish(signIn(t, <-ready))
	return k
}

// connect gives every feed a source of its own, and ingest the one that it has.
func (k *kitchen) connect(sessions market.Sessions) {
	k.t.Helper()
	var err error
	var sources []string
	for _, f := range k.feeds {
		sources = append(sources, f.source)
	}
	k.front.feeds = k.feeds
	k.front.replay, err = replaytest.New(replaytest.Payloads(), k.now, sources...)
	k.ok(err)
	server := httptest.NewServer(k.front)
	k.t.Cleanup(server.Close)
	for _, f := range k.feeds {
		f.recorded, err = replaytest.Load(replaytest.Payloads(), f.source)
		k.ok(err)
		asked, err := source(f.source, provider.Options{BaseURL: server.URL + "/" + f.source, Key: "key", HTTP: server.Client(), RequestsPerMinute: requestsMany})
		k.ok(err)
		f.ingest = ingest.Options{
			Store: k.store, Publisher: ingest.Hints{Bus: k.bus}, Sessions: sessions, Log: k.o.Log, Now: k.now, Interval: 10 * time.Minute,
			Chains: map[string][]provider.Provider{ingest.ChainOf(f.instrument.Class): {asked}},
			Limits: map[string]ingest.Limits{f.source: {ingest.Minute: requestsMany, ingest.Hour: requestsMany, ingest.Day: requestsMany, ingest.Month: requestsMany}},
		}
	}
}

// furnish makes a portfolio, and rules around all good prices and its value.
func (k *kitchen) furnish(p *person) {
	k.t.Helper()
	var me, made struct{ ID string }
	p.must("GET", "/api/v1/me", nil, &me)
	k.owner = ledger.OwnerID(me.ID)
	var listed []market.Instrument
	for _, f := range k.feeds {
		if f.instrument.Class != market.FX {
			listed = append(listed, f.instrument)
		}
	}
	k.ok(k.store.PutInstruments(k.t.Context(), listed))
	p.must("POST", "/api/v1/portfolios", map[string]string{"name": "Watched", "base_currency": "USD"}, &made)
	path := "/api/v1/portfolios/" + made.ID
	p.must("POST", path+"/accounts", map[string]string{"name": "main", "currency": "USD"}, nil)
	first, second, day := k.feeds[0], k.feeds[1], k.now().AddDate(0, 0, -3).Format(time.DateOnly)
	value := first.good.Add(second.good)
	bought := func(f *feed) map[string]string {
		return map[string]string{"date": day, "type": "buy", "symbol": string(f.instrument.ID), "quantity": "1", "price": f.good.String()}
	}
	p.must("POST", path+"/activities", map[string]any{"activities": []map[string]string{{"date": day, "type": "deposit", "amount": value.String()}, bought(first), bought(second)}}, nil)

	var rules []alert.Rule
	for _, f := range k.feeds {
		rules = append(rules, f.rules()...)
	}
	for direction, factor := range near {
		c := alert.Condition{Kind: alert.Value, Portfolio: ledger.PortfolioID(made.ID), Direction: direction, Threshold: value.Mul(factor)}
		rules = append(rules, alert.Rule{ID: alert.RuleID("value " + string(direction)), Name: "value " + string(direction), NoData: true, Condition: c})
	}
	expression := fmt.Sprintf("holding(%q).price > %s", first.instrument.Symbol, first.good.Mul(near[alert.Above]))
	rules = append(rules, alert.Rule{ID: "expression", Condition: alert.Condition{Kind: alert.Expressed, Portfolio: ledger.PortfolioID(made.ID), Expression: expression}})
	for _, r := range rules {
		r.Owner, r.Version, r.Repeat, r.CreatedAt = k.owner, 1, alert.RepeatEach, k.now()
		k.ok(r.Validate())
		k.ok(k.store.CreateRule(k.t.Context(), r, audit.Write{Audit: audit.Entry{Owner: k.owner, Actor: k.owner, Action: audit.AlertCreated, RequestID: "r1", Result: "ok"}}))
	}
	k.alertsChanged(k.t.Context(), k.owner)
}

// poll asks all sources, a while later. Each time a node does that has never failed to reach them: how long one leaves a source alone goes by
// the machine's clock.
func (k *kitchen) poll() {
	k.t.Helper()
	k.clock.Add(int64(pollGap))
	var all errgroup.Group
	for _, f := range k.feeds {
		all.Go(func() error {
			prices, err := ingest.New(f.ingest)
			if err != nil {
				return err
			}
			asked, err := prices.Refresh(k.t.Context(), []market.InstrumentID{f.instrument.ID})
			if err == nil && len(asked) != 1 {
				err = fmt.Errorf("%s was not asked", f.source)
			}
			return err
		})
	}
	k.ok(all.Wait())
}

// marks are the newest accepted prices.
func (k *kitchen) marks() map[market.InstrumentID]market.Mark {
	k.t.Helper()
	var ids []market.InstrumentID
	for _, f := range k.feeds {
		ids = append(ids, f.instrument.ID)
	}
	marks, err := k.store.MarksOf(k.t.Context(), ids)
	k.ok(err)
	return marks
}

// at polls once more, now that all sources say so many times their good price, until it is in use: some leave us alone for days.
func (k *kitchen) at(factor string) {
	k.t.Helper()
	k.front.say(money.MustParse(factor))
	for range 20 {
		k.poll()
		marks := k.marks()
		if !slices.ContainsFunc(k.feeds, func(f *feed) bool { return !marks[f.instrument.ID].ObservedAt.Equal(k.now()) }) {
			break
		}
	}
	for id, m := range k.marks() {
		if i := slices.IndexFunc(k.feeds, func(f *feed) bool { return f.instrument.ID == id }); !m.Price.Equal(k.feeds[i].price) || m.HeldBack != nil || !m.ObservedAt.Equal(k.now()) {
			k.t.Fatalf("%s says %s, %s is in use, seen %s, held back: %+v", k.feeds[i].source, k.feeds[i].price, m.Price, m.ObservedAt, m.HeldBack)
		}
	}
}

// blind are the rules that don't know their value yet.
func (k *kitchen) blind() (names []string) {
	k.t.Helper()
	rules, err := k.store.Rules(k.t.Context(), k.owner)
	k.ok(err)
	for _, r := range rules {
		if r.Rule.Condition.Kind.Level() && r.Standing.Value == nil {
			names = append(names, r.Rule.Name+": "+r.Standing.Why)
		}
	}
	return names
}

// told is how often each rule has told.
func (k *kitchen) told() map[alert.RuleID]int {
	k.t.Helper()
	all := make(map[alert.RuleID]int)
	for after := (notify.Place{}); ; {
		items, next, err := k.store.Notices(k.t.Context(), k.owner, after, 100)
		k.ok(err)
		for _, item := range items {
			all[item.Rule]++
		}
		if after = next; next == (notify.Place{}) {
			return all
		}
	}
}

// Whatever a source does to its payload, no price of it is believed that isn't one, and no rule fires, however near it is: of prices, rates,
// changes, a fall from a high, a portfolio's value, an expression, a price that is missing. What two good payloads then say fires each that
// it concerns, once.
func TestFaultsOfSourcesTellNobody(t *testing.T) {
	t.Parallel()
	k := newKitchen(t)
	for range 3 { // over a day, which changes are counted from
		k.at("1")
	}
	waitFor(t, func() string { return fmt.Sprint("rules to know their value: ", k.blind()) }, func() bool { return len(k.blind()) == 0 })
	faults, recorded := spoils(), 0
	for _, f := range k.feeds {
		recorded = max(recorded, len(f.recorded))
	}
	for file := range recorded {
		faults = append(faults, spoilt{name: fmt.Sprint("recorded payload ", file+1), file: file + 1})
	}
	played, held := 0, 0
	for i := range faults {
		k.front.spoil(&faults[i])
		k.poll()
		played += len(k.front.played)
		marks := k.marks()
		for _, f := range k.feeds {
			m := marks[f.instrument.ID]
			if !m.Price.Equal(f.good) {
				t.Errorf("%s, %s: %s is believed", f.source, faults[i].name, m.Price)
			}
			if m.HeldBack != nil {
				held++
			}
		}
		k.at("1")
	}
	if told := k.told(); len(told) > 0 {
		t.Errorf("told of %v", told)
	}
	k.at("1.01")
	want := make(map[alert.RuleID]int)
	due := func(ups ...string) {
		for _, name := range ups {
			want[alert.RuleID(name)]++
		}
	}
	arrive := func(what string) {
		t.Helper()
		waitFor(t, func() string { return fmt.Sprintf("%s: told %v, want %v", what, k.told(), want) }, func() bool { return maps.Equal(k.told(), want) })
	}
	due("value above", "value crossing", "expression")
	for _, f := range k.feeds {
		due(f.source+" above", f.source+" crossing")
		if f.bare {
			due(f.source + " up")
		}
	}
	arrive("what rises")
	k.at("0.99")
	due("value below", "value crossing")
	for _, f := range k.feeds {
		due(f.source+" below", f.source+" crossing")
		if f.bare {
			due(f.source+" down", f.source+" off high")
		}
	}
	arrive("what falls")
	t.Logf("%d faults of %d sources were played, %d prices of them held back, the others refused: 0 false alerts; then %d rules told of two good payloads, each as often as they cross", played, len(k.feeds), held, len(want))
}
