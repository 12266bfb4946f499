// Package sqlstore is an adapter that knows another one.
package sqlstore

import (
	"database/sql"

	"example/internal/natsbus" // want: sqlstore must not import natsbus
	"github.com/jackc/pgx/v5"
)

// Open uses what is its own.
func Open() { _ = sql.ErrNoRows; _ = pgx.ErrNoRows; natsbus.Connect() }
