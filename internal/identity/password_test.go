package identity

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/fault"
)

func newTestHasher(t *testing.T) *Hasher {
	t.Helper()
	h, err := NewHasher(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHashIsVerified(t *testing.T) {
	h := newTestHasher(t)
	hash, err := h.Hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("not the agreed cost: %s", hash)
	}
	for password, want := range map[string]bool{"correct horse battery": true, "correct horse batterz": false, "": false} {
		if got, err := h.Verify(t.Context(), hash, password); err != nil || got != want {
			t.Errorf("Verify(%q) = %v, %v, want %v", password, got, err, want)
		}
	}
	if got, err := h.Verify(t.Context(), "", "anything at all"); err != nil || got {
		t.Errorf("Verify without a hash = %v, %v, want false", got, err)
	}
}

// The reference command line of argon2 made this sum: echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1.
func TestVerifyKnownVector(t *testing.T) {
	const known = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, err := newTestHasher(t).Verify(t.Context(), known, "password"); err != nil || !ok {
		t.Fatalf("Verify = %v, %v", ok, err)
	}
}

func TestVerifyRefusesBrokenHashes(t *testing.T) {
	h := newTestHasher(t)
	for _, hash := range []string{
		"x", "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=19456,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$",
		"$argon2id$v=19$m=19456,t=2,p=1$!!$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	} {
		if ok, err := h.Verify(t.Context(), hash, "password"); err == nil || ok {
			t.Errorf("%s was accepted", hash)
		}
	}
}

func TestHasherWaitsForItsTurnWithinTheDeadline(t *testing.T) {
	h := newTestHasher(t)
	synctest.Test(t, func(t *testing.T) {
		h.turns = make(chan struct{}, hashesAtOnce)
		for range hashesAtOnce {
			h.turns <- struct{}{}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.Verify(ctx, "", "password"); !fault.Is(err, fault.Unavailable) {
			t.Fatalf("got %v, want unavailable", err)
		}
		h.waiting.Store(hashWaitingMax)
		if _, err := h.Verify(t.Context(), "", "password"); !fault.Is(err, fault.Unavailable) {
			t.Fatalf("got %v, want unavailable", err)
		}
	})
}

func TestCheckPassword(t *testing.T) {
	for password, ok := range map[string]bool{
		"demo-folioscope":                false,
		"correct horse battery":          true,
		"пароль-длинный":                 true,
		strings.Repeat("ab1-", 32):       true,
		"short":                          false,
		"elevenchars":                    false,
		strings.Repeat("ab1-", 32) + "x": false,
		"Password1234":                   false,
		"correct horse battery staple":   false,
		"aaaaaaaaaaaaaaab":               false,
		"someone@example.com":            false,
		"Someone.2026!":                  false,
		"example, example":               false,
		"Anna-Schmidt-77":                false,
		"annaschmidt 1977":               false,
		"anna and the whale":             true,
		"Folioscope2026!":                false,
		"my portfolio grows slowly":      true,
		"!§$%&/()=?+*":                   true,
		"twelve chars\xff":               false,
	} {
		err := CheckPassword(password, User{Email: "someone@example.com", Name: "Anna Schmidt"})
		if (err == nil) != ok {
			t.Errorf("CheckPassword(%q) = %v, want ok=%v", password, err, ok)
		}
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("CheckPassword(%q) is not invalid but %v", password, err)
		}
	}
}

func TestNormalEmail(t *testing.T) {
	for in, want := range map[string]string{
		" Ann@Example.COM ": "ann@example.com", "a@b": "a@b", "o'neil+x@example.com": "o'neil+x@example.com",
		"": "", "no-at": "", "@x": "", "x@": "", "a b@c": "", "a@b@c": "", "a@b\r\nBcc: c": "", "<a@b>": "",
	} {
		got, err := NormalEmail(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("NormalEmail(%q) = %q, %v", in, got, err)
		}
	}
}
