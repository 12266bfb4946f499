package live

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
)

// Bounds and times of one stream.
const (
	streamPortfoliosMax = 16               // of one stream: more than anybody shows at once
	streamsPerUserMax   = 20               // of one user: a browser has one, whatever its tabs
	streamsMax          = 20_000           // of one node
	heartbeatInterval   = 12 * time.Second // of nothing else to say; clients count on 15 s
	writeTimeout        = 22 * time.Second // for a viewer that takes no bytes; longer than heartbeats are apart, since HTTP/2 ends a quiet stream at its deadline
	writeTimeoutSlack   = 8 * time.Second  // by which that may be shorter, and still be longer than heartbeats are apart: setting it costs as much as some of a frame
	streamAgeMin        = 30 * time.Minute // then the client comes back, perhaps to another node
	streamAgeSpread     = 30 * time.Minute
	aliveInterval       = 5 * time.Minute // between two looks at the session
	retryMin            = time.Second     // what clients wait before they come back, and some more, lest all of a node that died come at once
	retrySpread         = 2 * time.Second
	handOverMin         = 250 * time.Millisecond // what they wait where a node that stops sends them elsewhere, and some more: it may have 10,000
	handOverSpread      = 4 * time.Second
	idPartBytesMax      = 64 // of an event id, for each portfolio
)

// StreamRequest is who wants to see what. That they may, whoever calls has made sure.
type StreamRequest struct {
	Viewer     ledger.OwnerID
	Portfolios []Key
	After      string // id of the last event that the client got, of Last-Event-ID or ?after; anything unusable is as if empty
	// Alive is called every five minutes of the stream, since an open stream counts as use of a session;
	// where it gives fault.Unauthenticated, fault.Denied or fault.NotFound, the stream ends. It may be nil.
	Alive func(context.Context) error
}

// ErrElsewhere is the cause with which the context of a stream's request ends where its client shall come back, and find another node.
var ErrElsewhere = errors.New("the client comes back to another node")

// viewer is one open stream.
type viewer struct {
	owner   ledger.OwnerID
	wake    chan struct{} // holds one
	revoked atomic.Bool
	inbox   atomic.Bool // has to be told that the viewer's inbox changed
	away    atomic.Bool // has to be told what is away
	doubted atomic.Bool // the session has to be looked at before anything more is written
	slots   []*slot

	awayNow *atomic.Pointer[string] // the event that says so

	turn   chan struct{} // holds one, for whoever writes: the stream's goroutine, or a worker. What follows is of the turn
	out    output
	seen   []resumePoint // of each slot, for the ids
	failed bool          // there is nobody to write to any more
}

func (v *viewer) notify() {
	select {
	case v.wake <- struct{}{}:
	default: // told already
	}
}

func (v *viewer) revoke() {
	v.revoked.Store(true)
	v.notify()
}

func (v *viewer) inboxChanged() {
	v.inbox.Store(true)
	v.notify()
}

func (v *viewer) awayChanged() {
	v.away.Store(true)
	v.notify()
}

// Stream writes the events of portfolios until the client leaves, the server has it come back, or its session ends. An error
// means that nothing was written: fault.NotFound where an owner has no such portfolio, fault.Limited over the bounds,
// fault.Unavailable while prices are not loaded.
func (h *Hub) Stream(w http.ResponseWriter, r *http.Request, request StreamRequest) error {
	ctx := r.Context()
	held, err := h.admit(ctx, &request)
	if err != nil {
		return err
	}
	v := &viewer{
		owner: request.Viewer, wake: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		out:  output{w: w, control: http.NewResponseController(w), now: h.now},
		seen: parseID(request.After, len(request.Portfolios)), awayNow: &h.away,
	}
	if err := h.enter(v); err != nil {
		return err
	}
	defer h.exit(v)
	for i, key := range request.Portfolios {
		s, err := h.watch(key, held[i], v, v.seen[i])
		if err != nil {
			return err
		}
		v.slots = append(v.slots, s)
	}
	defer v.out.close()
	if err := v.out.open(r, h.comeBack(retryMin, retrySpread), v.revoke); err != nil {
		return nil // gone before the first byte
	}
	h.serve(ctx, v, request.Alive)
	return nil
}

// admit checks a request and loads what it asks for: who asks for a portfolio under another owner learns that there is none.
func (h *Hub) admit(ctx context.Context, request *StreamRequest) ([]*journal.Held, error) {
	if n := len(request.Portfolios); n == 0 || n > streamPortfoliosMax {
		return nil, fault.At("portfolio", "name 1 to %d portfolios", streamPortfoliosMax)
	}
	keys := make([]Key, 0, len(request.Portfolios))
	for _, k := range request.Portfolios {
		if slices.Contains(keys, k) {
			return nil, fault.At("portfolio", "a portfolio is named twice")
		}
		keys = append(keys, k)
	}
	sequences, err := h.store.Sequences(ctx, keys)
	fromMemory := fault.Is(err, fault.Unavailable) // then whatever of them is at hand does
	if err != nil && !fromMemory {
		return nil, fmt.Errorf("find portfolios: %w", err)
	}
	held, seen := make([]*journal.Held, len(keys)), parseID(request.After, len(keys))
	for i, k := range keys {
		sequence, ok := sequences[k]
		if !ok && !fromMemory {
			return nil, fault.New(fault.NotFound, "there is no such portfolio")
		}
		if fromMemory {
			sequence = seen[i].sequence // another node's memory may have more: nobody is taken back
		}
		if held[i], err = h.portfolios.Holdings(ctx, k.Owner, k.Portfolio, sequence); err != nil {
			return nil, err
		}
	}
	if !h.loaded.Load() {
		return nil, fault.New(fault.Unavailable, "prices are still being loaded")
	}
	return held, nil
}

func (h *Hub) enter(v *viewer) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.ended():
		return fault.New(fault.Unavailable, "the service is about to stop")
	case len(h.viewers[v.owner]) >= streamsPerUserMax:
		return fault.New(fault.Limited, "at most %d event streams at once", streamsPerUserMax)
	case h.streams >= streamsMax:
		return fault.New(fault.Limited, "too many event streams on this node")
	}
	if h.viewers[v.owner] == nil {
		h.viewers[v.owner] = make(map[*viewer]struct{})
	}
	h.viewers[v.owner][v] = struct{}{}
	h.streams++
	if h.away.Load() != nil {
		v.awayChanged()
	}
	return nil
}

func (h *Hub) exit(v *viewer) {
	for _, s := range v.slots {
		h.unwatch(s)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.viewers[v.owner], v)
	if len(h.viewers[v.owner]) == 0 {
		delete(h.viewers, v.owner)
	}
	h.streams--
}

// serve lets workers write what is put before the viewer, and writes what they leave. It ends with the turn in its hands, so
// that nobody writes any more. One timer does for heartbeats, the look at the session and the end.
func (h *Hub) serve(ctx context.Context, v *viewer, alive func(context.Context) error) {
	start := h.now()
	end := start.Add(streamAgeMin + time.Duration(h.random()*float64(streamAgeSpread)))
	look := start // with the first heartbeat: the session may have ended while the stream was opening
	v.out.wrote = start
	timer := time.NewTimer(heartbeatInterval)
	defer timer.Stop()
	for {
		v.release()
		woken := false
		select {
		case <-ctx.Done():
		case <-h.closing:
		case <-v.wake:
			woken = true
		case <-timer.C:
		}
		<-v.turn
		if v.failed || v.revoked.Load() {
			return
		}
		if ctx.Err() != nil || h.ended() {
			if h.ended() || errors.Is(context.Cause(ctx), ErrElsewhere) {
				_ = v.out.sendText(h.comeBack(handOverMin, handOverSpread)) // the stream ends in any case
			}
			return
		}
		if v.doubted.Swap(false) && alive != nil && over(alive(ctx)) {
			return
		}
		if woken {
			if err := v.write(); err != nil {
				return
			}
			continue
		}
		now := h.now()
		if !now.Before(end) {
			return
		}
		if !now.Before(look) {
			if alive != nil && over(alive(ctx)) {
				return
			}
			look = now.Add(aliveInterval)
		}
		if !now.Before(v.out.wrote.Add(heartbeatInterval)) {
			if v.out.sendText(heartbeat) != nil {
				return
			}
		}
		timer.Reset(earliest(v.out.wrote.Add(heartbeatInterval), look, end).Sub(now))
	}
}

const heartbeat = ":\n\n"

// comeBack tells a client when to come back once its stream has ended.
func (h *Hub) comeBack(atLeast, spread time.Duration) string {
	wait := atLeast + time.Duration(h.random()*float64(spread))
	return "retry: " + strconv.FormatInt(wait.Milliseconds(), 10) + "\n\n"
}

func earliest(a, b, c time.Time) time.Time {
	if b.Before(a) {
		a = b
	}
	if c.Before(a) {
		a = c
	}
	return a
}

// over says whether a session ended; a store that can't be asked ends nothing.
func over(err error) bool {
	return fault.Is(err, fault.Unauthenticated) || fault.Is(err, fault.Denied) || fault.Is(err, fault.NotFound)
}

// inboxEvent says nothing of what is new: whoever shows it asks. It has no id, since it is no part of what resumes.
const inboxEvent = "event: inbox\ndata: {}\n\n"

// write writes what is pending, all in one piece.
func (v *viewer) write() error {
	var piece *[]byte
	if v.inbox.Swap(false) {
		piece = newPiece()
		*piece = append(*piece, inboxEvent...)
	}
	if v.away.Swap(false) {
		if piece == nil {
			piece = newPiece()
		}
		*piece = append(*piece, *v.awayNow.Load()...)
	}
	for i, s := range v.slots {
		f := s.take()
		if f == nil {
			continue
		}
		if len(f.bytes) == 0 {
			f.release()
			continue
		}
		v.seen[i] = resumePoint{quotes: f.quotes, sequence: f.sequence, epoch: s.watch.epoch, frame: f.number}
		if piece == nil {
			piece = newPiece()
		}
		if f.named {
			*piece = v.appendID(*piece)
		}
		*piece = append(*piece, f.bytes...)
		f.release()
	}
	if piece == nil {
		return nil
	}
	return v.out.send(piece)
}

// resumePoint is what a client says it has of one portfolio.
type resumePoint struct {
	quotes   int64
	sequence int64
	epoch    uint32
	frame    uint64
}

// appendID appends the id line: q<quotes>.p<sequence>-<epoch>-<frame>, the part from p on for each portfolio of the stream.
// Quotes and sequence are what the client has seen; epoch and frame let the same node send only what came after.
func (v *viewer) appendID(dst []byte) []byte {
	var quotes int64
	for i := range v.seen {
		quotes = max(quotes, v.seen[i].quotes)
	}
	dst = strconv.AppendInt(append(dst, "id: q"...), quotes, 10)
	separator := byte('.')
	for i := range v.seen {
		dst = strconv.AppendInt(append(dst, separator, 'p'), v.seen[i].sequence, 10)
		dst = strconv.AppendUint(append(dst, '-'), uint64(v.seen[i].epoch), 36)
		dst = strconv.AppendUint(append(dst, '-'), v.seen[i].frame, 36)
		separator = ','
	}
	return append(dst, '\n')
}

// parseID reads an id for so many portfolios. What can't be read is as if nothing had been seen.
func parseID(id string, portfolios int) []resumePoint {
	points := make([]resumePoint, portfolios)
	if len(id) > idPartBytesMax*(portfolios+1) {
		return points
	}
	quotesText, rest, ok := strings.Cut(strings.TrimPrefix(id, "q"), ".")
	quotes, err := strconv.ParseInt(quotesText, 10, 64)
	parts := strings.Split(rest, ",")
	if !ok || err != nil || len(parts) != portfolios {
		return points
	}
	for i, part := range parts {
		fields := strings.Split(strings.TrimPrefix(part, "p"), "-")
		if len(fields) != 3 {
			continue
		}
		sequence, err1 := strconv.ParseInt(fields[0], 10, 64)
		epoch, err2 := strconv.ParseUint(fields[1], 36, 32)
		frame, err3 := strconv.ParseUint(fields[2], 36, 64)
		if err1 != nil || err2 != nil || err3 != nil {
			continue
		}
		points[i] = resumePoint{quotes: quotes, sequence: sequence, epoch: uint32(epoch), frame: frame}
	}
	return points
}
