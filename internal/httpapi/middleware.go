package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/trace"
)

// Headers of every answer.
const (
	contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
		"manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types svelte-trusted-html app-sw"
	permissionsPolicy = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), midi=(), payment=(), usb=()"
	transportPolicy   = "max-age=31536000; includeSubDomains"
	requestIDHeader   = "X-Request-Id" // as net/http writes it
)

// fixedHeaders are the same on every answer; the values are shared, so nobody may append to them.
var fixedHeaders = map[string][]string{
	"Content-Security-Policy":      {contentPolicy},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Permissions-Policy":           {permissionsPolicy},
	"Referrer-Policy":              {"no-referrer"},
	"X-Content-Type-Options":       {"nosniff"},
	"X-Frame-Options":              {"DENY"},
	"X-Robots-Tag":                 {"noindex, nofollow"}, // public links are for whom they were given to
}

var (
	transportHeader = []string{transportPolicy}
	noStoreHeader   = []string{"no-store"}
	closeHeader     = []string{"close"}
)

// middlewares is the way every request takes before the routes.
func (s *Server) middlewares() (http.Handler, error) {
	crossOrigin := http.NewCrossOriginProtection()
	if s.options.PublicURL != "" {
		if err := crossOrigin.AddTrustedOrigin(s.options.PublicURL); err != nil {
			return nil, fmt.Errorf("public URL: %w", err)
		}
	}
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := fault.New(fault.Denied, "This request comes from another site.")
		s.refuse(r, callOf(r.Context()), err)
		s.fail(w, r, err)
	}))
	return s.observed(crossOrigin.Handler(http.HandlerFunc(s.enter))), nil
}

// enter refuses what no handler should have to think about, then goes to the routes.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	c := callOf(r.Context())
	switch {
	case !plainPath(r):
		s.fail(w, r, fault.New(fault.NotFound, "There is nothing at this address."))
		return
	case isHealth(r.URL.Path):
	default:
		if wait, ok := s.perAddress.allow(c.address, s.now()); !ok {
			s.fail(w, r, limitedProblem(wait))
			return
		}
	}
	if !s.knownHost(r) {
		err := errForeignHost()
		s.refuse(r, c, err)
		s.fail(w, r, err)
		return
	}
	if s.options.RedirectLoopback && s.redirectLoopback(w, r) {
		return
	}
	s.mux.ServeHTTP(w, r)
}

func isHealth(path string) bool { return path == "/healthz" || path == "/readyz" || path == "/metrics" }

func limitedProblem(wait time.Duration) *Problem {
	p := newProblem(fault.Limited, "Too many requests. Wait a moment.")
	p.retryAfter = wait
	return p
}

// plainPath says whether a path is written the one way that guard and routes can't read differently: nothing escaped that needn't be,
// no empty, dot or semicolon parts.
func plainPath(r *http.Request) bool {
	path := r.URL.Path
	if !strings.HasPrefix(path, "/") || r.URL.RawPath != "" || strings.ContainsAny(path, "\\;\x00") {
		return false
	}
	if strings.Contains(path, "//") || strings.Contains(path, "/./") || strings.Contains(path, "/../") {
		return false
	}
	return !strings.HasSuffix(path, "/.") && !strings.HasSuffix(path, "/..")
}

// redirectLoopback moves pages from 127.0.0.1 to localhost, where browsers allow passkeys; never the API or health.
func (s *Server) redirectLoopback(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet || strings.HasPrefix(r.URL.Path, "/api/") || isHealth(r.URL.Path) || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return false
	}
	host, to := r.Host, url.URL{Scheme: "http", Host: "localhost", Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	if h, p, err := net.SplitHostPort(r.Host); err == nil {
		port, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return false // no port: whatever follows must not become a part of the address
		}
		host, to.Host = h, "localhost:"+strconv.FormatUint(port, 10)
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil || !address.IsLoopback() {
		return false
	}
	http.Redirect(w, r, to.String(), http.StatusTemporaryRedirect)
	return true
}

// observed gives every request its id and headers, logs how it went, and outlives a handler that panics.
func (s *Server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{id: rand.Text(), address: s.clientAddress(r), agent: r.UserAgent(), host: r.Host, route: noCall.route}
		c.cookie, c.ticket = cookieValue(r, s.cookieName()), cookieValue(r, s.ticketCookieName())
		c.device = cookieValue(r, s.deviceCookieName())
		h := w.Header()
		maps.Copy(h, fixedHeaders)
		if s.options.Secure && !strings.HasPrefix(r.Host, "localhost") { // where other programs may speak plain HTTP
			h["Strict-Transport-Security"] = transportHeader
		}
		if strings.HasPrefix(r.URL.Path, "/api/") {
			h["Cache-Control"] = noStoreHeader
			s.sayAway(h)
		}
		h[requestIDHeader] = []string{c.id}
		if len(r.TransferEncoding) > 0 && r.ProtoMajor == 1 {
			h["Connection"] = closeHeader // it may have had a length too, and then a front may see its end elsewhere (RFC 9112, 6.1)
		}
		if s.leaving.Load() {
			h["Connection"] = closeHeader // over HTTP/2, net/http says GOAWAY for it
		}
		if !isHealth(r.URL.Path) {
			s.active.Add(1)
			defer s.active.Add(-1)
		}
		recorded := &recorder{ResponseWriter: w}
		ctx, span := s.options.Tracer.Start(trace.WithRequest(r.Context(), c.id), trace.Server, "request")
		r = r.WithContext(context.WithValue(ctx, callKey{}, c))
		began := s.now()
		defer func() {
			if cause := recover(); cause != nil {
				s.panicked(recorded, r, cause)
			}
			took := s.now().Sub(began)
			traceAnswer(span, c, recorded.status)
			s.logAccess(r, recorded, took)
			if s.options.Observe != nil && !c.route.endless {
				s.options.Observe(c.route.pattern(), recorded.status, took)
			}
		}()
		next.ServeHTTP(recorded, r)
	})
}

// traceAnswer ends the span of a request: by its route, never by its path.
func traceAnswer(span trace.Span, c *call, status int) {
	span.Rename(c.route.pattern())
	span.Set("http.response.status_code", strconv.Itoa(status))
	span.Set("folioscope.request_id", c.id)
	span.End(status >= http.StatusInternalServerError)
}

func (s *Server) panicked(w *recorder, r *http.Request, cause any) {
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause) // net/http's own way to cut a connection
	}
	s.log.ErrorContext(r.Context(), "panic", "request_id", callOf(r.Context()).id, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	if w.status == 0 {
		s.fail(w, r, newProblem(fault.Internal, internalDetail))
		return
	}
	panic(http.ErrAbortHandler) // the answer had begun: the client must not take it for whole
}

// logAccess writes one line per request: routes, never paths or addresses, which are personal.
func (s *Server) logAccess(r *http.Request, w *recorder, took time.Duration) {
	ctx := r.Context()
	c := callOf(ctx)
	level := slog.LevelDebug
	switch {
	case w.status >= http.StatusInternalServerError:
		level = slog.LevelWarn
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		level = slog.LevelInfo
	}
	if !s.log.Enabled(ctx, level) {
		return
	}
	route := c.route.path
	if route == "" {
		route = "-"
	}
	s.log.LogAttrs(ctx, level, "request", slog.String("request_id", c.id), slog.String("method", shortened(r.Method)), slog.String("route", route),
		slog.Int("status", w.status), slog.Int64("bytes", w.bytes), slog.Duration("took", took))
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(body []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(body)
	w.bytes += int64(n)
	return n, err
}

// Flush implements http.Flusher.
func (w *recorder) Flush() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// clientAddress is the peer's address, or what a trusted proxy says it is: the last of X-Forwarded-For that no trusted proxy added.
func (s *Server) clientAddress(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	address := peer.Addr().Unmap().WithZone("")
	if !s.trusted(address) {
		return networkOf(address)
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, text := range slices.Backward(hops) {
		hop, err := netip.ParseAddr(strings.TrimSpace(text))
		if err != nil {
			break
		}
		if address = hop.Unmap().WithZone(""); !s.trusted(address) {
			break
		}
	}
	return networkOf(address)
}

func (s *Server) trusted(address netip.Addr) bool {
	for _, prefix := range s.options.TrustedProxies {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// networkOf is what is counted as one client: an IPv4 address, or the /64 that one IPv6 customer has. The machine itself is one by its
// address.
func networkOf(address netip.Addr) string {
	const customerBits = 64
	if address.Is4() || address.IsLoopback() {
		return address.String()
	}
	prefix, err := address.Prefix(customerBits)
	if err != nil {
		return address.String()
	}
	return prefix.String()
}
