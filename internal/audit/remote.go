package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"folioscope/internal/webhook"
)

// How checkpoints are sent. Each covers all before it, so that of those that wait only the newest goes.
const (
	remoteInterval = 5 * time.Second
	remotePauseMax = 30 * time.Second // between tries, after some that failed
	remoteWaitMax  = 10 * time.Second // for one answer
	remoteLagMax   = time.Minute      // what isn't elsewhere by then is an alarm: who takes this machine now takes its proof too
	messageType    = "audit.checkpoint"
)

// RemoteOptions are what a Remote is made of.
type RemoteOptions struct {
	URL     string
	Secrets webhook.Secrets
	Client  *http.Client
	Newest  func() []byte // the newest checkpoint that was copied here, nil before there is one
	Mine    func() bool   // whether it is for this node to send: one of all does
	Now     func() time.Time
	Log     *slog.Logger
}

// Remote sends the newest checkpoint to another machine as a signed webhook, so that whoever takes this one can't rewrite what it said. What
// isn't taken there is sent again until it is, or until there is a newer one.
type Remote struct {
	o       RemoteOptions
	sent    []byte
	behind  time.Time // since when something waits; zero: nothing does
	lag     atomic.Int64
	failed  int // tries in a row
	quietTo time.Time
}

// NewRemote makes one; Run works.
func NewRemote(o RemoteOptions) *Remote { return &Remote{o: o} }

// Lag is for how long something has been waiting to be taken elsewhere. It may be asked while Run works.
func (r *Remote) Lag() time.Duration { return time.Duration(r.lag.Load()) }

// Run sends until ctx ends. A place that doesn't answer stops nothing here: it is told in the log, after a minute as an error.
func (r *Remote) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		pause := remoteInterval
		if err := r.step(ctx); err != nil && ctx.Err() == nil {
			pause = min(time.Second<<min(r.failed, 10), remotePauseMax) // 10 is beyond the longest
			r.failed++
			r.complain(ctx, err)
		}
		timer.Reset(pause)
	}
}

// step sends the newest checkpoint, if it wasn't taken yet.
func (r *Remote) step(ctx context.Context) error {
	newest := r.o.Newest()
	if !r.o.Mine() || newest == nil || bytes.Equal(newest, r.sent) {
		r.caughtUp()
		return nil
	}
	if r.behind.IsZero() {
		r.behind = r.o.Now()
	}
	err := r.send(ctx, newest)
	if err != nil {
		r.lag.Store(int64(r.o.Now().Sub(r.behind)))
		return err
	}
	r.sent = newest
	r.caughtUp()
	return nil
}

func (r *Remote) caughtUp() {
	r.behind, r.failed = time.Time{}, 0
	r.lag.Store(0)
}

// message is the body, in the form of Standard Webhooks. Its data is a line of the copy.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      copied    `json:"data"`
}

func (r *Remote) send(ctx context.Context, signed []byte) error {
	ctx, cancel := context.WithTimeout(ctx, remoteWaitMax)
	defer cancel()
	now := r.o.Now()
	body, err := json.Marshal(message{messageType, now.UTC(), copied{string(signed)}})
	if err != nil {
		return fmt.Errorf("encode a checkpoint: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.o.URL, bytes.NewReader(body))
	if err != nil {
		return withoutAddress(err)
	}
	request.Header.Set("Content-Type", "application/json")
	id := sha256.Sum256(signed) // the same in every try, and on every node
	r.o.Secrets.Sign(request.Header, "msg_"+hex.EncodeToString(id[:16]), now, body)
	answer, err := r.o.Client.Do(request)
	if err != nil {
		return withoutAddress(err)
	}
	if err := answer.Body.Close(); err != nil {
		return withoutAddress(err)
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("answered %d", answer.StatusCode)
	}
	return nil
}

// withoutAddress drops the URL from an error of the client: it may hold a secret.
func withoutAddress(err error) error {
	if inner, ok := errors.AsType[*url.Error](err); ok {
		return inner.Err
	}
	return err
}

func (r *Remote) complain(ctx context.Context, err error) {
	now := r.o.Now()
	if now.Before(r.quietTo) {
		return
	}
	r.quietTo = now.Add(complainEvery)
	if lag := r.Lag(); lag >= remoteLagMax {
		r.o.Log.ErrorContext(ctx, "audit checkpoints don't get to audit.webhook.url: what happens now can't be proven if this machine is taken", "lag", lag.Round(time.Second), "error", err)
		return
	}
	r.o.Log.WarnContext(ctx, "an audit checkpoint was not taken at audit.webhook.url; it is sent again", "error", err)
}
