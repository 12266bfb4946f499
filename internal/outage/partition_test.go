//go:build linux

package outage

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	partFor   = 8 * time.Second
	partFlaps = 4
	partFlap  = 2 * time.Second
	soon      = 2 * time.Second // faster than any poll: a hint came
	pollEvery = 2 * time.Second // what newPlace sets as poll.interval
)

// Nodes, each in a network namespace of its own, that can't reach one another in several ways, while all reach the database and HAProxy
// reaches them. Nothing of it is to be seen but streams that are slower, and prices are asked for once by all.
func TestPartitions(t *testing.T) {
	if !long() {
		t.Skipf("skipped: FOLIOSCOPE_LONG is not set")
	}
	w := newWires(t, nodeCount)
	p := newPlaceAt(t, w.site, peopleShort)
	before := p.resources()
	split := func(one, other int) {
		w.drop(one, "input", "ip", "saddr", w.site.hosts[other])
		w.drop(one, "output", "ip", "daddr", w.site.hosts[other])
	}
	for _, c := range []struct {
		name string
		part func()
	}{
		{"one node alone", func() { split(0, 1); split(0, 2); time.Sleep(partFor) }},
		{"each alone", func() { split(0, 1); split(0, 2); split(1, 2); time.Sleep(partFor) }},
		{"one hears and isn't heard", func() { w.drop(0, "output", "ip", "daddr", w.site.hosts[1]); time.Sleep(partFor) }},
		{"two by way of a third", func() { split(0, 1); time.Sleep(partFor) }},
		{"on and off", func() {
			for range partFlaps {
				w.heal()
				time.Sleep(partFlap)
				split(0, 1)
				split(0, 2)
				time.Sleep(partFlap)
			}
		}},
		{"three of ten packets lost", func() {
			for i := range w.site.hosts {
				w.drop(i, "input", "ip", "saddr", w.site.hosts[(i+1)%nodeCount], "numgen", "random", "mod", "10", "<", "3")
			}
			time.Sleep(partFor)
		}},
	} {
		if !t.Run(c.name, func(t *testing.T) {
			defer p.within(t)()
			defer func() { w.heal() }()
			l := p.startLoad(c.name, pauseOfL)
			p.until("all streams are open", l.open)
			asked, began := p.prices.asked.Load(), time.Now()
			c.part()
			polls := p.prices.asked.Load() - asked
			if most := int64(time.Since(began)/pollEvery) + 2; polls > most {
				t.Errorf("prices were asked for %d times, not %d at most", polls, most)
			}
			dropped := w.heal()
			if dropped == 0 {
				t.Error("no packet was dropped: nothing was tried")
			}
			healed := p.heardAgain()
			failed, said := l.tally.failed(func(sample) bool { return true })
			if failed.failed > 0 {
				t.Errorf("F12: failed in spite of retries: %s: %q", failed, said)
			}
			t.Logf("F12: %s: %d packets dropped in the end; failed: %s; polls: %d; hints got through %s after it was over", c.name, dropped, failed, polls, healed.Round(100*time.Millisecond))
			l.finish(t)
		}) {
			return
		}
	}
	p.rested(t, before)
}

// heardAgain waits until what the first node takes is soon on the streams of all others, and gives how long that took.
func (p *place) heardAgain() time.Duration {
	one := p.people[0]
	b, err := one.openBook(fmt.Sprint("heard ", moment()))
	p.ok(err)
	began := time.Now()
	for _, n := range p.nodes[1:] {
		w := one.watchAt("http://"+n.address, b.path)
		defer w.close()
		p.until(n.name+" hears of changes soon", func() bool {
			e := b.deposit(b.entryOf(0))
			b.settle(&pending{0, moment(), e}, one.at(p.nodes[0], "POST", b.path+"/activities", map[string]string{"Idempotency-Key": e.key}, map[string]any{"activities": []any{e.body}}))
			deadline := time.Now().Add(soon)
			for time.Now().Before(deadline) {
				if w.sequence() >= e.ack.Sequence {
					return true
				}
				time.Sleep(pause)
			}
			return false
		})
	}
	return time.Since(began)
}

func (w *watcher) sequence() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.shown.Sequence
}

// wires are network namespaces on one bridge.
type wires struct {
	t    *testing.T
	site site
}

func newWires(t *testing.T, count int) *wires {
	t.Helper()
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("skipped: no %s", tool)
		}
	}
	if os.Getuid() != 0 {
		t.Skipf("skipped: network namespaces need root")
	}
	name, net := fmt.Sprintf("fs%x", os.Getpid()), fmt.Sprintf("10.%d.%d", 200+rand.IntN(50), rand.IntN(250))
	w := &wires{t: t, site: site{outside: net + ".254"}}
	w.run("ip", "link", "add", name, "type", "bridge")
	t.Cleanup(func() { w.run("ip", "link", "del", name) })
	w.run("ip", "address", "add", w.site.outside+"/24", "dev", name)
	w.run("ip", "link", "set", name, "up")
	for i := range count {
		space, host := fmt.Sprint(name, "n", i), fmt.Sprint(net, ".", i+1)
		near, far := fmt.Sprint(name, "a", i), fmt.Sprint(name, "b", i)
		w.run("ip", "netns", "add", space)
		t.Cleanup(func() { w.run("ip", "netns", "del", space) })
		w.run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", space)
		w.run("ip", "link", "set", near, "master", name, "up")
		w.run("ip", "-n", space, "address", "add", host+"/24", "dev", far)
		w.run("ip", "-n", space, "link", "set", far, "up")
		w.run("ip", "-n", space, "link", "set", "lo", "up")
		w.filter(space, "add", "table", "inet", filterTable)
		for _, chain := range filterChains {
			w.filter(space, "add", "chain", "inet", filterTable, chain, "{ type filter hook "+chain+" priority 0 ; }")
		}
		w.site.hosts, w.site.namespaces = append(w.site.hosts, host), append(w.site.namespaces, space)
	}
	return w
}

func (w *wires) run(args ...string) (out string) {
	w.t.Helper()
	text, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		w.t.Errorf("%s: %v: %s", strings.Join(args, " "), err, text)
	}
	return string(text)
}

const filterTable = "cut"

var filterChains = []string{"input", "output"}

func (w *wires) filter(space string, args ...string) (out string) {
	w.t.Helper()
	return w.run(append([]string{"ip", "netns", "exec", space, "nft"}, args...)...)
}

// drop has a node lose what matches.
func (w *wires) drop(node int, chain string, match ...string) {
	w.t.Helper()
	w.filter(w.site.namespaces[node], slices.Concat([]string{"add", "rule", "inet", filterTable, chain}, match, []string{"counter", "drop"})...)
}

var droppedPackets = regexp.MustCompile(`counter packets (\d+) bytes \d+ drop`)

// heal lets everything through, and gives how many packets were not let through since it last did.
func (w *wires) heal() (dropped int) {
	w.t.Helper()
	for _, space := range w.site.namespaces {
		for _, found := range droppedPackets.FindAllStringSubmatch(w.filter(space, "list", "table", "inet", filterTable), -1) {
			count, err := strconv.Atoi(found[1])
			if err != nil {
				w.t.Errorf("nft counts %q", found[1])
			}
			dropped += count
		}
		w.filter(space, "flush", "table", "inet", filterTable)
	}
	return dropped
}
