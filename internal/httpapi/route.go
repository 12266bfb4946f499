package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"folioscope/internal/access"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/live"
)

// Bounds of request bodies.
const (
	jsonBytesMax = 1 << 20  // a batch of thousands of activities
	csvBytesMax  = 10 << 20 // a lifetime's export
)

const portfolioPrefix = "/api/v1/portfolios/{id}"

// route is one entry of the table of routes: what is served, and the policy that guards it.
type route struct {
	method, path string
	class        class // how soon it is turned away under load, and its deadline
	action       access.Action
	bodyBytesMax int64 // 0: jsonBytesMax
	creates      bool  // takes an Idempotency-Key
	dryRun       bool  // with ?dry_run=true it creates nothing and needs no key
	endless      bool  // a stream: no deadline
	kept         bool  // the last answer does while the database is away: it holds no price
	stepUp       bool  // risky: the password has to have been asked for within the last quarter of an hour
	summary      string
	tag          string
}

func (r *route) pattern() string { return r.method + " " + r.path }

// ofPortfolio says whether the path names a portfolio, which has to be the caller's own or shared with them.
func (r *route) ofPortfolio() bool { return strings.HasPrefix(r.path, portfolioPrefix) }

// fromMemory says whether it is answered while the database is away.
func (r *route) fromMemory() bool {
	return r.method == http.MethodGet && (r.kept || r.action == access.ReadPortfolio)
}

func (r *route) onceOptional(req *http.Request) bool {
	return r.dryRun && req.URL.Query().Get("dry_run") == "true"
}

// handle adds a route with its guard. A route whose action has no rule is a mistake of ours, found when the server is made.
func (s *Server) handle(r route, next http.HandlerFunc) {
	if r.bodyBytesMax == 0 {
		r.bodyBytesMax = jsonBytesMax
	}
	if !access.Known(r.action) {
		s.mistakes = append(s.mistakes, fmt.Errorf("route %s has no policy", r.pattern()))
		return
	}
	if r.class == unclassed {
		s.mistakes = append(s.mistakes, fmt.Errorf("route %s has no class", r.pattern()))
		return
	}
	s.routes = append(s.routes, &r)
	s.mux.HandleFunc(r.pattern(), func(w http.ResponseWriter, req *http.Request) { s.guard(w, req, &r, next) })
}

// guard lets a request through to its handler: not too many at once, caller known, not too often, allowed, body bounded and not one
// large one of too many, not done before.
func (s *Server) guard(w http.ResponseWriter, req *http.Request, r *route, next http.HandlerFunc) {
	c := callOf(req.Context())
	c.route = r
	if err := s.refuseAway(req); err != nil {
		s.fail(w, req, err)
		return
	}
	if !r.endless {
		ctx, cancel := context.WithTimeout(req.Context(), classBounds[r.class].deadline)
		defer cancel()
		req = req.WithContext(ctx)
	}
	bodiless := req.ContentLength == 0
	if bodiless && !s.enterDoor(w, req, c) {
		return
	}
	if !bodiless && s.door.turnsAway(r.class) {
		s.fail(w, req, crowdedProblem(r.class))
		return
	}
	defer c.leaveDoor()
	if err := s.admit(req, c, r); err != nil {
		s.refuse(req, c, err)
		s.fail(w, req, err)
		return
	}
	if c.recalled {
		s.sayAway(w.Header(), live.AwayDatabase)
	}
	if r.bodyBytesMax > jsonBytesMax && (req.ContentLength < 0 || req.ContentLength > jsonBytesMax) {
		leave, ok := s.largeBodies.enter(req.Context())
		if !ok {
			p := newProblem(fault.Unavailable, "Too many large files are being received at this moment. Try again in a few seconds.")
			p.retryAfter = largeBodiesRetryAfter
			s.fail(w, req, p)
			return
		}
		defer leave()
	}
	body, err := readBody(w, req, r.bodyBytesMax)
	if err != nil {
		s.fail(w, req, err)
		return
	}
	if !bodiless && !s.enterDoor(w, req, c) { // not before: whoever sends it slowly keeps nobody out
		return
	}
	if r.kept {
		s.serveKept(w, req, c, next)
		return
	}
	if r.creates && !access.Open(r.action) {
		s.once(w, req, c, body, next)
		return
	}
	next(w, req)
}

// readBody reads a body whole, within its bound, and puts it back for the handler.
func readBody(w http.ResponseWriter, req *http.Request, bytesMax int64) ([]byte, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	if coding := req.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		p := newProblem(fault.Invalid, "The body has to be sent as it is, not compressed.")
		p.Status, p.Title = http.StatusUnsupportedMediaType, http.StatusText(http.StatusUnsupportedMediaType)
		return nil, p
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, bytesMax))
	if err != nil {
		return nil, readError(err)
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	return body, nil
}

// admit finds out who asks and whether they may.
func (s *Server) admit(req *http.Request, c *call, r *route) error {
	if !access.Open(r.action) {
		if err := s.authenticate(req, c, r); err != nil {
			return err
		}
		if wait, ok := s.perUser.allow(string(c.user()), s.now()); !ok {
			return limitedProblem(wait)
		}
	}
	// Whose it is: every query below carries this owner, who is the caller but for a portfolio that was shared with them.
	decision := access.May(c.subject(), r.action, c.resource())
	switch {
	case decision.Allowed && r.stepUp && !identity.Stepped(c.session, s.now()):
		return s.stepUpProblem(req.Context(), c.session)
	case decision.Allowed:
		return s.look(req.Context(), c, c.share)
	case decision.SignIn:
		return fault.New(fault.Unauthenticated, "Sign in first.")
	case decision.Enrol:
		return enrolProblem()
	case c.session.Scopes != 0:
		return fault.New(fault.Denied, "This API token may not do this.")
	case c.share.Level != access.LevelNone:
		return errBeyondShare()
	}
	return fault.New(fault.Denied, "You may not do this.")
}

// What a problem says about a second factor and about asking for the password again.
const (
	factorRequired = "required" // a code is needed with the password
	factorEnrol    = "enrol"    // one has to be set up before anything else
	stepPassword   = "password"
	stepCode       = "password_and_code"
)

// stepUpProblem asks somebody to show again who they are, with what they have.
func (s *Server) stepUpProblem(ctx context.Context, session identity.Session) error {
	p := newProblem(fault.Denied, "Enter your password again to do this.")
	p.StepUp = stepPassword
	if !session.SecondFactor {
		return p
	}
	p.StepUp = stepCode
	passkey, err := s.identity.AskPasskey(ctx, session.Owner)
	if err != nil {
		return err
	}
	if passkey != nil {
		p.Passkey = &browserJSON{passkey}
	}
	return p
}

func enrolProblem() *Problem {
	p := newProblem(fault.Denied, "Set up a second factor first: your role needs one here.")
	p.SecondFactor = factorEnrol
	return p
}

// authenticate finds out who asks: by an API token where the request carries one, otherwise by the browser's cookie. A token that
// doesn't hold is refused whatever else the request carries.
func (s *Server) authenticate(req *http.Request, c *call, r *route) error {
	token, err := s.credential(req)
	if err != nil {
		return err
	}
	c.token = token
	if r.ofPortfolio() {
		c.session, c.sequence, err = s.sessionAndSequence(req.Context(), c.token, portfolioID(req))
		if fault.Is(err, fault.NotFound) && c.session.Owner != "" {
			c.share, err = s.store.Share(req.Context(), access.ShareKey{Grantee: c.user(), Portfolio: portfolioID(req)}, s.now())
			c.sequence = c.share.Sequence
		}
	} else {
		c.session, err = s.identity.Session(req.Context(), c.token)
	}
	return s.recall(req, c, r, err)
}

// credential is what a request signs itself with. Each kind counts in its own place only: no token in a cookie, no cookie's value as
// a token, and neither as a Basic password.
func (s *Server) credential(req *http.Request) (string, error) {
	const bearer = "Bearer "
	if header := req.Header.Get("Authorization"); len(header) >= len(bearer) && strings.EqualFold(header[:len(bearer)], bearer) {
		token := header[len(bearer):]
		if !strings.HasPrefix(token, identity.TokenPrefix) || len(req.Header.Values("Authorization")) > 1 {
			return "", fault.New(fault.Unauthenticated, "This is not an API token.")
		}
		return token, nil
	}
	cookie, err := req.Cookie(s.cookieName())
	if err != nil || strings.HasPrefix(cookie.Value, identity.TokenPrefix) {
		return "", fault.New(fault.Unauthenticated, "Sign in first.")
	}
	return cookie.Value, nil
}

// pass is the adapter through which the validator registers its routes in our table.
type pass struct{ s *Server }

// Handle implements huma.Adapter.
func (p pass) Handle(op *huma.Operation, handler func(huma.Context)) {
	r, ok := op.Metadata[routeMetadata].(route)
	if !ok {
		p.s.mistakes = append(p.s.mistakes, fmt.Errorf("route %s %s has no policy", op.Method, op.Path))
		return
	}
	p.s.handle(r, func(w http.ResponseWriter, req *http.Request) { handler(humago.NewContext(op, req, w)) })
}

// ServeHTTP implements huma.Adapter.
func (p pass) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.s.mux.ServeHTTP(w, r) }

const routeMetadata = "route"

// typed adds a route whose input is validated against its type and whose output is encoded from it.
func typed[I, O any](s *Server, r route, status int, handler func(context.Context, *I) (*O, error)) {
	op := s.operation(r)
	op.DefaultStatus = status
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, s.problemOf(ctx, err)
		}
		return out, nil
	})
}

// written adds a route with a handler of its own, and its description.
func (s *Server) written(r route, op huma.Operation, handler http.HandlerFunc) {
	full := s.operation(r)
	full.Parameters = append(full.Parameters, op.Parameters...)
	full.RequestBody, full.Description = op.RequestBody, op.Description
	maps.Copy(full.Responses, op.Responses)
	for name := range pathNames(r.path) {
		full.Parameters = append(full.Parameters, &huma.Param{Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
	}
	s.api.OpenAPI().AddOperation(&full)
	s.handle(r, handler)
}

func (s *Server) operation(r route) huma.Operation {
	op := huma.Operation{
		Method: r.method, Path: r.path, OperationID: operationID(r), Summary: r.summary, Tags: []string{r.tag},
		MaxBodyBytes:    -1, // the guard bounds bodies
		BodyReadTimeout: -1, // and the server's read timeout their time
		Metadata:        map[string]any{routeMetadata: r},
		Responses:       map[string]*huma.Response{"default": s.problemResponse()},
	}
	if !access.Open(r.action) {
		op.Security = []map[string][]string{{sessionScheme: {}}}
		if !access.NeverByToken(r.action) {
			op.Security = append(op.Security, map[string][]string{tokenScheme: {}})
		}
	}
	if r.creates && !access.Open(r.action) {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: onceHeader, In: "header", Required: !r.dryRun, Schema: &huma.Schema{Type: huma.TypeString},
			Description: "1 to 255 printable characters, new for each intent. The same key with the same body gets the same answer; with another body it is refused.",
		})
	}
	return op
}

func (s *Server) problemResponse() *huma.Response {
	schema := s.api.OpenAPI().Components.Schemas.Schema(problemSchemaType, true, "Problem")
	return &huma.Response{Description: "Problem", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schema}}}
}

// operationID names an operation after its route: GET /api/v1/portfolios/{id}/accounts is get-portfolios-id-accounts.
func operationID(r route) string {
	path := strings.TrimPrefix(strings.TrimPrefix(r.path, "/api/v1"), "/api")
	words := strings.FieldsFunc(path, func(c rune) bool { return strings.ContainsRune("/{}.", c) })
	return strings.ToLower(r.method) + "-" + strings.Join(words, "-")
}

func pathNames(path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for part := range strings.SplitSeq(path, "/") {
			if name, ok := strings.CutPrefix(part, "{"); ok && !yield(strings.TrimSuffix(name, "}")) {
				return
			}
		}
	}
}

// methods that a path answers to, for 405.
func (s *Server) allowedMethods(req *http.Request) []string {
	var allowed []string
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodPatch, http.MethodPost, http.MethodPut} {
		probe := &http.Request{Method: method, URL: req.URL, Host: req.Host, Body: io.NopCloser(strings.NewReader(""))}
		if _, pattern := s.mux.Handler(probe); strings.HasPrefix(pattern, method+" /api/") {
			allowed = append(allowed, method)
		}
	}
	return slices.Compact(allowed)
}

// unknownPath answers what no route serves.
func (s *Server) unknownPath(w http.ResponseWriter, req *http.Request) {
	if allowed := s.allowedMethods(req); len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		p := newProblem(fault.Invalid, "This address doesn't take "+shortened(req.Method)+".")
		p.Status, p.Title = http.StatusMethodNotAllowed, http.StatusText(http.StatusMethodNotAllowed)
		s.fail(w, req, p)
		return
	}
	s.fail(w, req, fault.New(fault.NotFound, "There is nothing at this address."))
}

func shortened(text string) string {
	const shownMax = 20
	return text[:min(len(text), shownMax)]
}
