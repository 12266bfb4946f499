package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"folioscope/internal/fault"
	"folioscope/internal/seal"
)

// KeyringTable is the place of a keyring inside a PostgreSQL database: the keyring is needed before the store can be opened.
type KeyringTable struct {
	URL      string
	Insecure bool // as in Options
}

var _ seal.Place = KeyringTable{}

// The keyring's table is made with the first keyring, before all migrations.
const (
	sqlKeyringTable  = "CREATE TABLE IF NOT EXISTS keyring (id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1), body BYTEA NOT NULL)"
	sqlTableExists   = "SELECT to_regclass($1) IS NOT NULL"
	sqlKeyring       = "SELECT body FROM keyring"
	sqlCreateKeyring = "INSERT INTO keyring (id, body) VALUES (1, $1) ON CONFLICT (id) DO NOTHING"
)

func (k KeyringTable) with(ctx context.Context, do func(ctx context.Context, p *postgres) error) error {
	ctx, cancel := bounded(ctx, operationWaitMax)
	defer cancel()
	p, err := openPostgres(ctx, k.URL, k.Insecure)
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, p), p.close())
}

// Load implements seal.Place.
func (k KeyringTable) Load(ctx context.Context) (data []byte, err error) {
	err = k.with(ctx, func(ctx context.Context, p *postgres) error {
		var exists bool
		if err := p.one(ctx, sqlTableExists, []any{"keyring"}, &exists); err != nil {
			return err
		}
		none := fault.New(fault.NotFound, "the database holds no keyring")
		if !exists {
			return none
		}
		err := p.one(ctx, sqlKeyring, nil, &data)
		if noRow(err) {
			return none
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load keyring: %w", err)
	}
	return data, nil
}

// Create implements seal.Place. A database that has our tables already is data of another keyring.
func (k KeyringTable) Create(ctx context.Context, data []byte) error {
	err := k.with(ctx, func(ctx context.Context, p *postgres) error {
		// Serializable: of two nodes that both find nothing one starts again.
		return p.transaction(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(q queries) error {
			var exists bool
			if err := q.one(ctx, sqlTableExists, []any{"users"}, &exists); err != nil {
				return err
			}
			if exists {
				return fault.New(fault.Conflict, "the database holds data: a new keyring could never open it")
			}
			if _, err := q.exec(ctx, sqlKeyringTable); err != nil {
				return err
			}
			created, err := q.exec(ctx, sqlCreateKeyring, data)
			if err == nil && created == 0 {
				return fault.New(fault.Conflict, "the database holds a keyring already")
			}
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("create keyring: %w", err)
	}
	return nil
}

// checkKeyringBefore refuses another installation's keyring before the schema is touched.
func (p *postgres) checkKeyringBefore(ctx context.Context, root *seal.Root) error {
	var exists bool
	if err := p.one(ctx, sqlTableExists, []any{"installation"}, &exists); err != nil || !exists {
		return err
	}
	var fingerprint string
	if err := p.one(ctx, sqlInstallation, []any{nameFingerprint}, &fingerprint); err != nil {
		if noRow(err) {
			return nil
		}
		return err
	}
	if fingerprint != root.Fingerprint() {
		return fault.New(fault.Denied, "the database was sealed with the keyring %s, not with %s", fingerprint, root.Fingerprint())
	}
	return nil
}
