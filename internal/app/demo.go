package app

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/config"
	"folioscope/internal/demo"
	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/ingest"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/sqlstore"
)

// DemoOptions say what the demo makes up.
type DemoOptions struct {
	Options
	Users int
	Seed  uint64
	Tick  time.Duration // how often the simulated market moves
}

// tickMin keeps an eager --tick from filling the disk.
const tickMin = 100 * time.Millisecond

// Demo runs one node with made-up people until ctx ends. What it makes lies in a data directory of its own and is used again
// on the next start; its key lies beside that directory, not in it.
func Demo(ctx context.Context, settings config.Config, o DemoOptions) error {
	if o.Tick < tickMin {
		return fault.At("--tick", "needs at least %s", tickMin)
	}
	if o.Users < 1 || o.Users > demo.UsersMax {
		return fault.At("--users", "needs 1 to %d", demo.UsersMax)
	}
	if settings.DataDir == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "--data-dir: no place for the demo's data is known, name one")
		}
		settings.DataDir = filepath.Join(dir, "folioscope-demo")
	}
	settings.Identity.RequireSecondFactor = nil // everybody may look around at once
	settings.Keys.KEK = filepath.Clean(settings.DataDir) + ".kek"
	if err := settings.Validate(); err != nil {
		return err
	}
	if err := demoKeys(ctx, settings, o.Options); err != nil {
		return err
	}
	release, name, err := claim(settings)
	if err != nil {
		return err
	}
	defer release()
	o.node = name
	store, err := openStore(ctx, settings, demo.Exchanges{}, o.Options)
	if err != nil {
		return err
	}
	if err := fill(ctx, store, o); err != nil {
		return errors.Join(fmt.Errorf("fill the demo: %w", err), store.Close())
	}
	n, err := newNode(ctx, settings, name, store, demo.Exchanges{}, o.Options)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	n.add("simulated market", func(ctx context.Context) error { return moveMarket(ctx, store, n.ingest, o) })
	return n.run(ctx)
}

// demoKeys makes the demo's keys on its first start.
func demoKeys(ctx context.Context, settings config.Config, o Options) error {
	_, err := os.Stat(filepath.Join(settings.DataDir, keyringFile))
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	_, err = InitKeys(ctx, settings, o)
	return err
}

// fill makes people and a market unless an earlier start did. The people come last, all or none, so that a start that was cut
// short is made good by the next one.
func fill(ctx context.Context, store *sqlstore.Store, o DemoOptions) error {
	_, err := store.UserByEmail(ctx, "admin@demo.test")
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	began := o.Now()
	world, err := demo.New(o.Seed, o.Users, began)
	if err != nil {
		return err
	}
	if err := store.PutInstruments(ctx, world.Instruments); err != nil {
		return err
	}
	if err := store.PutSeries(ctx, world.Series); err != nil {
		return err
	}
	if _, _, err := store.Accept(ctx, world.Marks); err != nil {
		return err
	}
	for _, a := range world.Actions {
		if _, _, err := store.PutActions(ctx, a.Instrument, []market.Action{a}); err != nil {
			return err
		}
	}
	users, err := seeds(world)
	if err != nil {
		return err
	}
	if err := store.Seed(ctx, users); err != nil {
		return err
	}
	for _, rule := range world.Alerts() { // a start that was cut short here leaves some without
		write := audit.Write{Audit: audit.Entry{Owner: rule.Owner, Actor: rule.Owner, Action: audit.AlertCreated, Object: string(rule.ID), Result: "ok"}}
		if err := store.CreateRule(ctx, rule, write); err != nil {
			return err
		}
	}
	o.Log.Info("made up people and a market", "users", len(world.People), "instruments", len(world.Instruments), "took", o.Now().Sub(began).Round(time.Millisecond))
	return nil
}

// seeds turns people into rows, with the snapshot of positions that every portfolio keeps.
func seeds(world *demo.World) ([]sqlstore.SeedUser, error) {
	past := &figures.Market{Series: map[market.InstrumentID]*market.Series{}}
	instruments := map[market.InstrumentID]market.Instrument{}
	for i := range world.Instruments {
		past.Series[world.Instruments[i].ID] = &world.Series[i]
		instruments[world.Instruments[i].ID] = world.Instruments[i]
	}
	users := make([]sqlstore.SeedUser, 0, len(world.People)+len(world.Staff))
	for _, p := range world.People {
		holdings, err := figures.Hold(p.Book(instruments), past)
		if err != nil {
			return nil, fmt.Errorf("hold %s: %w", p.Portfolio.ID, err)
		}
		users = append(users, sqlstore.SeedUser{
			User: p.User, Portfolio: p.Portfolio, Accounts: p.Accounts, Activities: p.Activities, Snapshot: holdings.Snapshot(), Holds: holdings.Instruments(),
		})
	}
	for _, user := range world.Staff {
		users = append(users, sqlstore.SeedUser{User: user})
	}
	return users, nil
}

// moveMarket steps the simulated market until ctx ends. Its prices enter where a pushed feed's would.
func moveMarket(ctx context.Context, store *sqlstore.Store, in *ingest.Ingest, o DemoOptions) error {
	marks, _, err := store.Marks(ctx, 0)
	if err != nil {
		return fmt.Errorf("read marks: %w", err)
	}
	latest := make(map[market.InstrumentID]money.Decimal, len(marks))
	for _, m := range marks {
		latest[m.Instrument] = m.Price
	}
	simulated, err := demo.Resume(latest, rand.New(rand.NewPCG(o.Seed, uint64(o.Now().UnixNano()))))
	if err != nil {
		return err
	}
	offer := func(ticks []demo.Tick) {
		offered := make([]ingest.Offered, len(ticks))
		for i, t := range ticks {
			offered[i] = ingest.Offered{Instrument: t.Instrument, Price: t.Price, Currency: t.Currency, MarketTime: t.MarketTime, PreviousDate: market.NoDate}
		}
		if err := in.Offer(ctx, market.SourceSimulate, offered); err != nil && ctx.Err() == nil {
			o.Log.Error("simulated prices were not taken", "error", err)
		}
	}
	offer(simulated.CatchUp(o.Now()))
	ticker := time.NewTicker(o.Tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			offer(simulated.Step(o.Now(), o.Tick))
		}
	}
}
