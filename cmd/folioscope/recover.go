package main

import (
	"context"
	"fmt"
	"strings"

	"folioscope/internal/app"
	"folioscope/internal/identity"
)

type userRecoverCommand struct {
	configFlags
	Email string `arg:"" help:"Their e-mail address."`
}

// Help is what --help says besides the flags.
func (userRecoverCommand) Help() string {
	return "Prints a link that works once, for half an hour; where public_url is not set, put the address of this Folioscope before it. Whoever has it sets the password, so make sure first that it is really them who asks, and hand it to them alone. " +
		"A second factor is still asked for, and setting the password ends every session and API token of theirs."
}

// Run makes a link.
func (c userRecoverCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	var path string
	err = app.WithPeople(ctx, settings, commandOptions(at, settings), func(people *identity.Service) error {
		path, err = people.RecoverOf(ctx, c.Email)
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(at.out, "%s%s\n", strings.TrimSuffix(settings.PublicURL, "/"), path)
	return err
}
