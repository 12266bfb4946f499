package health

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// service answers the probe as the service would, or fails.
type service struct {
	t      *testing.T
	status atomic.Int64
	slow   atomic.Int64
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	body := `{"id":"p1","value":"1"}`
	switch r.Method + " " + r.URL.String() {
	case "GET https://folio.test/api/v1/portfolios":
		body = `{"items":[{"id":"p1"},{"id":"p2"}]}`
	case "GET https://folio.test/api/v1/portfolios/p1":
	case "PATCH https://folio.test/api/v1/portfolios/p1":
		sent, err := io.ReadAll(r.Body)
		if err != nil || string(sent) != `{"closed":false}` || r.Header.Get("Content-Type") != "application/json" {
			s.t.Errorf("wrote %s, %v", sent, err)
		}
	default:
		s.t.Errorf("asked for %s %s", r.Method, r.URL)
	}
	if r.Header.Get("Authorization") != "Bearer fs_token" {
		s.t.Errorf("signed in with %q", r.Header.Get("Authorization"))
	}
	select {
	case <-time.After(time.Duration(s.slow.Load())):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: int(s.status.Load()), Body: io.NopCloser(strings.NewReader(body))}, nil
}

func TestProbeCountsWhatPeopleWouldSee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{t: t}
		s.status.Store(http.StatusOK)
		s.slow.Store(int64(40 * time.Millisecond))
		p := NewProbe(ProbeOptions{URL: "https://folio.test", Token: "fs_token", Client: &http.Client{Transport: s}, Reads: time.Second, Writes: 10 * time.Second, Now: time.Now, Log: quiet})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		time.Sleep(60500 * time.Millisecond)
		got := p.Counts()
		if read, write := got[ProbeRead], got[ProbeWrite]; read.Good < 55 || read.Failed != 0 || write.Good != 6 || write.Failed != 0 || write.Up[2] != 6 {
			t.Errorf("%+v", got)
		}
		s.status.Store(http.StatusServiceUnavailable)
		time.Sleep(20 * time.Second)
		if failed := p.Counts(); failed[ProbeRead].Failed < 15 || failed[ProbeWrite].Failed != 2 || failed[ProbeRead].Good != got[ProbeRead].Good {
			t.Errorf("%+v", failed)
		}
		before := p.Counts()[ProbeRead].Failed
		s.status.Store(http.StatusOK)
		s.slow.Store(int64(time.Hour)) // nobody waits so long
		time.Sleep(time.Minute)
		hung := p.Counts()
		if hung[ProbeRead].Failed <= before || hung[ProbeRead].Failed > before+7 {
			t.Errorf("a service that hangs: %+v", hung)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if now := p.Counts(); now[ProbeRead].Failed+now[ProbeWrite].Failed != hung[ProbeRead].Failed+hung[ProbeWrite].Failed {
			t.Errorf("the end of the node counts: %+v", now)
		}
	})
}

// answering is a service that is a function.
type answering func(r *http.Request) (status int, body string)

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := a(r)
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// A portfolio that was deleted costs one try: the next takes another.
func TestProbeTakesAnotherPortfolio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left atomic.Value
		left.Store("p1")
		service := answering(func(r *http.Request) (int, string) {
			id := left.Load().(string)
			switch r.URL.Path {
			case probePath:
				return http.StatusOK, `{"items":[{"id":"` + id + `"}]}`
			case probePath + "/" + id:
				return http.StatusOK, `{"id":"` + id + `"}`
			}
			return http.StatusNotFound, ""
		})
		p := NewProbe(ProbeOptions{URL: "https://folio.test", Client: &http.Client{Transport: service}, Reads: time.Second, Writes: time.Hour, Now: time.Now, Log: quiet})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		time.Sleep(5*time.Second + time.Millisecond)
		left.Store("p2")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := p.Counts()[ProbeRead]; got.Good != 9 || got.Failed != 1 {
			t.Errorf("%d good, %d failed", got.Good, got.Failed)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
