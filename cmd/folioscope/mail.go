package main

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"folioscope/internal/app"
)

// mailCommand is `folioscope mail`.
type mailCommand struct {
	Test mailTestCommand `cmd:"" help:"Send a mail to an address, to see whether it gets through."`
}

type mailTestCommand struct {
	configFlags
	Address string `arg:"" help:"Where to."`
}

// Help is what --help says besides the flags.
func (mailTestCommand) Help() string {
	return "Sends by the mail server of the settings (smtp.host and what belongs to it) and prints what that server said. Works while a node runs and while none does."
}

// Run sends a mail.
func (c mailTestCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	said, err := app.SendTestMail(ctx, settings, commandOptions(at, settings), c.Address)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	_, err = fmt.Fprintf(at.out, "the mail server took it: %s\n", printable(said))
	return err
}

// printable is a server's answer as a terminal may show it: one line, without what moves the cursor.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.TrimSpace(text))
}
