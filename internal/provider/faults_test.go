package provider

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"folioscope/internal/provider/replaytest"
)

// serving gives the address of a server that answers everything in one way.
func serving(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewUnstartedServer(answer)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // what goes wrong on its side is the point
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// failsWith asks every source below an address for a name of its own, and wants an error of the source that tells no address.
func failsWith(t *testing.T, base string, deadline time.Duration, want Outcome) {
	t.Helper()
	for _, source := range all {
		p := open(t, source, Options{BaseURL: base, RequestsPerMinute: unpaced, Key: canary})
		setDeadline(p, deadline)
		batch, err := latest(t.Context(), p, at(base, source)[:1])
		failed, _ := errors.AsType[*Error](err)
		if len(batch.Quotes) > 0 || failed == nil || failed.Outcome != want {
			t.Errorf("%s: got %v, want %s", source, err, want)
		} else if text := strings.Replace(failed.Error(), failed.Symbol, "", 1); tells(text) || strings.Contains(text, "://") || strings.Contains(text, "127.0.0.1") {
			t.Errorf("%s tells too much: %s", source, text)
		}
	}
}

// Whatever lies between us and a source: it is the source's trouble for a while, and nothing of our network is told.
func TestTroubleBelowTheAnswer(t *testing.T) {
	t.Run("the certificate has ended", func(t *testing.T) {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.TLS = &tls.Config{Certificates: []tls.Certificate{ended(t)}}
		server.StartTLS()
		defer server.Close()
		failsWith(t, server.URL, time.Second, Transient)
	})
	t.Run("nobody listens", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		failsWith(t, "http://"+listener.Addr().String(), time.Second, Transient)
	})
	t.Run("connected, and no word", func(t *testing.T) {
		failsWith(t, "http://"+talking(t, ""), 50*time.Millisecond, Transient)
	})
	t.Run("the name isn't found", func(t *testing.T) {
		failsWith(t, "http://prices.invalid", 500*time.Millisecond, Transient)
	})
	t.Run("speaks something else", func(t *testing.T) {
		failsWith(t, "http://"+talking(t, "220 mail.example ESMTP\r\n"), time.Second, Transient)
	})
	t.Run("a redirect to itself", func(t *testing.T) {
		failsWith(t, serving(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.String(), http.StatusMovedPermanently)
		}), time.Second, Transient)
	})
	t.Run("headers without an end", func(t *testing.T) {
		failsWith(t, serving(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 128<<10))
		}), time.Second, Transient)
	})
	t.Run("bad gateway", func(t *testing.T) {
		failsWith(t, serving(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprint(w, "<html><h1>502 Bad Gateway</h1></html>")
		}), time.Second, Transient)
	})
}

// ended is a certificate of a day long ago.
func ended(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "prices.example"}, NotBefore: day, NotAfter: day.AddDate(0, 0, 1),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// talking gives the address of somebody who says one thing to whoever connects, whatever they ask, and then hangs up; nothing at all
// where it is empty.
func talking(t *testing.T, says string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 4096))
				if says == "" {
					_, _ = io.Copy(io.Discard, conn) // until the other side has had enough
				}
				_, _ = io.WriteString(conn, says)
			}()
		}
	}()
	return listener.Addr().String()
}

const growthMax = 64 << 20 // bytes of memory that no answer may take beyond

// grown does something and gives by how much the memory that this process takes of the machine has grown at its worst.
func grown(t *testing.T, do func()) int64 {
	t.Helper()
	debug.FreeOSMemory()
	resident := func(line string) int64 {
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			return 0
		}
		_, rest, _ := strings.Cut(string(status), line+":")
		kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		n, err := strconv.ParseInt(kib, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n << 10
	}
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err == nil { // the peak begins anew
		before := resident("VmRSS")
		do()
		return resident("VmHWM") - before
	}
	var before, after runtime.MemStats // elsewhere: what was asked of the machine, which is never less
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int64(after.Sys - before.Sys)
}

// Bodies that are endless, slow, far too large or lie about their size: each is refused within its deadline, and takes no more
// memory than an answer may have.
func TestBodiesTakeLittleMemory(t *testing.T) {
	zeros := bytes.Repeat([]byte{'0'}, 64<<10)
	bomb := gzipped(t, bytes.Repeat([]byte("[0,"), 10<<20))
	nested := gzipped(t, gzipped(t, bytes.Repeat([]byte(" "), 64<<20)))
	endless := func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(zeros); err != nil {
				return
			}
		}
	}
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   Outcome
	}{
		{"endless", endless, SchemaDrift},
		{"a gibibyte", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(1<<30))
			endless(w, r)
		}, SchemaDrift},
		{"an exbibyte, it says", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(1<<60))
			_, _ = w.Write([]byte("{}"))
		}, Transient},
		{"a gzip bomb", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
		}, SchemaDrift},
		{"packed twice", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip, gzip")
			_, _ = w.Write(nested)
		}, SchemaDrift},
		{"packed endlessly", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			for { // one member after the other
				if _, err := w.Write(bomb); err != nil {
					return
				}
			}
		}, SchemaDrift},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := serving(t, test.answer)
			growth := grown(t, func() { failsWith(t, base, 5*time.Second, test.want) })
			t.Logf("grew by %d KiB over %d sources", growth>>10, len(all))
			if growth > growthMax {
				t.Errorf("grew by %d MiB", growth>>20)
			}
		})
	}
}

// Answers that are within their bounds but built to cost the most to read.
func TestShapesTakeLittleMemory(t *testing.T) {
	const size = bodyBytesMax - 1024
	for name, text := range map[string]string{
		"zeros": "[" + strings.Repeat("0,", size/2) + "0]", "empty objects": "[" + strings.Repeat("{},", size/3) + "{}]",
		"results": `{"results":[` + strings.Repeat("{},", jsonValuesMax-1) + "{}]}", "keys": "{" + keys(size) + `"z":0}`,
		"rates": `{"amount":1,"base":"EUR","date":"2026-11-18","rates":{` + keys(size/2) + `"USD":1}}`,
		"deep":  strings.Repeat(`{"a":`, size/10) + "1" + strings.Repeat("}", size/10), "a long text": `{"error":"` + strings.Repeat("x", size) + `"}`,
		"elements": strings.Repeat("<Cube>", size/6), "cells": "Scheme Code;Net Asset Value;Date\n" + strings.Repeat(";", size),
		"lines": "observation_date,DEXUSEU\n" + strings.Repeat("2026-11-18,1.1\n", size/15),
	} {
		for _, source := range all {
			growth := grown(t, func() {
				p := open(t, source, options(source, body(http.StatusOK, "", text)))
				_, _ = p.Latest(t.Context(), asked[source][:1], now)
			})
			if growth > growthMax {
				t.Errorf("%s, %s: grew by %d MiB", source, name, growth>>20)
			}
		}
	}
}

// The same payload with another content type, another charset's name or none means the same; the length that it says doesn't make
// anybody believe what isn't there.
func TestWhatHeadersSayOfABody(t *testing.T) {
	eachPayload(t, func(t *testing.T, source string, e replaytest.Entry) {
		if strings.Contains(t.Name(), "reference") || e.Status != http.StatusOK {
			return
		}
		believe := func(answer func(r *http.Request) (*http.Response, error)) string {
			some, failed := everything(t, source, open(t, source, options(source, transport(answer))))
			outcomes := make([]string, len(failed))
			for n, err := range failed {
				outcomes[n] = string(OutcomeOf(err))
			}
			slices.Sort(outcomes)
			return fmt.Sprint(some, outcomes)
		}
		want := believe(body(e.Status, e.Headers["Content-Type"], string(e.Body)))
		for _, contentType := range []string{"", "text/html", "image/png", "application/json; charset=utf-16", "\x00"} {
			if got := believe(body(e.Status, contentType, string(e.Body))); got != want {
				t.Errorf("as %q: %s, want %s", contentType, got, want)
			}
		}
	})
	short := talking(t, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 20\r\n\r\n"+`{"bitcoin":{"usd":1,"last_updated_at":1795014240}}`)
	p := open(t, CoinGecko, Options{BaseURL: "http://" + short, RequestsPerMinute: unpaced})
	if _, err := p.Latest(t.Context(), []string{"bitcoin"}, now); OutcomeOf(err) != Transient {
		t.Errorf("a length that is too short: %v", err)
	}
}

// The same shapes of hostile answers to every source: nothing is believed, and the class is the right one.
func TestShapesThatNoSourceSends(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want []Outcome
	}{
		"a page":                     {"<!DOCTYPE html><html><body>Are you a robot?</body></html>", []Outcome{Blocked, Transient}},
		"a page with JSON's type":    {"\ufeff \r\n<HTML><script>{}</script></HTML>", []Outcome{Blocked, Transient}},
		"a deep list":                {strings.Repeat("[", 200_000), []Outcome{SchemaDrift, Transient}},
		"a deep object":              {strings.Repeat(`{"a":`, 200_000) + "1" + strings.Repeat("}", 200_000), []Outcome{SchemaDrift}},
		"bytes that are no text":     {"{\"\xff\xfe\":\"\xc3\x28\",\"price\":\xff}", []Outcome{SchemaDrift}},
		"another text":               {"\xff\xfe{\x00\"\x00c\x00\"\x00:\x001\x00}\x00", []Outcome{SchemaDrift}},
		"zero bytes":                 {strings.Repeat("\x00", 4096), []Outcome{SchemaDrift}},
		"a word":                     {"null", []Outcome{SchemaDrift, Empty, UnknownSymbol}},
		"a number":                   {"1e400", []Outcome{SchemaDrift, Empty}},
		"cut in the first character": {"{", []Outcome{Transient, SchemaDrift}},
	} {
		for _, source := range all {
			p := open(t, source, options(source, body(http.StatusOK, "application/json", test.body)))
			_, err := latest(t.Context(), p, asked[source][:1])
			ok := false
			for _, want := range test.want {
				ok = ok || OutcomeOf(err) == want
			}
			if believed, _ := everything(t, source, p); len(believed) > 0 || !ok {
				t.Errorf("%s, %s: believed %v, %v", source, name, believed, err)
			}
		}
	}
}

// A key that comes twice is one value or the other, never a third; bytes that are no text come out as none.
func TestTwiceAndUnreadable(t *testing.T) {
	twice := `{"bitcoin":{"usd":1.5,"usd":2.5,"last_updated_at":1,"last_updated_at":1795014240}}`
	batch, err := open(t, CoinGecko, options(CoinGecko, body(200, "", twice))).Latest(t.Context(), []string{"bitcoin"}, now)
	if err != nil || len(batch.Quotes) != 1 || batch.Quotes[0].Price.String() != "2.5" || batch.Quotes[0].MarketTime.Unix() != 1795014240 {
		t.Errorf("%v, %v", lines(batch), err)
	}
	found := "{\"coins\":[{\"id\":\"bit\xffcoin\",\"name\":\"B\",\"symbol\":\"B\"},{\"id\":\"good\",\"name\":\"G\xff\xfeod\\u0001\",\"symbol\":\"\xff\"}]}"
	hits, err := open(t, CoinGecko, options(CoinGecko, body(200, "", found))).(Searcher).Search(t.Context(), "x")
	if err != nil || len(hits) != 1 || hits[0].Name != "God" || hits[0].Symbol != "good" {
		t.Errorf("%+v, %v", hits, err)
	}
}

// The page that says which test shows what names no test that isn't there.
func TestThePageOfFaults(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "faults.md"))
	if err != nil {
		t.Fatal(err)
	}
	var tests []byte
	for _, folder := range []string{".", filepath.Join("..", "ingest"), filepath.Join("..", "market"), filepath.Join("..", "app"),
		filepath.Join("..", "sqlstore"), filepath.Join("..", "seal"), filepath.Join("..", "..", "cmd", "folioscope")} {
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests = append(tests, text...)
		}
	}
	named := regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllSubmatch(page, -1)
	if len(named) < 60 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, name := range named {
		if !bytes.Contains(tests, fmt.Appendf(nil, "func %s(t *testing.T)", name[1])) {
			t.Errorf("there is no %s", name[1])
		}
	}
}
