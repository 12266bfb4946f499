package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/engine"
	"folioscope/internal/identity"
	"folioscope/internal/jobs"
	"folioscope/internal/ledger"
	"folioscope/internal/notify"
)

const (
	workEvery     = 2 * time.Minute  // a node looks for a message to send, at most
	workMax       = time.Minute      // of one try, as the queue has it
	rescuedAfter  = 10 * time.Minute // a job of a node that died is another's
	failedPause   = time.Minute      // after a try that failed
	onTheWayMax   = 10 * time.Minute // where nothing fails
	receiverPause = 8 * time.Second  // until it answers, at most

	channelID = notify.ChannelID("hook")
)

// queue is the queue of jobs as far as messages go: a job is there once its notice is, runs at one node at a time, and comes back until
// it is done.
type queue struct {
	mu   sync.Mutex
	jobs []*message
}

// message is one on its way to one receiver.
type message struct {
	job  notify.NoticeJob
	told time.Time
	due  time.Time
	done bool

	received int
	doubts   int // tries of which nobody could know whether it was received
}

// add puts what was just told into line.
func (q *queue) add(now time.Time, owner ledger.OwnerID, settled []bool, all []engine.Settlement) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range all {
		for _, e := range all[i].Events {
			if settled[i] && e.Notice != nil {
				q.jobs = append(q.jobs, &message{job: notify.NoticeJob{Owner: owner, Notice: e.Notice.ID, Channel: channelID}, told: now, due: now})
			}
		}
	}
}

// take gives somebody the job that has waited longest.
func (q *queue) take(now time.Time) *message {
	q.mu.Lock()
	defer q.mu.Unlock()
	var first *message
	for _, m := range q.jobs {
		if !m.done && !m.due.After(now) && (first == nil || m.due.Before(first.due) || m.due.Equal(first.due) && m.job.Notice < first.job.Notice) {
			first = m
		}
	}
	if first != nil {
		first.due = now.Add(rescuedAfter)
	}
	return first
}

// deliver has a node send messages.
func (n *node) deliver() {
	w := n.world
	sender := notify.NewMessenger(notify.MessengerOptions{Store: n.cable, Client: receivers{n}, Now: n.now, Log: slog.New(slog.DiscardHandler)})
	r := w.dice.of("delivers", n.name)
	for n.sleep(between(r, time.Second, workEvery)) {
		m := w.queue.take(w.now())
		if m == nil {
			continue
		}
		arguments, err := json.Marshal(m.job)
		if err != nil {
			panic(err) // three texts
		}
		ctx, cancel := context.WithTimeout(n.ctx, workMax)
		err = sender.Kinds()[0].Work(ctx, jobs.Job{Arguments: arguments})
		cancel()
		w.queue.end(w.now(), m, err, n.dead.Load() || n.ctx.Err() != nil)
	}
}

// end notes how a try ended. Of one whose node died nobody hears.
func (q *queue) end(now time.Time, m *message, err error, died bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case died:
		m.doubts++
	case err == nil:
		m.done = true
	default:
		pause := failedPause
		if text, later := strings.CutPrefix(err.Error(), "again in "); later {
			pause, _ = time.ParseDuration(text) // it was one
		} else {
			m.doubts++ // it may have been sent, and not be noted
		}
		m.due = now.Add(pause)
	}
}

// receivers are where messages go, as a node reaches them.
type receivers struct{ node *node }

// Do implements notify.Doer.
func (to receivers) Do(request *http.Request) (*http.Response, error) {
	n := to.node
	w := n.world
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	var hook struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(body, &hook); err != nil {
		w.violated("a receiver got %s: %v", body, err)
	}
	r := w.dice.of("receiver", hook.ID, w.now().Format(time.RFC3339Nano))
	timer := time.NewTimer(between(r, 10*time.Millisecond, receiverPause))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
	host, _, _ := strings.Cut(request.URL.Host, ".")
	status := http.StatusOK
	header := make(http.Header)
	switch share := r.IntN(10); {
	case during(w.deaf[ledger.OwnerID(host)], w.now()):
		w.trail.reached("receiver: fails")
		status = http.StatusServiceUnavailable
	case w.calm() || share > 2:
		w.queue.receive(w, hook.ID, false)
	case share == 0:
		w.trail.reached("receiver: limits us")
		status = http.StatusTooManyRequests
		header.Set("Retry-After", "90")
	case share == 1:
		w.trail.reached("receiver: nobody there")
		return nil, errors.New("connection refused")
	default:
		w.trail.reached("receiver: its answer is lost")
		w.queue.receive(w, hook.ID, true)
		return nil, io.ErrUnexpectedEOF
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(nil)), Request: request}, nil
}

func (q *queue) receive(w *world, id string, doubtful bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := slices.IndexFunc(q.jobs, func(m *message) bool { return m.job.Notice == id })
	if at < 0 {
		w.violated("I12: a receiver was told %s, which nobody was", id)
		return
	}
	q.jobs[at].received++
	if doubtful {
		q.jobs[at].doubts++
	}
	if q.jobs[at].received > 1 {
		w.trail.reached("message: twice")
	}
}

// connect has a person be told by a receiver too.
func (p *person) connect(ctx context.Context) error {
	c := notify.Channel{Owner: p.id, ID: channelID, Kind: notify.ChannelWebhook, State: notify.ChannelOn, Name: "hook", Target: "https://" + string(p.id) + ".example/hook",
		Secret: "whsec_" + strings.Repeat("MfKQ9r8GKYqrTwjU", 2), CreatedAt: p.world.start}
	return p.world.store.CreateChannel(ctx, c, identity.TokenHash{}, time.Time{}, p.write(audit.ChannelCreated, string(c.ID)))
}

// checkMessages holds what receivers got against what people were told: each message at least once, more often only where a try could not
// be known to have come through, and the inbox says the same.
func (w *world) checkMessages(ctx context.Context) {
	for _, m := range w.queue.jobs {
		if w.end.Sub(m.told) < onTheWayMax {
			continue
		}
		told, err := w.store.NoticeDeliveries(ctx, m.job.Owner, []string{m.job.Notice})
		if err != nil || len(told[m.job.Notice]) != 1 {
			w.violated("I12: the message of %s: %+v, %v", m.job.Notice, told, err)
			continue
		}
		switch is := told[m.job.Notice][0]; {
		case is.State != notify.Sent || !m.done:
			w.violated("I12: the message of %s, told at %s, is %s after %d tries, the last was %s", m.job.Notice, m.told, is.State, is.Tries, is.Outcome)
		case m.received == 0:
			w.violated("I12: the message of %s counts as sent, and was never received", m.job.Notice)
		case m.received > 1+m.doubts:
			w.violated("I12: the message of %s was received %d times, and %d tries were doubtful", m.job.Notice, m.received, m.doubts)
		}
		w.trail.reached("message: received")
	}
}

// NoticeMessage implements notify.MessageStore.
func (c *cable) NoticeMessage(ctx context.Context, job notify.NoticeJob) (notify.Message, error) {
	return through(ctx, c, "message", job.Notice, func(ctx context.Context) (notify.Message, error) { return c.Store.NoticeMessage(ctx, job) })
}

// SettleMessage implements notify.MessageStore.
func (c *cable) SettleMessage(ctx context.Context, job notify.NoticeJob, state notify.State, outcome notify.Outcome, at time.Time) error {
	_, err := through(ctx, c, "settle message", job.Notice, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.Store.SettleMessage(ctx, job, state, outcome, at)
	})
	return err
}
