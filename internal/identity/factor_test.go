package identity

import (
	"crypto/rand"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The vectors of RFC 6238's appendix B for SHA-1, of which apps show the last six digits.
func TestCodesOfTheStandard(t *testing.T) {
	seed := []byte("12345678901234567890")
	for unix, code := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		counter, ok := counterOf(seed, code, time.Unix(unix, 0))
		if !ok || counter != unix/30 {
			t.Errorf("%s at %d: step %d, %v", code, unix, counter, ok)
		}
		for _, off := range []int64{-30, 30} { // a clock that is off by one period
			if counter, ok := counterOf(seed, code, time.Unix(unix+off, 0)); !ok || counter != unix/30 {
				t.Errorf("%s %d s off: step %d, %v", code, off, counter, ok)
			}
		}
		for _, off := range []int64{-90, 60, 3600} {
			if _, ok := counterOf(seed, code, time.Unix(unix+off, 0)); ok {
				t.Errorf("%s counts %d s off", code, off)
			}
		}
	}
	for _, wrong := range []string{"", "0", "28708", "2870820", "28708a", "２８７０８２", strings.Repeat("1", 100)} {
		if _, ok := counterOf(seed, wrong, time.Unix(59, 0)); ok {
			t.Errorf("%q counts", wrong)
		}
	}
}

func TestCodesAreReadAsPeopleTypeThem(t *testing.T) {
	s := &Service{now: func() time.Time { return time.Unix(59, 0) }}
	f := SecondFactor{Seed: []byte("12345678901234567890")}
	if spend := s.match(f, "287082"); spend != nil {
		t.Errorf("a code of an app that was not confirmed: %+v", spend)
	}
	f.ConfirmedAt = time.Unix(1, 0)
	for _, code := range []string{"287082", "287 082", " 287-082 "} {
		if spend := s.match(f, code); spend == nil || spend.Counter != 1 || spend.Recovery != nil {
			t.Errorf("%q: %+v", code, spend)
		}
	}
	f.Counter = 1
	if spend := s.match(f, "287082"); spend != nil {
		t.Errorf("a spent code: %+v", spend)
	}
	codes, hashes, err := newRecoveryCodes(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, code := range codes {
		if !regexp.MustCompile(`^([0-9a-z]{4}-){5}[0-9a-z]{4}$`).MatchString(code) || seen[code] {
			t.Errorf("code %q", code)
		}
		seen[code] = true
		for _, typed := range []string{code, strings.ToUpper(code), strings.ReplaceAll(code, "-", " "), strings.ReplaceAll(code, "-", "")} {
			if spend := s.match(f, typed); spend == nil || spend.Recovery == nil || *spend.Recovery != hashes[i] {
				t.Errorf("%q: %+v", typed, spend)
			}
		}
	}
	if len(seen) != recoveryCodes {
		t.Errorf("%d codes", len(seen))
	}
}

func TestOrigins(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                  "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0":           "Edge on Windows",
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36":                   "Chrome on Android",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1": "Safari on iPhone",
		"curl/8.5.0": "curl", "": "", "=cmd()|' \x1b[31m": "",
		strings.Repeat("x", agentBytesMax) + "Firefox/1 Windows": "",
	} {
		if got := deviceOf(agent); got != want {
			t.Errorf("%.60q: %q, want %q", agent, got, want)
		}
	}
	for address, want := range map[string]string{
		"203.0.113.77": "203.0.113.x", "127.0.0.1": "the server itself", "::1": "the server itself", "::/64": "the server itself", "::ffff:198.51.100.9": "198.51.100.x",
		"2001:db8:1:2::/64": "2001:db8:1::/48", "2001:db8:1:2::7": "2001:db8:1::/48", "": "", "nowhere": "",
	} {
		if got := placeOf(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

// What says that a code is needed says so to whoever asks for its type, and is still a refusal.
func TestNeedsCode(t *testing.T) {
	for _, err := range []error{errNeedsCode(nil), errWrongCode(nil), errNeedsCode([]byte("{}"))} {
		if _, ok := errors.AsType[*NeedsCode](err); !ok || err.Error() == errWrong().Error() {
			t.Errorf("%v", err)
		}
	}
}
