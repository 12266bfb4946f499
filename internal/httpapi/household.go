package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// HouseholdStore keeps people who let each other see portfolios. Each change but the first gives the household that it is of.
type HouseholdStore interface {
	FoundHousehold(ctx context.Context, household access.Household, id access.MemberID, write audit.Write) error
	// Household gives fault.NotFound for whoever is in none, as the changes do.
	Household(ctx context.Context, person ledger.OwnerID) (access.Household, error)
	InviteToHousehold(ctx context.Context, founder ledger.OwnerID, member access.Member, link identity.TokenHash, write audit.Write) error
	// JoinHousehold gives fault.NotFound for a link that can't be taken, whyever.
	JoinHousehold(ctx context.Context, link identity.TokenHash, person ledger.OwnerID, now time.Time, write func(access.Household, access.MemberID) audit.Write) (access.Household, error)
	RemoveMember(ctx context.Context, founder ledger.OwnerID, id access.MemberID, write audit.Write) (access.Household, error)
	LeaveHousehold(ctx context.Context, person ledger.OwnerID, write func(access.Household, access.MemberID) audit.Write) (access.Household, error)
	DissolveHousehold(ctx context.Context, founder ledger.OwnerID, write audit.Write) (access.Household, error)
	ShareWithHousehold(ctx context.Context, share access.HouseholdShare, write audit.Write) (access.Household, error)
	UnshareWithHousehold(ctx context.Context, holder ledger.OwnerID, portfolio ledger.PortfolioID, write audit.Write) (access.Household, error)
}

// HouseholdMember is somebody in a household, or an invitation to it.
type HouseholdMember struct {
	ID           string     `json:"id"`
	Name         *string    `json:"name" doc:"null for an invitation"`
	State        string     `json:"state" enum:"founder,member,invited,expired" doc:"expired: the link was not used in time"`
	You          bool       `json:"you"`
	JoinedAt     *time.Time `json:"joined_at"`
	OfferedUntil *time.Time `json:"offered_until" doc:"How long the link can be used; null for whoever has joined"`
}

// HouseholdPortfolio is a portfolio that a household sees.
type HouseholdPortfolio struct {
	PortfolioID string  `json:"portfolio_id"`
	Name        string  `json:"name"`
	Level       string  `json:"level" enum:"percentages,view,edit" doc:"What every member but its owner may do"`
	OwnerName   *string `json:"owner_name"`
	Yours       bool    `json:"yours"`
}

// Household is people who let each other see portfolios.
type Household struct {
	Name       string               `json:"name"`
	Founded    bool                 `json:"founded" doc:"By the caller, who invites, removes and dissolves"`
	CreatedAt  time.Time            `json:"created_at"`
	Members    []HouseholdMember    `json:"members" nullable:"false" doc:"Who is invited is the founder's to see"`
	Portfolios []HouseholdPortfolio `json:"portfolios" nullable:"false"`
}

// OwnHousehold is the household that somebody is in.
type OwnHousehold struct {
	Household *Household `json:"household" doc:"null: none"`
}

// HouseholdInvitation is an invitation with the only copy of its link.
type HouseholdInvitation struct {
	ID           string    `json:"id"`
	OfferedUntil time.Time `json:"offered_until"`
	URL          string    `json:"url" doc:"Shown once; whoever is signed in and in no household may join by it"`
}

// JoinedHousehold says which household somebody joined.
type JoinedHousehold struct {
	Name string `json:"name"`
}

type foundHouseholdInput struct {
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"480"`
	}
}

type joinHouseholdInput struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"200" doc:"The last part of the link"`
	}
}

type removeMemberInput struct {
	Member string `path:"member" maxLength:"64"`
}

type shareAtHomeInput struct {
	PortfolioPath
	Body struct {
		Level string `json:"level" enum:"percentages,view,edit"`
	}
}

func (s *Server) addHouseholdRoutes() {
	const tag, home = "Sharing", "/api/v1/household"
	typed(s, route{method: "GET", path: home, class: classRead, action: access.ReadHousehold, tag: tag, summary: "The household that one is in, and what it sees"}, http.StatusOK, s.readHousehold)
	typed(s, route{method: "POST", path: home, class: classChange, action: access.ChangeHousehold, creates: true, tag: tag, summary: "Found a household"}, http.StatusCreated, s.foundHousehold)
	typed(s, route{method: "DELETE", path: home, class: classChange, action: access.ChangeHousehold, tag: tag, summary: "Dissolve the household that one founded, at once"}, http.StatusNoContent, s.dissolveHousehold)
	typed(s, route{method: "POST", path: home + "/invitations", class: classChange, action: access.ChangeHousehold, creates: true, stepUp: true, tag: tag, summary: "Invite somebody; the link is shown once"}, http.StatusCreated, s.inviteToHousehold)
	typed(s, route{method: "POST", path: home + "/join", class: classChange, action: access.ChangeHousehold, creates: true, tag: tag, summary: "Join by a link, once"}, http.StatusCreated, s.joinHousehold)
	typed(s, route{method: "DELETE", path: home + "/members/{member}", class: classChange, action: access.ChangeHousehold, tag: tag, summary: "Remove a member, or take an invitation back, at once"}, http.StatusNoContent, s.removeMember)
	typed(s, route{method: "DELETE", path: home + "/membership", class: classChange, action: access.ChangeHousehold, tag: tag, summary: "Leave the household, at once"}, http.StatusNoContent, s.leaveHousehold)
	typed(s, route{method: "PUT", path: portfolioPrefix + "/household", class: classChange, action: access.ShareAtHome, stepUp: true, tag: tag, summary: "Let one's household see the portfolio, whoever joins later too"}, http.StatusNoContent, s.shareAtHome)
	typed(s, route{method: "DELETE", path: portfolioPrefix + "/household", class: classChange, action: access.ShareAtHome, tag: tag, summary: "Take the portfolio back from one's household, at once"}, http.StatusNoContent, s.unshareAtHome)
}

func (s *Server) readHousehold(ctx context.Context, _ *struct{}) (*answer[OwnHousehold], error) {
	c := callOf(ctx)
	h, err := s.store.Household(ctx, c.user())
	if fault.Is(err, fault.NotFound) {
		return &answer[OwnHousehold]{}, nil
	}
	if err != nil {
		return nil, err
	}
	out := Household{Name: h.Name, Founded: h.Founder == c.user(), CreatedAt: h.CreatedAt.UTC(), Members: []HouseholdMember{}, Portfolios: []HouseholdPortfolio{}}
	names := make(map[ledger.OwnerID]*string, len(h.Members))
	for _, m := range h.Members {
		if m.Person == "" && !out.Founded {
			continue
		}
		item := s.memberOf(h, m)
		if item.Name, err = s.nameOf(ctx, m.Person); err != nil {
			return nil, err
		}
		names[m.Person], item.You = item.Name, m.Person == c.user()
		out.Members = append(out.Members, item)
	}
	standing, err := s.seenAtHome(ctx, h, c.user())
	if err != nil {
		return nil, err
	}
	for _, share := range standing {
		p, err := s.store.Portfolio(ctx, share.Holder, share.Portfolio)
		if fault.Is(err, fault.NotFound) {
			continue // erased a moment ago
		}
		if err != nil {
			return nil, err
		}
		out.Portfolios = append(out.Portfolios, HouseholdPortfolio{
			PortfolioID: string(p.ID), Name: p.Name, Level: string(share.Level), OwnerName: names[share.Holder], Yours: share.Holder == c.user(),
		})
	}
	return &answer[OwnHousehold]{OwnHousehold{&out}}, nil
}

func (s *Server) memberOf(h access.Household, m access.Member) HouseholdMember {
	out := HouseholdMember{ID: string(m.ID), State: "member", JoinedAt: timeOf(m.JoinedAt)}
	switch m.Person {
	case h.Founder:
		out.State = "founder"
	case "":
		out.State, out.OfferedUntil = "invited", timeOf(m.OfferedTill)
		if access.Expired(m.OfferedTill, s.now()) {
			out.State = grantExpired
		}
	}
	return out
}

// seenAtHome are the portfolios of a household that a member has, their own among them; those of somebody suspended are left out.
func (s *Server) seenAtHome(ctx context.Context, h access.Household, person ledger.OwnerID) ([]access.HouseholdShare, error) {
	keys := make([]access.ShareKey, len(h.Shares))
	for i, share := range h.Shares {
		keys[i] = access.ShareKey{Grantee: person, Portfolio: share.Portfolio}
	}
	standing, err := s.store.StandingShares(ctx, keys, s.now())
	if err != nil {
		return nil, err
	}
	var seen []access.HouseholdShare
	for i, share := range h.Shares {
		if _, stands := standing[keys[i]]; stands || share.Holder == person {
			seen = append(seen, share)
		}
	}
	return seen, nil
}

func (s *Server) foundHousehold(ctx context.Context, in *foundHouseholdInput) (*answer[JoinedHousehold], error) {
	c := callOf(ctx)
	name, err := cleanName(in.Body.Name)
	if err != nil {
		return nil, err
	}
	id, err := identity.NewID(s.random)
	if err != nil {
		return nil, err
	}
	h, out := access.Household{Founder: c.user(), Name: name, CreatedAt: s.now()}, JoinedHousehold{Name: name}
	if err := s.store.FoundHousehold(ctx, h, access.MemberID(id), c.write(c.entry(audit.HouseholdFounded, id), out)); err != nil {
		return nil, err
	}
	return &answer[JoinedHousehold]{out}, nil
}

func (s *Server) inviteToHousehold(ctx context.Context, _ *struct{}) (*answer[HouseholdInvitation], error) {
	c := callOf(ctx)
	id, err := identity.NewID(s.random)
	if err != nil {
		return nil, err
	}
	secret, hash, err := identity.NewSecret(s.random)
	if err != nil {
		return nil, err
	}
	m := access.Member{ID: access.MemberID(id), OfferedTill: s.now().Add(access.OfferAgeMax)}
	out := HouseholdInvitation{ID: id, OfferedUntil: m.OfferedTill.UTC(), URL: s.origin(ctx) + "/household/" + secret}
	if err := s.store.InviteToHousehold(ctx, c.user(), m, hash, c.write(c.entry(audit.HouseholdInvited, id), out)); err != nil {
		return nil, err
	}
	return &answer[HouseholdInvitation]{out}, nil
}

// atHome is the row of what a member does, which lies with the founder, who isn't told from where.
func (c *call) atHome(action audit.Action, h access.Household, id access.MemberID) audit.Entry {
	entry := c.entry(action, string(id))
	entry.Owner, entry.Detail = h.Founder, ""
	return entry
}

func (s *Server) joinHousehold(ctx context.Context, in *joinHouseholdInput) (*answer[JoinedHousehold], error) {
	c := callOf(ctx)
	h, err := s.store.JoinHousehold(ctx, identity.HashOf(in.Body.Token), c.user(), s.now(), func(h access.Household, id access.MemberID) audit.Write {
		return c.write(c.atHome(audit.HouseholdJoined, h, id), JoinedHousehold{Name: h.Name})
	})
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "This link does not hold any more. Ask for a new one.")
	}
	if err != nil {
		return nil, err
	}
	return &answer[JoinedHousehold]{JoinedHousehold{Name: h.Name}}, nil
}

func (s *Server) removeMember(ctx context.Context, in *removeMemberInput) (*none, error) {
	c := callOf(ctx)
	h, err := s.store.RemoveMember(ctx, c.user(), access.MemberID(in.Member), audit.Write{Audit: c.entry(audit.HouseholdRemoved, in.Member)})
	return s.changedAtHome(ctx, h.People(), err)
}

func (s *Server) leaveHousehold(ctx context.Context, _ *struct{}) (*none, error) {
	c := callOf(ctx)
	h, err := s.store.LeaveHousehold(ctx, c.user(), func(h access.Household, id access.MemberID) audit.Write {
		return audit.Write{Audit: c.atHome(audit.HouseholdLeft, h, id)}
	})
	return s.changedAtHome(ctx, h.People(), err)
}

func (s *Server) dissolveHousehold(ctx context.Context, _ *struct{}) (*none, error) {
	c := callOf(ctx)
	h, err := s.store.DissolveHousehold(ctx, c.user(), audit.Write{Audit: c.entry(audit.HouseholdDissolved, "")})
	return s.changedAtHome(ctx, h.People(), err)
}

func (s *Server) shareAtHome(ctx context.Context, in *shareAtHomeInput) (*none, error) {
	c := callOf(ctx)
	share := access.HouseholdShare{Holder: c.user(), Portfolio: ledger.PortfolioID(in.ID), Level: access.Level(in.Body.Level)}
	h, err := s.store.ShareWithHousehold(ctx, share, audit.Write{Audit: c.entry(audit.HouseholdShared, in.ID)})
	return s.changedAtHome(ctx, othersOf(h, c), err)
}

func (s *Server) unshareAtHome(ctx context.Context, in *PortfolioPath) (*none, error) {
	c := callOf(ctx)
	h, err := s.store.UnshareWithHousehold(ctx, c.user(), ledger.PortfolioID(in.ID), audit.Write{Audit: c.entry(audit.HouseholdUnshared, in.ID)})
	return s.changedAtHome(ctx, othersOf(h, c), err)
}

// othersOf are the members besides the caller, who sees of their own portfolio what they saw before.
func othersOf(h access.Household, c *call) []ledger.OwnerID {
	return slices.DeleteFunc(h.People(), func(person ledger.OwnerID) bool { return person == c.user() })
}

// changedAtHome has the streams end of people who may see less now than before.
func (s *Server) changedAtHome(ctx context.Context, people []ledger.OwnerID, err error) (*none, error) {
	if err != nil {
		return nil, err
	}
	for _, person := range people {
		s.endStreamsOf(ctx, person)
	}
	return nil, nil
}
