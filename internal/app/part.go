package app

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// part is one thing that runs as long as the node.
type part struct {
	name string
	run  func(ctx context.Context) error
}

func (p part) work(ctx context.Context) error {
	if p.run == nil {
		<-ctx.Done()
		return nil
	}
	if err := p.run(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// runParts runs parts until ctx ends or one of them fails.
//
//	ctx ends ─▶ leave: all goes on ─▶ what answers ends its streams and its last requests ─▶ the others give back what they hold
func runParts(ctx context.Context, answers part, others []part, leave func(context.Context)) error {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, working := errgroup.WithContext(working)
	for _, p := range others {
		group.Go(func() error { return p.work(working) })
	}
	answering, end := context.WithCancel(working)
	group.Go(func() error {
		defer stop()
		return answers.work(answering)
	})
	group.Go(func() error {
		defer end()
		select {
		case <-working.Done():
		case <-ctx.Done():
			leave(working)
		}
		return nil
	})
	return group.Wait()
}
