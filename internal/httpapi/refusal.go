package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
)

// Bounds of the refusals that are recorded: somebody who is refused on and on must not keep the database busy.
const (
	refusalsMax     = 256                   // that wait to be recorded; what comes beyond is counted
	refusalInterval = 20 * time.Millisecond // between two records
	refusalWaitMax  = 5 * time.Second
)

// refusals wait to be recorded. A refusal changes nothing, so that it needn't wait for its row.
type refusals struct {
	waiting chan audit.Entry
	dropped atomic.Int64
}

func newRefusals() *refusals { return &refusals{waiting: make(chan audit.Entry, refusalsMax)} }

// add takes a refusal, or counts it where there is no room.
func (r *refusals) add(entry audit.Entry) {
	select {
	case r.waiting <- entry:
	default:
		r.dropped.Add(1)
	}
}

// RecordRefusals writes down who was refused what until ctx ends, and then what is left.
func (s *Server) RecordRefusals(ctx context.Context) error {
	pace := time.NewTicker(refusalInterval)
	defer pace.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.recordLeft(ctx)
		case entry := <-s.refused.waiting:
			s.recordRefusal(ctx, entry)
		}
		if len(s.refused.waiting) == 0 {
			s.recordDropped(ctx)
		}
		select {
		case <-ctx.Done():
		case <-pace.C:
		}
	}
}

func (s *Server) recordLeft(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refusalWaitMax)
	defer cancel()
	for len(s.refused.waiting) > 0 && ctx.Err() == nil {
		s.recordRefusal(ctx, <-s.refused.waiting)
	}
	s.recordDropped(ctx)
	return nil
}

// recordDropped writes one record for all that found no room.
func (s *Server) recordDropped(ctx context.Context) {
	if n := s.refused.dropped.Swap(0); n > 0 {
		s.recordRefusal(ctx, audit.Entry{Action: audit.RefusalsDropped, Object: strconv.FormatInt(n, 10), Result: string(fault.Limited)})
	}
}

func (s *Server) recordRefusal(ctx context.Context, entry audit.Entry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refusalWaitMax) // one that was taken is recorded, also on the way out
	defer cancel()
	if err := s.store.RecordAudit(ctx, entry); err != nil {
		s.refused.dropped.Add(1)
		s.log.WarnContext(ctx, "a refusal was not recorded and is counted", "request_id", entry.RequestID, "error", err)
	}
}

// refuse records that a request was refused for who asked: somebody known who may not, a portfolio that is not theirs, a session
// that is none. Who simply isn't signed in isn't worth a row.
func (s *Server) refuse(req *http.Request, c *call, err error) {
	kind := fault.KindOf(err)
	switch {
	case kind == fault.Denied:
	case kind == fault.NotFound && c.route.ofPortfolio() && c.session.Owner != "":
	case kind == fault.Unauthenticated && c.token != "":
	default:
		return
	}
	object := string(c.route.action)
	if object == "" {
		object = shortened(req.Method)
	}
	s.recordLater(c, err, object)
}

// recordLater records that a caller was refused something.
func (s *Server) recordLater(c *call, err error, object string) {
	entry := c.entry(audit.Refused, object)
	entry.Result = string(fault.KindOf(err))
	s.refused.add(entry)
}
