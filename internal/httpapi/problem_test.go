package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
)

// A request that its client gave up is no fault of ours in logs and metrics; one that ends for want of anything else is.
func TestClientsThatGoAreNoFault(t *testing.T) {
	s := &Server{log: slog.New(slog.DiscardHandler)}
	here := context.WithValue(t.Context(), callKey{}, &call{route: noCall.route})
	gone, leave := context.WithCancel(here)
	leave()
	if got := s.problemOf(gone, fmt.Errorf("read: %w", context.Canceled)).Status; got != statusClientGone {
		t.Errorf("a client that went: %d", got)
	}
	for err, want := range map[error]int{
		fmt.Errorf("a part of ours that ended: %w", context.Canceled): http.StatusInternalServerError,
		errors.New("anything else"):                                   http.StatusInternalServerError,
	} {
		if got := s.problemOf(here, err).Status; got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
	if got := s.problemOf(gone, errors.New("broken")).Status; got != http.StatusInternalServerError {
		t.Errorf("broken while the client went: %d", got)
	}
}
