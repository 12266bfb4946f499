package health

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

// answers is a source that answers so, after some time on the clock of whoever asks.
type answers struct {
	header http.Header
	err    error
	takes  func()
}

// RoundTrip implements http.RoundTripper.
func (a answers) RoundTrip(*http.Request) (*http.Response, error) {
	a.takes()
	return &http.Response{Header: a.header, Body: http.NoBody}, a.err
}

// The middle of what dates allow, of sources that answered of late, fast and not from a cache.
func TestSourceClocks(t *testing.T) {
	begin := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	now := begin
	clocks := NewSourceClocks(func() time.Time { return now })
	ask := func(source string, a answers, took time.Duration) {
		t.Helper()
		a.takes = func() { now = now.Add(took) }
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://source.example.test/", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := clocks.Watch(source, &http.Client{Transport: a}).Do(request)
		if err == nil {
			err = answer.Body.Close()
		}
		if !errors.Is(err, a.err) {
			t.Fatal(err)
		}
	}
	dated := func(at time.Time, more ...string) answers {
		header := http.Header{"Date": {at.UTC().Format(http.TimeFormat)}}
		for i := 0; i < len(more); i += 2 {
			header.Set(more[i], more[i+1])
		}
		return answers{header: header}
	}
	median := func(want time.Duration, known bool) {
		t.Helper()
		got, ok := clocks.Median()
		if ok != known || got.Ahead != want {
			t.Errorf("%s, %t, want %s", got.Ahead, ok, want)
		}
	}
	median(0, false)
	ask("away", answers{err: errors.New("away")}, 0)
	ask("without a date", answers{header: http.Header{}}, 0)
	ask("nonsense", answers{header: http.Header{"Date": {"yesterday"}}}, 0)
	ask("cached", dated(begin.Add(-time.Hour), "Age", "3600"), 0)
	ask("slow", dated(begin.Add(-time.Hour)), 2001*time.Millisecond)
	median(0, false)

	now = begin
	ask("a", dated(begin, "Age", "0"), time.Second) // the middle of the question and of what the date may mean
	median(0, true)
	ask("b", dated(now.Add(-10*time.Second)), time.Second) // whose clock is 10 s behind
	median(5*time.Second, true)
	ask("c", dated(now.Add(-time.Hour)), 0) // one that is wrong by an hour
	median(10*time.Second, true)
	now = begin.Add(datedAgeMax + 2*time.Second) // a's answer is too old now
	median((10*time.Second+time.Hour-500*time.Millisecond)/2, true)
}
