package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/fault"
	"folioscope/internal/jobs"
	"folioscope/internal/ledger"
	"folioscope/internal/webhook"
)

// memory keeps messages in memory.
type memory struct {
	mu       sync.Mutex
	messages map[NoticeJob]Message
	outcomes []Outcome
}

// NoticeMessage implements MessageStore.
func (s *memory) NoticeMessage(_ context.Context, job NoticeJob) (Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.messages[job]
	if !ok {
		return Message{}, fault.New(fault.NotFound, "there is no such message")
	}
	return m, nil
}

// SettleMessage implements MessageStore.
func (s *memory) SettleMessage(_ context.Context, job NoticeJob, state State, outcome Outcome, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.messages[job]
	m.State, m.Tries = state, m.Tries+1
	if outcome == OutcomeSent {
		m.Channel.FailingAt = time.Time{}
	} else if m.Channel.FailingAt.IsZero() {
		m.Channel.FailingAt = at
	}
	s.messages[job] = m
	s.outcomes = append(s.outcomes, outcome)
	return nil
}

func (s *memory) state(job NoticeJob) State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.messages[job].State
}

// add keeps a message by a channel and gives its job.
func (s *memory) add(owner ledger.OwnerID, id string, kind ChannelKind, target string, at time.Time) NoticeJob {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := alertNotice()
	n.Owner, n.ID = owner, id
	job := NoticeJob{Owner: owner, Notice: id, Channel: "c1"}
	c := Channel{Owner: owner, ID: "c1", Kind: kind, State: ChannelOn, Target: target, Secret: testSecret}
	s.messages[job] = Message{Notice: n, Channel: c, Reader: Reader{Address: "anna@example.net"}, State: Waiting, CreatedAt: at, DueAt: at}
	return job
}

// doer is a client that leads wherever a test wants.
type doer func(r *http.Request) (*http.Response, error)

// Do implements Doer.
func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

// to leads every request to one server, whatever its host.
func to(server *httptest.Server) doer {
	return func(r *http.Request) (*http.Response, error) {
		where, err := url.Parse(server.URL)
		if err != nil {
			return nil, err
		}
		r.URL.Scheme, r.URL.Host = where.Scheme, where.Host
		return server.Client().Do(r)
	}
}

func status(code int) doer {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: code, Body: io.NopCloser(strings.NewReader("canary: what a receiver says"))}, nil
	}
}

func messengerOf(store MessageStore, client Doer, now func() time.Time, log *slog.Logger) *Messenger {
	key, err := NewPushKey(func(count int) []byte { return append(make([]byte, 31), byte(count+1)) })
	if err != nil {
		panic(err)
	}
	return NewMessenger(MessengerOptions{Store: store, Client: client, Push: key, Origin: "https://folio.example/", Now: now, Log: log})
}

// runOnce is one run of a job; again is when it shall run again, if it shall.
func runOnce(m *Messenger, named NoticeJob) (again time.Duration, err error) {
	raw, err := json.Marshal(named)
	if err != nil {
		return 0, err
	}
	err = m.work(context.Background(), jobs.Job{Arguments: raw})
	if err == nil {
		return 0, nil
	}
	text, later := strings.CutPrefix(err.Error(), "again in ")
	if !later {
		return 0, err
	}
	return time.ParseDuration(text)
}

func TestAWebhookIsSignedAndNamedByItsNotice(t *testing.T) {
	secrets, err := webhook.ParseSecrets(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	var got hook
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		id, err := secrets.Verify(r.Header, body, testNow)
		if err != nil || id != "n1" || json.Unmarshal(body, &got) != nil {
			t.Errorf("%q, %v: %s", id, err, body)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	store := &memory{messages: map[NoticeJob]Message{}}
	job := store.add("anna", "n1", ChannelWebhook, "https://example.org/hook", testNow)
	m := messengerOf(store, to(server), func() time.Time { return testNow }, slog.New(slog.DiscardHandler))
	for range 2 { // a second run of a job sends nothing
		if again, err := runOnce(m, job); err != nil || again != 0 {
			t.Errorf("%v, %v", again, err)
		}
	}
	if got.ID != "n1" || got.Title != "Pension" || got.Value.String() != "123400.5" || got.Unit != "EUR" || store.state(job) != Sent {
		t.Errorf("%+v, %s", got, store.state(job))
	}
	if tries := m.Tries(); tries[MessageTry{ChannelWebhook, OutcomeSent}] != 1 {
		t.Errorf("tries: %v", tries)
	}
}

func TestAnswersDecideWhatBecomesOfAMessage(t *testing.T) {
	private := doer(func(*http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Post", URL: "https://canary.example", Err: fault.New(fault.Denied, "a private address")}
	})
	for name, c := range map[string]struct {
		client  Doer
		kind    ChannelKind
		outcome Outcome
		state   State
	}{
		"200":                   {status(200), ChannelWebhook, OutcomeSent, Sent},
		"204":                   {status(204), ChannelNtfy, OutcomeSent, Sent},
		"500":                   {status(500), ChannelWebhook, OutcomeBusy, Waiting},
		"429":                   {status(429), ChannelWebhook, OutcomeBusy, Waiting},
		"408":                   {status(408), ChannelWebhook, OutcomeBusy, Waiting},
		"400":                   {status(400), ChannelWebhook, OutcomeRefused, Dead},
		"401":                   {status(401), ChannelNtfy, OutcomeRefused, Dead},
		"404":                   {status(404), ChannelWebhook, OutcomeRefused, Dead},
		"302":                   {status(302), ChannelWebhook, OutcomeRefused, Dead},
		"410":                   {status(410), ChannelWebhook, OutcomeGone, Dead},
		"404 of a push service": {status(404), ChannelPush, OutcomeGone, Dead},
		"410 of a push service": {status(410), ChannelPush, OutcomeGone, Dead},
		"a private address":     {private, ChannelWebhook, OutcomeForbidden, Dead},
		"nobody there":          {doer(func(*http.Request) (*http.Response, error) { return nil, errors.New("canary: refused") }), ChannelWebhook, OutcomeUnreachable, Waiting},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			store := &memory{messages: map[NoticeJob]Message{}}
			target := map[ChannelKind]string{ChannelWebhook: "https://canary.example/", ChannelNtfy: "ntfy://canary.example/topic", ChannelPush: newBrowser(t).subscription}[c.kind]
			job := store.add("anna", "n1", c.kind, target, testNow)
			m := messengerOf(store, c.client, func() time.Time { return testNow }, slog.New(slog.NewTextHandler(&log, nil)))
			again, err := runOnce(m, job)
			if err != nil || store.outcomes[0] != c.outcome || store.state(job) != c.state || (again > 0) != (c.state == Waiting) {
				t.Errorf("%v, %s, again in %v, %v", store.outcomes, store.state(job), again, err)
			}
			if strings.Contains(log.String(), "canary") {
				t.Errorf("the log knows too much: %s", log.String())
			}
		})
	}
}

// A receiver that answers 500 is asked less and less often for a day; then the message is given up. One that comes back gets it.
func TestAMessageIsTriedForADay(t *testing.T) {
	for name, backAfter := range map[string]time.Duration{"never back": 100 * time.Hour, "back after three hours": 3 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			now, posts := testNow, 0
			store := &memory{messages: map[NoticeJob]Message{}}
			job := store.add("anna", "n1", ChannelWebhook, "https://example.org/", testNow)
			m := messengerOf(store, doer(func(r *http.Request) (*http.Response, error) {
				posts++
				if now.Sub(testNow) >= backAfter {
					return status(200)(r)
				}
				return status(500)(r)
			}), func() time.Time { return now }, slog.New(slog.DiscardHandler))
			longest := time.Duration(0)
			for store.state(job) == Waiting {
				again, err := runOnce(m, job)
				if err != nil {
					t.Fatal(err)
				}
				longest, now = max(longest, again), now.Add(again)
			}
			took := now.Sub(testNow)
			if backAfter > 24*time.Hour && (store.state(job) != Dead || took < tryFor || took > tryFor+time.Hour) {
				t.Errorf("%s after %v", store.state(job), took)
			}
			if backAfter < 24*time.Hour && (store.state(job) != Sent || took > backAfter+time.Hour) {
				t.Errorf("%s after %v", store.state(job), took)
			}
			if posts < 10 || posts > 100 || longest > pauseMax*5/4 {
				t.Errorf("%d tries, the longest pause %v", posts, longest)
			}
		})
	}
}

// A receiver that asks to be left alone is, for as long as it asks and never longer than a message is tried: then comes the last try.
func TestAReceiverIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	for name, c := range map[string]struct {
		status   int
		header   string
		sinceDue time.Duration
		min, max time.Duration
	}{
		"seconds":              {429, "7200", 0, 2 * time.Hour, 2 * time.Hour},
		"until a time":         {503, testNow.Add(3 * time.Hour).Format(http.TimeFormat), 0, 3*time.Hour - time.Second, 3 * time.Hour},
		"longer than the day":  {429, "2147483647", 20 * time.Hour, 4 * time.Hour, 4 * time.Hour},
		"shorter than a pause": {429, "1", 0, pauseMin, pauseMin * 5 / 4},
		"a time that is over":  {503, testNow.Add(-time.Hour).Format(http.TimeFormat), 0, pauseMin, pauseMin * 5 / 4},
		"nonsense":             {429, "-5", 0, pauseMin, pauseMin * 5 / 4},
		"more than a number":   {429, "99999999999999999999", 0, pauseMin, pauseMin * 5 / 4},
	} {
		store := &memory{messages: map[NoticeJob]Message{}}
		job := store.add("anna", "n1", ChannelWebhook, "https://example.org/", testNow.Add(-c.sinceDue))
		busy := doer(func(r *http.Request) (*http.Response, error) {
			answer, err := status(c.status)(r)
			answer.Header = http.Header{"Retry-After": {c.header}}
			return answer, err
		})
		m := messengerOf(store, busy, func() time.Time { return testNow }, slog.New(slog.DiscardHandler))
		if again, err := runOnce(m, job); err != nil || again < c.min || again > c.max {
			t.Errorf("%s: again in %v, %v", name, again, err)
		}
	}
}

func TestWhatIsNotDueWaits(t *testing.T) {
	store := &memory{messages: map[NoticeJob]Message{}}
	job := store.add("anna", "n1", ChannelWebhook, "https://example.org/", testNow.Add(7*time.Hour))
	m := messengerOf(store, status(200), func() time.Time { return testNow }, slog.New(slog.DiscardHandler))
	if again, err := runOnce(m, job); err != nil || again != 7*time.Hour || store.state(job) != Waiting {
		t.Errorf("%v, %v, %s", again, err, store.state(job))
	}
	if again, err := runOnce(m, NoticeJob{Owner: "erased", Notice: "n1", Channel: "c1"}); err != nil || again != 0 {
		t.Errorf("to somebody erased: %v, %v", again, err)
	}
	off := store.messages[job]
	off.Channel.State = ChannelOff
	store.messages[job] = off
	if again, err := runOnce(m, job); err != nil || again != 0 || store.state(job) != Dead || store.outcomes[0] != OutcomeDropped {
		t.Errorf("by a channel that is off: %v, %v, %s", again, err, store.state(job))
	}
}

// Three owners' receivers hang, with more messages than there are places for; a fourth owner's message goes out at once all the same, and
// no hanging receiver holds its place for longer than the bound.
func TestReceiversThatHangKeepNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{messages: map[NoticeJob]Message{}}
		hanging := doer(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == "fast.example" {
				return status(200)(r)
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		m := messengerOf(store, hanging, time.Now, slog.New(slog.DiscardHandler))
		// As many at once as the queue has workers, the hanging ones first; a job that finds no place comes back.
		places := make(chan struct{}, jobs.MessagesMax)
		var all sync.WaitGroup
		work := func(job NoticeJob) {
			all.Go(func() {
				for runs := 0; runs < 40 && store.state(job) == Waiting; runs++ {
					places <- struct{}{}
					again, err := runOnce(m, job)
					<-places
					if err != nil {
						t.Error(err)
					}
					time.Sleep(again)
				}
			})
		}
		start := time.Now()
		for _, owner := range []ledger.OwnerID{"a", "b", "c"} {
			for i := range 40 {
				work(store.add(owner, string(owner)+time.Duration(i).String(), ChannelWebhook, "https://"+string(owner)+".example/", start))
			}
		}
		synctest.Wait()
		quick := store.add("anna", "quick", ChannelWebhook, "https://fast.example/", start)
		work(quick)
		synctest.Wait()
		if took := time.Since(start); took != 0 || store.state(quick) != Sent {
			t.Errorf("%s after %v", store.state(quick), took)
		}
		time.Sleep(messageWaitMax + time.Second)
		again := store.add("anna", "again", ChannelWebhook, "https://fast.example/", time.Now())
		work(again)
		synctest.Wait()
		if store.state(again) != Sent {
			t.Error("it waits once the receivers are known to hang")
		}
		all.Wait()
		if len(m.gates.owners)+len(m.gates.hosts)+m.gates.troubled != 0 {
			t.Errorf("places are lost: %+v", m.gates)
		}
	})
}

// Somebody with as many channels as there may be and a thousand messages waiting, whose receivers hang, answer 500 or lead to private
// addresses, makes nobody's message later: others get theirs at the same times as without them.
func TestNobodysMessageIsLaterForAHostilePerson(t *testing.T) {
	const waiting, others, forEach = 1000, 40, 3
	deliveries := func(hostile bool) map[NoticeJob]time.Duration {
		out := map[NoticeJob]time.Duration{}
		synctest.Test(t, func(t *testing.T) {
			store := &memory{messages: map[NoticeJob]Message{}}
			start := time.Now()
			client := doer(func(r *http.Request) (*http.Response, error) {
				switch r.URL.Host[:2] {
				case "ha":
					<-r.Context().Done()
					return nil, r.Context().Err()
				case "br":
					return status(500)(r)
				case "pr":
					return nil, fault.New(fault.Denied, "a private address")
				}
				time.Sleep(100 * time.Millisecond) // as long as an ordinary receiver takes
				return status(200)(r)
			})
			m := messengerOf(store, client, time.Now, slog.New(slog.DiscardHandler))
			places := make(chan struct{}, jobs.MessagesMax)
			var theirs, all sync.WaitGroup
			var over atomic.Bool // the hostile one's wait for a day; that is no part of it
			work := func(job NoticeJob) {
				for store.state(job) == Waiting && !over.Load() {
					places <- struct{}{}
					again, err := runOnce(m, job)
					<-places
					if err != nil {
						t.Error(err)
					}
					time.Sleep(again)
				}
			}
			for i := 0; hostile && i < waiting; i++ {
				host := []string{"hangs", "broken", "private"}[i%3] + strconv.Itoa(i%alert.ChannelsMax)
				job := store.add("mallory", strconv.Itoa(i), ChannelWebhook, "https://"+host+".example/", start)
				theirs.Go(func() { work(job) })
			}
			for i := range others {
				for n := range forEach {
					at := time.Duration(i)*time.Second + time.Duration(n)*time.Minute
					all.Go(func() {
						time.Sleep(at)
						job := store.add(ledger.OwnerID(strconv.Itoa(i)), strconv.Itoa(n), ChannelWebhook, "https://well"+strconv.Itoa(i)+".example/", time.Now())
						work(job)
						store.mu.Lock()
						defer store.mu.Unlock()
						out[job] = time.Since(start)
					})
				}
			}
			all.Wait()
			over.Store(true)
			theirs.Wait()
		})
		return out
	}
	alone, beside := deliveries(false), deliveries(true)
	if len(alone) != others*forEach || !maps.Equal(alone, beside) {
		t.Errorf("alone %v\nbeside a hostile person %v", alone, beside)
	}
}

func TestGatesHaveFewPlacesForEachAndForTheTroubled(t *testing.T) {
	g := newGates()
	enter := func(owner ledger.OwnerID, host string, troubled bool) bool {
		leave, _ := g.enter(owner, host, troubled, testNow)
		return leave != nil
	}
	for range perOwnerMax {
		if !enter("anna", "a", false) {
			t.Fatal("no place")
		}
	}
	if enter("anna", "b", false) {
		t.Error("an owner has too many")
	}
	for i := range perHostMax - perOwnerMax {
		if !enter(ledger.OwnerID(rune('b'+i)), "a", false) {
			t.Error("no place at the host")
		}
	}
	if enter("z", "a", false) {
		t.Error("a host has too many")
	}
	for i := range troubledMax {
		if !enter(ledger.OwnerID(rune('A'+i)), string(rune('A'+i)), true) {
			t.Error("no place for the troubled")
		}
	}
	if enter("y", "y", true) || !enter("y", "y", false) {
		t.Error("the troubled have too many, or take others'")
	}
}

// However much waits for a person's failing channels, their good ones have a place.
func TestFailingChannelsLeaveTheirOwnerAPlace(t *testing.T) {
	g := newGates()
	var leave func()
	for n := range perOwnerMax {
		left, wait := g.enter("anna", "broken", true, testNow)
		if (left != nil) != (n < troubledPerOwnerMax) {
			t.Fatalf("failing channel %d: to come back after %v", n, wait)
		}
		if left != nil {
			leave = left
		}
	}
	if left, _ := g.enter("anna", "good", false, testNow); left == nil {
		t.Error("a good channel has no place")
	}
	leave()
	if left, _ := g.enter("anna", "broken", true, testNow); left == nil {
		t.Error("the next failing one has no turn")
	}
}

// A few that find no place come back soon, many are spread, and what was long ago doesn't count.
func TestWhoFindsNoPlaceComesBack(t *testing.T) {
	g := newGates()
	for i := range perHostMax {
		g.enter(ledger.OwnerID(rune('a'+i)), "host", false, testNow)
	}
	away := func(at time.Time) time.Duration {
		leave, wait := g.enter("late", "host", false, at)
		if leave != nil {
			t.Fatal("there was a place")
		}
		return wait
	}
	if first, second := away(testNow), away(testNow.Add(time.Millisecond)); first != crowdedStep || second != 2*crowdedStep {
		t.Errorf("the first after %v, the second after %v", first, second)
	}
	for range 1000 {
		away(testNow.Add(time.Second))
	}
	if wait := away(testNow.Add(time.Second)); wait != crowdedMax {
		t.Errorf("in a crowd after %v", wait)
	}
	if wait := away(testNow.Add(crowdedMax + time.Millisecond)); wait != crowdedStep {
		t.Errorf("after the crowd %v", wait)
	}
}
