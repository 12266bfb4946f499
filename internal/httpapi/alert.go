package httpapi

import (
	"context"
	"net/http"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/alert"
	"folioscope/internal/audit"
	"folioscope/internal/engine"
	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/notify"
)

// AlertStore keeps what people want to be told of.
type AlertStore interface {
	Rules(ctx context.Context, owner ledger.OwnerID) ([]alert.Kept, error)
	Rule(ctx context.Context, owner ledger.OwnerID, id alert.RuleID) (alert.Kept, error)
	// CreateRule gives fault.TooLarge over alert.RulesMax.
	CreateRule(ctx context.Context, rule alert.Rule, write audit.Write) error
	// ReplaceRule insists on the rule's version: fault.Stale. Anew forgets how it stood; so does another condition.
	ReplaceRule(ctx context.Context, rule alert.Rule, anew bool, write audit.Write) (alert.Kept, error)
	DeleteRule(ctx context.Context, owner ledger.OwnerID, id alert.RuleID, write audit.Write) error
	// AlertLog gives what an owner's rules did as far as a filter leaves it, the newest first, and where to go on; NoticeDeliveries what
	// became of the messages of some of it. What was told has its notice under the same id.
	AlertLog(ctx context.Context, owner ledger.OwnerID, filter engine.LogFilter, after engine.Place, limit int) ([]engine.Logged, engine.Place, error)
	NoticeDeliveries(ctx context.Context, owner ledger.OwnerID, notices []string) (map[string][]notify.Told, error)
	// AlertsEvaluated is until when every accepted price was looked at by all of an owner's rules; zero where nobody evaluates them.
	AlertsEvaluated(ctx context.Context, owner ledger.OwnerID) (time.Time, error)
	// Instruments gives those of some ids that there are; Actions the splits and dividends of those that have any, rising by date.
	Instruments(ctx context.Context, ids []market.InstrumentID) ([]market.Instrument, error)
	Actions(ctx context.Context, ids []market.InstrumentID) (map[market.InstrumentID][]market.Action, error)
	// Incidents are the latest of what happened to an owner since a time.
	Incidents(ctx context.Context, owner ledger.OwnerID, since time.Time) ([]alert.Incident, error)
}

// AlertCondition is what a rule waits for. What its kind has no use for is left out.
type AlertCondition struct {
	Kind         string      `json:"kind" enum:"price,change,off_high,rate,value,gain,portfolio_change,drawdown,weight,drift,dividend,ex_date,stale,import_failed,sign_in,expression"`
	PortfolioID  string      `json:"portfolio_id,omitempty" maxLength:"64" doc:"One's own; those of others tell their owners"`
	InstrumentID string      `json:"instrument_id,omitempty" maxLength:"64"`
	Base         string      `json:"base,omitempty" maxLength:"3" doc:"rate: what one unit of this costs"`
	Quote        string      `json:"quote,omitempty" maxLength:"3" doc:"rate: in this"`
	Direction    string      `json:"direction,omitempty" enum:"above,below,crossing" doc:"above and below include the threshold itself"`
	Threshold    *string     `json:"threshold,omitempty" maxLength:"60" doc:"By kind: in the currency of the price or the portfolio, in percent, points, hours or days"`
	Unit         string      `json:"unit,omitempty" enum:"amount,percent" doc:"gain: which of both"`
	Days         int         `json:"days,omitempty" minimum:"1" maximum:"1830" doc:"change, off_high, portfolio_change, drawdown: over how many"`
	Group        *AlertGroup `json:"group,omitempty" doc:"weight, drift: of a group of holdings, in place of one"`
	Target       *string     `json:"target,omitempty" maxLength:"60" doc:"drift: the weight that it should have, in percent"`
	Rearm        *string     `json:"rearm,omitempty" maxLength:"60" doc:"Where the rule is armed again; left out: at the threshold"`
	Expression   string      `json:"expression,omitempty" maxLength:"1000"`
}

// AlertGroup is a group of holdings, such as a sector.
type AlertGroup struct {
	By   string `json:"by" enum:"asset_class,sector,country,currency"`
	Name string `json:"name" maxLength:"80" doc:"As in an allocation; empty: what has none"`
}

// AlertSettings are how a rule tells of it, as they are set; what is left out stays.
type AlertSettings struct {
	Name            *string    `json:"name,omitempty" maxLength:"480" doc:"Empty: what it waits for is its name"`
	Repeat          *string    `json:"repeat,omitempty" enum:"once,each,daily" doc:"once: then it has ended; each: each time anew; daily: while it holds, once a day"`
	CooldownMinutes *int       `json:"cooldown_minutes,omitempty" minimum:"0" doc:"At most once in so many"`
	ForMinutes      *int       `json:"for_minutes,omitempty" minimum:"0" doc:"How long it has to hold before it fires"`
	NoData          *bool      `json:"no_data,omitempty" doc:"Tell, too, when it can't be worked out for a day"`
	ExpiresAt       *time.Time `json:"expires_at,omitempty"`
	NeverExpires    bool       `json:"never_expires,omitempty"`
	SnoozedUntil    *time.Time `json:"snoozed_until,omitempty" doc:"A time that is over wakes it"`
	Channels        *[]string  `json:"channels,omitempty" maxItems:"20" doc:"Ids; empty: the inbox alone"`
	AllChannels     bool       `json:"all_channels,omitempty" doc:"All that are switched on, as in a new rule"`
}

// AlertState is how a rule stands.
type AlertState struct {
	State   string     `json:"state" enum:"inactive,pending,firing,resolved,no_data,error"`
	Since   *time.Time `json:"since"`
	Value   *string    `json:"value" doc:"As last kept, in the unit of the threshold"`
	ValueAt *time.Time `json:"value_at" doc:"When the value was so; null: not known"`
	FiredAt *time.Time `json:"fired_at"`
	ToldAt  *time.Time `json:"told_at" doc:"The last firing that was sent"`
	Firings int64      `json:"firings"`
	Ended   bool       `json:"ended" doc:"It fired once, as it was to, or has expired"`
	Why     *string    `json:"why" doc:"Of no_data and error"`
}

// Alert is a rule, and how it stands.
type Alert struct {
	ID              string         `json:"id"`
	Version         int64          `json:"version" doc:"Grows with each change of the rule; If-Match names it"`
	Name            string         `json:"name"`
	Sentence        string         `json:"sentence" doc:"What it waits for"`
	Unit            string         `json:"unit" doc:"Of threshold and value: a currency, %, pt, h, d or nothing"`
	Condition       AlertCondition `json:"condition"`
	Repeat          string         `json:"repeat" enum:"once,each,daily"`
	CooldownMinutes int            `json:"cooldown_minutes"`
	ForMinutes      int            `json:"for_minutes"`
	NoData          bool           `json:"no_data"`
	ExpiresAt       *time.Time     `json:"expires_at"`
	SnoozedUntil    *time.Time     `json:"snoozed_until"`
	Channels        []string       `json:"channels" nullable:"true" doc:"Ids; null: all that are switched on; empty: the inbox alone"`
	State           AlertState     `json:"state"`
}

// Alerts is a list of them.
type Alerts struct {
	Items        []Alert    `json:"items" nullable:"false"`
	EvaluatedAt  *time.Time `json:"evaluated_at" doc:"All rules were looked at against every price that came until then; null: see evaluated_why"`
	EvaluatedWhy *string    `json:"evaluated_why" doc:"Why it isn't known"`
}

// whyUnevaluated is why rules aren't looked at.
const whyUnevaluated = "No server looks at alert rules at this moment. They catch up as soon as one does."

// AlertPath names a rule.
type AlertPath struct {
	Alert string `path:"alert" maxLength:"64"`
}

type createAlertInput struct {
	Body struct {
		Condition AlertCondition `json:"condition"`
		AlertSettings
	}
}

type changeAlertInput struct {
	AlertPath
	IfMatch string `header:"If-Match" doc:"The version that the change is made on"`
	Body    struct {
		Condition *AlertCondition `json:"condition,omitempty" doc:"Whole. Another condition begins anew"`
		Anew      bool            `json:"anew,omitempty" doc:"Forget how it stood, such as that it had ended"`
		AlertSettings
	}
}

func (s *Server) addAlertRoutes() {
	const tag, path = "Alerts", "/api/v1/alerts"
	one := path + "/{alert}"
	typed(s, route{method: "GET", path: path, class: classRead, action: access.ReadAlerts, tag: tag, summary: "One's own rules, and how they stand"}, http.StatusOK, s.listAlerts)
	typed(s, route{method: "POST", path: path, class: classChange, action: access.WriteAlerts, creates: true, tag: tag, summary: "Make a rule"}, http.StatusCreated, s.createAlert)
	typed(s, route{method: "GET", path: path + "/log", class: classRead, action: access.ReadAlerts, tag: tag, summary: "What one's rules did, and what became of it, the newest first"}, http.StatusOK, s.alertLog)
	typed(s, route{method: "GET", path: one, class: classRead, action: access.ReadAlerts, tag: tag, summary: "A rule"}, http.StatusOK, s.readAlert)
	typed(s, route{method: "PATCH", path: one, class: classChange, action: access.WriteAlerts, tag: tag, summary: "Change or snooze a rule"}, http.StatusOK, s.changeAlert)
	typed(s, route{method: "DELETE", path: one, class: classChange, action: access.WriteAlerts, tag: tag, summary: "Delete a rule"}, http.StatusNoContent, s.deleteAlert)
	typed(s, route{method: "POST", path: path + "/preview", class: classChart, action: access.ReadAlerts, tag: tag, summary: "When a rule would have fired; nothing is kept or sent"}, http.StatusOK, s.previewAlert)
}

func (s *Server) listAlerts(ctx context.Context, _ *none) (*answer[Alerts], error) {
	all, err := s.store.Rules(ctx, callOf(ctx).user())
	if err != nil {
		return nil, err
	}
	names, err := s.alertNames(ctx, all)
	if err != nil {
		return nil, err
	}
	evaluated, err := s.store.AlertsEvaluated(ctx, callOf(ctx).user())
	if err != nil {
		return nil, err
	}
	out := Alerts{Items: make([]Alert, 0, len(all)), EvaluatedAt: timeOf(evaluated)}
	if evaluated.IsZero() {
		out.EvaluatedWhy = given(whyUnevaluated)
	}
	for i := range all {
		out.Items = append(out.Items, alertOf(&all[i], names[i]))
	}
	return &answer[Alerts]{out}, nil
}

func (s *Server) readAlert(ctx context.Context, in *AlertPath) (*answer[Alert], error) {
	kept, err := s.store.Rule(ctx, callOf(ctx).user(), alert.RuleID(in.Alert))
	if err != nil {
		return nil, err
	}
	return s.oneAlert(ctx, kept)
}

func (s *Server) oneAlert(ctx context.Context, kept alert.Kept) (*answer[Alert], error) {
	names, err := s.alertNames(ctx, []alert.Kept{kept})
	if err != nil {
		return nil, err
	}
	return &answer[Alert]{alertOf(&kept, names[0])}, nil
}

func (s *Server) createAlert(ctx context.Context, in *createAlertInput) (*answer[Alert], error) {
	c := callOf(ctx)
	rule := alert.Rule{Owner: c.user(), Version: 1, Repeat: alert.RepeatEach, CreatedAt: s.now()}
	if err := s.setAlert(ctx, &rule, &in.Body.Condition, in.Body.AlertSettings); err != nil {
		return nil, err
	}
	id, err := identity.NewID(s.random)
	if err != nil {
		return nil, err
	}
	rule.ID = alert.RuleID(id)
	out, err := s.oneAlert(ctx, alert.Kept{Rule: rule, Standing: alert.Begin(rule.CreatedAt, 0)})
	if err != nil {
		return nil, err
	}
	if err := s.store.CreateRule(ctx, rule, c.write(c.entry(audit.AlertCreated, id), out.Body)); err != nil {
		return nil, err
	}
	s.alertsChanged(ctx)
	return out, nil
}

func (s *Server) changeAlert(ctx context.Context, in *changeAlertInput) (*answer[Alert], error) {
	c := callOf(ctx)
	expected, err := expectedSequence(in.IfMatch)
	if err != nil {
		return nil, err
	}
	kept, err := s.store.Rule(ctx, c.user(), alert.RuleID(in.Alert))
	if err != nil {
		return nil, err
	}
	rule := kept.Rule
	rule.Version = *expected
	if err := s.setAlert(ctx, &rule, in.Body.Condition, in.Body.AlertSettings); err != nil {
		return nil, err
	}
	kept, err = s.store.ReplaceRule(ctx, rule, in.Body.Anew, audit.Write{Audit: c.entry(audit.AlertChanged, in.Alert)})
	if err != nil {
		return nil, err
	}
	s.alertsChanged(ctx)
	return s.oneAlert(ctx, kept)
}

func (s *Server) deleteAlert(ctx context.Context, in *AlertPath) (*none, error) {
	c := callOf(ctx)
	if err := s.store.DeleteRule(ctx, c.user(), alert.RuleID(in.Alert), audit.Write{Audit: c.entry(audit.AlertDeleted, in.Alert)}); err != nil {
		return nil, err
	}
	s.alertsChanged(ctx)
	return nil, nil
}

// alertsChanged has whoever evaluates the caller's rules look at them again.
func (s *Server) alertsChanged(ctx context.Context) {
	if s.options.AlertsChanged != nil {
		s.options.AlertsChanged(ctx, callOf(ctx).user())
	}
}

// setAlert sets what a request says of a rule, and refuses a rule that can't be.
func (s *Server) setAlert(ctx context.Context, rule *alert.Rule, condition *AlertCondition, settings AlertSettings) error {
	if err := settings.set(rule, s.now()); err != nil {
		return err
	}
	if condition == nil {
		return rule.Validate()
	}
	var err error
	if rule.Condition, err = condition.read(); err != nil {
		return err
	}
	if err := rule.Validate(); err != nil {
		return err
	}
	return s.alertIsOfOwn(ctx, rule.Condition)
}

// alertIsOfOwn sees that the portfolio is the caller's own and that the instrument is there, in the portfolio where one is named.
func (s *Server) alertIsOfOwn(ctx context.Context, condition alert.Condition) error {
	if condition.Portfolio == "" {
		if condition.Instrument == "" {
			return nil
		}
		_, err := s.instrument(ctx, string(condition.Instrument))
		return atField(err, "condition.instrument_id", "There is no such instrument.")
	}
	book, err := s.newestBook(ctx, callOf(ctx).user(), condition.Portfolio)
	if err != nil {
		return atField(err, "condition.portfolio_id", "This is not a portfolio of your own.")
	}
	if _, known := book.Instruments[condition.Instrument]; condition.Instrument != "" && !known {
		return fault.At("condition.instrument_id", "The portfolio doesn't have this instrument.")
	}
	return nil
}

// newestBook is the book of a portfolio that a request names elsewhere than in its path, as new as any node has it.
func (s *Server) newestBook(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) (*ledger.Book, error) {
	p, err := s.store.Portfolio(ctx, owner, portfolio)
	if err != nil {
		return nil, err
	}
	return s.journal.Book(ctx, owner, portfolio, p.Sequence)
}

// atField names the field of a request whose thing isn't there.
func atField(err error, field, message string) error {
	if fault.Is(err, fault.NotFound) {
		return fault.At(field, "%s", message)
	}
	return err
}

func (in AlertSettings) set(rule *alert.Rule, now time.Time) error {
	if in.Name != nil {
		rule.Name = ""
		if *in.Name != "" {
			name, err := cleanName(*in.Name)
			if err != nil {
				return err
			}
			rule.Name = name
		}
	}
	if in.Repeat != nil {
		rule.Repeat = alert.Repeat(*in.Repeat)
	}
	if in.CooldownMinutes != nil {
		rule.Cooldown = time.Duration(*in.CooldownMinutes) * time.Minute
	}
	if in.ForMinutes != nil {
		rule.For = time.Duration(*in.ForMinutes) * time.Minute
	}
	if in.NoData != nil {
		rule.NoData = *in.NoData
	}
	switch {
	case in.AllChannels && in.Channels != nil:
		return fault.At("all_channels", "Either all or those that are named.")
	case in.AllChannels:
		rule.Channels = nil
	case in.Channels != nil:
		rule.Channels = make([]alert.ChannelID, 0, len(*in.Channels))
		for _, id := range *in.Channels {
			rule.Channels = append(rule.Channels, alert.ChannelID(id))
		}
	}
	if in.SnoozedUntil != nil {
		rule.SnoozedUntil = time.Time{}
		if in.SnoozedUntil.After(now) {
			rule.SnoozedUntil = in.SnoozedUntil.UTC()
		}
	}
	switch {
	case in.NeverExpires && in.ExpiresAt != nil:
		return fault.At("never_expires", "Either it ends or it doesn't.")
	case in.NeverExpires:
		rule.ExpiresAt = time.Time{}
	case in.ExpiresAt != nil && !in.ExpiresAt.After(now):
		return fault.At("expires_at", "This time is over.")
	case in.ExpiresAt != nil:
		rule.ExpiresAt = in.ExpiresAt.UTC()
	}
	return nil
}

func (in AlertCondition) read() (alert.Condition, error) {
	out := alert.Condition{
		Kind: alert.Kind(in.Kind), Portfolio: ledger.PortfolioID(in.PortfolioID), Instrument: market.InstrumentID(in.InstrumentID),
		Base: money.Currency(in.Base), Quote: money.Currency(in.Quote), Direction: alert.Direction(in.Direction), Unit: alert.Unit(in.Unit), Days: in.Days, Expression: in.Expression,
	}
	if in.Group != nil {
		out.Group = alert.Group{By: figures.By(in.Group.By), Name: in.Group.Name}
	}
	threshold, err := alertNumber(in.Threshold, "condition.threshold")
	if err != nil {
		return out, err
	}
	if threshold != nil {
		out.Threshold = *threshold
	}
	if out.Target, err = alertNumber(in.Target, "condition.target"); err != nil {
		return out, err
	}
	out.Rearm, err = alertNumber(in.Rearm, "condition.rearm")
	return out, err
}

func alertNumber(text *string, field string) (*money.Decimal, error) {
	if text == nil {
		return nil, nil
	}
	x, err := money.Parse(*text)
	if err != nil {
		return nil, fault.At(field, "This is not a number.")
	}
	return &x, nil
}
