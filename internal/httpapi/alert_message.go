package httpapi

import (
	"context"

	"folioscope/internal/alert"
	"folioscope/internal/engine"
	"folioscope/internal/notify"
)

// AlertMessage is how a message looks that a rule sends, as the caller's settings have it: in their numbers, without amounts where those
// are hidden.
type AlertMessage struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

// alertMessage tells of a rule as if it fired now: at its threshold, or of what happened last.
func (s *Server) alertMessage(ctx context.Context, rule *alert.Rule, names alert.Names, past []AlertFiring) (AlertMessage, error) {
	settings, err := s.store.NoticeSettings(ctx, rule.Owner)
	if err != nil {
		return AlertMessage{}, err
	}
	event := alert.Event{At: s.now(), Subject: names.Instrument}
	if rule.Condition.Kind.Level() && rule.Condition.Measure() != alert.InNothing {
		event.Value = &rule.Condition.Threshold
	}
	for _, one := range past {
		if one.Subject != nil {
			event.Subject = *one.Subject
		}
	}
	words := notify.Write(*engine.NoticeOf(rule, names, "", event), settings, "")
	return AlertMessage{Title: words.Title, Text: words.Text()}, nil
}
