package sqlstore

import (
	"sync"
	"time"
)

// fullLasts is how long a full disk counts after it last refused something: nodes say every two seconds that they are there, which needs room,
// so that it neither ends between two of these nor lasts much longer than it is full.
const fullLasts = 6 * time.Second

// room knows whether the database's disk was full lately.
type room struct {
	mu      sync.Mutex
	refused time.Time // when it last refused something; zero where all was taken since
}

// refuse notes that something found no room, and says whether that is news.
func (r *room) refuse(now time.Time) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	news = r.refused.IsZero()
	r.refused = now
	return news
}

// take notes that something was written that needs room, and says whether that ends a full disk.
func (r *room) take(now time.Time) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refused.IsZero() || now.Sub(r.refused) < fullLasts {
		return false
	}
	r.refused = time.Time{}
	return true
}

func (r *room) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.refused.IsZero()
}

// Unwritable says that the database can be read and can't keep a change now: its disk is full, failed, or doesn't answer.
func (s *Store) Unwritable() bool {
	if file, ok := bare(s.db).(*sqlite); ok && (file.unkept.Load() || file.commits.hangs()) {
		return true
	}
	return s.room.full()
}
