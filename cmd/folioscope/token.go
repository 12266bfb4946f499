package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"folioscope/internal/app"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
)

// tokenCommand is `folioscope token`.
type tokenCommand struct {
	Create tokenCreateCommand `cmd:"" help:"Make an API token for a program, and print it once."`
	List   tokenListCommand   `cmd:"" help:"List somebody's API tokens."`
	Revoke tokenRevokeCommand `cmd:"" help:"End an API token."`
}

// scopes are the scopes of tokens as people write them, in the order in which they are printed.
var scopes = []struct {
	name  string
	scope identity.Scopes
}{{"read", identity.ScopeRead}, {"write", identity.ScopeWrite}, {"admin", identity.ScopeAdmin}}

type tokenCreateCommand struct {
	configFlags
	Name  string   `required:"" placeholder:"NAME" help:"What it is for, to tell it from others."`
	Scope []string `enum:"read,write,admin" default:"read" placeholder:"read" help:"What it may do, with commas between: read, write (portfolios and activities), admin (only for admins)."`
	Days  int      `default:"90" placeholder:"90" help:"After how many days it ends, 1 to 366."`
	Email string   `arg:"" help:"The e-mail address of the person whose token it is."`
}

// Help is what --help says besides the flags.
func (tokenCreateCommand) Help() string {
	return "A program sends it as Authorization: Bearer fsc_… and may do what its scopes and its owner's role both allow. The token is printed now and never again."
}

// Run makes a token.
func (c tokenCreateCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	const day = 24 * time.Hour
	if longest := int(identity.TokenAgeMax / day); c.Days < 1 || c.Days > longest {
		return fault.At("--days", "needs 1 to %d", longest)
	}
	o := commandOptions(at, settings)
	wanted := identity.NewToken{Name: c.Name, ExpiresAt: o.Now().Add(time.Duration(c.Days) * day)}
	for _, one := range scopes {
		for _, name := range c.Scope {
			if name == one.name {
				wanted.Scopes |= one.scope
			}
		}
	}
	return app.WithPeople(ctx, settings, o, func(people *identity.Service) error {
		issued, err := people.CreateTokenFor(ctx, c.Email, wanted)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(at.out, issued.Secret)
		return err
	})
}

type tokenListCommand struct {
	configFlags
	Email string `arg:"" help:"Whose."`
}

// Run lists tokens.
func (c tokenListCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	o := commandOptions(at, settings)
	return app.WithPeople(ctx, settings, o, func(people *identity.Service) error {
		tokens, err := people.TokensOf(ctx, c.Email)
		if err != nil {
			return err
		}
		out := tabwriter.NewWriter(at.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(out, "ID\tSCOPES\tENDS\tLAST USED\tNAME")
		for _, t := range tokens {
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", t.Hash.ID(), scopesOf(t.Scopes), dayOf(t.ExpiresAt), dayOf(t.SeenAt), t.Name)
		}
		return out.Flush()
	})
}

func scopesOf(held identity.Scopes) string {
	var names []string
	for _, one := range scopes {
		if held.Has(one.scope) {
			names = append(names, one.name)
		}
	}
	return strings.Join(names, ",")
}

func dayOf(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.DateOnly)
}

type tokenRevokeCommand struct {
	configFlags
	Email string `arg:"" help:"Whose."`
	ID    string `arg:"" help:"Which, as folioscope token list names it."`
}

// Help is what --help says besides the flags.
func (tokenRevokeCommand) Help() string {
	return "Requests with it are refused within a second on every node, and event streams that it opened end within one."
}

// Run revokes a token.
func (c tokenRevokeCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	err = app.WithPeople(ctx, settings, commandOptions(at, settings), func(people *identity.Service) error {
		return people.RevokeTokenOf(ctx, c.Email, c.ID)
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(at.out, "revoked", c.ID)
	return err
}
