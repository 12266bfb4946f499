//go:build unix

package app

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/config"
	"folioscope/internal/identity"
	"folioscope/internal/market"
	"folioscope/internal/pgtest"
)

// revokedMax is how soon what was revoked has to be dead on every node.
const revokedMax = time.Second

// newNodes starts so many nodes on one PostgreSQL, which no bus connects.
func newNodes(t *testing.T, count int) (settings config.Config, urls []string) {
	t.Helper()
	database, dir := pgtest.Database(t), t.TempDir()
	for i := range count {
		one := settingsIn(dir)
		one.Database.URL = config.Secret(database)
		one.DataDir += fmt.Sprint("-", i)
		if i == 0 {
			newPlace(t, one)
			settings = one
		}
		url, _ := serve(t, one)
		urls = append(urls, url)
	}
	return settings, urls
}

// at is the same person with the same credential at another node.
func (p *person) at(url string) *person {
	return &person{t: p.t, url: url, cookie: p.cookie, bearer: p.bearer}
}

// stepUp shows the password once more, which what is risky wants.
func (p *person) stepUp() {
	p.t.Helper()
	p.must("POST", "/api/v1/session/step-up", map[string]string{"password": personPassword}, nil)
}

// token makes an API token and gives its holder, and its id.
func (p *person) token() (holder *person, id string) {
	p.t.Helper()
	var made struct{ ID, Token string }
	p.must("POST", "/api/v1/me/tokens", map[string]any{"name": "program", "scopes": []string{"read"}, "expires_at": time.Now().Add(time.Hour)}, &made)
	return &person{t: p.t, url: p.url, bearer: made.Token}, made.ID
}

// other is another browser of the same person, and its session's id.
func (p *person) other() (browser *person, id string) {
	p.t.Helper()
	browser = signIn(p.t, p.url)
	var sessions struct {
		Items []struct {
			ID      string
			Current bool
		}
	}
	browser.must("GET", "/api/v1/me/sessions", nil, &sessions)
	i := slices.IndexFunc(sessions.Items, func(s struct {
		ID      string
		Current bool
	}) bool {
		return s.Current
	})
	return browser, sessions.Items[i].ID
}

// Two nodes that no bus connects, so that nobody is told: what is revoked on one, or by a command beside both, answers 401 on the other
// within a second, and the streams that it opened there end within one.
func TestRevocationIsFeltOnEveryNode(t *testing.T) {
	t.Parallel()
	settings, urls := newNodes(t, 2)
	me := signIn(t, urls[0])
	path := me.portfolio("Mine")
	for _, c := range []struct {
		name string
		do   func() (victim *person, revoke func())
	}{
		{"a session that signs out", func() (*person, func()) {
			browser, _ := me.other()
			return browser, func() { browser.must("DELETE", "/api/v1/session", nil, nil) }
		}},
		{"a session ended from another", func() (*person, func()) {
			browser, id := me.other()
			return browser, func() { me.must("DELETE", "/api/v1/me/sessions/"+id, nil, nil) }
		}},
		{"all others signed out", func() (*person, func()) {
			browser, _ := me.other()
			return browser, func() { me.must("DELETE", "/api/v1/me/sessions", nil, nil) }
		}},
		{"a password changed", func() (*person, func()) {
			browser, _ := me.other()
			return browser, func() {
				me.must("POST", "/api/v1/me/password", map[string]string{"password": personPassword, "new_password": personPassword + " again"}, nil)
				me.must("POST", "/api/v1/me/password", map[string]string{"password": personPassword + " again", "new_password": personPassword}, nil)
			}
		}},
		{"a password changed, with tokens", func() (*person, func()) {
			program, _ := me.token()
			return program, func() {
				me.must("POST", "/api/v1/me/password", map[string]string{"password": personPassword, "new_password": personPassword + " again"}, nil)
				me.must("POST", "/api/v1/me/password", map[string]string{"password": personPassword + " again", "new_password": personPassword}, nil)
			}
		}},
		{"a token revoked", func() (*person, func()) {
			program, id := me.token()
			return program, func() { me.must("DELETE", "/api/v1/me/tokens/"+id, nil, nil) }
		}},
		{"a token revoked by command", func() (*person, func()) {
			program, id := me.token()
			return program, func() {
				beside(t, settings, func(people *identity.Service) error { return people.RevokeTokenOf(t.Context(), personEmail, id) })
			}
		}},
		{"signed out by command", func() (*person, func()) {
			browser, _ := me.other()
			return browser, func() {
				beside(t, settings, func(people *identity.Service) error { return people.SignOutUserOf(t.Context(), personEmail) })
			}
		}},
		{"a second factor reset by command", func() (*person, func()) {
			me.enrol()
			return me, func() {
				beside(t, settings, func(people *identity.Service) error { return people.ResetSecondFactor(t.Context(), personEmail) })
			}
		}},
	} {
		me = signIn(t, urls[0]) // what went before may have ended it
		me.stepUp()
		victim, revoke := c.do()
		there := victim.at(urls[1])
		there.must("GET", path, nil, nil)
		here, elsewhere := victim.opened(path), there.opened(path)
		revoke()
		there.dead(c.name, path, http.StatusUnauthorized, time.Now(), here, elsewhere)
	}
}

// dead checks that streams on two nodes end within revokedMax of a time, and that requests are refused from then on.
func (p *person) dead(what, path string, refusal int, began time.Time, here, elsewhere <-chan time.Time) {
	p.t.Helper()
	ended := map[string]time.Duration{}
	for where, stream := range map[string]<-chan time.Time{"its own node's stream": here, "the other node's stream": elsewhere} {
		select {
		case at := <-stream:
			ended[where] = max(0, at.Sub(began))
		case <-time.After(10 * revokedMax):
			p.t.Fatalf("%s: %s goes on", what, where)
		}
	}
	ended["requests"] = p.refusedAfter(path, refusal, began)
	for where, after := range ended {
		if after > revokedMax {
			p.t.Errorf("%s: %s lasted %s", what, where, after.Round(time.Millisecond))
		}
	}
	p.t.Logf("%s: dead after %v", what, ended)
}

// beside does what a command does on the machine of a node.
func beside(t *testing.T, settings config.Config, do func(*identity.Service) error) {
	t.Helper()
	if err := WithPeople(t.Context(), settings, quiet(nil), do); err != nil {
		t.Fatal(err)
	}
}

// opened opens a stream and tells when the server ended it.
func (p *person) opened(path string) (ended <-chan time.Time) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), "GET", p.url+"/api/v1/stream?portfolio="+filepath.Base(path), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	p.sign(request)
	response, err := http.DefaultClient.Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		p.t.Fatalf("stream: %v, %v", response, err)
	}
	over := make(chan time.Time, 1)
	go func() {
		defer response.Body.Close()
		buffer := make([]byte, 4096)
		for {
			if _, err := response.Body.Read(buffer); err != nil {
				over <- time.Now()
				return
			}
		}
	}()
	return over
}

// refusedAfter asks until it is refused with a status and gives when the last request was sent that got through.
func (p *person) refusedAfter(path string, refusal int, began time.Time) (last time.Duration) {
	p.t.Helper()
	for last < 10*revokedMax {
		sent := time.Since(began)
		if status, _ := p.ask("GET", path, nil); status == refusal {
			return last
		}
		last = sent
		time.Sleep(5 * time.Millisecond)
	}
	p.t.Fatalf("%s is answered after %s", path, 10*revokedMax)
	return 0
}

// enrol sets up a second factor with the code of half a minute ago, so that the present one is still good.
func (p *person) enrol() (secret string) {
	p.t.Helper()
	var enrolment struct{ Secret string }
	p.must("POST", "/api/v1/me/second-factor", nil, &enrolment)
	p.must("POST", "/api/v1/me/second-factor/confirm", map[string]string{"totp": codeAt(p.t, enrolment.Secret, time.Now().Add(-30*time.Second))}, nil)
	return enrolment.Secret
}

// codeAt is what an authenticator app shows at a time, by RFC 6238 once more.
func codeAt(t testing.TB, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, at.Unix()/30)
	sum := mac.Sum(nil)
	from := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[from:])&0x7fffffff)%1_000_000)
}

// One code on three nodes at once lets one in; a thousand guesses over three nodes have at most ten evaluated.
func TestLimitsHoldAcrossNodes(t *testing.T) {
	t.Parallel()
	settings, urls := newNodes(t, 3)
	me := signIn(t, urls[0])
	me.stepUp()
	secret := me.enrol()

	const tries = 50
	code := codeAt(t, secret, time.Now())
	if in := count(together(tries, func(i int) int {
		status, _ := (&person{t: t, url: urls[i%3]}).ask("POST", "/api/v1/session", map[string]string{"email": personEmail, "password": personPassword, "totp": code})
		return status
	}))[http.StatusOK]; in != 1 {
		t.Errorf("%d of %d sign-ins with one code got in", in, tries)
	}

	const stranger = "stranger@example.test"
	beside(t, settings, func(people *identity.Service) error {
		_, err := people.CreateUser(t.Context(), identity.NewUser{Email: stranger, Name: "Stranger", Role: identity.RoleUser, Password: personPassword})
		return err
	})
	answers := count(together(1000, func(i int) int {
		status, _ := (&person{t: t, url: urls[i%3]}).ask("POST", "/api/v1/session", map[string]string{"email": stranger, "password": fmt.Sprint("guess number ", i)})
		return status
	}))
	evaluated := answers[http.StatusUnauthorized]
	if evaluated < 1 || evaluated > 10 || answers[http.StatusTooManyRequests] != 1000-evaluated {
		t.Errorf("answers to 1,000 guesses: %v", answers)
	}
	if recorded := countAudits(t, settings, stranger, audit.SignInFailed); recorded != evaluated {
		t.Errorf("%d guesses were evaluated, %d recorded", evaluated, recorded)
	}
	t.Logf("one code, %d tries: 1 in; 1,000 guesses over 3 nodes: %d evaluated", tries, evaluated)
}

// together does something many times, a few at a time, and gives what came of each.
func together(times int, do func(i int) int) []int {
	const atOnce = 25
	results, next := make([]int, times), make(chan int)
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			for i := range next {
				results[i] = do(i)
			}
		})
	}
	for i := range times {
		next <- i
	}
	close(next)
	group.Wait()
	return results
}

func count(all []int) map[int]int {
	found := map[int]int{}
	for _, one := range all {
		found[one]++
	}
	return found
}

// countAudits is how many rows of somebody's log say that an action was tried.
func countAudits(t *testing.T, settings config.Config, email string, action audit.Action) (found int) {
	t.Helper()
	calendar, err := market.NewCalendar()
	if err != nil {
		t.Fatal(err)
	}
	store, err := openStore(t.Context(), settings, calendar, quiet(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	user, err := store.UserByEmail(t.Context(), strings.ToLower(email))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := store.Audits(t.Context(), user.ID, 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Action == action {
			found++
		}
	}
	return found
}
