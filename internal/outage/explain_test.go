//go:build linux

package outage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// contradictions says in words why no order explains a history: what porcupine finds, but doesn't tell.
func (b *book) contradictions() string {
	var said strings.Builder
	at := make(map[int64]told) // what each sequence amounts to
	appended := make(map[int64]*entry)
	for _, op := range b.ops {
		if in, out := op.Input.(asked), op.Output.(told); in.entry != nil {
			if other := appended[out.sequence]; other != nil && other != in.entry {
				fmt.Fprintf(&said, "two entries made sequence %d\n", out.sequence)
			}
			appended[out.sequence] = in.entry
		}
	}
	sum := told{sequence: b.base}
	at[b.base] = sum
	for e := appended[sum.sequence+1]; e != nil; e = appended[sum.sequence+1] {
		sum = told{sum.sequence + 1, sum.cash + e.cash, sum.units + e.units}
		at[sum.sequence] = sum
	}
	ops := slices.SortedFunc(slices.Values(b.ops), func(x, y porcupine.Operation) int { return cmp.Compare(x.Return, y.Return) })
	for i, op := range ops {
		in, out := op.Input.(asked), op.Output.(told)
		if in.entry == nil && at[out.sequence] != out {
			fmt.Fprintf(&said, "a read says %+v, the writes make %+v\n", out, at[out.sequence])
		}
		for _, before := range ops[:i] {
			known := before.Output.(told).sequence
			if before.Return < op.Call && known > out.sequence && in.entry == nil {
				fmt.Fprintf(&said, "client %d got sequence %d, asked %s after somebody had been told of %d (a write: %v)\n",
					op.ClientId, out.sequence, time.Duration(op.Call-before.Return), known, before.Input.(asked).entry != nil)
				break
			}
		}
	}
	return said.String()
}
