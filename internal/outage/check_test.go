//go:build linux

package outage

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"folioscope/internal/pgtest"
)

// resolve asks again, with the same key, for what was never answered: afterwards everybody knows.
func (b *book) resolve(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	broken := b.broken
	b.broken = nil
	b.mu.Unlock()
	for _, p := range broken {
		b.person.place.until("I3: what became of "+p.entry.key, func() bool {
			a := b.person.once(b.path+"/activities", p.entry.key, map[string]any{"activities": []any{p.entry.body}})
			if a.passing() {
				return false
			}
			b.settle(p, a)
			return true
		})
	}
}

// listed is an activity as the product lists it.
type listed struct {
	ID, Type, Note          string
	Amount, Quantity, Price *string
}

// activities are all of a portfolio that count.
func (one *person) activities(t *testing.T, path string) (all []listed) {
	t.Helper()
	for cursor := ""; ; {
		query := "/activities?limit=500"
		if cursor != "" {
			query += "&cursor=" + cursor
		}
		a := one.ask("GET", path+query, nil, nil)
		if a.status != http.StatusOK {
			t.Fatalf("list activities: %s", a)
		}
		var page struct {
			Items      []listed
			NextCursor *string `json:"next_cursor"`
		}
		a.into(one.place, &page)
		all = append(all, page.Items...)
		if page.NextCursor == nil {
			return all
		}
		cursor = *page.NextCursor
	}
}

// verify holds what there is against what was answered, and the history against the model.
func (b *book) verify(t *testing.T) {
	t.Helper()
	found := make(map[string][]listed)
	cash, units, cost := new(big.Rat), new(big.Rat), new(big.Rat)
	for _, one := range b.person.activities(t, b.path) {
		found[one.Note] = append(found[one.Note], one)
		if one.Type == "deposit" {
			cash.Add(cash, exact(t, *one.Amount))
			continue
		}
		paid := new(big.Rat).Mul(exact(t, *one.Quantity), exact(t, *one.Price))
		cash.Sub(cash, paid)
		cost.Add(cost, paid)
		units.Add(units, exact(t, *one.Quantity))
	}
	for _, e := range b.made {
		there := found[e.key]
		delete(found, e.key)
		switch {
		case e.ack == nil:
			t.Errorf("I3: nobody knows what became of %s", e.key)
		case len(there) == 0:
			t.Errorf("I1: %s was answered with sequence %d and isn't there", e.key, e.ack.Sequence)
		case len(there) > 1:
			t.Errorf("I2: %s is there %d times", e.key, len(there))
		case there[0].ID != e.ack.IDs[0]:
			t.Errorf("I2: %s was answered with the id %s and is there as %s", e.key, e.ack.IDs[0], there[0].ID)
		}
	}
	for key := range found {
		t.Errorf("%q was never sent", key)
	}
	for _, n := range b.person.place.nodes {
		b.exactAt(t, n, cash, units, cost)
	}
	if got := porcupine.CheckOperationsTimeout(b.model(), b.ops, historyWait); got != porcupine.Ok {
		t.Errorf("I5: no order of the %d operations on %s explains what was answered: %s\n%s", len(b.ops), b.path, got, b.contradictions())
	}
}

// exactAt holds a node's figures against those of the list of activities.
func (b *book) exactAt(t *testing.T, n *node, cash, units, cost *big.Rat) {
	t.Helper()
	var d *document
	b.person.place.until(n.name+" answers", func() bool {
		d = b.person.document(n, fmt.Sprint(b.path, "?sequence=", b.newest()))
		return d != nil
	})
	for what, pair := range map[string][2]*big.Rat{"cash": {exact(t, d.Cash), cash}, "units": {sum(t, d.Holdings, quantityOf), units}, "cost": {sum(t, d.Holdings, costOf), cost}} {
		if pair[0].Cmp(pair[1]) != 0 {
			t.Errorf("I4: %s says %s %s, the activities make %s", n.name, what, pair[0].FloatString(2), pair[1].FloatString(2))
		}
	}
}

func quantityOf(h holding) string { return h.Quantity }

func costOf(h holding) string {
	if h.CostBase == nil {
		return "cost_base is null"
	}
	return *h.CostBase
}

func sum(t *testing.T, holdings []holding, of func(holding) string) *big.Rat {
	t.Helper()
	all := new(big.Rat)
	for _, h := range holdings {
		all.Add(all, exact(t, of(h)))
	}
	return all
}

func exact(t *testing.T, text string) *big.Rat {
	t.Helper()
	amount, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Errorf("%q is no amount", text)
		return new(big.Rat)
	}
	return amount
}

// auditOf wants one row of the audit log for each change of some books, all below a signed checkpoint and nothing else wrong.
func (p *place) auditOf(t *testing.T, books []*book) {
	t.Helper()
	began := time.Now()
	p.until("I6: the audit log is signed to its end", func() bool { return !strings.Contains(p.command("", "audit", "verify"), "wait for") })
	signed := time.Since(began)
	type change struct {
		portfolio string
		sequence  int64
	}
	rows := make(map[change]int)
	for line := range strings.Lines(p.command("", "audit", "export", "--action", "activity.add")) {
		var row struct {
			Portfolio string
			Sequence  int64 `json:"portfolio_sequence"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		rows[change{row.Portfolio, row.Sequence}]++
	}
	looked := 0
	for _, b := range books {
		id := b.path[strings.LastIndexByte(b.path, '/')+1:]
		for _, e := range b.made {
			if e.ack == nil {
				continue
			}
			looked++
			if n := rows[change{id, e.ack.Sequence}]; n != 1 {
				t.Errorf("I6: %d rows of the audit log tell of %s at sequence %d", n, e.key, e.ack.Sequence)
			}
		}
	}
	t.Logf("each of %d changes is in the audit log once, signed %s after the end", looked, signed.Round(100*time.Millisecond))
}

// resources are what a node holds of its machine; heap is without what it keeps in caches, which have bounds of their own.
type resources struct{ goroutines, files, heap float64 }

// String implements fmt.Stringer.
func (r resources) String() string {
	return fmt.Sprintf("%.0f goroutines, %.0f files, %.1f MiB", r.goroutines, r.files, r.heap/(1<<20))
}

func (n *node) resources() resources {
	m := n.meters()
	return resources{m["go_goroutines"], m["process_open_fds"], m["go_memstats_heap_alloc_bytes"] - m["folioscope_cache_bytes"]}
}

// Connections of one node to the database.
const (
	poolMax    = 8 // where the URL names no other bound and the machine has no more processors
	besidePool = 4 // two, as the guide says, and those that are about to end
)

// connections are those of all nodes to the database, and the one that counts them.
func (p *place) connections() int {
	p.t.Helper()
	return pgtest.Count(p.t, p.database, "pg_stat_activity WHERE datname = current_database()")
}

// rested waits until every node holds no more than before, a tenth and a few aside, and says what they hold.
func (p *place) rested(t *testing.T, before []resources) {
	t.Helper()
	const (
		few       = 16       // a pool that is full by now, connections that are about to end
		heapSlack = 16 << 20 // until the collector comes by
	)
	began := time.Now()
	for i, n := range p.nodes {
		var now resources
		p.until("I11: "+n.name+" gives back what it took", func() bool {
			now = n.resources()
			return now.goroutines <= before[i].goroutines*1.1+few && now.files <= before[i].files*1.1+few && now.heap <= before[i].heap*1.1+heapSlack
		})
		t.Logf("I11: %s holds %s, %s before", n.name, now, before[i])
	}
	connections, most := 0, len(p.nodes)*(max(poolMax, runtime.NumCPU())+besidePool)+1
	p.until("I11: connections to the database are within their bounds", func() bool {
		connections = p.connections()
		return connections <= most
	})
	t.Logf("I11: %d connections to the database, %d at most; all was back %s after the last client left", connections, most, time.Since(began).Round(time.Second))
}

func (p *place) resources() (all []resources) {
	for _, n := range p.nodes {
		all = append(all, n.resources())
	}
	return all
}
