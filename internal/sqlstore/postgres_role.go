package sqlstore

import (
	"context"
	"fmt"
)

const sqlSuperuser = `SELECT rolsuper FROM pg_roles WHERE rolname = current_user`

// warnOfRights tells the operator where the node's role may do anything to the whole server: it needs to own its database, and no more.
func (s *Store) warnOfRights(ctx context.Context, p *postgres) error {
	var all bool
	if err := p.one(ctx, sqlSuperuser, nil, &all); err != nil {
		return fmt.Errorf("read rights: %w", err)
	}
	if all {
		s.log.Warn("database.url signs in as a superuser; give the node a role of its own that owns its database and nothing else")
	}
	return nil
}
