package provider

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/time/rate"

	"folioscope/internal/market"
)

// Bounds of one request.
const (
	requestDeadline = 10 * time.Second // from the first byte sent to the last one read: a source that is slower is down
	bodyBytesMax    = 4 << 20          // decoded; the largest ordinary answer, 60 years of daily bars, has 2.5 MiB
	redirectsMax    = 3                // the longest known chain is one
	retryAfterMax   = 24 * time.Hour   // no source asks for more than its daily window
	paceWaitMax     = 30 * time.Second // to wait for our own budget inside a request; longer is told to the caller
	jsonValuesMax   = 300_000          // in one answer: 60 years of daily bars have 110,000; one may take 200 bytes of memory
	nameBytesMax    = 64               // of a source's name for an instrument; the longest known ones have 40
	causeBytesMax   = 160              // of a source's own words in an error
)

// userAgent says who asks: sources refuse the default of Go's client, and we don't pose as a browser.
const userAgent = "Mozilla/5.0 (compatible; Folioscope/1.0; portfolio monitor)"

// source is what all sources have in common: where they are and how often they may be asked.
type source struct {
	name      string
	base      *url.URL
	client    *http.Client
	keyHeader string // carries the key
	keyPrefix string // before the key in that header
	keyQuery  string // carries the key where the source reads none in a header
	key       string
	pace      []budget
	quotas    []Quota
	deadline  time.Duration
	clock     func() time.Time // tells which day is still in progress and how long a window lasts
}

// budget is a number of requests in a window; the outcome says which window ran out.
type budget struct {
	limiter *rate.Limiter
	outcome Outcome
}

// newBudget allows count requests (or names, where a source counts those) in any window of the length, a sixth at once.
func newBudget(count int, window time.Duration, outcome Outcome) budget {
	burst := max(count/6, 1)
	every := window / time.Duration(max(count-burst, 1))
	return budget{limiter: rate.NewLimiter(rate.Every(every), burst), outcome: outcome}
}

// answer is what came back, whole and decompressed.
type answer struct {
	status int
	header http.Header
	body   []byte
	whole  bool // the protocol says that nothing is missing; without it the last line of a table may be cut
}

// request is one GET, or a POST where it has a payload. classify looks at the answer before anything decodes it; its second result is the source's own
// words for the error, if any.
type request struct {
	path     string // already escaped, beginning with a slash
	query    url.Values
	symbol   string
	address  *url.URL // instead of the path below the base, for what lies on another host; without the key
	payload  []byte   // JSON
	cookie   string   // name=value; …
	cost     int      // of the budget, 0: 1
	bytesMax int64    // 0: bodyBytesMax
	classify func(answer) (Outcome, string)
}

func newSource(name, publicURL string, perMinute int, o Options) (*source, error) {
	address := o.BaseURL
	if address == "" {
		address = publicURL
	}
	base, err := url.Parse(address)
	if o.HTTP == nil {
		return nil, fmt.Errorf("%s: needs a client", name)
	}
	if err != nil || base.Scheme != "https" && base.Scheme != "http" || base.Host == "" || base.RawQuery != "" || base.User != nil {
		return nil, fmt.Errorf("%s: the base URL must be like %s, without query or password", name, publicURL)
	}
	s := &source{name: name, base: base, key: o.Key, deadline: requestDeadline, clock: time.Now, quotas: []Quota{minutely(perMinute)}}
	if o.RequestsPerMinute > 0 {
		perMinute = o.RequestsPerMinute
	}
	s.pace = []budget{newBudget(perMinute, time.Minute, RateMinute)}
	client := *o.HTTP
	client.CheckRedirect = s.checkRedirect
	s.client = &client
	return s, nil
}

// checkRedirect follows a few redirects of the same scheme. The key never goes to another host.
func (s *source) checkRedirect(next *http.Request, via []*http.Request) error {
	switch first := via[0].URL; {
	case len(via) > redirectsMax:
		return errors.New("too many redirects")
	case via[0].Method != http.MethodGet:
		return errors.New("a question with a body is not redirected")
	case next.URL.Scheme != first.Scheme:
		return errors.New("redirected to another scheme")
	case next.URL.Host != first.Host && s.key != "":
		if s.redact(next.URL.String()) != next.URL.String() {
			return errors.New("redirected to another host along with the key")
		}
		next.Header.Del(s.keyHeader)
	}
	next.Header.Del("Referer") // the address before, which may hold the key
	return nil
}

// Name is the source's name.
func (s *source) Name() string { return s.name }

// Quotas are what the source grants on the plan that most people have, the shortest window first.
func (s *source) Quotas() []Quota { return s.quotas }

// fail makes an *Error of this source. Its text never holds the key, whatever the causes' texts hold.
func (s *source) fail(o Outcome, symbol, format string, args ...any) *Error {
	cause := fmt.Errorf(format, args...)
	if text := cause.Error(); s.redact(text) != text {
		cause = errors.New(s.redact(text))
	}
	return &Error{Provider: s.name, Outcome: o, Symbol: s.redact(symbol), Cause: cause}
}

// get paces, asks, reads and classifies. Only an answer that is OK comes back; every error is an *Error.
func (s *source) get(ctx context.Context, r request) (answer, *Error) {
	if err := s.wait(ctx, r.symbol, max(r.cost, 1)); err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.deadline)
	defer cancel()
	a, err := s.fetch(ctx, r)
	if err != nil {
		return answer{}, err
	}
	outcome, words := r.classify(a)
	if outcome == OK {
		return a, nil
	}
	failed := s.fail(outcome, r.symbol, "status %d", a.status)
	if words != "" {
		failed = s.fail(outcome, r.symbol, "status %d: %q", a.status, s.brief(words))
	}
	failed.RetryAfter = s.waitAfter(outcome, a.header, s.clock())
	return answer{}, failed
}

// waitAfter is how long a refusal holds: what the headers say, else until the source's own window begins anew.
func (s *source) waitAfter(o Outcome, h http.Header, now time.Time) time.Duration {
	if wait := retryAfter(h, now); wait > 0 || !o.RateLimited() {
		return wait
	}
	for _, q := range s.quotas {
		if q.Outcome == o && q.Reset != nil {
			return q.Reset(now).Sub(now)
		}
	}
	return 0
}

// wait takes a request's cost from every budget, and waits for it where that doesn't take long.
func (s *source) wait(ctx context.Context, symbol string, cost int) *Error {
	var taken []*rate.Reservation
	var delay time.Duration
	outcome := RateMinute
	for _, b := range s.pace {
		r := b.limiter.ReserveN(time.Now(), min(cost, b.limiter.Burst()))
		taken = append(taken, r)
		if d := r.Delay(); d > delay {
			delay, outcome = d, b.outcome
		}
	}
	if delay == 0 {
		return nil
	}
	deadline, bounded := ctx.Deadline()
	if delay > paceWaitMax || bounded && time.Until(deadline) < delay {
		for _, r := range taken {
			r.Cancel()
		}
		failed := s.fail(outcome, symbol, "our own budget of requests is used up")
		failed.RetryAfter = delay
		return failed
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return s.fail(Transient, symbol, "wait for the budget: %w", ctx.Err())
	}
}

func (s *source) fetch(ctx context.Context, r request) (answer, *Error) {
	req, err := s.ask(ctx, r)
	if err != nil {
		return answer{}, s.fail(UnknownSymbol, r.symbol, "the name makes no address")
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return answer{}, s.fail(Transient, r.symbol, "ask: %w", withoutAddress(err))
	}
	defer resp.Body.Close()
	bytesMax := r.bytesMax
	if bytesMax == 0 {
		bytesMax = bodyBytesMax
	}
	body, err := readBody(resp, bytesMax)
	switch {
	case errors.Is(err, errShape):
		return answer{}, s.fail(SchemaDrift, r.symbol, "read: %w", err)
	case err != nil:
		return answer{}, s.fail(Transient, r.symbol, "read: %w", withoutAddress(err))
	}
	whole := resp.ContentLength > 0 || len(resp.TransferEncoding) > 0 || resp.ProtoMajor > 1 || resp.Header.Get("Content-Encoding") == "gzip"
	return answer{status: resp.StatusCode, header: resp.Header, body: body, whole: whole}, nil
}

// ask makes the request with its key.
func (s *source) ask(ctx context.Context, r request) (*http.Request, error) {
	var address string
	if r.address != nil {
		address = r.address.String()
	} else {
		address = strings.TrimSuffix(s.base.String(), "/") + r.path
		query := r.query
		if s.key != "" && s.keyQuery != "" {
			query = maps.Clone(query)
			if query == nil {
				query = url.Values{}
			}
			query.Set(s.keyQuery, s.key)
		}
		if len(query) > 0 {
			address += "?" + query.Encode()
		}
	}
	method := http.MethodGet
	var body io.Reader
	if r.payload != nil {
		method, body = http.MethodPost, bytes.NewReader(r.payload)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	if r.payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.cookie != "" {
		req.Header.Set("Cookie", r.cookie)
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept-Encoding", "gzip") // named, so that the transport leaves decompressing, and its bound, to us
	if s.key != "" && s.keyHeader != "" && r.address == nil {
		req.Header.Set(s.keyHeader, s.keyPrefix+s.key)
	}
	return req, nil
}

// errShape marks an answer that no retry will mend.
var errShape = errors.New("unexpected shape")

// readBody reads all of an answer, decompressed, and refuses more than bytesMax on the wire or after it.
func readBody(resp *http.Response, bytesMax int64) ([]byte, error) {
	body := io.LimitReader(resp.Body, bytesMax+1)
	switch encoding := resp.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		unzip, err := gzip.NewReader(body)
		if err != nil {
			return nil, fmt.Errorf("decompress: %w", err)
		}
		body = unzip // holds nothing to give back: closing only repeats its error
	default:
		return nil, fmt.Errorf("%w: content encoding %.20q", errShape, encoding)
	}
	return readAll(body, bytesMax)
}

// readPieceBytes is how much of a body is read at once: ordinary answers fit into one piece.
const readPieceBytes = 64 << 10

// readAll reads to the end, or to bytesMax, beyond which it refuses. What was read is copied once, at the end: a buffer that grows
// takes several times the bound.
func readAll(body io.Reader, bytesMax int64) ([]byte, error) {
	var pieces [][]byte
	var read int64
	piece := make([]byte, 0, readPieceBytes)
	for {
		n, err := body.Read(piece[len(piece):cap(piece)])
		piece = piece[:len(piece)+n]
		if read += int64(n); read > bytesMax {
			return nil, fmt.Errorf("%w: more than %d bytes", errShape, bytesMax)
		}
		switch {
		case errors.Is(err, io.EOF):
			return slices.Concat(append(pieces, piece)...), nil
		case err != nil:
			return nil, err
		case len(piece) == cap(piece):
			pieces, piece = append(pieces, piece), make([]byte, 0, readPieceBytes)
		}
	}
}

// withoutAddress drops the addresses that net/http and net put into their errors: one may carry what we asked for, another
// tells of our own network.
func withoutAddress(err error) error {
	for {
		e, ok := errors.AsType[*url.Error](err)
		if !ok {
			break
		}
		err = e.Err
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		err = fmt.Errorf("look up the host: %s", e.Err)
	}
	if text := err.Error(); strings.Contains(text, "Location header") || strings.Contains(text, "://") { // net/http quotes it
		err = errors.New("redirected to what is no address")
	}
	return err
}

// redact takes the key out of a text, as it is and as an address writes it.
func (s *source) redact(text string) string {
	if s.key == "" {
		return text
	}
	for _, form := range []string{s.key, url.QueryEscape(s.key), url.PathEscape(s.key)} {
		text = withoutSecret(text, form)
	}
	return text
}

// secretHeadMin is how much of a key is known by: what was cut to fit an error may hold a part of it.
const secretHeadMin = 8

// withoutSecret puts a mark in place of a secret, also where a text ends in the middle of it.
func withoutSecret(text, secret string) string {
	head := secret[:min(len(secret), secretHeadMin)]
	var out strings.Builder
	for {
		at := strings.Index(text, head)
		if at < 0 {
			out.WriteString(text)
			return out.String()
		}
		end := at
		for end < len(text) && end-at < len(secret) && text[end] == secret[end-at] {
			end++
		}
		out.WriteString(text[:at])
		out.WriteString("[key]")
		text = text[end:]
	}
}

// brief is a source's own words without the key and what nobody can read, and short.
func (s *source) brief(words string) string {
	if words = s.redact(words); len(words) > causeBytesMax {
		words = words[:causeBytesMax]
	}
	// What isn't printable would take up to ten bytes in quotes.
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(words, ""))
}

// secondsPerEpoch tells the two meanings of a reset header apart: no source asks to wait for thirty years.
const secondsPerEpoch = 1_000_000_000

// retryAfter is what the headers ask for: Retry-After in seconds or as a date, else the reset of a spent limit in seconds
// from now or since 1970. Dates are measured by the server's own clock where it tells that.
func retryAfter(h http.Header, now time.Time) time.Duration {
	if sent, err := http.ParseTime(h.Get("Date")); err == nil {
		now = sent
	}
	var wait time.Duration
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if until, err := http.ParseTime(text); err == nil {
		wait = until.Sub(now)
	} else if text == "" {
		wait = resetAfter(h, now)
	}
	return min(max(wait, 0), retryAfterMax)
}

// resetAfter reads ratelimit-reset and X-Ratelimit-Reset where nothing remains of the limit.
func resetAfter(h http.Header, now time.Time) time.Duration {
	for _, prefix := range []string{"Ratelimit-", "X-Ratelimit-"} {
		remaining := h.Get(prefix + "Remaining")
		reset, err := strconv.ParseUint(h.Get(prefix+"Reset"), 10, 40)
		switch {
		case err != nil || remaining != "" && remaining != "0":
		case reset < secondsPerEpoch:
			return time.Duration(reset) * time.Second
		default:
			return time.Unix(int64(reset), 0).Sub(now)
		}
	}
	return 0
}

// statusOutcome is what a status alone says, for sources whose body says no more. 404 is left to them: a 404 that isn't
// in the source's own words is a wrong address, and no reason to call a name unknown.
func statusOutcome(status int) Outcome {
	switch {
	case status == http.StatusOK:
		return OK
	case status == http.StatusUnauthorized:
		return BadKey
	case status == http.StatusPaymentRequired:
		return NotEntitled
	case status == http.StatusForbidden, status == http.StatusUnavailableForLegalReasons:
		return Blocked
	case status == http.StatusTooManyRequests:
		return RateMinute
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= 500:
		return Transient
	}
	return SchemaDrift
}

// isHTML says whether a body is a page for people: a challenge, a consent form, an error of a proxy.
func isHTML(a answer) bool {
	start := bytes.ToLower(bytes.TrimLeft(a.body[:min(len(a.body), 256)], " \t\r\n\ufeff"))
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}

// byteOrderMark begins some files that went through Windows.
var byteOrderMark = []byte("\ufeff")

// decodeJSON reads exactly one JSON value. An answer that ends too early is Transient, any other mistake SchemaDrift.
func (s *source) decodeJSON(body []byte, symbol string, into any) *Error {
	if values := bytes.Count(body, []byte(",")); values > jsonValuesMax {
		return s.fail(SchemaDrift, symbol, "%d values", values)
	}
	err := json.Unmarshal(bytes.TrimPrefix(body, byteOrderMark), into)
	if err == nil {
		return nil
	}
	outcome := SchemaDrift
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok && syntax.Offset >= int64(len(body)) {
		outcome = Transient
	}
	return s.fail(outcome, symbol, "decode: %w", shortened(err))
}

// shortened keeps a decoder's error short: it may quote the input.
func shortened(err error) error {
	if text := err.Error(); len(text) > causeBytesMax {
		return errors.New(text[:causeBytesMax])
	}
	return err
}

// plainName says whether a name can be one of a source's: short, printable ASCII without blanks or what would end a
// path or a list.
func plainName(name string) bool {
	if name == "" || len(name) > nameBytesMax {
		return false
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' || strings.IndexByte(`/?#%&,;"'\<>`, c) >= 0 {
			return false
		}
	}
	return name != "." && name != ".."
}

// newBatch is an empty batch with room.
func newBatch(names int) Batch {
	return Batch{Quotes: make([]Quote, 0, names), Failed: map[string]*Error{}}
}

// add takes a quote into the batch, unless it lies in the future.
func (s *source) add(b *Batch, q Quote, now time.Time) {
	if q.MarketTime.After(now.Add(FutureMax)) {
		b.Failed[q.Name] = s.fail(SchemaDrift, q.Name, "market time %s lies in the future", q.MarketTime.Format(time.RFC3339))
		return
	}
	b.Quotes = append(b.Quotes, q)
}

// says reports whether a text has one of the phrases, whatever their case.
func says(text string, phrases ...string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(phrases, func(phrase string) bool { return strings.Contains(text, phrase) })
}

// opening is the beginning of a body that is prose: as much as an error's text may hold, and nothing of JSON or a table.
func opening(a answer) string {
	text := strings.TrimSpace(string(a.body[:min(len(a.body), 2*causeBytesMax)]))
	if text == "" || text[0] == '{' || text[0] == '[' || text[0] == '<' {
		return ""
	}
	return text
}

// each asks for names one after the other, and for no more once the source itself fails.
func (s *source) each(names []string, now time.Time, ask func(name string) (Quote, *Error)) (Batch, error) {
	batch := newBatch(len(names))
	var stop *Error
	for i, name := range names {
		if stop != nil {
			batch.Failed[name] = stop.of(name)
			continue
		}
		quote, err := ask(name)
		switch {
		case err == nil:
			s.add(&batch, quote, now)
			continue
		case !err.Outcome.PerSymbol() && err.Outcome != SchemaDrift:
			if stop = err; i == 0 {
				return Batch{}, err
			}
		}
		batch.Failed[name] = err
	}
	return batch, nil
}

// finished leaves out bars of days that aren't over in a zone.
func (s *source) finished(bars []market.Bar, zone *time.Location) []market.Bar {
	today := market.DateOf(s.clock().In(zone))
	return slices.DeleteFunc(bars, func(b market.Bar) bool { return b.Date >= today })
}

// within keeps the bars of a period, rising by date, one a day.
func within(bars []market.Bar, from, to market.Date) []market.Bar {
	bars = slices.DeleteFunc(bars, func(b market.Bar) bool { return b.Date < from || b.Date > to })
	slices.SortStableFunc(bars, func(a, b market.Bar) int { return cmp.Compare(a.Date, b.Date) })
	return lastOfDay(bars)
}
