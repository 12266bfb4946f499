package sqlstore

import (
	"bytes"
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
	sqlKeyringTable   = "CREATE TABLE IF NOT EXISTS keyring (id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1), body BYTEA NOT NULL)"
	sqlTableExists    = "SELECT to_regclass($1) IS NOT NULL"
	sqlKeyring        = "SELECT body FROM keyring"
	sqlCreateKeyring  = "INSERT INTO keyring (id, body) VALUES (1, $1) ON CONFLICT (id) DO NOTHING"
	sqlReplaceKeyring = "UPDATE keyring SET body = $2 WHERE id = 1 AND body = $1"
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

// Load implements seal.Place. Data without a keyring gives fault.Conflict: a new one would not open it.
func (k KeyringTable) Load(ctx context.Context) (data []byte, err error) {
	err = k.with(ctx, func(ctx context.Context, p *postgres) error {
		exists, err := tableExists(ctx, p, "keyring")
		if err != nil {
			return err
		}
		if exists {
			if err := p.one(ctx, sqlKeyring, nil, &data); !noRow(err) {
				return err
			}
		}
		sealed, err := tableExists(ctx, p, "users")
		if err != nil {
			return err
		}
		if sealed {
			return fault.New(fault.Conflict, "the database holds data, but its keyring is missing: put your copy of the table keyring back, no other opens the data")
		}
		return fault.New(fault.NotFound, "the database holds no keyring")
	})
	if err != nil {
		return nil, fmt.Errorf("load keyring: %w", err)
	}
	return data, nil
}

func tableExists(ctx context.Context, q queries, table string) (exists bool, err error) {
	err = q.one(ctx, sqlTableExists, []any{table}, &exists)
	return exists, err
}

// Create implements seal.Place. A database that has our tables already is data of another keyring.
func (k KeyringTable) Create(ctx context.Context, data []byte) error {
	err := k.with(ctx, func(ctx context.Context, p *postgres) error {
		// Serializable: of two nodes that both find nothing one starts again.
		return p.transaction(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(q queries) error {
			if _, err := q.exec(ctx, sqlKeyringTable); err != nil {
				return err
			}
			created, err := q.exec(ctx, sqlCreateKeyring, data)
			if err == nil && created == 0 {
				return fault.New(fault.Conflict, "the database holds a keyring already")
			}
			if err != nil {
				return err
			}
			sealed, err := tableExists(ctx, q, "users")
			if err == nil && sealed {
				return fault.New(fault.Conflict, "the database holds data: a new keyring could never open it")
			}
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("create keyring: %w", err)
	}
	return nil
}

// Replace implements seal.Place.
func (k KeyringTable) Replace(ctx context.Context, old, data []byte) error {
	err := k.with(ctx, func(ctx context.Context, p *postgres) error {
		replaced, err := p.exec(ctx, sqlReplaceKeyring, old, data)
		if err != nil || replaced == 1 {
			return err
		}
		var held []byte
		if err := p.one(ctx, sqlKeyring, nil, &held); err != nil {
			return err
		}
		if !bytes.Equal(held, data) {
			return fault.New(fault.Conflict, "the keyring was changed by somebody else meanwhile")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("replace keyring: %w", err)
	}
	return nil
}

// checkKeyringBefore refuses another installation's keyring before the schema is touched.
func (p *postgres) checkKeyringBefore(ctx context.Context, root *seal.Root) error {
	exists, err := tableExists(ctx, p, "installation")
	if err != nil || !exists {
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
