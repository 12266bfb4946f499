package httpapi

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"folioscope/internal/failpoint"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// Idempotency: a POST that creates carries a key. The first answer is stored in the transaction of the change, so it exists exactly
// when the change does; a refused request stores nothing and may be sent again under the same key.
const (
	onceHeader     = "Idempotency-Key"
	onceKeyMax     = 255 // characters
	onceRetryAfter = time.Second
	replayHeader   = "Idempotency-Replayed"
)

// inFlight are the keys being worked on by this node. Another node's are caught by the store's unique key.
type inFlight struct {
	mu   sync.Mutex
	keys map[inFlightKey]bool
}

type inFlightKey struct {
	owner ledger.OwnerID
	key   string
}

func (f *inFlight) enter(k inFlightKey) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.keys[k] {
		return false
	}
	if f.keys == nil {
		f.keys = map[inFlightKey]bool{}
	}
	f.keys[k] = true
	return true
}

func (f *inFlight) leave(k inFlightKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.keys, k)
}

// validOnceKey says whether a key is 1 to 255 printable ASCII characters.
func validOnceKey(key string) bool {
	if key == "" || len(key) > onceKeyMax {
		return false
	}
	for _, c := range []byte(key) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// once runs a handler at most once per key: a repeated request gets the first answer.
func (s *Server) once(w http.ResponseWriter, r *http.Request, c *call, body []byte, next http.HandlerFunc) {
	key := r.Header.Get(onceHeader)
	switch {
	case key == "" && c.route.onceOptional(r):
		next(w, r)
		return
	case !validOnceKey(key):
		s.fail(w, r, fault.At(onceHeader, "This request needs the header %s of 1 to %d printable characters: the same key never creates twice.", onceHeader, onceKeyMax))
		return
	}
	flight := inFlightKey{c.user(), key}
	if !s.flights.enter(flight) {
		p := newProblem(fault.Conflict, "The same request is being worked on. Ask again in a moment.")
		p.retryAfter = onceRetryAfter
		s.fail(w, r, p)
		return
	}
	defer s.flights.leave(flight)
	c.once = &onceKey{key: key, bodyHash: requestHash(r, body)}
	stored, err := s.store.Answer(r.Context(), c.user(), key)
	switch {
	case err != nil:
		s.fail(w, r, fmt.Errorf("look up idempotency key: %w", err))
	case stored == nil:
		next(w, r)
		failpoint.Reach(failpoint.BeforeAnswer)
	case stored.BodyHash != c.once.bodyHash:
		s.fail(w, r, fault.At(onceHeader, "This key was used for another request. Take a new one."))
	default:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set(replayHeader, "true")
		w.WriteHeader(stored.Status)
		_, _ = w.Write(stored.Answer) // the client may have gone; the answer stays stored
	}
}

// requestHash covers all that makes a request what it is.
func requestHash(r *http.Request, body []byte) [32]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%d\n", r.Method, r.URL.RequestURI(), len(body)) // hashes never fail
	h.Write(body)
	return [32]byte(h.Sum(nil))
}

// readError is what went wrong while a body was read.
func readError(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fault.New(fault.TooLarge, "The request may have at most %d KiB.", tooLarge.Limit>>10)
	}
	p := newProblem(fault.Invalid, "The request ended before it was complete.")
	p.Status, p.Title = http.StatusBadRequest, http.StatusText(http.StatusBadRequest)
	return p
}
