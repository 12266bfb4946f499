package sqlstore

import (
	"context"
	"fmt"
	"strings"
)

// pair is what one row is found by, its owner first.
type pair [2]any

// pairSizes are how many rows are asked for at once; what is missing to the next size is filled with the last one asked for, so that
// few texts are kept ready.
var pairSizes = [...]int{1, 10, 100}

// eachPair asks for many rows, each by its key: what follows the first WHERE of a text, in $1 and $2, is repeated for each.
func eachPair(ctx context.Context, q queries, text string, pairs []pair, see func(scanner) error) error {
	_, condition, _ := strings.Cut(text, " WHERE ")
	for rest := pairs; len(rest) > 0; {
		size := pairSizes[0]
		for _, larger := range pairSizes[1:] {
			if len(rest) >= larger/2 {
				size = larger
			}
		}
		batch := rest[:min(size, len(rest))]
		rest = rest[len(batch):]
		var full strings.Builder
		full.WriteString(text)
		args := make([]any, 0, 2*size)
		for i := range size {
			if i > 0 {
				full.WriteString(" OR " + strings.NewReplacer("$1", fmt.Sprint("$", 2*i+1), "$2", fmt.Sprint("$", 2*i+2)).Replace(condition))
			}
			args = append(args, batch[min(i, len(batch)-1)][:]...)
		}
		if err := q.each(ctx, full.String(), args, see); err != nil {
			return err
		}
	}
	return nil
}
