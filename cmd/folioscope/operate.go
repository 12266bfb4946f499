package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"folioscope/internal/app"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// userCommand is `folioscope user`.
type userCommand struct {
	Add               userAddCommand         `cmd:"" help:"Add somebody who may sign in."`
	List              userListCommand        `cmd:"" help:"List everybody."`
	Role              userRoleCommand        `cmd:"" help:"Give somebody another role."`
	SignOut           userSignOutCommand     `cmd:"" help:"Sign somebody out everywhere."`
	Suspend           userSuspendCommand     `cmd:"" help:"Sign somebody out everywhere and keep them out."`
	Activate          userActivateCommand    `cmd:"" help:"Let somebody in again who was suspended."`
	Delete            userDeleteCommand      `cmd:"" help:"Delete somebody with all that is theirs, for good."`
	Recover           userRecoverCommand     `cmd:"" help:"Make a link with which somebody who has forgotten their password sets a new one."`
	ResetSecondFactor userResetFactorCommand `cmd:"" help:"Take the second factor from somebody who has lost their device and their recovery codes."`
}

type userResetFactorCommand struct {
	configFlags
	Email string `arg:"" help:"Their e-mail address."`
}

// Help is what --help says besides the flags.
func (userResetFactorCommand) Help() string {
	return "Every session of theirs ends. Where their role needs a second factor, they set up another one at the next sign-in. Make sure first that it is really them who asks."
}

// Run resets a second factor.
func (c userResetFactorCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	err = app.WithPeople(ctx, settings, commandOptions(at, settings), func(people *identity.Service) error {
		return people.ResetSecondFactor(ctx, c.Email)
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(at.out, "%s signs in with the password alone until they set up a second factor again\n", c.Email)
	return err
}

type userAddCommand struct {
	configFlags
	Role  string `enum:"user,adviser,auditor,admin" default:"user" placeholder:"user" help:"user, adviser, auditor or admin. An admin invites others in the dashboard."`
	Name  string `placeholder:"NAME" help:"What to call them; the part of the e-mail address before the @ if left out."`
	Email string `arg:"" help:"Their e-mail address, with which they sign in."`
}

// Help is what --help says besides the flags.
func (userAddCommand) Help() string {
	return "The password is asked for on the terminal, or read as one line from standard input: never from the command line, which other programs can see."
}

// Run adds a person.
func (c userAddCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	password, err := readPassword(at)
	if err != nil {
		return err
	}
	name := c.Name
	if name == "" {
		name, _, _ = strings.Cut(c.Email, "@")
	}
	err = app.AddUser(ctx, settings, commandOptions(at, settings), identity.NewUser{Email: c.Email, Name: name, Role: identity.Role(c.Role), Password: password})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(at.out, "added %s as %s\n", c.Email, c.Role)
	return err
}

// passwordBytesMax is more than any password that is accepted.
const passwordBytesMax = 1024

// readPassword asks twice on a terminal, and takes the first line of anything else.
func readPassword(at console) (string, error) {
	file, isFile := at.in.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(at.in, passwordBytesMax)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read password: %w", err)
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", fault.New(fault.Invalid, "a password is needed on standard input")
		}
		return line, nil
	}
	var typed [2]string
	for i, prompt := range []string{"Password: ", "Once more: "} {
		fmt.Fprint(at.err, prompt)
		secret, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(at.err)
		if err != nil {
			return "", fmt.Errorf("read password: %w", err)
		}
		typed[i] = string(secret)
	}
	if typed[0] != typed[1] {
		return "", fault.New(fault.Invalid, "the two passwords are not the same")
	}
	return typed[0], nil
}

// importCommand is `folioscope import`.
type importCommand struct {
	configFlags
	Portfolio string `required:"" placeholder:"ID" help:"The portfolio that gets the activities: the last part of its address in the API, /api/v1/portfolios/ID."`
	Format    string `enum:"folioscope-csv" default:"folioscope-csv" placeholder:"folioscope-csv" help:"The form of the file."`
	DryRun    bool   `help:"Only say what would be added."`
	File      string `arg:"" help:"The file, UTF-8 text."`
}

// Help is what --help says besides the flags.
func (importCommand) Help() string {
	return "All rows are added, or none: what is wrong is named with its row. Rows that the portfolio has already are left out, so the same file twice adds nothing. " +
		"A node that runs on the same data shows the result within half a minute.\n\n" +
		"folioscope-csv is one activity a line under a header that names the columns: date and type, and of account, symbol, mic, quantity, price, amount, currency, " +
		"fee, tax, fx_rate, to_account, ratio, reinvest, refund and note what the activity has."
}

// Run imports a file.
func (c importCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	file, err := os.Open(c.File)
	if err != nil {
		return fault.New(fault.Invalid, "the file can't be read: %v", err)
	}
	defer file.Close()
	result, err := app.Import(ctx, settings, commandOptions(at, settings), ledger.PortfolioID(c.Portfolio), file, c.DryRun)
	if err != nil {
		return err
	}
	verb := "added"
	if c.DryRun {
		verb = "would add"
	}
	_, err = fmt.Fprintf(at.out, "%d rows: %s %d, %d known already\n", result.Rows, verb, result.New, result.Duplicates)
	return err
}
