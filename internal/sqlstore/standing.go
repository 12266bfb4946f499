package sqlstore

import (
	"context"

	"folioscope/internal/identity"
)

const (
	sqlStandingSessions = `SELECT x.hash FROM sessions x WHERE x.owner = $1 AND x.hash = $2 AND (SELECT u.status FROM users u WHERE u.owner = x.owner) = 'active'`
	sqlStandingTokens   = `SELECT x.hash FROM api_tokens x WHERE x.owner = $1 AND x.hash = $2 AND (SELECT u.status FROM users u WHERE u.owner = x.owner) = 'active'`
)

// Standing says which of some sessions and API tokens are still there, with an owner who may sign in. How old they are it leaves to
// the caller.
func (s *Store) Standing(ctx context.Context, sessions []identity.Session) (map[identity.TokenHash]bool, error) {
	var browsers, tokens []pair
	for _, session := range sessions {
		one := pair{string(session.Owner), session.Hash[:]}
		if session.Scopes == 0 {
			browsers = append(browsers, one)
		} else {
			tokens = append(tokens, one)
		}
	}
	standing := make(map[identity.TokenHash]bool, len(sessions))
	for _, kind := range []struct {
		text string
		all  []pair
	}{{sqlStandingSessions, browsers}, {sqlStandingTokens, tokens}} {
		err := eachPair(ctx, s.db, kind.text, kind.all, func(row scanner) error {
			var hash []byte
			if err := row.Scan(&hash); err != nil {
				return err
			}
			var found identity.TokenHash
			if copy(found[:], hash) != len(hash) {
				return errRecord
			}
			standing[found] = true
			return nil
		})
		if err != nil {
			return nil, s.explain("look at sessions", err)
		}
	}
	return standing, nil
}
