package notify

import (
	"encoding/json"
	"fmt"
	"time"

	"folioscope/internal/money"
	"folioscope/internal/webhook"
)

// hook is what is posted to a webhook, signed as Standard Webhooks says.
type hook struct {
	ID         string         `json:"id"` // the same in every try: a receiver that saw it before ignores it
	Kind       NoticeKind     `json:"kind"`
	At         time.Time      `json:"at"`
	Title      string         `json:"title"`
	Text       string         `json:"text"`
	Link       string         `json:"link,omitempty"`
	Subject    string         `json:"subject,omitempty"`
	Value      *money.Decimal `json:"value,omitempty"`
	Threshold  *money.Decimal `json:"threshold,omitempty"`
	Unit       string         `json:"unit,omitempty"`
	Portfolio  string         `json:"portfolio_id,omitempty"`
	Instrument string         `json:"instrument_id,omitempty"`
}

// signed is the request of a webhook. A secret that can't be read is a mistake of ours.
func signed(address, secret string, w Words, now time.Time) (post, []byte, error) {
	secrets, err := webhook.ParseSecrets(secret)
	if err != nil {
		return post{}, nil, fmt.Errorf("the secret of a webhook: %w", err)
	}
	f := w.Facts
	raw, err := json.Marshal(hook{w.ID, w.Kind, w.At.UTC(), w.Title, w.Text(), w.Link, f.Subject, f.Value, f.Threshold, f.Unit, f.PortfolioID, f.InstrumentID})
	if err != nil {
		return post{}, nil, fmt.Errorf("encode a webhook: %w", err)
	}
	p := post{address: address, header: map[string][]string{}}
	secrets.Sign(p.header, w.ID, now, raw)
	return p, raw, nil
}
