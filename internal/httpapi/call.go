package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// call is one request as it goes through the house. The middlewares fill it, handlers read it.
type call struct {
	id       string // request id
	address  string // of the client
	agent    string // what the client says it is
	host     string // as the client asked for it
	route    *route
	token    string // the session cookie's value, or an API token
	cookie   string // the session cookie's value, believed or not
	ticket   string // what the browser keeps of a sign-in at another service
	device   string // what the browser is remembered by
	session  identity.Session
	share    access.Share // how the portfolio named in the path is the caller's to see, where it isn't their own
	sequence int64        // of that portfolio
	leave    func()       // gives back its place inside; nil while it has none
	recalled bool         // who asks is known from memory, since the database can't be asked
	once     *onceKey     // nil where there is no Idempotency-Key
}

// onceKey is an Idempotency-Key with what was asked under it.
type onceKey struct {
	key      string
	bodyHash [32]byte
}

type callKey struct{}

var noCall = &call{route: &route{}} // read only; for errors outside any request

func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return noCall
}

// leaveDoor gives back the place that a request has, if it has one.
func (c *call) leaveDoor() {
	if c.leave != nil {
		c.leave()
	}
}

// user is who asks.
func (c *call) user() ledger.OwnerID { return c.session.Owner }

// owner is whose things the request is about: the caller's own, or those of the holder of a portfolio that they were given.
func (c *call) owner() ledger.OwnerID { return cmp.Or(c.share.Holder, c.session.Owner) }

func (c *call) resource() access.Resource {
	return access.Resource{Owner: c.owner(), Granted: c.share.Level}
}

func (c *call) subject() access.Subject { return subjectOf(c.session) }

func subjectOf(session identity.Session) access.Subject {
	return access.Subject{Owner: session.Owner, Role: session.Role, Scopes: session.Scopes, MustEnrol: session.MustEnrol}
}

func (c *call) from() identity.Request {
	return identity.Request{ID: c.id, Address: c.address, Agent: c.agent, Device: c.device}
}

// entry is the audit row of what the caller does to the things that the request is about. Owners are told from where they themselves
// came, and of others how.
func (c *call) entry(action audit.Action, object string) audit.Entry {
	entry := audit.Entry{Actor: c.user(), Owner: c.owner(), Action: action, Object: object, RequestID: c.id, Result: "ok", Detail: c.address}
	if c.share.Holder != "" {
		entry.Detail = c.how(c.share)
	}
	if c.session.Owner != "" {
		entry.Session = audit.SessionName(c.session.Hash)
	}
	return entry
}

// how is by what right and with what somebody reached a portfolio that isn't theirs.
func (c *call) how(share access.Share) string {
	if c.session.Scopes != 0 {
		return string(share.Level) + ", by an API token"
	}
	return string(share.Level) + ", in a browser"
}

// write is what goes into the store with something new; answer is what the request will be answered with, for when it is repeated.
func (c *call) write(entry audit.Entry, answer any) audit.Write {
	w := audit.Write{Audit: entry}
	if c.once != nil {
		w.Idempotency = &audit.Idempotency{Key: c.once.key, BodyHash: c.once.bodyHash, Status: http.StatusCreated, Answer: marshal(answer)}
	}
	return w
}

// marshal is how every body is written, so that a repeated answer is the same bytes. Answers are made of texts, numbers and times only.
func marshal(value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("httpapi: %T can't be encoded: %v", value, err))
	}
	return append(body, '\n')
}
