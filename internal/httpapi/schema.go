package httpapi

import (
	"cmp"
	"time"

	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// The shapes of answers. Amounts, quantities, prices and rates are decimal strings; what is unknown is null.

// User is who is signed in.
type User struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
	Role  string `json:"role" enum:"user,adviser,auditor,admin"`

	MustEnrol        bool `json:"must_enrol" doc:"A second factor has to be set up before anything else"`
	PasswordBreached bool `json:"password_breached" doc:"The password came to light in a breach somewhere: change it"`
}

func userOf(u identity.User) User {
	return User{ID: string(u.ID), Name: u.Name, Email: u.Email, Role: string(u.Role), PasswordBreached: !u.BreachedAt.IsZero()}
}

// SignedIn answers a sign-in.
type SignedIn struct {
	User User `json:"user"`
}

// Portfolio is a portfolio without what is in it.
type Portfolio struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	BaseCurrency string `json:"base_currency"`
	Sequence     int64  `json:"sequence" doc:"Grows by 1 with every change"`
	Role         string `json:"role" enum:"owner,percentages,view,edit,manage" doc:"What the caller is to it: its owner, or what its owner gave them"`
	LotMethod    string `json:"lot_method" enum:"fifo,lifo,hifo,average,specific"`
	LotScope     string `json:"lot_scope" enum:"account,portfolio" doc:"Whose lots a disposal takes: those of its own account, or of all"`
	AllowShort   bool   `json:"allow_short"`
	Closed       bool   `json:"closed"`

	OwnerName *string    `json:"owner_name" doc:"Of a portfolio that was shared; null for one's own"`
	ExpiresAt *time.Time `json:"expires_at" doc:"When what was shared ends; null: never, or one's own"`
}

func portfolioOf(p ledger.Portfolio) Portfolio {
	return Portfolio{
		ID: string(p.ID), Name: p.Name, BaseCurrency: string(p.BaseCurrency), Sequence: p.Sequence, Role: "owner",
		LotMethod: string(p.LotMethod), LotScope: string(cmp.Or(p.LotScope, ledger.ScopeAccount)), AllowShort: p.AllowShort, Closed: p.Closed,
	}
}

// Portfolios is a list of them.
type Portfolios struct {
	Items []Portfolio `json:"items" nullable:"false"`
}

// Account is where securities and cash lie.
type Account struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Currency string `json:"currency"`
	Closed   bool   `json:"closed"`
}

func accountOf(a ledger.Account) Account {
	return Account{ID: string(a.ID), Name: a.Name, Currency: string(a.Currency), Closed: a.Closed}
}

// Accounts is a list of them.
type Accounts struct {
	Items []Account `json:"items" nullable:"false"`
}

// Activity is one thing that happened.
type Activity struct {
	ID           string  `json:"id"`
	Date         string  `json:"date"`
	Type         string  `json:"type"`
	Account      *string `json:"account"`
	AccountName  *string `json:"account_name"`
	InstrumentID *string `json:"instrument_id"`
	Symbol       *string `json:"symbol"`
	Name         *string `json:"name"`
	Quantity     *string `json:"quantity"`
	Price        *string `json:"price"`
	Amount       *string `json:"amount"`
	Currency     string  `json:"currency"`
	Fee          *string `json:"fee"`
	Tax          *string `json:"tax"`
	FXRate       *string `json:"fx_rate"`
	ToAccount    *string `json:"to_account"`
	Ratio        *string `json:"ratio"`
	Reinvest     bool    `json:"reinvest"`
	Refund       bool    `json:"refund"`
	Note         *string `json:"note"`

	ToInstrumentID *string     `json:"to_instrument_id"`
	ToSymbol       *string     `json:"to_symbol"`
	ToName         *string     `json:"to_name"`
	CostShare      *string     `json:"cost_share"`
	ToCurrency     *string     `json:"to_currency"`
	ToAmount       *string     `json:"to_amount"`
	Lots           []LotChoice `json:"lots" nullable:"false" doc:"The lots that it names"`

	Voided  bool `json:"voided"`
	Version int  `json:"version"`
}

// LotChoice is a part of a lot that a disposal takes.
type LotChoice struct {
	ID       string `json:"id" doc:"Of the activity that opened it"`
	Quantity string `json:"quantity"`
}

func activityOf(a ledger.Activity, accounts map[ledger.AccountID]ledger.Account, instruments map[market.InstrumentID]market.Instrument) Activity {
	out := Activity{
		ID: string(a.ID), Date: a.Date.String(), Type: string(a.Type), Account: given(string(a.Account)), Quantity: decimal(a.Quantity),
		Price: decimal(a.Price), Amount: decimal(a.Amount), Currency: string(a.Currency), FXRate: decimal(a.FXRate), ToAccount: given(string(a.ToAccount)),
		Reinvest: a.Reinvest, Refund: a.Refund, Note: given(a.Note), Voided: a.Voided, Version: a.Version, InstrumentID: given(string(a.Instrument)),
		ToInstrumentID: given(string(a.ToInstrument)), CostShare: decimal(a.CostShare), ToCurrency: given(string(a.ToCurrency)), ToAmount: decimal(a.ToAmount),
		Lots: make([]LotChoice, 0, len(a.Lots)),
	}
	for _, lot := range a.Lots {
		out.Lots = append(out.Lots, LotChoice{ID: string(lot.ID), Quantity: lot.Quantity.String()})
	}
	if becomes, ok := instruments[a.ToInstrument]; ok {
		out.ToSymbol, out.ToName = &becomes.Symbol, &becomes.Name
	}
	if account, ok := accounts[a.Account]; ok {
		out.AccountName = &account.Name
	}
	if instrument, ok := instruments[a.Instrument]; ok {
		out.Symbol, out.Name = &instrument.Symbol, &instrument.Name
	}
	if !a.Fee.IsZero() {
		out.Fee = decimal(&a.Fee)
	}
	if !a.Tax.IsZero() {
		out.Tax = decimal(&a.Tax)
	}
	if a.Ratio != nil {
		ratio := a.Ratio.New.String() + ":" + a.Ratio.Old.String()
		out.Ratio = &ratio
	}
	return out
}

// ActivityPage is a page of activities, newest first.
type ActivityPage struct {
	Items      []Activity `json:"items" nullable:"false"`
	NextCursor *string    `json:"next_cursor"`
	Sequence   int64      `json:"sequence"`
}

// Instrument is something that has a price.
type Instrument struct {
	ID         string            `json:"id"`
	Symbol     string            `json:"symbol"`
	MIC        *string           `json:"mic"`
	ISIN       *string           `json:"isin"`
	Name       string            `json:"name"`
	Currency   string            `json:"currency"`
	AssetClass string            `json:"asset_class"`
	Sector     *string           `json:"sector"`
	Country    *string           `json:"country"`
	Names      map[string]string `json:"names,omitempty" doc:"What providers call it"`
	Delisted   bool              `json:"delisted,omitempty" doc:"Its market doesn't trade it any more"`
	DelistedOn *string           `json:"delisted_on,omitempty" doc:"The last day on which it did, where known"`
	Former     []FormerName      `json:"former,omitempty" doc:"What it was called before, the latest first"`
}

// FormerName is something that an instrument was called.
type FormerName struct {
	Kind  string  `json:"kind" enum:"symbol,name,isin,cusip,sedol,wkn,figi"`
	Value string  `json:"value"`
	Until *string `json:"until" doc:"The last day, where known"`
}

func formerOf(aliases []market.Alias) []FormerName {
	var out []FormerName
	for _, a := range market.Former(aliases) {
		f := FormerName{Kind: string(a.Scheme), Value: a.Value}
		if a.Until != market.NoDate {
			f.Until = given(a.Until.String())
		}
		out = append(out, f)
	}
	return out
}

func instrumentOf(i market.Instrument) Instrument {
	out := Instrument{
		ID: string(i.ID), Symbol: i.Symbol, MIC: given(i.MIC), ISIN: given(i.ISIN), Name: i.Name, Currency: string(i.Currency),
		AssetClass: string(i.Class), Sector: given(i.Sector), Country: given(i.Country), Delisted: i.Delisted,
	}
	if i.Delisted && i.DelistedOn != market.NoDate {
		out.DelistedOn = given(i.DelistedOn.String())
	}
	return out
}

func instrumentsOf(all []market.Instrument) []Instrument {
	out := make([]Instrument, 0, len(all))
	for _, i := range all {
		out = append(out, instrumentOf(i))
	}
	return out
}

// Instruments is a list of them.
type Instruments struct {
	Items []Instrument `json:"items" nullable:"false"`
}

// Split is a split that prices are divided by.
type Split struct {
	Date  string `json:"date"`
	Ratio string `json:"ratio" doc:"new:old, such as 2:1"`
}

// Bars are an instrument's daily closes as they were traded, never adjusted for splits.
type Bars struct {
	InstrumentID string     `json:"instrument_id"`
	Currency     string     `json:"currency"`
	Bars         [][]string `json:"bars" nullable:"false" doc:"Pairs of date and close as traded; a holding's prices are adjusted for splits, too"`
}

// HeldBack is a price that waits for confirmation.
type HeldBack struct {
	Amount string `json:"amount"`
	Reason string `json:"reason"`
}

// Price is a price with where it is from and how good it is.
type Price struct {
	Amount        *string    `json:"amount"`
	Currency      *string    `json:"currency"`
	Source        *string    `json:"source"`
	ObservedAt    *time.Time `json:"observed_at"`
	MarketTime    *time.Time `json:"market_time"`
	State         string     `json:"state" enum:"live,delayed,closed,nav,manual,fallback,stale,quarantined,none"`
	PreviousClose *string    `json:"previous_close"`
	PreviousDate  *string    `json:"previous_date"`
	HeldBack      *HeldBack  `json:"held_back,omitempty"`
}

// Holding is an open position.
type Holding struct {
	InstrumentID     string   `json:"instrument_id"`
	Symbol           string   `json:"symbol"`
	MIC              *string  `json:"mic"`
	Name             string   `json:"name"`
	AssetClass       string   `json:"asset_class"`
	Currency         string   `json:"currency"`
	Sector           *string  `json:"sector"`
	Country          *string  `json:"country"`
	Quantity         string   `json:"quantity"`
	Price            Price    `json:"price"`
	Value            *string  `json:"value" doc:"In the price's currency"`
	ValueBase        *string  `json:"value_base"`
	Weight           *string  `json:"weight" doc:"A fraction"`
	DayChangeBase    *string  `json:"day_change_base"`
	DayChangePercent *string  `json:"day_change_percent" doc:"Of the price, in its own currency"`
	CostBase         *string  `json:"cost_base"`
	UnrealisedBase   *string  `json:"unrealised_base"`
	RealisedBase     *string  `json:"realised_base"`
	IncomeBase       *string  `json:"income_base"`
	ProfitBase       *string  `json:"profit_base"`
	Accounts         []string `json:"accounts" nullable:"false"`
}

// Contribution is a part of the day's change; they sum to it exactly.
type Contribution struct {
	Kind         string  `json:"kind" enum:"price,currency,cash"`
	InstrumentID *string `json:"instrument_id,omitempty"`
	Currency     *string `json:"currency,omitempty"`
	Label        string  `json:"label"`
	Amount       string  `json:"amount"`
	Percent      *string `json:"percent"`
}

// Market is a market of something held.
type Market struct {
	MIC   string     `json:"mic"`
	Name  string     `json:"name"`
	State string     `json:"state" enum:"open,closed"`
	Until *time.Time `json:"until"`
}

// Rate is base units for 1 unit of a currency.
type Rate struct {
	Currency string    `json:"currency"`
	Rate     string    `json:"rate"`
	AsOf     time.Time `json:"as_of"`
	Source   string    `json:"source"`
}

// Trouble is something that couldn't be worked out, and why.
type Trouble struct {
	Where string `json:"where"`
	What  string `json:"what"`
}

// PortfolioDocument is what a portfolio is worth now and why it moved; also the payload of the stream's snapshot.
type PortfolioDocument struct {
	ID               string         `json:"id"`
	Name             string         `json:"name"`
	Sequence         int64          `json:"sequence"`
	BaseCurrency     string         `json:"base_currency"`
	Value            *string        `json:"value"`
	Cash             string         `json:"cash"`
	CashTracked      bool           `json:"cash_tracked"`
	DayChange        *string        `json:"day_change"`
	DayChangePercent *string        `json:"day_change_percent"`
	State            string         `json:"state" enum:"live,delayed,closed,nav,manual,fallback,stale,quarantined,none"`
	StaleShare       string         `json:"stale_share"`
	AsOf             time.Time      `json:"as_of"`
	Simulated        bool           `json:"simulated"`
	Holdings         []Holding      `json:"holdings" nullable:"false"`
	Contributions    []Contribution `json:"contributions" nullable:"false"`
	Markets          []Market       `json:"markets" nullable:"false"`
	Rates            []Rate         `json:"rates" nullable:"false"`
	Problems         []Trouble      `json:"problems" nullable:"false"`
}

// PortfolioDelta is what has changed since the last event of a stream.
type PortfolioDelta struct {
	ID               string         `json:"id"`
	Sequence         int64          `json:"sequence"`
	Value            *string        `json:"value"`
	Cash             string         `json:"cash"`
	DayChange        *string        `json:"day_change"`
	DayChangePercent *string        `json:"day_change_percent"`
	State            string         `json:"state" enum:"live,delayed,closed,nav,manual,fallback,stale,quarantined,none"`
	StaleShare       string         `json:"stale_share"`
	AsOf             time.Time      `json:"as_of"`
	Holdings         []Holding      `json:"holdings" nullable:"false" doc:"The ones that changed, whole. Weights of the others follow: value_base / value to 8 decimals half to even, null where value is not above 0"`
	Contributions    []Contribution `json:"contributions" nullable:"false" doc:"The ones that changed, each for that of the same kind, instrument and currency; one of 0 is gone, and all are where day_change is null. Biggest first, then by kind, instrument and currency"`
	Markets          []Market       `json:"markets,omitempty" nullable:"false"`
	Rates            []Rate         `json:"rates,omitempty" nullable:"false"`
}

// StreamInbox says nothing but that it came: how much is new is asked for.
type StreamInbox struct{}

// StreamDegraded is what the service does without.
type StreamDegraded struct {
	Away []string `json:"away" nullable:"false" enum:"database,bus,disk" doc:"database: what is shown comes from memory, and nothing can be changed. bus: changes are found by looking, every 30 s. disk: all can be read, and no change can be kept. Empty: all is there"`
}

// StreamStatus is how well the service itself is connected to the market.
type StreamStatus struct {
	ID         string    `json:"id"`
	Connection string    `json:"connection" enum:"live,delayed,stale,closed,simulated"`
	State      string    `json:"state" enum:"live,delayed,closed,nav,manual,fallback,stale,quarantined,none"`
	StaleShare string    `json:"stale_share"`
	AsOf       time.Time `json:"as_of"`
	Detail     string    `json:"detail"`
}

// given is a text, or nil where it is empty.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func decimal(x *money.Decimal) *string {
	if x == nil {
		return nil
	}
	text := x.String()
	return &text
}
