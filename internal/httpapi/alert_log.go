package httpapi

import (
	"context"
	"fmt"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/engine"
	"folioscope/internal/ledger"
	"folioscope/internal/notify"
)

// AlertLogEntry is something that a rule did, and what became of the messages where its owner was told.
type AlertLogEntry struct {
	ID         string            `json:"id"`
	RuleID     string            `json:"rule_id"`
	Rule       *string           `json:"rule" doc:"What it is called, or what it waits for; null: it was deleted"`
	Kind       string            `json:"kind" enum:"fired,held_back,resolved,no_data,error,ended"`
	At         time.Time         `json:"at"`
	Value      *string           `json:"value"`
	Unit       string            `json:"unit" doc:"Of the value: a currency, %, pt, h, d or nothing"`
	Subject    *string           `json:"subject" doc:"What it was about, where the rule is about several"`
	Why        *string           `json:"why"`
	Told       bool              `json:"told"`
	Personal   bool              `json:"personal" doc:"The value is an amount of one's own"`
	Deliveries []MessageDelivery `json:"deliveries" nullable:"false" doc:"By channels; none: it lies in the inbox alone"`
}

// AlertLog is a page of what one's rules did, the newest first. With a filter a page may hold less than asked for although another follows.
type AlertLog struct {
	Items      []AlertLogEntry `json:"items" nullable:"false"`
	NextCursor *string         `json:"next_cursor"`
}

type alertLogInput struct {
	Cursor string `query:"cursor" maxLength:"80" doc:"next_cursor of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"30"`
	AlertLogFilter
}

// AlertLogFilter leaves of the log what is so; a rule that was deleted is about no portfolio any more.
type AlertLogFilter struct {
	Rule      string `query:"rule" maxLength:"64" doc:"Of one rule alone"`
	Portfolio string `query:"portfolio" maxLength:"64" doc:"Of the rules about a portfolio, as they are now"`
	Kind      string `query:"kind" enum:"fired,held_back,resolved,no_data,error,ended"`
	State     string `query:"state" enum:"waiting,sent,failed" doc:"A message of it stands so"`
}

func (f AlertLogFilter) read(rules map[alert.RuleID]namedRule) engine.LogFilter {
	out := engine.LogFilter{Kind: alert.EventKind(f.Kind), Delivery: notify.State(f.State)}
	if f.State == messageFailed {
		out.Delivery = notify.Dead
	}
	if f.Rule != "" {
		out.Rules = []alert.RuleID{alert.RuleID(f.Rule)}
	}
	if f.Portfolio == "" {
		return out
	}
	about := []alert.RuleID{}
	for id, of := range rules {
		if of.rule.Condition.Portfolio == ledger.PortfolioID(f.Portfolio) && (f.Rule == "" || f.Rule == string(id)) {
			about = append(about, id)
		}
	}
	out.Rules = about
	return out
}

func (s *Server) alertLog(ctx context.Context, in *alertLogInput) (*answer[AlertLog], error) {
	owner := callOf(ctx).user()
	after, err := inboxPlace(in.Cursor)
	if err != nil {
		return nil, err
	}
	rules, err := s.alertsByID(ctx)
	if err != nil {
		return nil, err
	}
	rows, next, err := s.store.AlertLog(ctx, owner, in.read(rules), engine.Place(after), in.Limit)
	if err != nil {
		return nil, err
	}
	var told []string
	for i := range rows {
		if rows[i].Tell {
			told = append(told, rows[i].ID)
		}
	}
	deliveries, err := s.store.NoticeDeliveries(ctx, owner, told)
	if err != nil {
		return nil, err
	}
	out := AlertLog{Items: make([]AlertLogEntry, 0, len(rows))}
	for i := range rows {
		out.Items = append(out.Items, loggedAlert(&rows[i], rules, deliveries[rows[i].ID]))
	}
	if !next.At.IsZero() {
		out.NextCursor = given(fmt.Sprintf("%d.%s", next.At.UnixMicro(), next.ID))
	}
	return &answer[AlertLog]{out}, nil
}

// alertsByID are the caller's rules as they are now, with what they are about.
func (s *Server) alertsByID(ctx context.Context) (map[alert.RuleID]namedRule, error) {
	all, err := s.store.Rules(ctx, callOf(ctx).user())
	if err != nil {
		return nil, err
	}
	names, err := s.alertNames(ctx, all)
	if err != nil {
		return nil, err
	}
	rules := make(map[alert.RuleID]namedRule, len(all))
	for i := range all {
		rules[all[i].Rule.ID] = namedRule{&all[i].Rule, names[i]}
	}
	return rules, nil
}

type namedRule struct {
	rule  *alert.Rule
	names alert.Names
}

func loggedAlert(row *engine.Logged, rules map[alert.RuleID]namedRule, deliveries []notify.Told) AlertLogEntry {
	out := AlertLogEntry{
		ID: row.ID, RuleID: string(row.Rule), Kind: string(row.Kind), At: row.At.UTC(), Value: shownValue(row.Value), Subject: given(row.Subject), Why: given(row.Why),
		Told: row.Tell, Deliveries: messageDeliveries(deliveries),
	}
	if of, there := rules[row.Rule]; there {
		out.Rule = given(of.rule.Name)
		if out.Rule == nil {
			out.Rule = given(of.rule.Sentence(of.names))
		}
		out.Unit, out.Personal = alertUnit(&of.rule.Condition, of.names.Currency), of.rule.Condition.Personal()
	}
	return out
}
