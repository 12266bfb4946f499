package httpapi

import (
	"context"
	"net/http"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// GrantStore keeps what owners give others of their portfolios.
type GrantStore interface {
	OfferGrant(ctx context.Context, grant access.Grant, link identity.TokenHash, write audit.Write) error
	// AcceptGrant gives fault.NotFound for a link that can't be taken, whyever, and fault.Invalid for one's own portfolio.
	AcceptGrant(ctx context.Context, link identity.TokenHash, grantee ledger.OwnerID, email string, now time.Time, write func(access.Grant) audit.Write) (access.Grant, error)
	Grants(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) ([]access.Grant, error)
	ChangeGrant(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, id access.GrantID, change func(*access.Grant) error, write audit.Write) (access.Grant, error)
	DeleteGrant(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, id access.GrantID, may func(access.Grant) error, write audit.Write) (access.Grant, error)
	LeaveShare(ctx context.Context, share access.Share, write audit.Write) error
	// Share, Shares and StandingShares give what holds at a time; Share gives fault.NotFound where nothing does.
	Share(ctx context.Context, key access.ShareKey, now time.Time) (access.Share, error)
	Shares(ctx context.Context, grantee ledger.OwnerID, now time.Time) ([]access.Share, error)
	StandingShares(ctx context.Context, keys []access.ShareKey, now time.Time) (map[access.ShareKey]access.Share, error)
	// RecordLook adds the row of a look, unless the same session left one after a time.
	RecordLook(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, now, after time.Time, write audit.Write) error
}

// How a grant stands.
const (
	grantOffered  = "offered"
	grantAccepted = "accepted"
	grantExpired  = "expired"
)

// Grant is what somebody was given of a portfolio, or is offered.
type Grant struct {
	ID           string     `json:"id"`
	Level        string     `json:"level" enum:"percentages,view,edit,manage"`
	State        string     `json:"state" enum:"offered,accepted,expired" doc:"expired: it is over, or the link was not used in time"`
	Email        *string    `json:"email" doc:"For whom it is meant; null: for whoever has the link"`
	Name         *string    `json:"name" doc:"Who accepted it; null until then"`
	CreatedAt    time.Time  `json:"created_at"`
	OfferedUntil time.Time  `json:"offered_until" doc:"How long the link can be used"`
	AcceptedAt   *time.Time `json:"accepted_at"`
	ExpiresAt    *time.Time `json:"expires_at" doc:"null: it stays until it is taken back"`
}

// NewGrant is an offer with the only copy of its link.
type NewGrant struct {
	Grant
	URL string `json:"url" doc:"Shown once; whoever is signed in may accept it there"`
}

// Grants is a list of them.
type Grants struct {
	Items []Grant `json:"items" nullable:"false"`
}

// AcceptedGrant is what somebody was given.
type AcceptedGrant struct {
	PortfolioID string     `json:"portfolio_id"`
	Role        string     `json:"role" enum:"percentages,view,edit,manage"`
	ExpiresAt   *time.Time `json:"expires_at"`
}

type offerGrantInput struct {
	PortfolioPath
	Body struct {
		Email     string    `json:"email,omitempty" maxLength:"254" doc:"Who alone may accept; left out: whoever has the link"`
		Level     string    `json:"level" enum:"percentages,view,edit,manage"`
		ExpiresAt time.Time `json:"expires_at,omitzero" doc:"Left out: it stays until it is taken back"`
	}
}

// GrantPath names a grant of a portfolio.
type GrantPath struct {
	PortfolioPath
	Grant string `path:"grant" maxLength:"64"`
}

type changeGrantInput struct {
	GrantPath
	Body struct {
		Level        string    `json:"level,omitempty" enum:"percentages,view,edit,manage"`
		ExpiresAt    time.Time `json:"expires_at,omitzero"`
		NeverExpires bool      `json:"never_expires,omitempty" doc:"It stays until it is taken back"`
	}
}

type acceptGrantInput struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"200" doc:"The last part of the link"`
	}
}

func (s *Server) addGrantRoutes() {
	const tag = "Sharing"
	one := portfolioPrefix + "/grants/{grant}"
	typed(s, route{method: "GET", path: portfolioPrefix + "/grants", class: classRead, action: access.ManageGrants, tag: tag, summary: "Who else may see the portfolio, and what is offered"}, http.StatusOK, s.listGrants)
	typed(s, route{method: "POST", path: portfolioPrefix + "/grants", class: classChange, action: access.ManageGrants, creates: true, stepUp: true, tag: tag, summary: "Offer the portfolio to somebody; the link is shown once"}, http.StatusCreated, s.offerGrant)
	typed(s, route{method: "PATCH", path: one, class: classChange, action: access.ManageGrants, stepUp: true, tag: tag, summary: "Change what somebody may see and do, and until when"}, http.StatusOK, s.changeGrant)
	typed(s, route{method: "DELETE", path: one, class: classChange, action: access.ManageGrants, tag: tag, summary: "Take it back, at once"}, http.StatusNoContent, s.deleteGrant)
	typed(s, route{method: "POST", path: "/api/v1/grants/accept", class: classChange, action: access.AcceptGrant, creates: true, tag: tag, summary: "Accept what was offered, once"}, http.StatusCreated, s.acceptGrant)
	typed(s, route{method: "DELETE", path: portfolioPrefix + "/share", class: classChange, action: access.LeavePortfolio, tag: tag, summary: "Give back what one was given of a portfolio"}, http.StatusNoContent, s.leavePortfolio)
}

func (s *Server) listGrants(ctx context.Context, in *PortfolioPath) (*answer[Grants], error) {
	grants, err := s.store.Grants(ctx, callOf(ctx).owner(), ledger.PortfolioID(in.ID))
	if err != nil {
		return nil, err
	}
	out := Grants{Items: make([]Grant, 0, len(grants))}
	for _, g := range grants {
		item, err := s.grantOf(ctx, g)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, item)
	}
	return &answer[Grants]{out}, nil
}

func (s *Server) grantOf(ctx context.Context, g access.Grant) (Grant, error) {
	out := Grant{
		ID: string(g.ID), Level: string(g.Level), State: grantAccepted, Email: given(g.Email), CreatedAt: g.CreatedAt.UTC(), OfferedUntil: g.OfferedTill.UTC(),
		AcceptedAt: timeOf(g.AcceptedAt), ExpiresAt: timeOf(g.ExpiresAt),
	}
	switch now := s.now(); {
	case access.Expired(g.ExpiresAt, now), g.Grantee == "" && access.Expired(g.OfferedTill, now):
		out.State = grantExpired
	case g.Grantee == "":
		out.State = grantOffered
	}
	name, err := s.nameOf(ctx, g.Grantee)
	out.Name = name
	return out, err
}

// timeOf is a time, or null where there is none.
func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// nameOf is what somebody is called; null for nobody, and for somebody who was erased.
func (s *Server) nameOf(ctx context.Context, who ledger.OwnerID) (*string, error) {
	if who == "" {
		return nil, nil
	}
	user, err := s.identity.User(ctx, who)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return given(user.Name), err
}

func (s *Server) offerGrant(ctx context.Context, in *offerGrantInput) (*answer[NewGrant], error) {
	c, now := callOf(ctx), s.now()
	g := access.Grant{
		Owner: c.owner(), Portfolio: ledger.PortfolioID(in.ID), Level: access.Level(in.Body.Level), CreatedAt: now, OfferedTill: now.Add(access.OfferAgeMax), ExpiresAt: in.Body.ExpiresAt,
	}
	if err := s.mayGive(c, g.Level); err != nil {
		return nil, err
	}
	if access.Expired(g.ExpiresAt, now) {
		return nil, errGrantOver()
	}
	var err error
	if in.Body.Email != "" {
		if g.Email, err = identity.NormalEmail(in.Body.Email); err != nil {
			return nil, err
		}
	}
	id, err := identity.NewID(s.random)
	if err != nil {
		return nil, err
	}
	g.ID = access.GrantID(id)
	secret, hash, err := identity.NewSecret(s.random)
	if err != nil {
		return nil, err
	}
	item, err := s.grantOf(ctx, g)
	if err != nil {
		return nil, err
	}
	out := NewGrant{Grant: item, URL: s.origin(ctx) + "/share/" + secret}
	if err := s.store.OfferGrant(ctx, g, hash, c.write(c.entry(audit.GrantOffered, id), out)); err != nil {
		return nil, err
	}
	return &answer[NewGrant]{out}, nil
}

func errGrantOver() error { return fault.At("expires_at", "This time is over.") }

// mayGive refuses what a caller who manages a portfolio may not give or take: only its owner says who manages it.
func (s *Server) mayGive(c *call, levels ...access.Level) error {
	for _, level := range levels {
		if level != access.LevelManage || access.May(c.subject(), access.EntrustGrants, c.resource()).Allowed {
			continue
		}
		err := fault.New(fault.Denied, "Only its owner says who may manage a portfolio.")
		s.recordLater(c, err, string(access.EntrustGrants))
		return err
	}
	return nil
}

func (s *Server) changeGrant(ctx context.Context, in *changeGrantInput) (*answer[Grant], error) {
	c := callOf(ctx)
	ends := in.Body.ExpiresAt
	switch {
	case access.Expired(ends, s.now()):
		return nil, errGrantOver()
	case in.Body.NeverExpires && !ends.IsZero():
		return nil, fault.At("never_expires", "Either it ends or it doesn't.")
	}
	change := func(g *access.Grant) error {
		before := g.Level
		if in.Body.Level != "" {
			g.Level = access.Level(in.Body.Level)
		}
		if in.Body.NeverExpires || !ends.IsZero() {
			g.ExpiresAt = ends
		}
		return s.mayGive(c, before, g.Level)
	}
	g, err := s.store.ChangeGrant(ctx, c.owner(), ledger.PortfolioID(in.ID), access.GrantID(in.Grant), change, audit.Write{Audit: c.entry(audit.GrantChanged, in.Grant)})
	if err != nil {
		return nil, err
	}
	s.endStreamsOf(ctx, g.Grantee)
	out, err := s.grantOf(ctx, g)
	if err != nil {
		return nil, err
	}
	return &answer[Grant]{out}, nil
}

func (s *Server) deleteGrant(ctx context.Context, in *GrantPath) (*none, error) {
	c := callOf(ctx)
	may := func(g access.Grant) error { return s.mayGive(c, g.Level) }
	g, err := s.store.DeleteGrant(ctx, c.owner(), ledger.PortfolioID(in.ID), access.GrantID(in.Grant), may, audit.Write{Audit: c.entry(audit.GrantTakenBack, in.Grant)})
	if err != nil {
		return nil, err
	}
	s.endStreamsOf(ctx, g.Grantee)
	return nil, nil
}

// endStreamsOf has somebody's streams end on every node; those that they may still see come back by themselves.
func (s *Server) endStreamsOf(ctx context.Context, grantee ledger.OwnerID) {
	if grantee == "" {
		return
	}
	if err := s.live.Revoke(ctx, grantee); err != nil {
		s.log.WarnContext(ctx, "streams on other nodes end later", "error", err) // when they are next looked at
	}
}

func (s *Server) acceptGrant(ctx context.Context, in *acceptGrantInput) (*answer[AcceptedGrant], error) {
	c := callOf(ctx)
	user, err := s.identity.User(ctx, c.user())
	if err != nil {
		return nil, err
	}
	accepted := func(g access.Grant) AcceptedGrant {
		return AcceptedGrant{PortfolioID: string(g.Portfolio), Role: string(g.Level), ExpiresAt: timeOf(g.ExpiresAt)}
	}
	g, err := s.store.AcceptGrant(ctx, identity.HashOf(in.Body.Token), user.ID, user.Email, s.now(), func(g access.Grant) audit.Write {
		entry := c.entry(audit.GrantAccepted, string(g.ID))
		entry.Owner, entry.Detail = g.Owner, "" // where the grantee was isn't the owner's to know
		return c.write(entry, accepted(g))
	})
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "This link does not hold any more, or is meant for another address. Ask for a new one.")
	}
	if err != nil {
		return nil, err
	}
	s.endStreamsOf(ctx, g.Grantee) // they may see less than before
	return &answer[AcceptedGrant]{accepted(g)}, nil
}

func (s *Server) leavePortfolio(ctx context.Context, in *PortfolioPath) (*none, error) {
	c := callOf(ctx)
	if c.share.Grant == "" {
		return nil, fault.New(fault.Conflict, "You see this portfolio with your household. Ask its owner to take it back, or leave the household.")
	}
	if err := s.store.LeaveShare(ctx, c.share, audit.Write{Audit: c.entry(audit.GrantGivenBack, in.ID)}); err != nil {
		return nil, err
	}
	s.endStreamsOf(ctx, c.user())
	return nil, nil
}

// sharedPortfolios are those of others that the caller was given something of.
func (s *Server) sharedPortfolios(ctx context.Context) ([]Portfolio, error) {
	shares, err := s.store.Shares(ctx, callOf(ctx).user(), s.now())
	if err != nil {
		return nil, err
	}
	names := make(map[ledger.OwnerID]*string)
	out := make([]Portfolio, 0, len(shares))
	for _, share := range shares {
		p, err := s.store.Portfolio(ctx, share.Holder, share.Portfolio)
		if fault.Is(err, fault.NotFound) {
			continue // erased a moment ago
		}
		if err != nil {
			return nil, err
		}
		if _, known := names[share.Holder]; !known {
			if names[share.Holder], err = s.nameOf(ctx, share.Holder); err != nil {
				return nil, err
			}
		}
		out = append(out, sharedPortfolio(p, share, names[share.Holder]))
	}
	return out, nil
}

func sharedPortfolio(p ledger.Portfolio, share access.Share, ownerName *string) Portfolio {
	out := portfolioOf(p)
	out.Role, out.OwnerName, out.ExpiresAt = string(share.Level), ownerName, timeOf(share.ExpiresAt)
	return out
}

// reached is the portfolio of the request as its caller has it.
func (s *Server) reached(ctx context.Context, p ledger.Portfolio) (Portfolio, error) {
	c := callOf(ctx)
	if c.share.Holder == "" {
		return portfolioOf(p), nil
	}
	name, err := s.nameOf(ctx, c.share.Holder)
	return sharedPortfolio(p, c.share, name), err
}

func errBeyondShare() error {
	return fault.New(fault.Denied, "What its owner gave you of this portfolio doesn't go as far.")
}
