package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// together asks all at once and counts the statuses.
func (h *house) together(asks ...func() *reply) map[int]int {
	var group sync.WaitGroup
	statuses, all := make([]int, len(asks)), map[int]int{}
	for i, ask := range asks {
		group.Go(func() { statuses[i] = ask().Code })
	}
	group.Wait()
	for _, status := range statuses {
		all[status]++
	}
	return all
}

// Two who change different fields at once both have their way.
func TestChangesAtOnceAreAllMade(t *testing.T) {
	h := newHouse(t)
	patch := func(body string) func() *reply {
		return func() *reply { return h.ask("ann", "PATCH", "/api/v1/portfolios/portfolio-ann", body) }
	}
	for n := range 10 {
		name := fmt.Sprintf("Name %d", n)
		if got := h.together(patch(`{"name":"`+name+`"}`), patch(fmt.Sprintf(`{"allow_short":%t}`, n%2 == 0))); got[http.StatusOK] != 2 {
			t.Fatalf("answers: %v", got)
		}
		now := h.ask("ann", "GET", "/api/v1/portfolios", "").Body.String()
		if !strings.Contains(now, name) || !strings.Contains(now, fmt.Sprintf(`"allow_short":%t`, n%2 == 0)) {
			t.Fatalf("after round %d: %s", n, now)
		}
	}
}

// An account's name means one account, however many ask for it at once.
func TestAccountNamesAreTakenOnce(t *testing.T) {
	h := newHouse(t)
	var asks []func() *reply
	for n := range 10 {
		asks = append(asks, func() *reply {
			return h.ask("ann", "POST", "/api/v1/portfolios/portfolio-ann/accounts", `{"name":"Same","currency":"EUR"}`, once(fmt.Sprint("key", n)))
		})
	}
	if got := h.together(asks...); got[http.StatusCreated] != 1 || got[http.StatusUnprocessableEntity] != 9 {
		t.Errorf("answers: %v", got)
	}
}
