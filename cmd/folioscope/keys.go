package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"golang.org/x/term"

	"folioscope/internal/app"
)

// keysCommand is `folioscope keys`.
type keysCommand struct {
	Init   keysInitCommand   `cmd:"" help:"Make the keys of a new installation. Never replaces any."`
	Status keysStatusCommand `cmd:"" help:"Say what wraps what, without any secret."`
	Rotate keysRotateCommand `cmd:"" help:"Make a new root key and wrap every user's key by it, while nodes run."`
	Rewrap keysRewrapCommand `cmd:"" help:"Lock the keyring with another key-encryption key."`
}

type keysInitCommand struct{ configFlags }

// Help is what --help says besides the flags.
func (keysInitCommand) Help() string {
	return "Makes two things: the key-encryption key, at the place that keys.kek names, and the keyring, beside the data, which only that key opens. " +
		"Back the key-encryption key up apart from the data: without it the data is lost, and with it anybody who has the data can read it."
}

// Run makes keys.
func (c keysInitCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	made, err := app.InitKeys(ctx, settings, commandOptions(at, settings))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(at.out, "key-encryption key: %s\nkeyring: %s\nKeep a copy of the key-encryption key in a safe place apart from the data: without it nothing can be read again.\n", made.KEK, made.Keyring)
	return err
}

type keysStatusCommand struct{ configFlags }

// Help is what --help says besides the flags.
func (keysStatusCommand) Help() string {
	return "The key-encryption key opens the keyring, the root keys in the keyring open users' keys, and those open what is theirs. More than one root key that isn't retired " +
		"means that a rotation was cut short: folioscope keys rotate goes on with it."
}

// Run prints what wraps what.
func (c keysStatusCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	status, err := app.StatusOfKeys(ctx, settings, commandOptions(at, settings))
	if err != nil {
		return err
	}
	fmt.Fprintf(at.out, "key-encryption key: %s, %s\nkeyring: %s, %s\n\n", status.KEK, status.KEKPlace, status.Keyring, status.Place)
	out := tabwriter.NewWriter(at.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "ROOT KEY\tMADE\tUSERS' KEYS\tSTATE")
	for _, key := range status.RootKeys {
		made := "unknown"
		if !key.MadeAt.IsZero() {
			made = dayOf(key.MadeAt)
		}
		fmt.Fprintf(out, "%s\t%s\t%d\t%s\n", key.Key, made, key.UserKeys, key.State())
	}
	if len(status.Nodes) > 0 {
		fmt.Fprintln(out, "\nNODE\tKEYRING")
	}
	for _, node := range status.Nodes {
		held := "current"
		if !node.Current {
			held = "an older one"
		}
		fmt.Fprintf(out, "%s\t%s\n", node.Name, held)
	}
	return out.Flush()
}

type keysRotateCommand struct{ configFlags }

// Help is what --help says besides the flags.
func (keysRotateCommand) Help() string {
	return "Nodes go on meanwhile and need no restart. The old root keys go when nothing is wrapped by them any more. Run it again where it was cut short: it goes on where it was."
}

// Run rotates the root keys.
func (c keysRotateCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	progress, end := progressOn(at, "users' keys")
	rotated, err := app.RotateKeys(ctx, settings, commandOptions(at, settings), progress)
	end()
	if err != nil {
		return err
	}
	if rotated.WentOn {
		fmt.Fprintln(at.out, "went on with a rotation that was cut short")
	}
	_, err = fmt.Fprintf(at.out, "root key %s wraps all %d users' keys; the others are retired\n", rotated.Key, rotated.UserKeys)
	if settings.Database.URL == "" {
		_, printed := fmt.Fprintln(at.out, "Back the keyring up again with the database: the copies of before belong together, and these do.")
		err = errors.Join(err, printed)
	}
	return err
}

// progressOn draws progress on a terminal, and nowhere else.
func progressOn(at console, what string) (step func(done, all int), end func()) {
	file, isFile := at.err.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) {
		return func(int, int) {}, func() {}
	}
	drawn := false
	return func(done, all int) {
			drawn = true
			fmt.Fprintf(at.err, "\r%d of %d %s", done, all, what)
		}, func() {
			if drawn {
				fmt.Fprintln(at.err)
			}
		}
}

type keysRewrapCommand struct {
	configFlags
	To string `required:"" placeholder:"REFERENCE" help:"The other key-encryption key, written as keys.kek is. A file that doesn't exist yet is made."`
}

// Help is what --help says besides the flags.
func (keysRewrapCommand) Help() string {
	return "The key-encryption key of before opens nothing afterwards, but for old copies of the keyring. Nodes go on until they stop; name the other key in keys.kek before they start again."
}

// Run locks the keyring with another key.
func (c keysRewrapCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	if err := app.RewrapKeyring(ctx, settings, commandOptions(at, settings), c.To); err != nil {
		return err
	}
	_, err = fmt.Fprintf(at.out, "%s opens the keyring now, and nothing else does\nSet keys.kek to it on every node before that starts again. Keep a copy of it in a safe place apart from the data.\n", c.To)
	return err
}
