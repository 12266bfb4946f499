package httpapi

import (
	"context"
	"net/http"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/fault"
	"folioscope/internal/notify"
)

// MailLog says how mail stands; *sqlstore.Store is one.
type MailLog interface {
	MailOverview(ctx context.Context) (notify.Overview, error)
}

// MailStatus is how mail stands, for administrators: never to whom or what.
type MailStatus struct {
	Configured bool          `json:"configured" doc:"There is a mail server in the settings"`
	Waiting    int           `json:"waiting"`
	Dead       int           `json:"dead" doc:"Given up within the last 30 days"`
	Troubled   []TroubledOne `json:"troubled" nullable:"false" doc:"Not sent after at least one try, the newest first, at most 50"`
}

// TroubledOne is a mail that could not be sent yet, or won't be.
type TroubledOne struct {
	ID        string    `json:"id"`
	User      string    `json:"user" doc:"The id of whom it is for"`
	Kind      string    `json:"kind"`
	State     string    `json:"state" enum:"waiting,dead"`
	Outcome   string    `json:"outcome" enum:"busy,refused,sign_in,unreachable,unprotected,switched_off"`
	Says      string    `json:"says" doc:"What that means and what to do"`
	Tries     int       `json:"tries"`
	CreatedAt time.Time `json:"created_at"`
	TriedAt   time.Time `json:"tried_at"`
}

func (s *Server) addMailRoutes() {
	typed(s, route{method: "GET", path: "/api/v1/admin/mail", class: classRead, action: access.ReadMail, tag: "Administration", summary: "How mail stands"}, http.StatusOK, s.mailStatus)
}

func (s *Server) mailStatus(ctx context.Context, _ *none) (*answer[MailStatus], error) {
	if s.options.Mail == nil {
		return nil, fault.New(fault.Unavailable, "This node doesn't know how mail stands.")
	}
	o, err := s.options.Mail.MailOverview(ctx)
	if err != nil {
		return nil, err
	}
	out := MailStatus{Configured: s.options.MailOn, Waiting: o.Waiting, Dead: o.Dead, Troubled: make([]TroubledOne, 0, len(o.Troubled))}
	for _, d := range o.Troubled {
		out.Troubled = append(out.Troubled, TroubledOne{
			ID: d.ID, User: string(d.Owner), Kind: string(d.Mail.Kind), State: string(d.State), Outcome: string(d.Outcome), Says: d.Outcome.Sentence(),
			Tries: d.Tries, CreatedAt: d.CreatedAt.UTC(), TriedAt: d.TriedAt.UTC(),
		})
	}
	return &answer[MailStatus]{out}, nil
}
