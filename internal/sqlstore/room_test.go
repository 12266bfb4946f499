package sqlstore

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ncruces/go-sqlite3"

	"folioscope/internal/cluster"
	"folioscope/internal/fault"
)

// Whoever waits for the writer behind a commit that the disk keeps is sent away, and so is whoever comes then; once it ends all goes on.
func TestNobodyWaitsBehindACommitThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sqlite{writer: &pool{idle: make(chan *connection, 1), closed: make(chan struct{})}}
		one := &connection{}
		s.commits.begin() // by one, which isn't there meanwhile
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := s.takeWriter(ctx); !fault.Is(err, fault.Unavailable) {
			t.Errorf("who waited: %v", err)
		}
		if waited := time.Since(began); waited < commitWaitMax || waited > commitWaitMax+hangPause {
			t.Errorf("sent away after %v", waited)
		}
		began = time.Now()
		if _, err := s.takeWriter(ctx); !fault.Is(err, fault.Unavailable) || time.Since(began) != 0 {
			t.Errorf("who came then: %v after %v", err, time.Since(began))
		}
		s.commits.end()
		s.writer.give(one)
		if c, err := s.takeWriter(ctx); err != nil || c != one {
			t.Errorf("afterwards: %v", err)
		}
		s.commits.begin()
		time.AfterFunc(time.Second, func() { s.commits.end(); s.writer.give(one) }) // slow, which is no trouble
		if c, err := s.takeWriter(ctx); err != nil || c != one {
			t.Errorf("behind a slow one: %v", err)
		}
		close(s.writer.closed)
		if _, err := s.takeWriter(ctx); !fault.Is(err, fault.Unavailable) {
			t.Errorf("of a closed store: %v", err)
		}
	})
}

// A full disk is known from the first change that finds no room until a node's sign of life has found some again for a while.
func TestAFullDiskIsKnownUntilThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r room
		if r.full() || r.take(time.Now()) {
			t.Error("full before anything happened")
		}
		if !r.refuse(time.Now()) || r.refuse(time.Now()) || !r.full() {
			t.Error("the first refusal alone is news")
		}
		time.Sleep(cluster.BeatInterval)
		if r.take(time.Now()) || !r.full() {
			t.Error("one small change found room, and all is thought well")
		}
		r.refuse(time.Now())
		time.Sleep(fullLasts)
		if !r.take(time.Now()) || r.full() || r.take(time.Now()) {
			t.Error("never over")
		}
	})
}

// What the store was refused for want of room is what it says of itself, whichever operation met it.
func TestAStoreWithoutRoomSaysSo(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		if b.Unwritable() {
			t.Error("unwritable from the start")
		}
		if file, ok := bare(b.db).(*sqlite); ok {
			b.kind(b.explain("change something", sqlite3.FULL), fault.Unavailable)
			if !b.Unwritable() {
				t.Error("a full disk isn't known")
			}
			b.ok(b.Beat(t.Context(), cluster.Node{Name: "n", StartedAt: time.Now()}, time.Minute))
			if !b.Unwritable() {
				t.Error("over at once")
			}
			b.room.refused = time.Now().Add(-fullLasts)
			b.ok(b.Beat(t.Context(), cluster.Node{Name: "n", StartedAt: time.Now()}, time.Minute))
			if b.Unwritable() {
				t.Error("not over with a sign of life that found room")
			}
			file.unkept.Store(true)
			if !b.Unwritable() {
				t.Error("a disk that failed isn't known")
			}
		}
	})
}
