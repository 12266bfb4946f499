package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/config"
	"folioscope/internal/engine"
	"folioscope/internal/event"
	"folioscope/internal/figures"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/live"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// buildEngine makes what evaluates alert rules, where that is this node's role.
func (n *node) buildEngine(name string, record *journal.Journal, hub *live.Hub, sessions market.Sessions) {
	if !n.settings.HasRole(config.RoleEngine) {
		return
	}
	seen := alertPortfolios{n, record, hub, sessions}
	n.keeper = engine.NewKeeper(engine.KeeperOptions{
		Store: n.store, Bus: n.bus, Prices: shownPrices{hub}, Sessions: sessions, Held: held{record}.book, Workers: largeProcessors(), Large: n.o.large, Now: n.o.Now, Log: n.o.Log,
	})
	n.add("book", n.keeper.Run)
	n.engine = engine.New(engine.Options{
		Store: n.store, Bus: n.bus, Portfolios: seen, Keeper: n.keeper, Past: seen.past, Zone: n.zone, Sessions: sessions, Node: name, MayOwn: n.cluster.MayOwn, Now: n.o.Now, NewID: rand.Text, Log: n.o.Log,
		Interval: n.o.alertsLook,
	})
	n.add("alerts", n.engine.Run)
}

// alertPortfolios is what rules look at, in the engine's words.
type alertPortfolios struct {
	*node
	record   *journal.Journal
	hub      *live.Hub
	sessions market.Sessions
}

// Facts implements engine.Portfolios.
func (p alertPortfolios) Facts(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, asked engine.Asked) (engine.Valued, error) {
	if err := p.hub.Reach(ctx, asked.Quotes); err != nil {
		return engine.Valued{}, err
	}
	sequence := asked.Sequence
	if asked.Newest {
		newest, err := p.store.Sequence(ctx, owner, portfolio)
		if err != nil {
			return engine.Valued{}, err
		}
		sequence = max(sequence, newest)
	}
	now, err := p.hub.Value(ctx, owner, portfolio, sequence)
	if err != nil {
		return engine.Valued{}, err
	}
	book, err := p.record.Book(ctx, owner, portfolio, now.Held.Portfolio.Sequence)
	if err != nil {
		return engine.Valued{}, err
	}
	var spread []figures.Shares
	for _, by := range [...]figures.By{figures.ByClass, figures.BySector, figures.ByCountry, figures.ByCurrency} {
		shares, err := figures.Allocation(now.Valuation, now.Held.Holdings, *book, by)
		if err != nil {
			return engine.Valued{}, fmt.Errorf("spread a portfolio: %w", err)
		}
		spread = append(spread, shares)
	}
	states := make(map[market.InstrumentID]market.State, len(now.Document.Holdings))
	for i := range now.Document.Holdings {
		states[now.Document.Holdings[i].InstrumentID] = now.Document.Holdings[i].Price.State
	}
	facts := alert.NewFacts(&now.Held.Portfolio, now.Held.Instruments, &now.Valuation, spread, func(id market.InstrumentID) market.State { return states[id] })
	needs := now.Held.Needs
	facts.Rates = p.rates(&now.Valuation, asked.Rates)
	for _, currency := range asked.Rates {
		if id := market.RateID(currency); currency != market.RateBase && !slices.Contains(needs, id) {
			needs = append(slices.Clip(needs), id)
		}
	}
	if asked.Days > 0 && len(book.Activities) > 0 {
		if facts.Index, err = p.index(ctx, book, asked.Days); err != nil {
			return engine.Valued{}, err
		}
	}
	return engine.Valued{Facts: facts, Needs: needs}, nil
}

// Scene implements engine.Portfolios.
func (p alertPortfolios) Scene(ctx context.Context, owner ledger.OwnerID, r *alert.Rule) (scene alert.Scene, err error) {
	about, err := p.about(ctx, owner, &r.Condition)
	if err != nil {
		return scene, err
	}
	ids := make([]market.InstrumentID, 0, len(about))
	scene.Names = make(map[market.InstrumentID]string, len(about))
	for _, i := range about {
		ids = append(ids, i.ID)
		scene.Names[i.ID] = cmp.Or(i.Name, i.Symbol)
	}
	switch r.Condition.Kind {
	case alert.Dividend, alert.ExDate:
		scene.Actions, err = p.store.Actions(ctx, ids)
	case alert.Stale:
		scene.Ages = make(map[market.InstrumentID]alert.Age)
		for _, i := range about {
			if mark, ok := p.hub.Marks().Mark(i.ID); ok && !ledger.IsOwn(i.ID) {
				scene.Ages[i.ID] = alert.Age{ObservedAt: mark.ObservedAt, Traded: p.sessions.TradingTime(i.MIC, mark.ObservedAt, p.o.Now())}
			}
		}
	case alert.ImportFailed, alert.SignIn:
		scene.Incidents, err = p.store.Incidents(ctx, owner, r.CreatedAt)
	}
	return scene, err
}

// about is what a condition is about: its instrument, or all that its portfolio holds.
func (p alertPortfolios) about(ctx context.Context, owner ledger.OwnerID, c *alert.Condition) (all []market.Instrument, err error) {
	if c.Instrument != "" {
		return p.store.Instruments(ctx, []market.InstrumentID{c.Instrument})
	}
	if c.Portfolio == "" {
		return nil, nil
	}
	held, err := p.record.Holdings(ctx, owner, c.Portfolio, 0)
	if err != nil {
		return nil, err
	}
	for _, id := range held.Holdings.Instruments() {
		all = append(all, held.Instruments[id])
	}
	return all, nil
}

// index is a portfolio's time-weighted index of the last days; it ends with the first day that isn't known.
func (p alertPortfolios) index(ctx context.Context, book *ledger.Book, days int) ([]alert.IndexPoint, error) {
	past, err := p.record.Market(ctx, book)
	if err != nil {
		return nil, err
	}
	today := market.DateOf(p.o.Now().UTC())
	daily, err := figures.History(*book, p.hub.WithMarks(book, past), max(today-market.Date(days), book.Activities[0].Date), today)
	if err != nil {
		return nil, fmt.Errorf("work out an index: %w", err)
	}
	return alert.IndexOf(daily), nil
}

// rates are those that a portfolio is valued with, and more that are asked for.
func (p alertPortfolios) rates(v *figures.Valuation, more []money.Currency) alert.Rates {
	rates := make(alert.Rates)
	add := func(c money.Currency) {
		if mark, ok := p.hub.Marks().Mark(market.RateID(c)); ok {
			rates[c] = mark.Price
		}
	}
	add(v.Base)
	for _, r := range v.Rates {
		add(r.Currency)
	}
	for _, c := range more {
		add(c)
	}
	return rates
}

// past is the closes of an instrument's last days in the units of today, with the price of now as today's. The close before today's comes
// from the source where the bars have none yet.
func (p alertPortfolios) past(ctx context.Context, id market.InstrumentID, days int) ([]market.Bar, error) {
	const shutMax = 10 // days that exchanges are shut in a row at most: a change is counted from before these
	actions, err := p.store.Actions(ctx, []market.InstrumentID{id})
	if err != nil {
		return nil, err
	}
	book := ledger.SplitBook(market.Instrument{ID: id}, actions[id])
	series, err := p.record.Series(ctx, id)
	if err != nil {
		return nil, err
	}
	today := market.DateOf(p.o.Now().UTC())
	if mark, ok := p.hub.Marks().Mark(id); ok {
		var newest []market.Bar
		if mark.PreviousClose != nil && mark.PreviousDate != market.NoDate {
			newest = append(newest, market.Bar{Date: mark.PreviousDate, Close: *mark.PreviousClose})
		}
		newest = append(newest, market.Bar{Date: market.DateOf(mark.MarketTime.UTC()), Close: mark.Price})
		series = series.Fill(id, mark.Currency, newest)
	}
	var bars []market.Bar
	for _, price := range figures.Draw(*book, id, series, max(today-market.Date(days)-shutMax, market.NoDate), today, today).Prices {
		bars = append(bars, market.Bar{Date: price.Date, Close: price.Adjusted})
	}
	return bars, nil
}

// zone is where somebody's days begin and end.
func (n *node) zone(ctx context.Context, owner ledger.OwnerID) (*time.Location, error) {
	settings, err := n.store.NoticeSettings(ctx, owner)
	if err != nil {
		return nil, err
	}
	return settings.Location(), nil
}

// alertsChanged tells whoever evaluates somebody's rules to read them again. Without the hint they find out by themselves.
func (n *node) alertsChanged(ctx context.Context, owner ledger.OwnerID) {
	if err := n.hint(ctx, event.AlertsChangedSubject(owner), event.AlertsChanged{OwnerID: owner}.Payload()); err != nil {
		n.o.Log.Warn("no hint that alert rules changed; they are read within seconds", "error", err)
	}
}

// inboxChanged tells who has somebody's inbox open elsewhere that it was read. Without the hint they see it with their next look.
func (n *node) inboxChanged(ctx context.Context, owner ledger.OwnerID) {
	if err := n.hint(ctx, event.InboxChangedSubject(owner), event.InboxChanged{OwnerID: owner}.Payload()); err != nil {
		n.o.Log.Warn("no hint that an inbox was read; it is seen with the next look", "error", err)
	}
}

// hint publishes what came of a request that is over.
func (n *node) hint(ctx context.Context, subject string, payload []byte) error {
	const wait = time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait)
	defer cancel()
	return n.bus.Publish(ctx, subject, payload)
}
