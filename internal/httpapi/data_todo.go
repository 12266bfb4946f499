package httpapi

import (
	"slices"
	"time"

	"folioscope/internal/event"
	"folioscope/internal/ingest"
	"folioscope/internal/market"
)

// dataFacts is what is known of the data of one holding or rate.
type dataFacts struct {
	instrument market.Instrument
	own        bool // the portfolio's own instrument: nobody is asked for it
	rate       bool
	holding    *event.Holding // nil for a rate
	valued     bool
	state      market.State
	outlook    ingest.Outlook
	history    *HistoryProgress // nil where nothing is looked for
	now        time.Time
}

// item describes it.
func (f *dataFacts) item() DataItem {
	i, o := f.instrument, f.outlook
	out := DataItem{
		Kind: "holding", InstrumentID: string(i.ID), Symbol: i.Symbol, Name: i.Name, Currency: string(i.Currency), AssetClass: string(i.Class),
		State: string(f.state), FirstSource: given(o.First), Sources: []PriceSource{}, History: f.history, Missing: f.missing(), ToDo: f.toDoFirst(),
	}
	if f.rate {
		out.Kind = "rate"
	}
	if !f.own {
		for _, source := range o.Sources {
			out.Sources = append(out.Sources, priceSourceOf(source))
		}
		out.Refreshable = !f.rate && slices.ContainsFunc(o.Sources, usable)
		if out.Refreshable && o.RefreshAt.After(f.now) {
			out.RefreshAt = moment(o.RefreshAt)
		}
		if i.MIC != "" {
			out.MarketOpen, out.MarketUntil = &o.Session.Open, moment(o.Session.Until)
		}
	}
	f.price(&out)
	return out
}

// price adds the price in use: the document's for a holding, which is the one that people see, else the mark.
func (f *dataFacts) price(out *DataItem) {
	mark := f.outlook.Mark
	if mark != nil && !f.own {
		if held := mark.HeldBack; held != nil {
			out.HeldBack = &DataHeldBack{Price: held.Price.String(), Source: held.Source, Reason: held.Reason, ObservedAt: held.ObservedAt.UTC()}
		}
		seconds := int64(f.outlook.Unseen / time.Second)
		out.OpenSeconds = &seconds
	}
	switch {
	case f.holding != nil:
		p := f.holding.Price
		out.Source, out.Price = given(string(p.Source)), decimal(p.Amount)
		out.ObservedAt, out.MarketTime = moment(time.Time(p.ObservedAt)), moment(time.Time(p.MarketTime))
	case mark != nil:
		out.Source, out.Price, out.ObservedAt, out.MarketTime = given(mark.Source), given(mark.Price.String()), moment(mark.ObservedAt), moment(mark.MarketTime)
	}
}

// usable says whether a source may have a price when it is asked.
func usable(s ingest.SourceView) bool { return s.Named && s.Refused == "" }

func priceSourceOf(s ingest.SourceView) PriceSource {
	out := PriceSource{Name: s.Name, State: "asked", Until: moment(s.Until)}
	switch {
	case !s.Named:
		out.State = "no_name"
	case s.Refused == ingest.NotEntitled:
		out.State = "not_covered"
	case s.Refused != "":
		out.State = "unknown"
	case s.Spent:
		out.State = "quota_spent"
	case s.Away:
		out.State = "left_alone"
	}
	if out.State == "no_name" {
		out.Until = nil
	}
	return out
}

// missing is what isn't there, in sentences.
func (f *dataFacts) missing() []MissingData {
	out := []MissingData{}
	add := func(what, text string) { out = append(out, MissingData{what, text}) }
	switch f.state {
	case market.StateNone:
		switch {
		case f.rate:
			add("rate", "There is no rate. What is held in this currency is left out of every total.")
		default:
			add("price", "There is no price. It is left out of every total.")
		}
	case market.StateQuarantined:
		add("decision", "A price is held back. The one before it is in every total.")
	case market.StateStale:
		add("fresh_price", "There has been no new price. The last known one is in every total.")
	case market.StateFallback:
		if first := f.outlook.First; first != "" {
			add("first_source", f.whyNotFirst(first))
		}
	}
	if f.holding != nil && f.state != market.StateNone && !f.valued {
		add("rate", "There is a price, but no exchange rate for it. It is left out of every total.")
	}
	if !f.history.complete() {
		switch ingest.BackfillState(f.history.State) {
		case ingest.BackfillNone:
			add("history", "No source has its past prices, so figures over time leave it out.")
		case ingest.BackfillFailed:
			add("history", "Some past prices couldn't be got yet, so figures over time may leave it out.")
		default:
			add("history", "Its past prices are being looked for. Figures over time may leave it out until then.")
		}
	}
	return out
}

// whyNotFirst says why another source than the first serves it.
func (f *dataFacts) whyNotFirst(first string) string {
	in := ingest.Title(first)
	for _, s := range f.outlook.Sources {
		if s.Name != first {
			continue
		}
		switch {
		case s.Refused == ingest.UnknownSymbol:
			return in + " doesn't know it by its name here, so another source's price is used."
		case s.Spent:
			return in + " was asked as often as it allows, so another source's price is used."
		case s.Away:
			return in + " doesn't answer, so another source's price is used."
		}
	}
	return in + " had no price when it was last asked, so another source's is used."
}

// toDoFirst is the one thing that a person can do, nil where there is none.
func (f *dataFacts) toDoFirst() *NextStep {
	switch {
	case f.own:
		if f.state == market.StateNone {
			return &NextStep{Code: "enter_price", Text: "Enter what it is worth."}
		}
		return nil
	case f.state == market.StateQuarantined:
		return &NextStep{Code: "decide_price", Text: "Ask an administrator to accept or refuse the price that is held back."}
	case f.state == market.StateNone, f.state == market.StateStale:
		return f.toDoWithoutPrice()
	case f.history.complete():
		return nil
	}
	switch ingest.BackfillState(f.history.State) {
	case ingest.BackfillNone:
		return &NextStep{Code: "add_history", Text: "Enter past prices by hand, or from a file, on its page."}
	default:
		return &NextStep{Code: "wait_history", Text: "Wait: its past prices come by themselves."}
	}
}

// toDoWithoutPrice is what to do where there is no price, or none that is fresh.
func (f *dataFacts) toDoWithoutPrice() *NextStep {
	byHand := ", or enter a price by hand."
	if f.rate {
		byHand = "."
	}
	named := slices.DeleteFunc(slices.Clone(f.outlook.Sources), func(s ingest.SourceView) bool { return !s.Named })
	open := slices.DeleteFunc(slices.Clone(named), func(s ingest.SourceView) bool { return s.Refused != "" })
	switch {
	case len(f.outlook.Sources) == 0:
		return &NextStep{Code: "switch_on_source", Text: "No source of such prices is switched on. Ask an administrator to switch one on" + byHand}
	case len(named) == 0:
		return &NextStep{Code: "name_at_source", Text: "No source has a name for it. Ask an administrator to give it one" + byHand}
	case len(open) == 0 && slices.ContainsFunc(named, func(s ingest.SourceView) bool { return s.Refused == ingest.UnknownSymbol }):
		return &NextStep{Code: "check_name", Text: "No source knows it by the name that it has here. Ask an administrator to correct the name" + byHand}
	case len(open) == 0:
		return &NextStep{Code: "not_covered", Text: "No source gives it with the keys of this server. Ask an administrator for another source" + byHand}
	case !slices.ContainsFunc(open, func(s ingest.SourceView) bool { return !s.Away }):
		soonest := slices.MinFunc(open, func(a, b ingest.SourceView) int { return a.Until.Compare(b.Until) })
		why := " doesn't answer"
		if soonest.Spent {
			why = " was asked as often as it allows"
		}
		return &NextStep{Code: "wait_source", Text: "Wait: " + ingest.Title(soonest.Name) + why + ", and is asked again by itself.", Until: moment(soonest.Until)}
	case f.outlook.Tried.IsZero():
		return &NextStep{Code: "wait_first_price", Text: "Wait a minute: it is new, and is asked for soon."}
	case !f.outlook.Session.Open && f.outlook.Tried.After(f.outlook.Session.LastClose.Add(closeAnswered)):
		return &NextStep{Code: "wait_market", Text: "Wait until its market opens: it was asked for since the close.", Until: moment(f.outlook.Session.Until)}
	}
	return &NextStep{Code: "refresh", Text: "Ask for it now."}
}

// closeAnswered is how long after the close a source has its last price for sure.
const closeAnswered = 30 * time.Minute
