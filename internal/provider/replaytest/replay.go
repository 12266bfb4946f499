// Package replaytest stands in for market data sources in tests: it answers from recorded or rewritten payloads as their
// manifests say, with times and prices moved to where a test wants them, and misbehaves on request.
//
// It owns a small set of payloads of its own and takes any other folder of the same form. It is used by tests and by the
// stand-in command only, never by the service.
package replaytest

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed payloads
var payloads embed.FS

// Payloads is the set that comes with the package: a folder per source with a manifest.
func Payloads() fs.FS {
	sub, err := fs.Sub(payloads, "payloads")
	if err != nil {
		panic("replaytest: " + err.Error()) // the folder is embedded above
	}
	return sub
}

// Entry is one payload of a manifest.
type Entry struct {
	File    string
	Method  string
	Path    string
	Query   map[string]string
	Status  int
	Headers map[string]string
	Body    []byte `json:"-"`
}

// Load reads a source's manifest and payloads.
func Load(root fs.FS, source string) ([]Entry, error) {
	text, err := fs.ReadFile(root, path.Join(source, "manifest.json"))
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	var manifest struct{ Entries []Entry }
	if err := json.Unmarshal(text, &manifest); err != nil {
		return nil, fmt.Errorf("read manifest of %s: %w", source, err)
	}
	for i := range manifest.Entries {
		e := &manifest.Entries[i]
		if e.Body, err = fs.ReadFile(root, path.Join(source, e.File)); err != nil {
			return nil, fmt.Errorf("read payload: %w", err)
		}
	}
	return manifest.Entries, nil
}

// Mode is how a source behaves.
type Mode string

// The modes. FileMode is followed by the name of the payload to serve whatever is asked.
const (
	OK       Mode = "ok"
	Failing  Mode = "500"
	Limited  Mode = "429"
	Hanging  Mode = "hang" // answers nothing until the client leaves
	Cut      Mode = "cut"  // ends in the middle of the body
	Huge     Mode = "huge" // a body of hugeBytes
	HTML     Mode = "html" // a page for people with status 200
	FileMode Mode = "file:"
)

const hugeBytes = 64 << 20 // more than any source's bound

// Server answers under /{source}/…, so that the base URL of a source is the server's address and its name. A test's
// other process steers it by POST /_replay/{source}?mode=500, ?name=bitcoin&price=90000, ?age=24h or several of them.
type Server struct {
	now     func() time.Time
	sources map[string][]Entry

	mu       sync.Mutex
	mode     map[string]Mode
	prices   map[string]map[string]string // source → name → price
	age      map[string]time.Duration     // source → how long ago its newest price was made
	requests map[string]int
}

// New loads the sources from root. now moves the payloads' times to the present; nil leaves them as they are.
func New(root fs.FS, now func() time.Time, sources ...string) (*Server, error) {
	s := &Server{
		now: now, sources: map[string][]Entry{}, mode: map[string]Mode{},
		prices: map[string]map[string]string{}, age: map[string]time.Duration{}, requests: map[string]int{},
	}
	for _, source := range sources {
		entries, err := Load(root, source)
		if err != nil {
			return nil, err
		}
		s.sources[source], s.prices[source] = entries, map[string]string{}
	}
	return s, nil
}

// SetMode changes how a source behaves from its next request on.
func (s *Server) SetMode(source string, mode Mode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode[source] = mode
}

// SetPrice changes what a source says for a name (its own one, such as "bitcoin" or "118955").
func (s *Server) SetPrice(source, name, price string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prices[source][name] = price
}

// SetAge makes a source say from now on that its newest price was made that long ago.
func (s *Server) SetAge(source string, age time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.age[source] = age
}

// Requests is how many requests a source has had.
func (s *Server) Requests(source string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[source]
}

// ServeHTTP answers as the source would.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	source, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if source == "_replay" {
		s.steer(w, r, rest)
		return
	}
	entries, ok := s.sources[source]
	if !ok {
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	s.requests[source]++
	mode, age := s.mode[source], s.age[source]
	prices := maps.Clone(s.prices[source])
	s.mu.Unlock()
	entry, found := pick(entries, mode, "/"+rest, r)
	if whole, latest := strings.CutSuffix(rest, "/latest"); latest && !found {
		entry, found = pick(entries, mode, "/"+whole, r) // a scheme's history begins with its latest value
	}
	switch mode {
	case Failing:
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	case Limited:
		http.Error(w, "Too Many Requests", http.StatusTooManyRequests)
		return
	case Hanging:
		<-r.Context().Done()
		return
	case Huge:
		serveHuge(w)
		return
	case HTML:
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!DOCTYPE html><html><body>Please enable JavaScript</body></html>")
		return
	}
	if !found {
		notFound(w, source)
		return
	}
	body := entry.Body
	if s.now != nil && entry.Status == http.StatusOK {
		if price := prices[entry.Query["symbol"]]; price != "" {
			prices[""] = price // for answers that don't say which symbol they are about
		}
		body = rewrite(source, body, s.now().Add(-age), prices)
	}
	for name, value := range entry.Headers {
		w.Header().Set(name, value)
	}
	if mode == Cut {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		body = body[:len(body)/2]
	}
	w.WriteHeader(entry.Status)
	_, _ = w.Write(body) // a client that has left needs no answer
}

// steer lets a test in another process change a source.
func (s *Server) steer(w http.ResponseWriter, r *http.Request, source string) {
	if _, ok := s.sources[source]; !ok || r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	query := r.URL.Query()
	if text := query.Get("age"); text != "" {
		age, err := time.ParseDuration(text)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.SetAge(source, age)
	}
	if mode := query.Get("mode"); mode != "" {
		s.SetMode(source, Mode(mode))
	}
	if name := query.Get("name"); name != "" {
		s.SetPrice(source, name, query.Get("price"))
	}
	w.WriteHeader(http.StatusNoContent)
}

// pick is the entry of the path whose query has most in common with the one asked. Payloads of errors are served by
// FileMode only, or where the path has no other.
func pick(entries []Entry, mode Mode, path string, r *http.Request) (best Entry, found bool) {
	file, forced := strings.CutPrefix(string(mode), string(FileMode))
	query, score := r.URL.Query(), -1
	for _, e := range entries {
		if forced {
			if e.File == file {
				return e, true
			}
			continue
		}
		if e.Path != path {
			continue
		}
		points := 0
		if e.Status == http.StatusOK && !strings.HasPrefix(e.File, "error") {
			points = 1000 // before every error
		}
		for key, value := range e.Query {
			switch query.Get(key) {
			case value:
				points += 2
			case "":
				points--
			}
		}
		if points > score {
			best, found, score = e, true, points
		}
	}
	return best, found
}

// notFound is a source's own answer for a name that no payload has.
func notFound(w http.ResponseWriter, source string) {
	text := map[string]string{
		"yahoo":     `{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found, symbol may be delisted"}}}`,
		"mfapi":     `{"status":"ERROR","message":"Scheme not found"}`,
		"coingecko": `{"error":"coin not found"}`,

		"eodhd":       `Ticker Not Found.`,
		"frankfurter": `{"message":"not found"}`,
		"massive":     `{"status":"NOT_FOUND","message":"Ticker not found."}`,
		"tiingo":      `{"detail":"Not found."}`,
		"twelvedata":  `{"code":404,"message":"**symbol** or **figi** parameter is missing or invalid","status":"error"}`,
	}[source]
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprint(w, text)
}

func serveHuge(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	chunk := []byte(strings.Repeat(" ", 64<<10))
	for sent := 0; sent < hugeBytes; sent += len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}
