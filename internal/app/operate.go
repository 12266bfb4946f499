package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"folioscope/internal/audit"
	"folioscope/internal/config"
	"folioscope/internal/identity"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/natsbus"
	"folioscope/internal/transfer"
)

// Import adds a file's activities to a portfolio in the configured store, all of them or none. A node that runs on the same
// store shows them within its poll.
func Import(ctx context.Context, settings config.Config, o Options, portfolio ledger.PortfolioID, file io.Reader, dryRun bool) (transfer.Result, error) {
	calendar, err := market.NewCalendar()
	if err != nil {
		return transfer.Result{}, err
	}
	store, err := openStore(ctx, settings, calendar, o)
	if err != nil {
		return transfer.Result{}, err
	}
	result, err := func() (transfer.Result, error) {
		owner, err := store.OwnerOf(ctx, portfolio)
		if err != nil {
			return transfer.Result{}, fmt.Errorf("--portfolio: %w", err)
		}
		where, err := busOptions(settings.NATS, "import", false, o)
		if err != nil {
			return transfer.Result{}, err
		}
		where.Installation = store.Installation()
		hints, err := natsbus.Open(ctx, where)
		if err != nil {
			return transfer.Result{}, err
		}
		record := journal.New(journalStore{store}, hints, journal.Options{Log: o.Log, Now: o.Now})
		result, err := transfer.NewService(transfer.Options{Journal: record, Instruments: store, Versions: store, Now: o.Now}).
			Import(ctx, owner, portfolio, 0, file, dryRun, func(transfer.Result) audit.Write {
				return audit.Write{Audit: audit.Entry{Owner: owner, Action: audit.ActivitiesImported, Object: string(portfolio), Result: "ok"}}
			})
		return result, errors.Join(err, hints.Close())
	}()
	return result, errors.Join(err, store.Close())
}

// AddUser adds a person to the configured store, as an operator does on the machine itself.
func AddUser(ctx context.Context, settings config.Config, o Options, user identity.NewUser) error {
	return WithPeople(ctx, settings, o, func(people *identity.Service) error {
		_, err := people.CreateUser(ctx, user)
		return err
	})
}

// WithPeople opens the configured store for what an operator does about people on the machine itself.
func WithPeople(ctx context.Context, settings config.Config, o Options, do func(people *identity.Service) error) error {
	calendar, err := market.NewCalendar()
	if err != nil {
		return err
	}
	store, err := openStore(ctx, settings, calendar, o)
	if err != nil {
		return err
	}
	hasher, err := identity.NewHasher(rand.Reader)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	if _, err := newMail(ctx, settings, store, o); err != nil {
		return errors.Join(err, store.Close())
	}
	breached, closeBreached, err := openBreached(settings)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	return errors.Join(do(people(settings, store, hasher, breached, nil, nil, o)), closeBreached(), store.Close())
}
