//go:build !linux && !darwin

package app

import "errors"

// diskRoom has no way to ask the system here.
func diskRoom(string) (free, size uint64, err error) {
	return 0, 0, errors.New("this system doesn't say")
}
