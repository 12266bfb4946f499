package httpapi

import (
	"context"
	"net/http"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/event"
	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// publicLinks is what identity knows of public links.
type publicLinks interface {
	CreatePublicLink(ctx context.Context, owner ledger.OwnerID, link identity.NewPublicLink, from identity.Request, write func(audit.Entry, identity.IssuedPublicLink) audit.Write) (identity.IssuedPublicLink, error)
	PublicLinks(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) ([]identity.PublicLink, error)
	RevokePublicLink(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, id string, from identity.Request) error
	OpenPublicLink(ctx context.Context, token string, from identity.Request) (identity.PublicLink, error)
}

// PublicLink is a link with which anybody may look at a portfolio.
type PublicLink struct {
	ID        string     `json:"id"`
	Level     string     `json:"level" enum:"percentages,view" doc:"percentages shows no amounts"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	Expired   bool       `json:"expired"`
	Opened    int64      `json:"opened" doc:"How often it was opened, each network once an hour"`
	OpenedAt  *time.Time `json:"opened_at"`
}

// NewPublicLink is a link with the only copy of its address.
type NewPublicLink struct {
	PublicLink
	URL string `json:"url" doc:"Shown once"`
}

// PublicLinks is a list of them.
type PublicLinks struct {
	Items []PublicLink `json:"items" nullable:"false"`
}

// PublicPortfolio is what a public link shows. Amounts are null unless its level is view.
type PublicPortfolio struct {
	Name             string          `json:"name"`
	Level            string          `json:"level" enum:"percentages,view"`
	ExpiresAt        time.Time       `json:"expires_at"`
	BaseCurrency     *string         `json:"base_currency"`
	Value            *string         `json:"value"`
	DayChange        *string         `json:"day_change"`
	DayChangePercent *string         `json:"day_change_percent"`
	State            string          `json:"state" enum:"live,delayed,closed,nav,manual,fallback,stale,quarantined,none" doc:"The worst of the prices"`
	AsOf             *time.Time      `json:"as_of"`
	Simulated        bool            `json:"simulated"`
	Holdings         []PublicHolding `json:"holdings" nullable:"false"`
	Allocation       []PublicShare   `json:"allocation" nullable:"false" doc:"By asset class"`
}

// PublicHolding is a holding as a public link shows it.
type PublicHolding struct {
	Symbol           string  `json:"symbol"`
	Name             string  `json:"name"`
	AssetClass       string  `json:"asset_class"`
	Weight           *string `json:"weight" doc:"Of the whole, 0 to 1 to four places"`
	DayChangePercent *string `json:"day_change_percent" doc:"Of the price"`
	Value            *string `json:"value" doc:"In the base currency"`
}

// PublicShare is a part of the whole.
type PublicShare struct {
	Key   string `json:"key"`
	Label string `json:"label"`
	Share string `json:"share" doc:"0 to 1, to four places"`
}

type newPublicLinkInput struct {
	PortfolioPath
	Body struct {
		Level     string    `json:"level" enum:"percentages,view"`
		ExpiresAt time.Time `json:"expires_at,omitzero" doc:"Within a year; left out: in 30 days"`
	}
}

type publicLinkPath struct {
	PortfolioPath
	Link string `path:"link" maxLength:"64"`
}

type publicInput struct {
	Token string `path:"token" maxLength:"200"`
}

func (s *Server) addPublicLinkRoutes() {
	const tag = "Sharing"
	typed(s, route{method: "GET", path: portfolioPrefix + "/links", class: classRead, action: access.ManageLinks, tag: tag, summary: "Links with which anybody may look at the portfolio"}, http.StatusOK, s.listPublicLinks)
	typed(s, route{method: "POST", path: portfolioPrefix + "/links", class: classChange, action: access.ManageLinks, creates: true, stepUp: true, tag: tag, summary: "Make such a link; it is shown once"}, http.StatusCreated, s.createPublicLink)
	typed(s, route{method: "DELETE", path: portfolioPrefix + "/links/{link}", class: classChange, action: access.ManageLinks, tag: tag, summary: "End such a link, at once"}, http.StatusNoContent, s.revokePublicLink)
	typed(s, route{method: "GET", path: "/api/v1/public/{token}", class: classChart, action: access.OpenLink, tag: tag, summary: "What a public link shows"}, http.StatusOK, s.openPublicLink)
}

func (s *Server) publicLinkOf(l identity.PublicLink) PublicLink {
	out := PublicLink{ID: l.ID(), Level: l.Level, CreatedAt: l.CreatedAt.UTC(), ExpiresAt: l.ExpiresAt.UTC(), Expired: !s.now().Before(l.ExpiresAt), Opened: l.Opened}
	if !l.OpenedAt.IsZero() {
		at := l.OpenedAt.UTC()
		out.OpenedAt = &at
	}
	return out
}

func (s *Server) listPublicLinks(ctx context.Context, in *PortfolioPath) (*answer[PublicLinks], error) {
	links, err := s.identity.PublicLinks(ctx, callOf(ctx).owner(), ledger.PortfolioID(in.ID))
	if err != nil {
		return nil, err
	}
	out := PublicLinks{Items: make([]PublicLink, 0, len(links))}
	for _, l := range links {
		out.Items = append(out.Items, s.publicLinkOf(l))
	}
	return &answer[PublicLinks]{out}, nil
}

func (s *Server) createPublicLink(ctx context.Context, in *newPublicLinkInput) (*answer[NewPublicLink], error) {
	c := callOf(ctx)
	shown := func(issued identity.IssuedPublicLink) NewPublicLink {
		return NewPublicLink{s.publicLinkOf(issued.Link), s.origin(ctx) + "/public/" + issued.Token}
	}
	wanted := identity.NewPublicLink{Portfolio: ledger.PortfolioID(in.ID), Level: in.Body.Level, ExpiresAt: in.Body.ExpiresAt}
	issued, err := s.identity.CreatePublicLink(ctx, c.owner(), wanted, c.from(), func(entry audit.Entry, issued identity.IssuedPublicLink) audit.Write {
		return c.write(entry, shown(issued))
	})
	if err != nil {
		return nil, err
	}
	return &answer[NewPublicLink]{shown(issued)}, nil
}

func (s *Server) revokePublicLink(ctx context.Context, in *publicLinkPath) (*none, error) {
	c := callOf(ctx)
	return nil, s.identity.RevokePublicLink(ctx, c.owner(), ledger.PortfolioID(in.ID), in.Link, c.from())
}

// openPublicLink shows what a link says. What its level doesn't let through is never put in, rather than taken out afterwards.
func (s *Server) openPublicLink(ctx context.Context, in *publicInput) (*answer[PublicPortfolio], error) {
	c := callOf(ctx)
	if wait, ok := s.publicLooks.allow(c.address, s.now()); !ok {
		return nil, limitedProblem(wait)
	}
	link, err := s.identity.OpenPublicLink(ctx, in.Token, c.from())
	if err != nil {
		return nil, err
	}
	level := access.Level(link.Level)
	if !access.MayByLink(level, access.ReadByLink).Allowed {
		return nil, fault.New(fault.NotFound, "This link shows nothing.")
	}
	portfolio, err := s.store.Portfolio(ctx, link.Owner, link.Portfolio)
	if err != nil {
		return nil, err
	}
	now, err := s.live.Value(ctx, link.Owner, link.Portfolio, portfolio.Sequence)
	if err != nil {
		return nil, err
	}
	book, err := s.journal.Book(ctx, link.Owner, link.Portfolio, now.Document.Sequence)
	if err != nil {
		return nil, err
	}
	shares, err := figures.Allocation(now.Valuation, now.Held.Holdings, *book, figures.ByClass)
	if err != nil {
		return nil, err
	}
	out := publicOf(now.Document, access.MayByLink(level, access.ReadAmountsByLink).Allowed)
	out.Level, out.ExpiresAt = link.Level, link.ExpiresAt.UTC()
	for _, g := range shares.Groups {
		if share := coarse(g.Share.Pointer(), coarseSharePlaces); share != nil {
			out.Allocation = append(out.Allocation, PublicShare{Key: g.Key, Label: labelOf(figures.ByClass, g.Key, book), Share: *share})
		}
	}
	return &answer[PublicPortfolio]{out}, nil
}

func publicOf(d *event.Document, amounts bool) PublicPortfolio {
	out := PublicPortfolio{
		Name: d.Name, DayChangePercent: coarse(d.DayChangePercent, coarsePercentPlaces), State: string(d.State), Simulated: d.Simulated,
		Holdings: make([]PublicHolding, 0, len(d.Holdings)), Allocation: []PublicShare{},
	}
	if at := time.Time(d.AsOf); !at.IsZero() {
		at = at.UTC()
		out.AsOf = &at
	}
	if amounts {
		out.BaseCurrency, out.Value, out.DayChange = given(string(d.BaseCurrency)), decimal(d.Value), decimal(d.DayChange)
	}
	for i := range d.Holdings {
		h := &d.Holdings[i]
		shown := PublicHolding{
			Symbol: h.Symbol, Name: h.Name, AssetClass: string(h.AssetClass),
			Weight: coarse(h.Weight, coarseSharePlaces), DayChangePercent: coarse(h.DayChangePercent, coarsePercentPlaces),
		}
		if amounts {
			shown.Value = decimal(h.ValueBase)
		}
		out.Holdings = append(out.Holdings, shown)
	}
	return out
}
