//go:build linux

package outage

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// The load: people who each write and read with several clients at once, and watch what they write.
const (
	clientsPerPerson = 3
	streamsKept      = 6                      // of one person's books, the latest; a person may have 20 streams
	pauseOfL         = 120 * time.Millisecond // where it needn't be more
)

// load is people at work, until it is ended.
type load struct {
	place *place
	name  string
	tally *tally
	pause time.Duration // between two requests of one client, at random around it, where there are peopleShort
	began time.Time
	stop  context.CancelFunc
	group sync.WaitGroup

	mu       sync.Mutex
	books    []*book
	watchers map[*book]*watcher
	past     []*watcher // of books that were full long ago
}

// startLoad has all people work, so long apart. Every book of theirs is watched by its owner.
func (p *place) startLoad(name string, pause time.Duration) *load {
	ctx, stop := context.WithCancel(context.Background())
	pause = pause * time.Duration(max(peopleShort, len(p.people))) / peopleShort
	l := &load{place: p, name: name, pause: pause, tally: &tally{}, began: time.Now(), stop: stop, watchers: make(map[*book]*watcher)}
	for _, one := range p.people {
		one.tally = l.tally
		l.group.Go(func() { l.work(ctx, one) })
	}
	p.t.Cleanup(func() { // of a test that gave up
		stop()
		l.group.Wait()
	})
	return l
}

// work has one person fill book after book.
func (l *load) work(ctx context.Context, one *person) {
	var mine []*book
	for n := 0; ctx.Err() == nil; n++ {
		b, err := one.openBook(fmt.Sprintf("%s %d", l.name, n))
		if err != nil {
			continue // it is counted, and the next one has another name
		}
		l.mu.Lock()
		l.books = append(l.books, b)
		l.watchers[b] = one.watch(b.path)
		l.mu.Unlock()
		if mine = append(mine, b); len(mine) > streamsKept {
			l.forget(mine[0])
			mine = mine[1:]
		}
		var clients sync.WaitGroup
		for client := range clientsPerPerson {
			clients.Go(func() {
				for ctx.Err() == nil && b.take() {
					b.step(client)
					time.Sleep(l.pause/2 + rand.N(l.pause))
				}
			})
		}
		clients.Wait()
	}
}

// forget ends the stream of a book that nobody writes in any more.
func (l *load) forget(b *book) {
	l.mu.Lock()
	w := l.watchers[b]
	delete(l.watchers, b)
	l.past = append(l.past, w)
	l.mu.Unlock()
	w.close()
}

// all are the watchers of the books whose streams are kept.
func (l *load) all() []*watcher {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Values(l.watchers))
}

// ever are all watchers that there were.
func (l *load) ever() []*watcher {
	all := l.all()
	l.mu.Lock()
	defer l.mu.Unlock()
	return append(all, l.past...)
}

// newest are the books that people write in now, one each.
func (l *load) newest() []*book {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := make(map[*person]*book)
	for _, b := range l.books {
		of[b.person] = b
	}
	return slices.Collect(maps.Values(of))
}

// open says whether everybody has a book, and every book a stream.
func (l *load) open() bool { return len(l.newest()) == len(l.place.people) && allOpen(l.all()) }

func allOpen(watchers []*watcher) bool {
	return !slices.ContainsFunc(watchers, func(w *watcher) bool { return !w.isOpen() })
}

// back is how long streams were gone that ended, the longest of all, and how many did.
func (l *load) back() (ended int, longest time.Duration) {
	for _, w := range l.ever() {
		w.note(func() {
			for _, gone := range w.back {
				ended++
				longest = max(longest, gone)
			}
		})
	}
	return ended, longest
}

// finish ends the load and holds all that it saw against what there is now.
func (l *load) finish(t *testing.T) {
	t.Helper()
	l.stop()
	l.group.Wait()
	l.place.prices.held.Store(true)
	defer l.place.prices.held.Store(false)
	writes, reads := 0, 0
	for _, b := range l.books {
		b.resolve(t)
		b.verify(t)
		for _, op := range b.ops {
			if op.Input.(asked).entry != nil {
				writes++
			} else {
				reads++
			}
		}
		l.agree(t, b)
	}
	for _, w := range l.watchers {
		w.close()
	}
	l.place.auditOf(t, l.books)
	for _, one := range l.place.people {
		one.tally = nil
	}
	t.Logf("%d portfolios, %d writes and %d reads in their histories, in %s; requests took %s (half), %s (99 of 100)",
		len(l.books), writes, reads, time.Since(l.began).Round(time.Second), l.tally.took(0.5), l.tally.took(0.99))
}

// agree waits until a portfolio's stream, where it was kept, shows what every node says.
func (l *load) agree(t *testing.T, b *book) {
	t.Helper()
	if l.watchers[b] == nil {
		return
	}
	for _, n := range l.place.nodes {
		l.place.until(fmt.Sprintf("I9: the stream of %s shows what %s says", b.path, n.name), func() bool {
			d := b.person.document(n, b.path)
			return d != nil && l.watchers[b].shows(d, true)
		})
	}
}
