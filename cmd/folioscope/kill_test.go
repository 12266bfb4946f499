package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	kills       = 20 // of the binary, each at a moment of its own while writers write
	killsLong   = 500
	killWriters = 4
)

// written is one activity that was sent: its note and key, and its id once it was answered with 201.
type written struct{ note, key, id string }

func TestNoAnsweredActivityIsLostWhenTheNodeIsKilled(t *testing.T) {
	rounds := kills
	if os.Getenv("FOLIOSCOPE_LONG") != "" {
		rounds = killsLong
	}
	in := newInstallation(t)
	in.command(testSecret+"\n", "user", "add", testEmail)
	in.start()
	in.signIn(testEmail, testSecret)
	activities := in.portfolio("Kill", "main") + "/activities"

	random := rand.New(rand.NewPCG(1, 2))
	var mutex sync.Mutex
	var all []*written
	var late time.Duration // the longest that a start took
	for round := range rounds {
		stop := make(chan struct{})
		var writers sync.WaitGroup
		for w := range killWriters {
			writers.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					sent := &written{note: fmt.Sprintf("round %d writer %d number %d", round, w, n)}
					sent.key = strings.ReplaceAll(sent.note, " ", "-")
					mutex.Lock()
					all = append(all, sent)
					mutex.Unlock()
					if in.write(activities, sent) != http.StatusCreated {
						time.Sleep(20 * time.Millisecond) // limited, or killed: then the loop ends with stop
					}
				}
			})
		}
		// Often within the first writes, sometimes in the middle of a checkpoint or a poll.
		time.Sleep(time.Duration(50+random.IntN(400)) * time.Millisecond)
		in.kill()
		close(stop)
		writers.Wait()
		began := time.Now()
		in.start()
		late = max(late, time.Since(began))
	}
	defer in.kill()
	answered := 0
	for _, sent := range all {
		if sent.id != "" {
			answered++
		}
	}
	in.askAgain(activities, all)
	in.compare(activities, all)
	in.stop()
	in.sound()
	in.start()
	t.Logf("%d kills: %d activities answered with 201, %d sent without an answer and asked for again; ready again within %s", rounds, answered, len(all)-answered, late.Round(time.Millisecond))
	if answered < rounds {
		t.Errorf("only %d activities were answered in %d rounds: the test shows nothing", answered, rounds)
	}
}

// askAgain sends with its old key what was never answered: done or not done, it is then done once.
func (in *installation) askAgain(path string, all []*written) {
	const triesMax = 200 // each waits for the rate limit
	for _, sent := range all {
		for try := 0; sent.id == "" && try < triesMax; try++ {
			if in.write(path, sent) != http.StatusCreated {
				time.Sleep(50 * time.Millisecond)
			}
		}
	}
}

func (in *installation) write(path string, sent *written) int {
	var answer struct{ IDs []string }
	status := in.call("POST", path, sent.key, map[string]any{"activities": []map[string]string{
		{"date": "2026-01-02", "type": "deposit", "amount": "1", "note": sent.note},
	}}, &answer)
	if status == http.StatusCreated && len(answer.IDs) == 1 {
		sent.id = answer.IDs[0]
	}
	return status
}

// compare reads everything back: what was answered is there, with the id of its answer, nothing is there twice, and the cash is what the
// deposits are together.
func (in *installation) compare(path string, all []*written) {
	stored := map[string]string{} // note → id
	for cursor := ""; ; {
		var page struct {
			Items []struct{ ID, Note string }
			Next  *string `json:"next_cursor"`
		}
		in.must("GET", path+"?limit=500&cursor="+cursor, "", nil, &page)
		for _, item := range page.Items {
			if stored[item.Note] != "" {
				in.t.Errorf("%q is stored twice", item.Note)
			}
			stored[item.Note] = item.ID
		}
		if page.Next == nil {
			break
		}
		cursor = *page.Next
	}
	for _, sent := range all {
		if sent.id == "" || stored[sent.note] != sent.id {
			in.t.Errorf("%q was answered with id %q, stored is %q", sent.note, sent.id, stored[sent.note])
		}
	}
	if len(stored) != len(all) {
		in.t.Errorf("%d activities were sent, %d are stored", len(all), len(stored))
	}
	var book struct{ Cash string }
	in.must("GET", strings.TrimSuffix(path, "/activities"), "", nil, &book)
	if book.Cash != fmt.Sprint(len(stored)) {
		in.t.Errorf("%d deposits of 1 are a cash of %s", len(stored), book.Cash)
	}
}
