//go:build !unix

package pgtest

import "os"

// tryLock is never asked here, since Start makes no cluster on such a system; false means that nothing is taken for abandoned.
func tryLock(*os.File) bool { return false }
