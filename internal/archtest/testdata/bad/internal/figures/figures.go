// Package figures is ground that reaches outside its arguments.
package figures

import (
	"context" // want: reaches outside the arguments
	clock "time"

	"example/internal/live"      // want: figures must not import live
	"golang.org/x/sync/errgroup" // want: belongs to \*, not to figures
)

// Value asks the clock and starts a goroutine.
func Value(ctx context.Context) clock.Time {
	go live.Refresh() // want: no goroutine
	_ = errgroup.Group{}
	clock.Sleep(1)     // want: time.Sleep asks the clock
	return clock.Now() // want: time.Now asks the clock
}
