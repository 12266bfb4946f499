package pgtest

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Session is a connection past the program that the server belongs to: for what only another client can do to it.
type Session struct{ connection *pgx.Conn }

// Session connects as the server's superuser.
func (c *Cluster) Session(ctx context.Context) (*Session, error) {
	connection, err := pgx.Connect(ctx, c.URL)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &Session{connection}, nil
}

// Do runs one statement.
func (s *Session) Do(ctx context.Context, statement string) error {
	if _, err := s.connection.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// Close ends the session, and a transaction that it is in.
func (s *Session) Close(ctx context.Context) error { return s.connection.Close(ctx) }
