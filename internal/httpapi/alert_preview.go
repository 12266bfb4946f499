package httpapi

import (
	"context"
	"errors"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of previews: each may walk through years of a portfolio.
const (
	previewDays        = 90 // where a request doesn't say; at most three years
	previewingMax      = 2
	previewsWaitingMax = 16
	previewRetryAfter  = 5 * time.Second
	previewWaitMax     = 10 * time.Second // of one: some seconds for a thousand days of thousands of positions
)

// whyTooLong is why a past isn't known that took longer than it may.
const whyTooLong = "The past of so much takes too long to work out. Ask for fewer days."

// AlertPreview is what a rule would have done in the past.
type AlertPreview struct {
	Days    int           `json:"days"`
	Unit    string        `json:"unit" doc:"Of values: a currency, %, pt or nothing"`
	Firings []AlertFiring `json:"firings" nullable:"false" doc:"The oldest first"`
	Series  []AlertValue  `json:"series" nullable:"false" doc:"What the rule looks at, at the end of each day; of prices only the days that have one; of what happens nothing"`
	Message AlertMessage  `json:"message"`
	Why     *string       `json:"why" doc:"Where the past can't say, or only in part"`
}

// AlertFiring is a day on which a rule would have fired.
type AlertFiring struct {
	Date    string  `json:"date"`
	Value   *string `json:"value"`
	Subject *string `json:"subject" doc:"What happened; null of what has a value"`
	Told    bool    `json:"told" doc:"false: held back, since it was told not long before"`
}

// AlertValue is what a rule looked at on a day.
type AlertValue struct {
	Date  string  `json:"date"`
	Value *string `json:"value" doc:"null: not known"`
}

type previewAlertInput struct {
	Body struct {
		Condition AlertCondition `json:"condition"`
		AlertSettings
		Days int `json:"days,omitempty" minimum:"1" maximum:"1096" doc:"How far back; 90 where left out"`
	}
}

func (s *Server) previewAlert(ctx context.Context, in *previewAlertInput) (*answer[AlertPreview], error) {
	c, today := callOf(ctx), s.today()
	rule := alert.Rule{Owner: c.user(), Version: 1, Repeat: alert.RepeatEach, CreatedAt: s.now()}
	if err := s.setAlert(ctx, &rule, &in.Body.Condition, in.Body.AlertSettings); err != nil {
		return nil, err
	}
	leave, ok := s.previewing.enter(ctx)
	if !ok {
		p := newProblem(fault.Unavailable, "Too many previews are being worked out at this moment. Try again in a few seconds.")
		p.retryAfter = previewRetryAfter
		return nil, p
	}
	defer leave()
	days := in.Body.Days
	if days == 0 {
		days = previewDays
	}
	walking, cancel := context.WithTimeout(ctx, s.previewWait)
	defer cancel()
	past, why, err := s.alertPast(walking, rule, today-market.Date(days)+1, today)
	if errors.Is(err, context.DeadlineExceeded) {
		past, why, err = nil, whyTooLong, nil
	}
	if err != nil {
		return nil, err
	}
	names, err := s.alertNames(ctx, []alert.Kept{{Rule: rule}})
	if err != nil {
		return nil, err
	}
	out := AlertPreview{Days: days, Unit: alertUnit(&rule.Condition, names[0].Currency), Firings: firings(&rule, past), Series: make([]AlertValue, 0, len(past)), Why: given(why)}
	for _, seen := range past {
		if seen.Occurrence == "" {
			out.Series = append(out.Series, AlertValue{Date: market.DateOf(seen.At).String(), Value: shownValue(seen.Value)})
		}
	}
	if out.Message, err = s.alertMessage(ctx, &rule, names[0], out.Firings); err != nil {
		return nil, err
	}
	return &answer[AlertPreview]{out}, nil
}

// firings steps a rule over the past as engine steps it over prices.
func firings(rule *alert.Rule, past []alert.Observation) []AlertFiring {
	out := []AlertFiring{}
	for _, e := range alert.Replay(rule, past, time.UTC) {
		if e.Kind == alert.EventFired || e.Kind == alert.EventHeldBack {
			out = append(out, AlertFiring{Date: market.DateOf(e.At).String(), Value: shownValue(e.Value), Subject: given(e.Subject), Told: e.Tell})
		}
	}
	return out
}

// shownValue is a value with the digits that people can use.
func shownValue(x *money.Decimal) *string {
	if x == nil {
		return nil
	}
	text := x.Round(quotientPlaces).Reduced().String()
	return &text
}
