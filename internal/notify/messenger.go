package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/jobs"
)

const (
	messageWaitMax = 10 * time.Second // one request to a receiver
	pauseMin       = 5 * time.Second  // after the first try that failed
	pauseMax       = 30 * time.Minute // however long a channel has been failing
)

// MessageStore keeps notices on their way.
type MessageStore interface {
	// NoticeMessage reads one with what is sealed in it; fault.NotFound where there is none.
	NoticeMessage(ctx context.Context, job NoticeJob) (Message, error)
	// SettleMessage notes a try, and what it says of the channel.
	SettleMessage(ctx context.Context, job NoticeJob, state State, outcome Outcome, at time.Time) error
}

// Doer sends a request: a client that judges every address.
type Doer interface {
	Do(r *http.Request) (*http.Response, error)
}

// MessengerOptions are what a Messenger is made of.
type MessengerOptions struct {
	Store  MessageStore
	Client Doer
	Mail   Sender // nil: none is configured; what waits is kept for its day
	Push   PushKey
	Origin string // what links begin with, such as https://folio.example; empty: messages have no links
	Now    func() time.Time
	Log    *slog.Logger
}

// Messenger sends notices by their channels. It is safe for concurrent use.
//
// What waits for a slow or broken receiver never keeps another's message waiting: see gates.
type Messenger struct {
	o     MessengerOptions
	gates *gates

	mu    sync.Mutex
	tries map[MessageTry]uint64
}

// MessageTry is how a try by a kind of channel ended.
type MessageTry struct {
	Kind    ChannelKind
	Outcome Outcome
}

// NewMessenger makes one.
func NewMessenger(o MessengerOptions) *Messenger {
	o.Origin = strings.TrimSuffix(o.Origin, "/")
	return &Messenger{o: o, gates: newGates(), tries: map[MessageTry]uint64{}}
}

// Kinds are the kinds of jobs that it works on.
func (m *Messenger) Kinds() []jobs.Kind {
	return []jobs.Kind{{Name: NoticeJobKind, AttemptsMax: AttemptsMax, Work: m.work}}
}

// PushKey is what browsers subscribe with.
func (m *Messenger) PushKey() string { return m.o.Push.Public() }

// Tries is how many tries of this node ended how since it started.
func (m *Messenger) Tries() map[MessageTry]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[MessageTry]uint64, len(m.tries))
	maps.Copy(out, m.tries)
	return out
}

// work is one try of one message.
func (m *Messenger) work(ctx context.Context, job jobs.Job) error {
	var named NoticeJob
	if err := json.Unmarshal(job.Arguments, &named); err != nil {
		return fmt.Errorf("read arguments: %w", err)
	}
	msg, err := m.o.Store.NoticeMessage(ctx, named)
	if fault.Is(err, fault.NotFound) || err == nil && msg.State != Waiting {
		return nil // its owner is gone, or another run has sent it
	}
	if err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	if msg.Channel.State != ChannelOn {
		return m.settle(ctx, named, Dead, OutcomeDropped)
	}
	if wait := msg.DueAt.Sub(m.o.Now()); wait > 0 {
		return jobs.Later(wait)
	}
	leave, wait := m.gates.enter(named.Owner, msg.Channel.host(), !msg.Channel.FailingAt.IsZero(), m.o.Now())
	if leave == nil {
		return jobs.Later(wait/2 + rand.N(wait))
	}
	outcome, asked := m.send(ctx, msg)
	leave()
	m.count(MessageTry{msg.Channel.Kind, outcome})
	now := m.o.Now()
	state := afterTry(msg, outcome, now)
	if state == Dead {
		m.o.Log.WarnContext(ctx, "a message is given up; its owner sees so in their inbox", "notice", named.Notice, "channel", msg.Channel.Kind, "outcome", outcome)
	}
	if err := m.settle(ctx, named, state, outcome); err != nil || state != Waiting {
		return err
	}
	return jobs.Later(max(pause(msg.Channel.FailingAt, now), min(asked, givenUpAt(msg).Sub(now))))
}

func (m *Messenger) settle(ctx context.Context, job NoticeJob, state State, outcome Outcome) error {
	if err := m.o.Store.SettleMessage(ctx, job, state, outcome, m.o.Now()); err != nil {
		return fmt.Errorf("settle message: %w", err)
	}
	return nil
}

// afterTry is where a try leaves a message.
func afterTry(msg Message, outcome Outcome, now time.Time) State {
	switch outcome {
	case OutcomeSent:
		return Sent
	case OutcomeRefused, OutcomeForbidden, OutcomeGone:
		return Dead
	}
	if !now.Before(givenUpAt(msg)) {
		return Dead
	}
	return Waiting
}

// givenUpAt is when a message that didn't get through is tried no more.
func givenUpAt(msg Message) time.Time {
	due := msg.DueAt
	if due.Before(msg.CreatedAt) {
		due = msg.CreatedAt
	}
	return due.Add(tryFor)
}

// pause is how long a message waits for its next try: half as long as its channel has been failing, and some more by chance, so that what
// failed together doesn't come back together.
func pause(failingSince, now time.Time) time.Duration {
	wait := pauseMin
	if !failingSince.IsZero() {
		wait = min(max(now.Sub(failingSince)/2, pauseMin), pauseMax)
	}
	return wait + rand.N(wait/4)
}

// Test sends a test by a channel at once and says how that ended.
func (m *Messenger) Test(ctx context.Context, c Channel, s Settings, r Reader, id string) Outcome {
	outcome, _ := m.send(ctx, Message{Notice: Notice{ID: id, Owner: c.Owner, Kind: NoticeTest, At: m.o.Now()}, Channel: c, Settings: s, Reader: r})
	return outcome
}

// send tries once. Where the other side is busy, wait is how long it asks to be left alone; 0 where it doesn't say.
func (m *Messenger) send(ctx context.Context, msg Message) (outcome Outcome, wait time.Duration) {
	words := Write(msg.Notice, msg.Settings, m.o.Origin)
	if msg.Channel.Kind == ChannelEmail {
		return m.mail(ctx, msg, words), 0
	}
	ctx, cancel := context.WithTimeout(ctx, messageWaitMax)
	defer cancel()
	answer, err := m.post(ctx, msg.Channel, words)
	if err != nil {
		if fault.Is(err, fault.Denied) {
			return OutcomeForbidden, 0
		}
		return OutcomeUnreachable, 0 // its text may hold the address
	}
	_ = answer.Body.Close() // what it says is nobody's to know: an address may lead to what its owner may not read
	if outcome = outcomeOfStatus(msg.Channel.Kind, answer.StatusCode); outcome == OutcomeBusy {
		wait = retryAfter(answer.Header, m.o.Now())
	}
	return outcome, wait
}

// retryAfter is what a header asks for, in seconds or until a time, at most as long as a message is tried; 0 where it asks for nothing.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, tryFor)
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(until.Sub(now), 0), tryFor)
}

// outcomeOfStatus reads an answer's status. A push service says 404 of a browser that isn't there any more, others of a wrong address.
func outcomeOfStatus(kind ChannelKind, status int) Outcome {
	switch {
	case status >= 200 && status < 300:
		return OutcomeSent
	case status == http.StatusGone, status == http.StatusNotFound && kind == ChannelPush:
		return OutcomeGone
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return OutcomeBusy
	}
	return OutcomeRefused
}

func (m *Messenger) post(ctx context.Context, c Channel, w Words) (*http.Response, error) {
	if c.Kind == ChannelPush {
		return push(ctx, m.o.Client, m.o.Push, m.subscriber(), c.Target, w)
	}
	p, ok := requestTo(c.Kind, c.Target, w)
	if !ok {
		return nil, fault.New(fault.Denied, "the address of the channel isn't one any more")
	}
	var raw []byte
	var err error
	if c.Kind == ChannelWebhook {
		p, raw, err = signed(c.Target, c.Secret, w, m.o.Now())
	} else {
		raw, err = json.Marshal(p.body)
	}
	if err != nil {
		return nil, err
	}
	method := p.method
	if method == "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(ctx, method, p.address, bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	maps.Copy(r.Header, p.header)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Folioscope")
	return m.o.Client.Do(r)
}

// subscriber is whom a push service may write to about what we send.
func (m *Messenger) subscriber() string {
	if strings.HasPrefix(m.o.Origin, "https://") {
		return m.o.Origin
	}
	return "nobody@localhost"
}

func (m *Messenger) mail(ctx context.Context, msg Message, w Words) Outcome {
	to := msg.Channel.Target
	if to == "" {
		to = msg.Reader.Address
	}
	switch {
	case m.o.Mail == nil:
		return OutcomeOff
	case to == "":
		return OutcomeRefused
	}
	ctx, cancel := context.WithTimeout(ctx, sendWaitMax)
	defer cancel()
	_, err := m.o.Mail.Send(ctx, w.letter(to, msg.Channel.ID, m.o.Origin))
	return outcomeOf(err)
}

func (m *Messenger) count(try MessageTry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tries[try]++
}
