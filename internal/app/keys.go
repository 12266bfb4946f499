package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"folioscope/internal/config"
	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/outbound"
	"folioscope/internal/seal"
	"folioscope/internal/seal/keyservice"
	"folioscope/internal/sqlstore"
)

// Names inside the data directory.
const (
	keyringFile  = "keyring"
	databaseFile = "folioscope.db"
)

// kekReference says where the key-encryption key lies: as configured, else in the user's own configuration, never beside the data.
func kekReference(settings config.Config) (string, error) {
	if settings.Keys.KEK != "" {
		return settings.Keys.KEK, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fault.Wrap(fault.Invalid, err, "keys.kek: no place for the key-encryption key is known, name one")
	}
	return filepath.Join(dir, "folioscope", "kek"), nil
}

// place is where the keyring of an installation lies.
func place(settings config.Config) seal.Place {
	if url := settings.Database.URL.Reveal(); url != "" {
		return sqlstore.KeyringTable{URL: url, Insecure: settings.Database.Insecure}
	}
	return seal.File{
		Path:    filepath.Join(settings.DataDir, keyringFile),
		Guarded: []string{filepath.Join(settings.DataDir, databaseFile)},
	}
}

// MadeKeys says where new keys lie.
type MadeKeys struct{ KEK, Keyring string }

// InitKeys makes the key-encryption key, where its file doesn't exist yet, a keyring, and the database, whose audit log begins with
// that. No keys are ever replaced.
func InitKeys(ctx context.Context, settings config.Config, o Options) (MadeKeys, error) {
	reference, err := kekReference(settings)
	if err != nil {
		return MadeKeys{}, err
	}
	kek, err := openKEK(ctx, settings, reference)
	if fault.Is(err, fault.NotFound) && seal.KindOf(reference) == seal.KindFile {
		if err := unused(ctx, settings, reference); err != nil {
			return MadeKeys{}, err
		}
		kek, err = seal.CreateKEK(reference)
	}
	if err != nil {
		return MadeKeys{}, err
	}
	if settings.Database.URL == "" {
		if err := os.MkdirAll(settings.DataDir, 0o700); err != nil {
			return MadeKeys{}, fmt.Errorf("make the data directory: %w", err)
		}
	}
	root, err := seal.Init(ctx, kek, place(settings))
	if err != nil {
		return MadeKeys{}, err
	}
	o.Log.Info("made keys", "keyring", root.Fingerprint())
	if err := withStore(ctx, settings, o, func(*sqlstore.Store) error { return nil }); err != nil {
		return MadeKeys{}, err
	}
	return MadeKeys{KEK: reference, Keyring: keyringPlace(settings)}, nil
}

// keyringPlace says in words where the keyring is.
func keyringPlace(settings config.Config) string {
	if settings.Database.URL != "" {
		return "in the database"
	}
	return filepath.Join(settings.DataDir, keyringFile)
}

// openKEK opens the key-encryption key that a reference names: one on this machine, or one that a service keeps.
func openKEK(ctx context.Context, settings config.Config, reference string) (*seal.KEK, error) {
	if !keyservice.Is(reference) {
		return seal.ReadKEK(reference)
	}
	service, err := keyservice.Parse(reference)
	if err != nil {
		return nil, err
	}
	addresses, networks := service.Reach()
	out, err := outbound.New(outbound.Options{Allow: append(networks, settings.Outbound.Allow...), Proxy: settings.Outbound.Proxy.Reveal()})
	if err != nil {
		return nil, err
	}
	return service.Open(ctx, out.Operator(addresses...))
}

// kindOfKEK says in words where the key-encryption key of a reference is.
func kindOfKEK(reference string) string {
	if service, err := keyservice.Parse(reference); err == nil {
		return service.Kind()
	}
	return seal.KindOf(reference)
}

// openStore opens an installation's data: the right key first, then the keyring, then the database.
func openStore(ctx context.Context, settings config.Config, sessions market.Sessions, o Options) (*sqlstore.Store, error) {
	reference, err := kekReference(settings)
	if err != nil {
		return nil, err
	}
	warnAboutKEK(o.Log, reference)
	if settings.Database.Insecure {
		o.Log.Warn("database.insecure is set: whoever is between this machine and the database may read and change all that passes, the wrapped keys too")
	}
	root, err := openRoot(ctx, settings)
	if err != nil {
		return nil, err
	}
	return openStoreWith(ctx, settings, root, sessions, o)
}

// openRoot opens the keyring of an installation with its key-encryption key.
func openRoot(ctx context.Context, settings config.Config) (*seal.Root, error) {
	reference, err := kekReference(settings)
	if err != nil {
		return nil, err
	}
	kek, err := openKEK(ctx, settings, reference)
	if err != nil {
		return nil, firstSteps(ctx, settings, reference, err)
	}
	root, err := seal.Open(ctx, kek, place(settings))
	if err != nil {
		return nil, firstSteps(ctx, settings, reference, err)
	}
	return root, nil
}

// openStoreWith opens an installation's database with its open keyring.
func openStoreWith(ctx context.Context, settings config.Config, root *seal.Root, sessions market.Sessions, o Options) (*sqlstore.Store, error) {
	store, err := sqlstore.Open(ctx, sqlstore.Options{
		MessagesHour: o.messagesHour,
		URL:          settings.Database.URL.Reveal(), Insecure: settings.Database.Insecure, Path: filepath.Join(settings.DataDir, databaseFile), FileKey: root.FileKey(),
		Root: root, Now: o.Now, Log: o.Log, Tracer: o.tracer, Sessions: sessions, Node: cmp.Or(o.node, "command"), LookOnly: o.lookOnly,
	})
	if err != nil {
		return nil, err
	}
	if o.lookOnly {
		return store, nil
	}
	if err := store.RecordKeys(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

func warnAboutKEK(log *slog.Logger, reference string) {
	if seal.KindOf(reference) == seal.KindEnvironment {
		log.Warn("the key-encryption key comes from the environment, which other programs of this user can read; a file or a systemd credential is safer")
	}
}

// firstSteps tells the operator of a new installation what to do, that of an old one what is lost, and leaves every other error
// as it is.
func firstSteps(ctx context.Context, settings config.Config, reference string, err error) error {
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	if err := unused(ctx, settings, reference); err != nil {
		return err
	}
	return fault.Wrap(fault.Unavailable, err, "no keys yet, run `folioscope keys init` first")
}

// unused refuses where a keyring or data is already while a part of the keys is missing: new keys would open nothing, and would
// hide that it is the old ones that have to come back.
func unused(ctx context.Context, settings config.Config, reference string) error {
	_, err := place(settings).Load(ctx)
	if err == nil {
		return fault.New(fault.Conflict, "there is a keyring already, but its key-encryption key %s is missing: put your copy of it back, no other opens the data", reference)
	}
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	if settings.Database.URL != "" {
		return nil // the keyring would lie in the database
	}
	database := filepath.Join(settings.DataDir, databaseFile)
	if _, err := os.Stat(database); err == nil {
		return fault.New(fault.Conflict, "there is data at %s, but its keyring is missing: put your copy of %s back, no other opens the data", database, keyringFile)
	}
	return nil
}
