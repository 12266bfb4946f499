package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"folioscope/internal/identity"
)

// Sessions and tokens are looked at many at a time, each by its key: what follows WHERE is repeated for each.
const (
	sqlStandingSessions = `SELECT x.hash FROM sessions x WHERE x.owner = $1 AND x.hash = $2 AND (SELECT u.status FROM users u WHERE u.owner = x.owner) = 'active'`
	sqlStandingTokens   = `SELECT x.hash FROM api_tokens x WHERE x.owner = $1 AND x.hash = $2 AND (SELECT u.status FROM users u WHERE u.owner = x.owner) = 'active'`
)

// standingSizes are how many are asked for at once; what is missing to the next size is filled with the last one asked for, so that
// few texts are kept ready.
var standingSizes = [...]int{1, 10, 100}

// Standing says which of some sessions and API tokens are still there, with an owner who may sign in. How old they are it leaves to
// the caller.
func (s *Store) Standing(ctx context.Context, sessions []identity.Session) (map[identity.TokenHash]bool, error) {
	var browsers, tokens []identity.Session
	for _, session := range sessions {
		if session.Scopes == 0 {
			browsers = append(browsers, session)
		} else {
			tokens = append(tokens, session)
		}
	}
	standing := make(map[identity.TokenHash]bool, len(sessions))
	for _, kind := range []struct {
		text string
		all  []identity.Session
	}{{sqlStandingSessions, browsers}, {sqlStandingTokens, tokens}} {
		for rest := kind.all; len(rest) > 0; {
			size := standingSizes[0]
			for _, larger := range standingSizes[1:] {
				if len(rest) >= larger/2 {
					size = larger
				}
			}
			batch := rest[:min(size, len(rest))]
			rest = rest[len(batch):]
			if err := s.standing(ctx, kind.text, batch, size, standing); err != nil {
				return nil, s.explain("look at sessions", err)
			}
		}
	}
	return standing, nil
}

func (s *Store) standing(ctx context.Context, text string, batch []identity.Session, size int, standing map[identity.TokenHash]bool) error {
	var full strings.Builder
	full.WriteString(text)
	_, condition, _ := strings.Cut(text, " WHERE ")
	args := make([]any, 0, 2*size)
	for i := range size {
		if i > 0 {
			full.WriteString(" OR " + strings.NewReplacer("$1", fmt.Sprint("$", 2*i+1), "$2", fmt.Sprint("$", 2*i+2)).Replace(condition))
		}
		session := batch[min(i, len(batch)-1)]
		args = append(args, string(session.Owner), session.Hash[:])
	}
	return s.db.each(ctx, full.String(), args, func(row scanner) error {
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
}
