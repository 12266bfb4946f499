//go:build linux

package outage

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	bookOpsMax   = 150              // of one portfolio's history: looking for an order of many more takes too long
	historyWait  = 30 * time.Second // for the search
	dayOfAll     = "2026-01-05"
	unitsPerOp   = 9
	amountPerOp  = 900
	priceOfUnits = 10

	degradedHeader = "Folioscope-Degraded" // is there while a node answers from memory
)

// book is one portfolio with the record of all that was done to it.
type book struct {
	person *person
	path   string
	base   int64 // its sequence before anything was recorded

	mu     sync.Mutex
	begun  int
	made   []*entry
	ops    []porcupine.Operation
	broken []*pending // requests whose answer never came
}

// entry is an activity as it was sent, and how it was answered.
type entry struct {
	key   string
	cash  int64 // that it adds
	units int64
	body  map[string]any
	ack   *acknowledged
}

// acknowledged is an answer to an entry, which every later one has to equal.
type acknowledged struct {
	Sequence int64
	IDs      []string
}

// pending is an entry of which nobody knows whether it was done.
type pending struct {
	client int
	call   int64
	entry  *entry
}

// asked is what an operation wanted, told what it was answered.
type asked struct {
	entry   *entry // nil: a read
	atLeast int64
}

type told struct{ sequence, cash, units int64 }

// openBook makes a portfolio for one.
func (one *person) openBook(name string) (*book, error) {
	path, err := one.portfolio(name)
	if err != nil {
		return nil, err
	}
	b := &book{person: one, path: path}
	d := one.readable(one.ask("GET", path, nil, nil))
	if d == nil {
		return nil, errors.New("a new portfolio could not be read")
	}
	b.base = d.Sequence
	first := b.deposit(b.entryOf(0)) // cash is tracked from the first deposit on
	if b.append(0, first); first.ack == nil {
		return nil, errors.New("the first deposit was not answered")
	}
	return b, nil
}

// take counts an operation in, unless the book is full.
func (b *book) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.begun == bookOpsMax {
		return false
	}
	b.begun++
	return true
}

// step does one operation at random, as one of the book's clients, and records it.
func (b *book) step(client int) {
	const appends, repeats, reads = 45, 10, 25 // of 100; the rest names the newest sequence that it knows
	switch roll := rand.IntN(100); {
	case roll < appends:
		b.append(client, b.newEntry(client))
	case roll < appends+repeats:
		if e := b.anyEntry(); e != nil {
			b.append(client, e)
		}
	case roll < appends+repeats+reads:
		b.read(client, 0)
	default:
		b.read(client, b.newest())
	}
}

func (b *book) newEntry(client int) *entry {
	if rand.IntN(2) == 0 {
		return b.deposit(b.entryOf(client))
	}
	return b.buy(b.entryOf(client))
}

// entryOf is a new one with a key of its own.
func (b *book) entryOf(client int) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := &entry{key: fmt.Sprintf("%s %s %d of %d", b.person.canary, b.path, len(b.made), client)}
	e.body = map[string]any{"date": dayOfAll, "note": e.key}
	b.made = append(b.made, e)
	return e
}

func (b *book) deposit(e *entry) *entry {
	e.cash = 1 + rand.Int64N(amountPerOp)
	e.body["type"], e.body["amount"] = "deposit", fmt.Sprint(e.cash)
	return e
}

func (b *book) buy(e *entry) *entry {
	e.units = 1 + rand.Int64N(unitsPerOp)
	e.cash = -e.units * priceOfUnits
	e.body["type"], e.body["symbol"], e.body["quantity"], e.body["price"] = "buy", "BTC", fmt.Sprint(e.units), fmt.Sprint(priceOfUnits)
	return e
}

// anyEntry is one that was answered before.
func (b *book) anyEntry() *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.made) == 0 {
		return nil
	}
	if e := b.made[rand.IntN(len(b.made))]; e.ack != nil {
		return e
	}
	return nil
}

// newest is the highest sequence that was answered.
func (b *book) newest() (sequence int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.made {
		if e.ack != nil {
			sequence = max(sequence, e.ack.Sequence)
		}
	}
	return sequence
}

func moment() int64 { return int64(time.Since(epoch)) }

// epoch is what moments are counted from: the clock that only goes forward.
var epoch = time.Now()

func (b *book) append(client int, e *entry) {
	call := moment()
	a := b.person.once(b.path+"/activities", e.key, map[string]any{"activities": []any{e.body}})
	b.settle(&pending{client, call, e}, a)
}

// settle records what became of an entry.
func (b *book) settle(p *pending, a answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.status != http.StatusCreated {
		if !a.passing() {
			b.person.place.t.Errorf("an activity was refused: %s", a)
		}
		b.broken = append(b.broken, p)
		return
	}
	var ack acknowledged
	if err := json.Unmarshal(a.body, &ack); err != nil || len(ack.IDs) != 1 {
		b.person.place.t.Errorf("an activity was answered with %s: %v", a, err)
		return
	}
	if e := p.entry; e.ack == nil {
		e.ack = &ack
	} else if e.ack.Sequence != ack.Sequence || !slices.Equal(e.ack.IDs, ack.IDs) {
		b.person.place.t.Errorf("I2: one key was answered with %+v, then with %+v", *e.ack, ack)
	}
	b.ops = append(b.ops, porcupine.Operation{ClientId: p.client, Input: asked{entry: p.entry}, Call: p.call, Output: told{sequence: ack.Sequence}, Return: moment()})
}

func (b *book) read(client int, atLeast int64) {
	query := ""
	if atLeast > 0 {
		query = "?sequence=" + strconv.FormatInt(atLeast, 10)
	}
	call := moment()
	a := b.person.ask("GET", b.path+query, nil, nil)
	d := b.person.readable(a)
	if d == nil {
		return
	}
	if d.Sequence < atLeast {
		b.person.place.t.Errorf("I5: asked for sequence %d or later, got %d", atLeast, d.Sequence)
	}
	if a.header.Get(degradedHeader) != "" {
		b.person.tally.recall()
		return // the node said that it can't ask the database, and that this may be old
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ops = append(b.ops, porcupine.Operation{ClientId: client, Input: asked{atLeast: atLeast}, Call: call, Output: d.told(b.person.place), Return: moment()})
}

func (d *document) told(p *place) told {
	whole := func(text string) int64 {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			p.t.Errorf("an amount that is no whole number: %v", err)
		}
		return n
	}
	t := told{sequence: d.Sequence, cash: whole(d.Cash)}
	for _, h := range d.Holdings {
		t.units += whole(h.Quantity)
	}
	return t
}

// state is a portfolio as the model has it: how far it is, what it amounts to, and the sequence that each key made.
type state struct {
	told
	last *link
}

type link struct {
	key      string
	sequence int64
	before   *link
}

func (l *link) find(key string) (sequence int64, ok bool) {
	for ; l != nil; l = l.before {
		if l.key == key {
			return l.sequence, true
		}
	}
	return 0, false
}

// model is what a portfolio promises: a list that grows by one entry for each key, one sequence each, and reads that show all of a moment.
func (b *book) model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return state{told: told{sequence: b.base}} },
		Step: func(from, input, output any) (bool, any) {
			s, in, out := from.(state), input.(asked), output.(told)
			if in.entry == nil {
				return out == s.told, s
			}
			if sequence, ok := s.last.find(in.entry.key); ok {
				return out.sequence == sequence, s
			}
			next := state{told{s.sequence + 1, s.cash + in.entry.cash, s.units + in.entry.units}, &link{in.entry.key, s.sequence + 1, s.last}}
			return out.sequence == next.sequence, next
		},
		Equal: func(one, other any) bool { // the same operations in another order: the same state where each key made the same sequence
			a, b := one.(state), other.(state)
			if a.told != b.told {
				return false
			}
			for x, y := a.last, b.last; x != y; x, y = x.before, y.before {
				if x == nil || y == nil || x.key != y.key {
					return false
				}
			}
			return true
		},
	}
}
