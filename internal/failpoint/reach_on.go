//go:build failpoints

package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// exitKilled is how a process ends that was killed with signal 9, as shells tell it.
const exitKilled = 137

// Reach is said where the program comes to a place: it ends the process there if it was told to.
func Reach(at Point) {
	if told := order(); told.at == at && told.left.Add(-1) == 0 {
		os.Exit(exitKilled)
	}
}

// ordered is where to end, and how often to come there.
type ordered struct {
	at   Point
	left atomic.Int64
}

// order reads it once. It is state of the whole process, as its end is.
var order = sync.OnceValue(func() *ordered {
	name, count, _ := strings.Cut(os.Getenv("FAILPOINT"), "=")
	told := &ordered{at: Point(name)}
	left, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		left = 1
	}
	told.left.Store(left)
	return told
})
