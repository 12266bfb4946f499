package app

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/market"
)

// overridesEvery is how often a node looks for what administrators said on others: the same as for every other lost hint.
const overridesEvery = 30 * time.Second

// overrideStore keeps what administrators say of markets' days.
type overrideStore interface {
	CalendarOverrides(ctx context.Context) ([]market.Override, error)
	PutCalendarOverride(ctx context.Context, o market.Override, write audit.Write) error
	DeleteCalendarOverride(ctx context.Context, mic string, day market.Date, write audit.Write) error
}

// hours are the markets' hours as this node goes by them: the calendar with what administrators say instead. Many goroutines
// read them while they change; each question is answered by one calendar.
type hours struct {
	base    *market.Calendar
	current atomic.Pointer[market.Calendar]
	log     *slog.Logger
	store   overrideStore // nil until the store is open
}

func newHours(base *market.Calendar, log *slog.Logger) *hours {
	h := &hours{base: base, log: log}
	h.current.Store(base)
	return h
}

// At implements market.Sessions.
func (h *hours) At(mic string, t time.Time) market.Session { return h.current.Load().At(mic, t) }

// TradingTime implements market.Sessions.
func (h *hours) TradingTime(mic string, from, to time.Time) time.Duration {
	return h.current.Load().TradingTime(mic, from, to)
}

// Name implements market.Sessions.
func (h *hours) Name(mic string) string { return h.base.Name(mic) }

// Horizon is the last day for which a market's days off are known.
func (h *hours) Horizon(mic string) market.Date { return h.base.Horizon(mic) }

// Markets are those whose hours are known.
func (h *hours) Markets() []string { return h.base.MICs() }

// Day is when a market trades on a day, by what holds now and by the calendar alone.
func (h *hours) Day(mic string, day market.Date) (opens, closes time.Time, ok bool) {
	return h.current.Load().Day(mic, day)
}

// Overrides are what administrators say of single days.
func (h *hours) Overrides(ctx context.Context) ([]market.Override, error) {
	return h.store.CalendarOverrides(ctx)
}

// PutOverride keeps one and goes by it at once; other nodes follow within half a minute.
func (h *hours) PutOverride(ctx context.Context, o market.Override, write audit.Write) error {
	if err := h.store.PutCalendarOverride(ctx, o, write); err != nil {
		return err
	}
	return h.reload(ctx)
}

// DeleteOverride takes one back.
func (h *hours) DeleteOverride(ctx context.Context, mic string, day market.Date, write audit.Write) error {
	if err := h.store.DeleteCalendarOverride(ctx, mic, day, write); err != nil {
		return err
	}
	return h.reload(ctx)
}

func (h *hours) reload(ctx context.Context) error {
	overrides, err := h.store.CalendarOverrides(ctx)
	if err != nil {
		return fmt.Errorf("read the calendar's overrides: %w", err)
	}
	h.current.Store(h.base.With(overrides))
	return nil
}

// Run follows what administrators say on other nodes until ctx ends. A store that is away for a while changes nothing.
func (h *hours) Run(ctx context.Context) error {
	ticker := time.NewTicker(overridesEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := h.reload(ctx); err != nil && ctx.Err() == nil {
				h.log.Warn("the calendar's overrides were not read; the last ones hold", "error", err)
			}
		}
	}
}
