package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ingest"
	"folioscope/internal/market"
)

// Prices is what brings prices in; *ingest.Ingest is one.
type Prices interface {
	// HeldPrices gives prices that were held back, the newest first; before is the number of the last one of the page before.
	HeldPrices(ctx context.Context, waiting bool, before int64, limit int) ([]ingest.Held, error)
	// AcceptHeld and RefuseHeld decide on one; fault.NotFound, and fault.Conflict where it doesn't wait any more.
	AcceptHeld(ctx context.Context, id int64, write audit.Write) (ingest.Held, error)
	RefuseHeld(ctx context.Context, id int64, write audit.Write) (ingest.Held, error)
	// Refresh asks for instruments now and gives those that weren't asked for a moment ago.
	Refresh(ctx context.Context, ids []market.InstrumentID) ([]market.InstrumentID, error)
	// Health is how the sources are doing; TestSource asks one of them.
	Health(ctx context.Context) (ingest.Health, error)
	TestSource(ctx context.Context, source string) (ingest.Trial, error)
	// Outlooks say what stands between instruments and their prices.
	Outlooks(ctx context.Context, instruments []market.Instrument) (map[market.InstrumentID]ingest.Outlook, error)
	// History says how far the history of instruments is known; what nobody asked for is left out.
	History(ctx context.Context, ids []market.InstrumentID) (map[market.InstrumentID]ingest.HistoryState, error)
}

// HeldPrice is a price that was held back, and what became of it.
type HeldPrice struct {
	ID           string     `json:"id"`
	InstrumentID string     `json:"instrument_id"`
	Symbol       string     `json:"symbol"`
	Name         string     `json:"name"`
	Price        string     `json:"price"`
	LastPrice    string     `json:"last_price" doc:"the price that stayed in use"`
	Currency     string     `json:"currency"`
	Source       string     `json:"source"`
	MarketTime   time.Time  `json:"market_time"`
	ObservedAt   time.Time  `json:"observed_at"`
	Reason       string     `json:"reason"`
	State        string     `json:"state" enum:"waiting,accepted,refused,confirmed,overtaken" doc:"accepted and refused by an administrator; confirmed or overtaken by another price"`
	DecidedAt    *time.Time `json:"decided_at"`
	DecidedPrice *string    `json:"decided_price" doc:"the price that was believed in the end"`
}

// HeldPrices is a page of prices that were held back, the newest first.
type HeldPrices struct {
	Items      []HeldPrice `json:"items" nullable:"false"`
	NextCursor *string     `json:"next_cursor"`
}

// Refreshed says whether an instrument was asked for; false where it was within the last minute, or nobody holds it.
type Refreshed struct {
	Asked bool `json:"asked"`
}

type listHeldInput struct {
	State  string `query:"state" enum:"waiting,all" default:"waiting"`
	Cursor string `query:"cursor" maxLength:"20"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type decideHeldInput struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Decision string `json:"decision" enum:"accept,refuse"`
	}
}

type refreshInput struct {
	ID string `path:"id" maxLength:"200"`
}

func (s *Server) addPriceRoutes() {
	const tag = "Administration"
	typed(s, route{method: "GET", path: "/api/v1/admin/quarantine", class: classRead, action: access.ReadQuarantine, tag: tag, summary: "Prices that were held back"}, http.StatusOK, s.listHeld)
	typed(s, route{method: "POST", path: "/api/v1/admin/quarantine/{id}", class: classChange, action: access.DecideQuarantine, tag: tag, summary: "Accept or refuse a price that was held back"}, http.StatusOK, s.decideHeld)
	typed(s, route{method: "POST", path: "/api/v1/instruments/{id}/refresh", class: classChange, action: access.RefreshInstrument, tag: "Instruments", summary: "Ask for an instrument's price now, at most once a minute"}, http.StatusOK, s.refresh)
}

// prices is who brings prices in, where this node has one.
func (s *Server) prices() (Prices, error) {
	if s.options.Prices == nil {
		return nil, fault.New(fault.Unavailable, "This node brings no prices in.")
	}
	return s.options.Prices, nil
}

func (s *Server) listHeld(ctx context.Context, in *listHeldInput) (*answer[HeldPrices], error) {
	prices, err := s.prices()
	if err != nil {
		return nil, err
	}
	var before int64
	if in.Cursor != "" {
		if before, err = strconv.ParseInt(in.Cursor, 10, 64); err != nil || before <= 0 {
			return nil, fault.At("cursor", "isn't one that was given")
		}
	}
	found, err := prices.HeldPrices(ctx, in.State == "waiting", before, in.Limit)
	if err != nil {
		return nil, err
	}
	out := HeldPrices{Items: make([]HeldPrice, 0, len(found))}
	known := map[market.InstrumentID]market.Instrument{}
	for _, h := range found {
		item, err := s.heldPrice(ctx, h, known)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, item)
	}
	if len(found) == in.Limit {
		next := out.Items[len(found)-1].ID
		out.NextCursor = &next
	}
	return &answer[HeldPrices]{out}, nil
}

func (s *Server) decideHeld(ctx context.Context, in *decideHeldInput) (*answer[HeldPrice], error) {
	prices, err := s.prices()
	if err != nil {
		return nil, err
	}
	id, err := strconv.ParseInt(in.ID, 10, 64)
	if err != nil || id <= 0 {
		return nil, fault.New(fault.NotFound, "There is no such price.")
	}
	decide, action := prices.AcceptHeld, audit.PriceAccepted
	if in.Body.Decision == "refuse" {
		decide, action = prices.RefuseHeld, audit.PriceRefused
	}
	c := callOf(ctx)
	entry := c.entry(action, in.ID)
	entry.Owner = "" // a price is nobody's
	held, err := decide(ctx, id, audit.Write{Audit: entry})
	if err != nil {
		return nil, err
	}
	item, err := s.heldPrice(ctx, held, map[market.InstrumentID]market.Instrument{})
	if err != nil {
		return nil, err
	}
	return &answer[HeldPrice]{item}, nil
}

// heldPrice describes a price with its instrument, which may be unknown: a currency's rate isn't always a row of its own.
func (s *Server) heldPrice(ctx context.Context, h ingest.Held, known map[market.InstrumentID]market.Instrument) (HeldPrice, error) {
	i, ok := known[h.Instrument]
	if !ok {
		var err error
		if i, err = s.store.Instrument(ctx, h.Instrument); err != nil && !fault.Is(err, fault.NotFound) {
			return HeldPrice{}, err
		}
		known[h.Instrument] = i
	}
	out := HeldPrice{
		ID: strconv.FormatInt(h.ID, 10), InstrumentID: string(h.Instrument), Symbol: i.Symbol, Name: i.Name, Price: h.Price.String(),
		LastPrice: h.LastPrice.String(), Currency: string(h.Currency), Source: h.Source, MarketTime: h.MarketTime, ObservedAt: h.ObservedAt,
		Reason: h.Reason, State: string(h.State),
	}
	if h.State == ingest.HeldEnded {
		out.State = "overtaken"
		if h.Confirmed() {
			out.State = "confirmed"
		}
	}
	if !h.DecidedAt.IsZero() {
		out.DecidedAt = &h.DecidedAt
	}
	if h.DecidedPrice != nil {
		out.DecidedPrice = given(h.DecidedPrice.String())
	}
	return out, nil
}

func (s *Server) refresh(ctx context.Context, in *refreshInput) (*answer[Refreshed], error) {
	prices, err := s.prices()
	if err != nil {
		return nil, err
	}
	if _, err := s.store.Instrument(ctx, market.InstrumentID(in.ID)); err != nil {
		return nil, err
	}
	asked, err := prices.Refresh(ctx, []market.InstrumentID{market.InstrumentID(in.ID)})
	if err != nil {
		return nil, err
	}
	return &answer[Refreshed]{Refreshed{Asked: len(asked) > 0}}, nil
}
