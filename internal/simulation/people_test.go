package simulation

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

const (
	devicesOfEach = 2                // of which a person uses one beside the other
	pauseMax      = 2 * time.Hour    // between two things that a device does; longer where a world lasts for long
	pausesLeast   = 30               // of the longest in one world: books stay as small as the checker is slow
	requestMax    = 10 * time.Second // on a node
	patienceMin   = 3 * time.Second  // of whoever asks, who then asks another node
	patienceMax   = 12 * time.Second
	attemptsMax   = 60 // until the store is back
	retryPause    = 20 * time.Second
)

// errNoAnswer is what whoever asked has where nothing came back in time, or the connection broke.
var errNoAnswer = errors.New("no answer")

var accounts = []ledger.AccountID{"one", "two"}

// person is somebody with one portfolio.
type person struct {
	world     *world
	id        ledger.OwnerID
	portfolio ledger.PortfolioID

	mu       sync.Mutex
	requests []*request
	looks    []look
	reached  int64 // the newest sequence that an answer named
	own      []ledger.ActivityID
	rules    []*madeRule
	given    map[*person]bool // their portfolio, just now
}

// request is one change that a person asks for, under one key, however often.
type request struct {
	id       string // in the audit log, and the idempotency key
	action   audit.Action
	changes  ledger.Changes
	expected *int64 // with what was seen, where a change is of something that is there

	asked, told time.Time
	state       state
	doubtful    bool // an answer was lost on the way: it may be done whatever came after
	answer      answer
}

type answer struct {
	Sequence int64
	IDs      []ledger.ActivityID
}

// state is what whoever asked knows.
type state string

const (
	unknown state = "unknown"
	granted state = "granted"
	refused state = "refused"
)

// look is what a person was shown at a time.
type look struct {
	at       time.Time
	node     string
	sequence int64
	shown    string // the book and its figures in words
}

func newPerson(w *world, index int) *person {
	return &person{world: w, id: ledger.OwnerID("person" + number(index)), portfolio: ledger.PortfolioID("portfolio" + number(index)), given: make(map[*person]bool)}
}

func (p *person) write(action audit.Action, object string) audit.Write {
	return audit.Write{Audit: audit.Entry{Owner: p.id, Actor: p.id, Action: action, Object: object, RequestID: "setup", Result: "ok"}}
}

// live has a person do this and that with one device until the quiet. What is then under way they see through.
func (p *person) live(device int) {
	r := p.world.dice.of("person", string(p.id), number(device))
	pause := max(pauseMax, p.world.quiet.Sub(p.world.start)/pausesLeast)
	for n := 0; ; n++ {
		time.Sleep(between(r, time.Second, pause))
		if p.world.calm() {
			return
		}
		switch r.IntN(13) {
		case 0, 1, 2, 3:
			p.look(r)
			p.pry(r)
			continue
		case 4:
			p.makeRule(r, fmt.Sprintf("%s-rule-%d-%d", p.id, device, n))
			continue
		case 5:
			p.dropRule(r)
			continue
		case 6:
			p.give(r, fmt.Sprintf("%s-gift-%d-%d", p.id, device, n))
			continue
		}
		p.ask(r, p.think(r, fmt.Sprintf("%s-%d-%d", p.id, device, n)))
	}
}

// think makes a request up.
func (p *person) think(r *rand.Rand, id string) *request {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := &request{id: id, state: unknown}
	if len(p.own) > 0 && r.IntN(4) == 0 {
		one, sequence := pick(r, p.own), p.reached
		q.expected = &sequence // two devices may be at it at the same time
		if q.action = audit.ActivityVoided; r.IntN(2) == 0 {
			q.changes.Voided = []ledger.ActivityID{one}
			return q
		}
		q.action = audit.ActivityCorrected
		changed := p.activity(r)
		changed.ID, changed.Note = one, id
		q.changes.Corrected = []ledger.Activity{changed}
		return q
	}
	q.action = audit.ActivitiesAdded
	for range 1 + r.IntN(3)/2*r.IntN(5) {
		a := p.activity(r)
		a.Note = id
		q.changes.Added = append(q.changes.Added, a)
	}
	return q
}

// activity makes one up. Quantities divide what they meet without a rest, so that the checker's fractions and our decimals can be equal.
func (p *person) activity(r *rand.Rand) ledger.Activity {
	day := market.DateOf(p.world.start) - market.Date(r.IntN(60)) - 1
	a := ledger.Activity{Date: day, Account: pick(r, accounts), Currency: "USD"}
	decimal := func(n int64, places int32) *money.Decimal {
		d := money.NewDecimal(n, -places)
		return &d
	}
	i := pick(r, instruments())
	switch share := r.IntN(10); {
	case share < 4:
		a.Type, a.Instrument, a.Currency = ledger.Buy, i.ID, i.Currency
		a.Quantity, a.Price, a.Fee = decimal(pick(r, []int64{1, 2, 4, 5, 8, 10, 16, 20}), 0), decimal(1000+r.Int64N(20_000), 2), *decimal(r.Int64N(3)*160, 2)
	case share < 6:
		a.Type, a.Instrument, a.Currency = ledger.Sell, i.ID, i.Currency
		a.Quantity, a.Price, a.Fee = decimal(1+r.Int64N(4), 0), decimal(1000+r.Int64N(20_000), 2), *decimal(r.Int64N(2)*125, 2)
	case share < 8:
		a.Type, a.Amount = ledger.Deposit, decimal(1+r.Int64N(10_000_000), 2)
	case share < 9:
		a.Type, a.Amount = ledger.Withdrawal, decimal(1+r.Int64N(1000_00), 2)
	default:
		a.Type, a.Instrument, a.Currency = ledger.Dividend, i.ID, i.Currency
		a.Amount, a.Tax = decimal(200+r.Int64N(20_000), 2), *decimal(r.Int64N(150), 2)
	}
	return a
}

// ask sends a request until somebody says what became of it.
func (p *person) ask(r *rand.Rand, q *request) {
	w := p.world
	q.asked = w.now()
	p.mu.Lock()
	p.requests = append(p.requests, q)
	p.mu.Unlock()
	for n := range attemptsMax {
		got, err := p.send(r, q, sha256.Sum256([]byte(q.id)))
		settled := p.take(q, got, err)
		w.trail.note(w.now(), "%s asks for %s, attempt %d: %s", q.id, q.action, n+1, outcome(got, err))
		if settled {
			break
		}
		time.Sleep(between(r, time.Second, retryPause))
	}
	if q.state == granted && q.action == audit.ActivitiesAdded {
		p.repeat(r, q)
	}
}

// outcome is how an attempt ended, without what the schedule decides.
func outcome(got answer, err error) string {
	switch {
	case errors.Is(err, errNoAnswer):
		return "no answer"
	case err != nil:
		return string(fault.KindOf(err))
	}
	return fmt.Sprint("granted ", len(got.IDs))
}

// take notes what an attempt came to, and says whether that is the end of it.
func (p *person) take(q *request, got answer, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		q.state, q.answer, q.told = granted, got, p.world.now()
		p.reached = max(p.reached, got.Sequence)
		if q.action == audit.ActivitiesAdded {
			p.own = append(p.own, got.IDs...)
		}
		return true
	case fault.Is(err, fault.Unavailable), fault.KindOf(err) == fault.Internal:
		q.doubtful = true
		p.world.trail.reached("request: outcome unknown")
		return false
	case fault.Is(err, fault.Conflict) && q.action == audit.ActivitiesAdded:
		return false // it is being worked on
	}
	q.state, q.told = refused, p.world.now()
	p.world.trail.reached("request: refused as " + string(fault.KindOf(err)))
	return true
}

// repeat sends what was granted once more at times, and under the same key something else: the one gives the same answer, the other none.
func (p *person) repeat(r *rand.Rand, q *request) {
	w := p.world
	switch r.IntN(4) {
	case 0:
		got, err := p.send(r, q, sha256.Sum256([]byte(q.id)))
		if err == nil && (got.Sequence != q.answer.Sequence || !slices.Equal(got.IDs, q.answer.IDs)) {
			w.violated("I2: %s was answered %v, and %v when it was repeated", q.id, q.answer, got)
		}
		w.trail.reached("request: repeated")
	case 1:
		if _, err := p.send(r, q, sha256.Sum256([]byte("another"))); err == nil {
			w.violated("I2: the key of %s was taken for something else", q.id)
		}
		w.trail.reached("request: its key used for another")
	}
}

// send sends a request to some node, and waits as long as patience has it.
func (p *person) send(r *rand.Rand, q *request, hash [32]byte) (answer, error) {
	patience := between(r, patienceMin, patienceMax)
	n := p.world.someNode(r)
	if n == nil {
		return answer{}, fault.New(fault.Unavailable, "no node")
	}
	type reply struct {
		answer
		err error
	}
	replies := make(chan reply, 1)
	n.work.Go(func() {
		ctx, cancel := context.WithTimeout(n.ctx, requestMax)
		defer cancel()
		got, err := n.handle(ctx, p, q, hash)
		replies <- reply{got, err}
	})
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case done := <-replies:
		if n.dead.Load() {
			return answer{}, errNoAnswer // nobody hears a dead node
		}
		return done.answer, done.err
	case <-timer.C:
		return answer{}, errNoAnswer
	}
}

// someNode is one that takes connections, as a load balancer has it: one that hangs does too.
func (w *world) someNode(r *rand.Rand) *node {
	first := r.IntN(nodesCount)
	for i := range nodesCount {
		if n := w.nodes[(first+i)%nodesCount].here(); n != nil && !n.dead.Load() {
			return n
		}
	}
	return nil
}

// handle does what the HTTP side does with a request: it looks whether its key was answered, and else has the journal record the change
// with the answer in the same transaction.
func (n *node) handle(ctx context.Context, p *person, q *request, hash [32]byte) (answer, error) {
	creates := q.action == audit.ActivitiesAdded
	if creates {
		stored, err := n.cable.Answer(ctx, p.id, q.id)
		switch {
		case err != nil:
			return answer{}, err
		case stored != nil && stored.BodyHash != hash:
			return answer{}, fault.New(fault.Invalid, "this key was used for another request")
		case stored != nil:
			n.world.trail.reached("request: answered from what is stored")
			var got answer
			err := json.Unmarshal(stored.Answer, &got)
			return got, err
		}
	}
	done, err := n.journal.Record(ctx, p.id, p.portfolio, q.expected, q.changes, func(r journal.Recorded) audit.Write {
		w := p.write(q.action, string(p.portfolio))
		w.Audit.RequestID = q.id
		if creates {
			body, err := json.Marshal(answer{r.Sequence, r.IDs})
			if err != nil {
				panic(err) // an answer is numbers and texts
			}
			w.Idempotency = &audit.Idempotency{Key: q.id, BodyHash: hash, Status: 201, Answer: body}
		}
		return w
	})
	return answer{done.Sequence, done.IDs}, err
}

// look shows a person their portfolio on some node, at least as new as they know it.
func (p *person) look(r *rand.Rand) {
	n := p.world.someNode(r)
	if n == nil {
		return
	}
	p.mu.Lock()
	least := p.reached
	p.mu.Unlock()
	var seen look
	err := errors.New("the node died")
	n.ask(func(ctx context.Context) { seen, err = n.show(ctx, p, least) })
	if err != nil || n.dead.Load() {
		p.world.trail.reached("look: none")
		return
	}
	if seen.sequence < least {
		p.world.violated("I5: %s was shown %d after %d", p.id, seen.sequence, least)
	}
	p.world.trail.reached("look")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looks = append(p.looks, seen)
}

// pry has a person ask for what is somebody else's, by its right name.
func (p *person) pry(r *rand.Rand) {
	n := p.world.someNode(r)
	other := p.world.people[r.IntN(peopleCount)]
	if n == nil || other == p {
		return
	}
	n.work.Go(func() {
		ctx, cancel := context.WithTimeout(n.ctx, requestMax)
		defer cancel()
		valued, err := n.hub.Value(ctx, p.id, other.portfolio, 0)
		if err == nil {
			p.world.violated("I8: %s was shown the portfolio of %s at %d", p.id, other.id, valued.Document.Sequence)
		}
		switch kind := fault.KindOf(err); {
		case kind == fault.NotFound:
			p.world.trail.reached("pry: not found")
		case kind == fault.Internal && ctx.Err() == nil && !n.dead.Load():
			p.world.violated("I8: %s asked for the portfolio of %s: %v", p.id, other.id, err)
		}
	})
}

// show gives a portfolio as a node has it, with what it is worth.
func (n *node) show(ctx context.Context, p *person, least int64) (look, error) {
	if !n.hub.Ready() {
		return look{}, fault.New(fault.Unavailable, "prices are still being loaded")
	}
	valued, err := n.hub.Value(ctx, p.id, p.portfolio, least)
	if err != nil {
		return look{}, err
	}
	now := n.world.now()
	n.world.checkPrices(n, now, valued.Document)
	n.world.checkTotal(n, valued.Document)
	return look{at: now, node: n.name, sequence: valued.Held.Portfolio.Sequence, shown: inWords(valued.Held.Holdings, market.DateOf(n.now().UTC()))}, nil
}

// begin has a person buy some of everything, before anything can fail.
func (p *person) begin() {
	q := &request{id: string(p.id) + "-begins", state: unknown, action: audit.ActivitiesAdded}
	r := p.world.dice.of("begin", string(p.id))
	for _, i := range instruments() {
		a := p.activity(r)
		units, price := money.NewDecimal(20, 0), money.NewDecimal(50, 0)
		a.Type, a.Instrument, a.Currency, a.Note = ledger.Buy, i.ID, i.Currency, q.id
		a.Quantity, a.Price, a.Amount, a.Fee, a.Tax = &units, &price, nil, money.Decimal{}, money.Decimal{}
		a.Date = market.DateOf(p.world.start) - 90
		q.changes.Added = append(q.changes.Added, a)
	}
	p.ask(r, q)
	for n := range rulesAtFirst {
		p.makeRule(r, fmt.Sprintf("%s-rule-first-%d", p.id, n))
	}
}

// lines joins what was sorted.
func lines(all []string) string {
	slices.Sort(all)
	return strings.Join(all, "\n")
}
