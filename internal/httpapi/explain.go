package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// A trail is recorded in memory, at worst some hundred MiB of a very long ledger, until it is answered.
const (
	explainingMax        = 2
	explainingWaitingMax = 16
	explainingRetryAfter = 5 * time.Second
	explainedFigureMax   = 200 // bytes of a figure's path: a symbol, an account and a name
)

// Explanation is a figure and how it came about, in answer to performance with explain.
type Explanation struct {
	Figure   string       `json:"figure"`
	Label    string       `json:"label"`
	Value    *string      `json:"value"`
	Unit     string       `json:"unit" doc:"A currency, units, days, rate (a fraction), or one per another such as EUR/USD"`
	Period   FigurePeriod `json:"period"`
	Trail    TrailNode    `json:"trail"`
	Problems []Trouble    `json:"problems" nullable:"false"`
}

// TrailNode is one step: its operation applied to the values of its inputs gives its value.
type TrailNode struct {
	Label     string       `json:"label"`
	Operation string       `json:"operation" enum:"input,sum,difference,negation,product,quotient,share,chain,growth,log_growth,power,root,mean,deviation,semi_deviation,downside,regression,series"`
	Value     *string      `json:"value" doc:"null where it can't be known"`
	Unit      string       `json:"unit"`
	Note      string       `json:"note,omitempty"`
	Date      string       `json:"date,omitempty"`
	Source    *TrailSource `json:"source,omitempty" doc:"Where an input was read"`
	Inputs    []TrailNode  `json:"inputs" nullable:"false"`
	Omitted   int          `json:"omitted,omitempty" doc:"How many inputs are left out; ask with this node's path to get them"`
}

// TrailSource is where an input was read.
type TrailSource struct {
	Kind     string `json:"kind" enum:"activity,price,rate,valuation,flow,benchmark,setting"`
	ID       string `json:"id,omitempty" doc:"Of an activity"`
	Field    string `json:"field,omitempty" doc:"Of the activity"`
	Symbol   string `json:"symbol,omitempty" doc:"Of a price"`
	Currency string `json:"currency,omitempty" doc:"Of a rate"`
	Date     string `json:"date,omitempty"`
	Name     string `json:"name,omitempty" doc:"Of a setting"`
	Source   string `json:"source,omitempty" doc:"Who gave the price, where that is known"`
	State    string `json:"state,omitempty" doc:"Of the price, where that is known"`
}

// explainParams are what performance takes to explain one of its figures.
func explainParams() []*huma.Param {
	text, number := &huma.Schema{Type: huma.TypeString}, &huma.Schema{Type: huma.TypeInteger}
	return []*huma.Param{
		{Name: "explain", In: "query", Schema: text, Description: "A figure, such as totals.profit, returns.twr, risk.sharpe, income.yield_trailing or positions[SYMBOL].cost_base: the answer is an Explanation, how it came about"},
		{Name: "path", In: "query", Schema: text, Description: "With explain: the inputs to follow from the figure, such as 0.3.1. The answer's trail begins there, with up to 2,000 of its inputs"},
		{Name: "skip", In: "query", Schema: number, Description: "With explain: how many inputs of that step to leave out"},
		{Name: "depth", In: "query", Schema: number, Description: "With explain: how many levels of steps to give below it, 4 if left out and 40 at most"},
	}
}

// serveExplanation writes how one figure of a performance came about.
func (s *Server) serveExplanation(w http.ResponseWriter, r *http.Request, book ledger.Book, m *figures.Market, from, to market.Date) {
	query := r.URL.Query()
	view, err := trailView(query)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	leave, ok := s.explaining.enter(r.Context())
	if !ok {
		p := s.problemOf(r.Context(), fault.New(fault.Limited, "Many figures are being explained right now. Try again in a moment."))
		p.retryAfter = explainingRetryAfter
		p.write(w)
		return
	}
	defer leave()
	source, err := s.priceSource(r.Context(), &book)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	out, err := figures.Explain(book, m, from, to, "", source, query.Get("explain"), view)
	if err != nil {
		s.fail(w, r, fmt.Errorf("explain a figure: %w", err))
		return
	}
	s.answer(w, http.StatusOK, out)
}

// trailView reads which part of a trail is asked for.
func trailView(query url.Values) (v figures.TrailView, err error) {
	if len(query.Get("explain")) > explainedFigureMax {
		return v, fault.At("explain", "There is no such figure.")
	}
	if v.Path, err = figures.ParseTrailPath(query.Get("path")); err != nil {
		return v, err
	}
	v.Whole = query.Has("path")
	for name, into := range map[string]*int{"skip": &v.Skip, "depth": &v.Depth} {
		if text := query.Get(name); text != "" {
			if *into, err = strconv.Atoi(text); err != nil || *into < 0 {
				return v, fault.At(name, "This is not a number of steps.")
			}
		}
	}
	return v, nil
}
