//go:build linux

package outage

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	readersEach = 5                     // of a node
	readPause   = 11 * time.Millisecond // of each, where answers are quick: nearly all that one person may ask for
	roundTime   = 5 * time.Second
)

// BenchmarkRatioOfThreeNodes has people read dashboards through HAProxy, in turn of an installation of three nodes and of one with one node and a
// third of the people, on one machine: what a read costs in the nodes' processor time has to be the same, since then three machines serve
// three times as many. What a node takes while nobody reads is told apart.
func BenchmarkRatioOfThreeNodes(b *testing.B) {
	three, one := newReaders(b, nodeCount), newReaders(b, 1)
	var cost, idle, rate [2]float64
	for b.Loop() {
		for i, r := range []*readers{three, one} {
			resting := r.used()
			time.Sleep(roundTime)
			resting = r.used() - resting
			reads, used, took := r.round(b)
			cost[i] += (used.Seconds() - resting.Seconds()*took.Seconds()/roundTime.Seconds()) / float64(reads)
			idle[i] += resting.Seconds() / roundTime.Seconds() / float64(len(r.place.nodes))
			rate[i] += float64(reads) / took.Seconds()
		}
	}
	rounds := float64(b.N)
	b.ReportMetric(1e6*cost[0]/rounds, "µs-cpu/read-of-3")
	b.ReportMetric(1e6*cost[1]/rounds, "µs-cpu/read-of-1")
	b.ReportMetric(100*idle[0]/rounds, "%-idle-of-3")
	b.ReportMetric(100*idle[1]/rounds, "%-idle-of-1")
	b.ReportMetric(cost[0]/cost[1], "cost-ratio")
	b.ReportMetric(rate[0]/rate[1], "rate-ratio")
	b.ReportMetric(0, "ns/op") // says nothing here
}

// readers are people with a dashboard each.
type readers struct {
	place *place
	paths []string
}

func newReaders(b *testing.B, nodes int) *readers {
	b.Helper()
	r := &readers{place: newPlace(b, readersEach*nodes, nodes, "FOLIOSCOPE_POLL_INTERVAL=10m")}
	for i, one := range r.place.people {
		book, err := one.openBook("read")
		r.place.ok(err)
		book.append(0, book.buy(book.entryOf(0)))
		r.paths = append(r.paths, book.path)
		transport := r.place.transport(false)
		from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i+1))}} // each at an address of their own, as people are
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return from.DialContext(ctx, "tcp", r.place.front.address)
		}
		one.client = &http.Client{Transport: transport}
		b.Cleanup(one.client.CloseIdleConnections)
	}
	return r
}

// round reads for a while and gives how often, and what it cost all nodes.
func (r *readers) round(b *testing.B) (reads int64, used, took time.Duration) {
	b.Helper()
	before, began := r.used(), time.Now()
	var count atomic.Int64
	var group sync.WaitGroup
	for i, one := range r.place.people {
		group.Go(func() {
			next := time.NewTicker(readPause)
			defer next.Stop()
			for time.Since(began) < roundTime {
				<-next.C
				if a := one.try(r.place.front.url, "GET", r.paths[i], nil, nil); a.status == http.StatusOK {
					count.Add(1)
				} else {
					b.Errorf("a read: %s", a)
					return
				}
			}
		})
	}
	group.Wait()
	return count.Load(), r.used() - before, time.Since(began)
}

func (r *readers) used() (sum time.Duration) {
	for _, n := range r.place.nodes {
		sum += n.used()
	}
	return sum
}
