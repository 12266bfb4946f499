package httpapi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// forgery is a request as it goes over the wire, and what has to come of it.
type forgery struct {
	name    string
	request string // the bytes, with lines as HTTP has them
	status  int
	code    string       // of the problem; empty where the HTTP library answers, which says no more than the status
	row     audit.Action // what the audit log has of it; empty where nobody who is known was refused anything
}

// wire is a request's bytes; what stands after the headers is its body, whose length is added.
func wire(method, target, body string, headers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: folio.example\r\nConnection: close\r\n", method, target)
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	return b.String() + "\r\n" + body
}

const forgedJSON = "Content-Type: application/json"

// forgeries are what somebody sends who holds ann's cookie, or tries to make one.
func forgeries(h *house, token string) []forgery {
	const list, other, record = "/api/v1/portfolios", "/api/v1/portfolios/portfolio-bob", "/api/v1/portfolios/portfolio-ann/activities"
	cookie := func(value string) string { return "Cookie: " + h.server.cookieName() + "=" + value }
	own := h.people["ann"].cookie
	ann, bearer := cookie(own), "Authorization: Bearer "+token
	_, secret, _ := strings.Cut(own, ".")
	rename := `{"name":"Forged"}`
	portfolio := "/api/v1/portfolios/portfolio-ann"
	signIn := func(password string) string { return `{"email":"ann@example.com","password":"` + password + `"}` }
	create := func(name string) string {
		return wire("POST", list, `{"name":`+name+`,"base_currency":"EUR"}`, forgedJSON, ann, "Idempotency-Key: forged")
	}
	all := []forgery{
		// Who it is.
		{"a forged cookie", wire("GET", list, "", cookie("owner-ann."+strings.Repeat("x", len(secret)))), 401, "unauthenticated", audit.Refused},
		{"another's name before one's own secret", wire("GET", list, "", cookie("owner-bob."+secret)), 401, "unauthenticated", audit.Refused},
		{"a cookie of somebody suspended", wire("GET", list, "", cookie(h.people["gone"].cookie)), 401, "unauthenticated", audit.Refused},
		{"a cookie of 40 KiB", wire("GET", list, "", cookie(strings.Repeat("x", 40<<10))), 431, "", ""},
		{"a token as a cookie, which is the form of neither", wire("GET", list, "", cookie(token)), 401, "unauthenticated", ""},
		{"a changed token", wire("GET", list, "", bearer+"x"), 401, "unauthenticated", audit.Refused},
		{"two credentials", wire("GET", list, "", bearer, bearer), 401, "unauthenticated", ""},
		{"nobody", wire("GET", list, ""), 401, "unauthenticated", ""},
		{"a cross-user read", wire("GET", other, "", ann), 404, "not_found", audit.Refused},
		{"a cross-user change", wire("PATCH", other, rename, forgedJSON, ann), 404, "not_found", audit.Refused},
		{"a change with a token that only reads", wire("PATCH", portfolio, rename, forgedJSON, bearer), 403, "denied", audit.Refused},
		{"an administrator's act", wire("GET", "/api/v1/admin/users", "", ann), 403, "denied", audit.Refused},

		// From where.
		{"of another site", wire("PATCH", portfolio, rename, forgedJSON, ann, "Sec-Fetch-Site: cross-site"), 403, "denied", audit.Refused},
		{"of another origin", wire("PATCH", portfolio, rename, forgedJSON, ann, "Origin: https://evil.example"), 403, "denied", audit.Refused},
		{"of no origin", wire("PATCH", portfolio, rename, forgedJSON, ann, "Origin: null"), 403, "denied", audit.Refused},
		{"to another host", strings.Replace(wire("PATCH", portfolio, rename, forgedJSON, ann, "Origin: https://folio.example"), "Host: folio.example", "Host: evil.example", 1), 403, "denied", audit.Refused},
		{"to another host, of no origin", strings.Replace(wire("GET", list, "", ann), "Host: folio.example", "Host: evil.example", 1), 403, "denied", audit.Refused},
		{"to a host that begins like ours", strings.Replace(wire("PATCH", portfolio, rename, forgedJSON, ann), "Host: folio.example", "Host: folio.example.evil.example", 1), 403, "denied", audit.Refused},
		{"to no host", strings.Replace(wire("GET", list, "", ann), "Host: folio.example\r\n", "", 1), 400, "", ""},
		{"to two hosts", wire("GET", list, "", ann, "Host: evil.example"), 400, "", ""},
		{"to a host that is none", strings.Replace(wire("GET", list, "", ann), "Host: folio.example", "Host: a b/<c>", 1), 400, "", ""},

		// What is asked.
		{"a wrong method", wire("DELETE", list, "", ann), 405, "invalid", ""},
		{"a method of one's own", wire("FORGE", list, "", ann), 405, "invalid", ""},
		{"TRACE", wire("TRACE", list, "", ann), 405, "invalid", ""},
		{"another method by header", wire("POST", portfolio, rename, forgedJSON, ann, "X-HTTP-Method-Override: PATCH"), 405, "invalid", ""},
		{"a form", wire("PATCH", portfolio, "name=Forged", "Content-Type: application/x-www-form-urlencoded", ann), 415, "invalid", ""},
		{"an unknown field", wire("PATCH", portfolio, `{"name":"Forged","owner":"owner-bob"}`, forgedJSON, ann), 422, "invalid", ""},
		{"a field twice", wire("PATCH", portfolio, `{"name":"Forged","name":"Forged again"}`, forgedJSON, ann), 400, "invalid", ""},
		{"a create without its key", wire("POST", list, `{"name":"Forged","base_currency":"EUR"}`, forgedJSON, ann), 422, "invalid", ""},
		{"a name of control characters", create(`"For\u0000ged"`), 422, "invalid", ""},
		{"a name that turns the writing", create(`"For\u202eged"`), 422, "invalid", ""},
		{"a name of half a character", create(`"For\ud800ged"`), 400, "invalid", ""},
		{"a name that is no UTF-8", create("\"For\xffged\""), 400, "invalid", ""},
		{"a password of 1 MB", wire("POST", "/api/v1/session", signIn(strings.Repeat("x", 1_000_000)), forgedJSON), 413, "too_large", ""},
		{"an old password of 1 MB", wire("POST", "/api/v1/me/password", `{"password":"`+strings.Repeat("x", 1_000_000)+`","new_password":"a good enough one"}`, forgedJSON, ann), 413, "too_large", ""},
		{"a password of 1,000 characters", wire("POST", "/api/v1/session", signIn(strings.Repeat("x", 1000)), forgedJSON), 401, "unauthenticated", audit.SignInFailed},

		// How much.
		{"a body of 2 MiB", wire("PATCH", portfolio, `{"name":"`+strings.Repeat("x", 2<<20)+`"}`, forgedJSON, ann), 413, "too_large", ""},
		{"a compressed body", wire("PATCH", portfolio, "\x1f\x8b", forgedJSON, ann, "Content-Encoding: gzip"), 415, "invalid", ""},
		{"a header of 1 MiB", wire("GET", list, "", ann, "X-Long: "+strings.Repeat("x", 1<<20)), 431, "", ""},
		{"an address of 1 MiB", wire("GET", list+"?x="+strings.Repeat("x", 1<<20), "", ann), 431, "", ""},
		{"a value of a million digits", wire("POST", record, `{"activities":[{"date":"2026-01-05","type":"deposit","amount":"1e999999999"}]}`, forgedJSON, ann, "Idempotency-Key: digits"), 422, "invalid", ""},

		// Two requests that a front and this server might cut differently.
		{"two lengths", wire("PATCH", portfolio, rename, forgedJSON, ann, "Content-Length: 5"), 400, "", ""},
		{"a length that is no number", wire("PATCH", portfolio, "", forgedJSON, ann, "Content-Length: +17") + rename, 400, "", ""},
		{"an unknown coding", wire("PATCH", portfolio, "", forgedJSON, ann, "Transfer-Encoding: xchunked") + rename, 501, "", ""},
		{"two codings", wire("PATCH", portfolio, "", forgedJSON, ann, "Transfer-Encoding: chunked", "Transfer-Encoding: identity") + rename, 501, "", ""},
		{"a broken chunk", wire("PATCH", portfolio, "", forgedJSON, ann, "Transfer-Encoding: chunked") + "zz\r\n" + rename + "\r\n0\r\n\r\n", 400, "invalid", ""},
		{"a blank before the colon", wire("GET", list, "", ann, "X-Forged : 1"), 400, "", ""},
		{"a zero in a header", wire("GET", list, "", ann, "X-Forged: 1\x002"), 400, "", ""},
		{"no HTTP", "GET " + list + "\r\n\r\n", 400, "", ""},
		{"HTTP of another kind", "GET " + list + " HTTP/3.7\r\nHost: folio.example\r\n\r\n", 505, "", ""},
	}
	for _, path := range []string{"//api/v1/portfolios", "/api/v1/./portfolios", "/api/v1/x/../portfolios", "/api/v1%2fportfolios", "/api/v1/%70ortfolios", "/api/v1/%2570ortfolios", "/api/v1/portfolios;x=1", "/api/v1/portfolios.", "/api/v1\\portfolios"} {
		all = append(all, forgery{"the path " + path, wire("GET", path, "", ann), 404, "not_found", ""})
	}
	return all
}

// internals are what an answer must not say.
var internals = regexp.MustCompile(`goroutine|\.go:|panic|SQLITE|sqlstore|identity\.|/tmp/|0x[0-9a-f]{6}|xxxxxxxx|Forged`)

// forgedHouse serves a house on a socket, and a house's own token.
func forgedHouse(t *testing.T) (h *house, address, token string) {
	h = newHouseAt(t, time.Now(), func(o *Options) {
		o.Limits, o.PublicURL = Limits{PerUser: -1, PerAddress: -1}, "https://folio.example"
	})
	h.buy("ann", "3", "12.5")
	token = h.tokenOf("ann", identity.ScopeRead)
	l := serve(t, serving("127.0.0.1:0"), h.server)
	return h, l.listeners[0].Addr().String(), token
}

// sent gives the answers to some bytes on a connection of their own, which may be shut behind them.
func sent(t *testing.T, address, request string, shut bool) []*http.Response {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	must(t, err)
	defer connection.Close()
	must(t, connection.SetDeadline(time.Now().Add(30*time.Second)))
	go func() { // the server may answer and hang up before it has read all
		_, _ = io.WriteString(connection, request)
		if shut {
			_ = connection.(*net.TCPConn).CloseWrite()
		}
	}()
	var all []*http.Response
	for from := bufio.NewReader(connection); ; {
		response, err := http.ReadResponse(from, nil)
		if err != nil {
			return all
		}
		body, _ := io.ReadAll(response.Body)
		response.Body = io.NopCloser(bytes.NewReader(body))
		all = append(all, response)
	}
}

// rows are the actions of everybody's audit rows.
func (h *house) rows() (all []audit.Action) {
	h.t.Helper()
	h.refusalsRecorded()
	const most = 10_000
	owners := []ledger.OwnerID{""}
	for _, p := range h.people {
		owners = append(owners, p.id)
	}
	for _, owner := range owners {
		rows, err := h.store.Audits(h.t.Context(), owner, 0, most)
		must(h.t, err)
		for _, row := range rows {
			all = append(all, row.Action)
		}
	}
	slices.Sort(all)
	return all
}

// TestForgedRequests: whatever is sent, the answer is a clear refusal, nothing inside is told, who was refused something is in the
// log, and since no other row is there, nothing was changed: there is no change without its row.
func TestForgedRequests(t *testing.T) {
	h, address, token := forgedHouse(t)
	for _, f := range forgeries(h, token) {
		before := h.rows()
		answers := sent(t, address, f.request, false)
		if len(answers) != 1 {
			t.Errorf("%s: %d answers", f.name, len(answers))
			continue
		}
		body, err := io.ReadAll(answers[0].Body)
		must(t, err)
		if answers[0].StatusCode != f.status {
			t.Errorf("%s: %d %.200s, want %d", f.name, answers[0].StatusCode, body, f.status)
		}
		if found := internals.Find(body); found != nil {
			t.Errorf("%s: the answer tells %q", f.name, found)
		}
		var p Problem
		if f.code != "" && (json.Unmarshal(body, &p) != nil || p.Code != f.code || p.Detail == "" || p.RequestID == "") {
			t.Errorf("%s: %.300s is no problem %q", f.name, body, f.code)
		}
		want := slices.Clone(before)
		if f.row != "" {
			want = append(want, f.row)
			slices.Sort(want)
		}
		if after := h.rows(); !slices.Equal(after, want) {
			t.Errorf("%s: %d rows of the log became %d, want %d", f.name, len(before), len(after), len(want))
		}
	}
	t.Logf("%d forged requests", len(forgeries(h, token)))
}

// TestSmuggledRequests: what stands behind a request is never taken for one of its own where two readers could differ on its end,
// and never reaches a handler.
func TestSmuggledRequests(t *testing.T) {
	h, address, _ := forgedHouse(t)
	ann := "Cookie: " + h.server.cookieName() + "=" + h.people["ann"].cookie
	hidden := wire("PATCH", "/api/v1/portfolios/portfolio-ann", `{"name":"Forged"}`, forgedJSON, ann)
	chunked := fmt.Sprintf("%x\r\n{}\r\n0\r\n\r\n", len("{}"))
	front := func(headers string) string {
		return "POST /api/v1/portfolios/portfolio-ann/unknown HTTP/1.1\r\nHost: folio.example\r\n" + ann + "\r\n" + headers + "\r\n\r\n"
	}
	for name, request := range map[string]string{
		"a length that counts the second as body":     front(fmt.Sprintf("Content-Length: %d", len(hidden))) + hidden,
		"length and chunks":                           front(fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked", len(chunked)+len(hidden))) + chunked + hidden,
		"chunks and length":                           front("Transfer-Encoding: chunked\r\nContent-Length: 4") + chunked + hidden,
		"two lengths":                                 front(fmt.Sprintf("Content-Length: 0\r\nContent-Length: %d", len(hidden))) + hidden,
		"a list of lengths":                           front(fmt.Sprintf("Content-Length: 0, %d", len(hidden))) + hidden,
		"a disguised coding":                          front("Transfer-Encoding: \x0bchunked\r\nContent-Length: 0") + hidden,
		"a coding with a blank":                       front("Transfer-Encoding : chunked\r\nContent-Length: 0") + hidden,
		"a chunk of a length beyond all":              front("Transfer-Encoding: chunked") + "ffffffffffffffff1\r\n" + hidden,
		"a chunk of a negative length":                front("Transfer-Encoding: chunked") + "-1\r\n" + hidden,
		"an old version with a coding":                strings.Replace(front("Transfer-Encoding: chunked"), "HTTP/1.1", "HTTP/1.0", 1) + chunked + hidden,
		"an answer's line in a header":                front("X-Forged: a\rPATCH /api/v1/portfolios/portfolio-ann HTTP/1.1\rHost: folio.example") + hidden,
		"an upgrade to HTTP/2 without TLS":            front("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nContent-Length: "+fmt.Sprint(len(hidden))) + hidden,
		"the preface of HTTP/2 before an HTTP/1 line": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden,
	} {
		before := h.rows()
		for i, answer := range sent(t, address, request, true) {
			if answer.StatusCode < 400 {
				t.Errorf("%s: answer %d is %s", name, i, answer.Status)
			}
		}
		if after := h.rows(); !slices.Equal(slices.Compact(before), slices.Compact(after)) || slices.Contains(after, audit.PortfolioChanged) {
			t.Errorf("%s: the log has other rows: %v", name, after)
		}
		if a := h.ask("ann", "GET", "/api/v1/portfolios/portfolio-ann", "").is(http.StatusOK); strings.Contains(a.Body.String(), "Forged") {
			t.Fatalf("%s: the second request was done", name)
		}
	}
}
