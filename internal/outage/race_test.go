//go:build linux

package outage

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	racersEach   = 50 // at every node at once
	guestStreams = 6  // at every node; a person may have 20
)

// testRaces has 50 clients at each of three nodes do what only one may, or what excludes one another.
func testRaces(t *testing.T, p *place) {
	for name, test := range map[string]func(*testing.T, *place){"one key": testOneKey, "import and void": testImportAndVoid, "revoked": testRevoked} {
		t.Run(name, func(t *testing.T) {
			defer p.within(t)()
			test(t, p)
		})
	}
}

// everywhere runs something as 50 clients at every node, all at once.
func (p *place) everywhere(do func(n *node, racer int)) {
	var racers sync.WaitGroup
	start := make(chan struct{})
	for i, n := range p.nodes {
		for racer := range racersEach {
			racers.Go(func() {
				<-start
				do(n, i*racersEach+racer)
			})
		}
	}
	close(start)
	racers.Wait()
}

// at is one request at a node, tried again while it is told to come later.
func (one *person) at(n *node, method, path string, headers map[string]string, body any) (a answer) {
	one.place.until(n.name+" answers", func() bool {
		if a = one.try("http://"+n.address, method, path, headers, body); !a.passing() {
			return true
		}
		time.Sleep(waitAfter(a, 0))
		return false
	})
	return a
}

// One key, 150 times at once: one activity, one answer.
func testOneKey(t *testing.T, p *place) {
	one := p.people[0]
	b, err := one.openBook("one key")
	p.ok(err)
	e := b.deposit(b.entryOf(0))
	p.everywhere(func(n *node, racer int) {
		call := moment()
		a := one.at(n, "POST", b.path+"/activities", map[string]string{"Idempotency-Key": e.key}, map[string]any{"activities": []any{e.body}})
		b.settle(&pending{racer, call, e}, a)
	})
	other := b.deposit(&entry{body: map[string]any{"date": dayOfAll, "note": e.key + " other"}})
	a := one.at(p.nodes[0], "POST", b.path+"/activities", map[string]string{"Idempotency-Key": e.key}, map[string]any{"activities": []any{other.body}})
	if a.status != http.StatusUnprocessableEntity {
		t.Errorf("another body under the same key: %s", a)
	}
	b.verify(t)
	t.Logf("F27: one key %d times at once: one activity", racersEach*len(p.nodes))
}

// One file, imported by all at once, while others void what it brings: each row is there once, each is voided at most once, and what is left is
// what counts.
func testImportAndVoid(t *testing.T, p *place) {
	const rows = 20
	one := p.people[1]
	portfolio, err := one.portfolio("import and void")
	p.ok(err)
	var file strings.Builder
	file.WriteString("date,type,amount,note\n")
	for row := range rows {
		fmt.Fprintf(&file, "%s,deposit,%d,%s row %d\n", dayOfAll, 1<<row, one.canary, row)
	}
	var imported, voided atomic.Int64
	p.everywhere(func(n *node, racer int) {
		if racer%2 == 0 {
			a := one.at(n, "POST", portfolio+"/imports?format=folioscope-csv", map[string]string{"Idempotency-Key": fmt.Sprint("import ", racer, portfolio)}, []byte(file.String()))
			var done struct{ Added int64 }
			if a.status != http.StatusCreated {
				t.Errorf("import: %s", a)
				return
			}
			a.into(p, &done)
			imported.Add(done.Added)
			return
		}
		list := one.activities(t, portfolio)
		if len(list) == 0 {
			return
		}
		d := one.readable(one.at(n, "GET", portfolio, nil, nil))
		if d == nil {
			return
		}
		a := one.at(n, "DELETE", portfolio+"/activities/"+list[racer%len(list)].ID, map[string]string{"If-Match": fmt.Sprint(d.Sequence)}, nil)
		switch {
		case a.done():
			voided.Add(1)
		case a.status != http.StatusPreconditionFailed && a.status != http.StatusNotFound && a.status != http.StatusUnprocessableEntity:
			t.Errorf("void: %s", a)
		}
	})
	left, all := new(big.Rat), one.activities(t, portfolio)
	for _, activity := range all {
		left.Add(left, exact(t, *activity.Amount))
	}
	if int64(len(all)) != imported.Load()-voided.Load() {
		t.Errorf("I2: %d rows were imported and %d voided, %d are there", imported.Load(), voided.Load(), len(all))
	}
	for _, n := range p.nodes {
		if d := one.document(n, portfolio); d == nil || len(all) > 0 && exact(t, d.Cash).Cmp(left) != 0 {
			t.Errorf("I4: %s says %+v, the activities make %s", n.name, d, left.FloatString(0))
		}
	}
	t.Logf("F27: a file of %d rows imported %d times while %d voided: %d rows came in, %d were voided, %d are left", rows, racersEach*len(p.nodes)/2, racersEach*len(p.nodes)/2, imported.Load(), voided.Load(), len(all))
}

// What is taken back while 150 clients read it: no read that begins after the answer shows anything.
func testRevoked(t *testing.T, p *place) {
	owner, guest := p.people[2], p.people[3]
	portfolio, err := owner.portfolio("revoked")
	p.ok(err)
	var offer struct{ ID, URL string }
	owner.must("POST", portfolio+"/grants", map[string]string{"level": "view"}, &offer)
	guest.sees = owner
	defer func() { guest.sees = nil }()
	guest.must("POST", "/api/v1/grants/accept", map[string]string{"token": path.Base(offer.URL)}, nil)
	var streams []*watcher
	for _, n := range p.nodes {
		for range guestStreams {
			w := guest.watchAt("http://"+n.address, portfolio)
			streams = append(streams, w)
			defer w.close()
		}
	}
	p.until("the guest's streams are open", func() bool { return allOpen(streams) })
	var over atomic.Bool
	var before, after atomic.Int64
	var ended time.Duration // after the answer, the last of the streams
	var owners sync.WaitGroup
	owners.Go(func() {
		p.until("reads are on their way", func() bool { return before.Load() >= racersEach })
		if a := owner.at(p.nodes[0], "DELETE", portfolio+"/grants/"+offer.ID, nil, nil); a.status != http.StatusNoContent {
			t.Errorf("take back: %s", a)
		}
		over.Store(true)
		ended = p.until("the guest's streams end", func() bool { return !slices.ContainsFunc(streams, (*watcher).isOpen) })
	})
	p.everywhere(func(n *node, _ int) {
		for refused := 0; refused < 3; {
			began := over.Load()
			a := guest.at(n, "GET", portfolio, nil, nil)
			switch {
			case a.status == http.StatusOK && began:
				t.Errorf("I8: %s shows what was taken back: %s", n.name, a)
				return
			case a.status == http.StatusOK:
				before.Add(1)
			case a.status == http.StatusNotFound && json.Valid(a.body):
				refused++
				after.Add(1)
			default:
				t.Errorf("%s: %s", n.name, a)
				return
			}
		}
	})
	owners.Wait()
	t.Logf("F27: %d reads before what was shared was taken back, %d refused since, none of those that began after the answer showed anything; the last of %d streams ended %s after it",
		before.Load(), after.Load(), len(streams), ended.Round(10*time.Millisecond))
}
