package app

import (
	"errors"
	"os"

	"folioscope/internal/config"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
)

// openBreached opens the list of breached passwords that the settings name; nil where they name none. Close ends its use.
func openBreached(settings config.Config) (list *identity.Breached, closing func() error, err error) {
	const key = "identity.breached_passwords"
	if settings.Identity.BreachedPasswords == "" {
		return nil, func() error { return nil }, nil
	}
	file, err := os.Open(settings.Identity.BreachedPasswords)
	if err != nil {
		return nil, nil, fault.At(key, "can't be read: %v", err)
	}
	about, err := file.Stat()
	if err == nil && !about.Mode().IsRegular() {
		err = errors.New("it is no file")
	}
	if err == nil {
		list, err = identity.NewBreached(file, about.Size())
	}
	if err != nil {
		return nil, nil, errors.Join(fault.At(key, "%s: %v", settings.Identity.BreachedPasswords, err), file.Close())
	}
	return list, file.Close, nil
}
