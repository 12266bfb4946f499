package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"folioscope/internal/app"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
)

type userListCommand struct{ configFlags }

// Run lists people.
func (c userListCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	return app.WithPeople(ctx, settings, commandOptions(at, settings), func(people *identity.Service) error {
		const page = 200
		out := tabwriter.NewWriter(at.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(out, "E-MAIL\tROLE\tSTATE\tSINCE\tNAME")
		for cursor, more := "", true; more; more = cursor != "" {
			users, next, err := people.Users(ctx, "", cursor, page, identity.Request{})
			if err != nil {
				return err
			}
			for _, u := range users {
				fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", u.Email, u.Role, u.Status, dayOf(u.CreatedAt), u.Name)
			}
			cursor = next
		}
		return out.Flush()
	})
}

type userRoleCommand struct {
	configFlags
	Email string `arg:"" help:"Their e-mail address."`
	Role  string `arg:"" enum:"user,adviser,auditor,admin" help:"user, adviser, auditor or admin."`
}

// Help is what --help says besides the flags.
func (userRoleCommand) Help() string {
	return "Holds from their next request on. There is always an active admin: the last one keeps the role until somebody else has it."
}

// Run gives a role.
func (c userRoleCommand) Run(ctx context.Context, at console) error {
	return c.change(ctx, at, c.Email, "has the role "+c.Role, identity.ChangeUser{Role: identity.Role(c.Role)})
}

type userSuspendCommand struct {
	configFlags
	Email string `arg:"" help:"Their e-mail address."`
}

// Help is what --help says besides the flags.
func (userSuspendCommand) Help() string {
	return "They are signed out everywhere, their API tokens end, and they may not sign in until folioscope user activate. What is theirs stays."
}

// Run suspends somebody.
func (c userSuspendCommand) Run(ctx context.Context, at console) error {
	return c.change(ctx, at, c.Email, "is suspended", identity.ChangeUser{Status: identity.Suspended})
}

type userActivateCommand struct {
	configFlags
	Email string `arg:"" help:"Their e-mail address."`
}

// Run lets somebody in again.
func (c userActivateCommand) Run(ctx context.Context, at console) error {
	return c.change(ctx, at, c.Email, "may sign in again", identity.ChangeUser{Status: identity.Active})
}

type userSignOutCommand struct {
	configFlags
	Email string `arg:"" help:"Their e-mail address."`
}

// Help is what --help says besides the flags.
func (userSignOutCommand) Help() string {
	return "Ends every session of a person, open pages included. They may sign in again, and their API tokens stay: folioscope user suspend ends those too."
}

// Run signs somebody out.
func (c userSignOutCommand) Run(ctx context.Context, at console) error {
	return c.lookAfter(ctx, at, c.Email, "is signed out everywhere", func(people *identity.Service) error {
		return people.SignOutUserOf(ctx, c.Email)
	})
}

type userDeleteCommand struct {
	configFlags
	Yes   bool   `help:"That you mean it: nothing brings them back."`
	Email string `arg:"" help:"Their e-mail address."`
}

// Help is what --help says besides the flags.
func (userDeleteCommand) Help() string {
	return "Deletes a person with all their portfolios, and the key that opens what was theirs. The audit log keeps that things were done, not what was personal in them. " +
		"Backups that were made before still hold both: let them run out."
}

// Run deletes somebody.
func (c userDeleteCommand) Run(ctx context.Context, at console) error {
	if !c.Yes {
		return fault.New(fault.Invalid, "deletes %s and all that is theirs, for good; say --yes if you mean it", c.Email)
	}
	return c.lookAfter(ctx, at, c.Email, "is deleted", func(people *identity.Service) error {
		return people.EraseUserOf(ctx, c.Email)
	})
}

func (c configFlags) change(ctx context.Context, at console, email, done string, change identity.ChangeUser) error {
	return c.lookAfter(ctx, at, email, done, func(people *identity.Service) error {
		_, err := people.ChangeUserOf(ctx, email, change)
		return err
	})
}

// lookAfter changes something about a person and says so. Nodes see it by themselves within a second.
func (c configFlags) lookAfter(ctx context.Context, at console, email, done string, do func(*identity.Service) error) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	if err := app.WithPeople(ctx, settings, commandOptions(at, settings), do); err != nil {
		return err
	}
	_, err = fmt.Fprintln(at.out, email, done)
	return err
}
