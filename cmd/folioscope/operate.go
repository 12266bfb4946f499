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

// keysCommand is `folioscope keys`.
type keysCommand struct {
	Init keysInitCommand `cmd:"" help:"Make the key-encryption key and the keyring of a new installation; never replaces one."`
}

type keysInitCommand struct{ configFlags }

// Run makes keys.
func (c keysInitCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	made, err := app.InitKeys(ctx, settings, options(at, settings))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(at.out, "key-encryption key: %s\nkeyring: %s\nKeep a copy of the key-encryption key in a safe place apart from the data: without it nothing can be read again.\n", made.KEK, made.Keyring)
	return err
}

// userCommand is `folioscope user`.
type userCommand struct {
	Add userAddCommand `cmd:"" help:"Add a person; the password is asked for, or read from standard input."`
}

type userAddCommand struct {
	configFlags
	Role  string `enum:"user,adviser,auditor,admin" default:"user" help:"user, adviser, auditor or admin."`
	Name  string `placeholder:"NAME" help:"What to call them; the e-mail's first part if left out."`
	Email string `arg:"" help:"Their e-mail address."`
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
	err = app.AddUser(ctx, settings, options(at, settings), identity.NewUser{Email: c.Email, Name: name, Role: identity.Role(c.Role), Password: password})
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
	Portfolio string `required:"" placeholder:"ID" help:"The portfolio that gets the activities."`
	Format    string `enum:"folioscope-csv" default:"folioscope-csv" help:"folioscope-csv."`
	DryRun    bool   `help:"Only say what would be added."`
	File      string `arg:"" type:"existingfile" help:"The file."`
}

// Run imports a file.
func (c importCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	file, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("open import: %w", err)
	}
	defer file.Close()
	result, err := app.Import(ctx, settings, options(at, settings), ledger.PortfolioID(c.Portfolio), file, c.DryRun)
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
