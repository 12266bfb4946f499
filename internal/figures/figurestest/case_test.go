package figurestest

import (
	"encoding/json"
	"math/big"
	"strings"
	"time"
)

// day counts days since 1970-01-01.
type day int

func (d day) String() string { return time.Unix(int64(d)*86400, 0).UTC().Format(time.DateOnly) }

// MarshalText writes a day as cases have it.
func (d day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a day as cases have it.
func (d *day) UnmarshalText(text []byte) error {
	at, err := time.Parse(time.DateOnly, string(text))
	*d = day(at.Unix() / 86400)
	return err
}

// none stands for a day that there isn't.
const none day = -1 << 30

// caseFile is a case of `evaluate` as it is written. Numbers are texts; an empty text is a number left out.
type caseFile struct {
	Base       string             `json:"base_currency"`
	From       *day               `json:"from,omitempty"`
	To         *day               `json:"to,omitempty"`
	Method     string             `json:"lot_method,omitempty"`
	Scope      string             `json:"lot_scope,omitempty"`
	FeesInCost *bool              `json:"fees_in_cost,omitempty"`
	Activities []*activity        `json:"activities,omitempty"`
	Prices     map[string]*quoted `json:"prices,omitempty"`
	FX         map[string]series  `json:"fx,omitempty"`
	Benchmark  *closes            `json:"benchmark,omitempty"`
	RiskFree   string             `json:"risk_free_rate,omitempty"`
	Valuations []worth            `json:"valuations,omitempty"`
	Series     bool               `json:"series,omitempty"`
}

type series map[day]string

type closes struct {
	Closes series `json:"closes"`
}

type quoted struct {
	Currency string `json:"currency"`
	Closes   series `json:"closes"`
}

type worth struct {
	Date  day    `json:"date"`
	Value string `json:"value"`
}

type chosen struct {
	ID       string `json:"id"`
	Quantity string `json:"quantity"`
}

type activity struct {
	ID         string   `json:"id,omitempty"`
	Date       day      `json:"date"`
	Type       string   `json:"type"`
	Account    string   `json:"account,omitempty"`
	Symbol     string   `json:"symbol,omitempty"`
	Quantity   string   `json:"quantity,omitempty"`
	Price      string   `json:"price,omitempty"`
	Amount     string   `json:"amount,omitempty"`
	Currency   string   `json:"currency,omitempty"`
	Fee        string   `json:"fee,omitempty"`
	Tax        string   `json:"tax,omitempty"`
	FXRate     string   `json:"fx_rate,omitempty"`
	ToAccount  string   `json:"to_account,omitempty"`
	ToSymbol   string   `json:"to_symbol,omitempty"`
	ToCurrency string   `json:"to_currency,omitempty"`
	ToAmount   string   `json:"to_amount,omitempty"`
	Ratio      string   `json:"ratio,omitempty"`
	CostShare  string   `json:"cost_share,omitempty"`
	Reinvest   bool     `json:"reinvest,omitempty"`
	Refund     bool     `json:"refund,omitempty"`
	Lots       []chosen `json:"lots,omitempty"`
}

// written is the case as a file.
func (c *caseFile) written() []byte {
	data, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return data
}

// String is the case with a line for each activity.
func (c *caseFile) String() string {
	return strings.ReplaceAll(string(c.written()), `{"id"`, "\n"+`{"id"`)
}

// fraction is an exact number; nil is one that is not known.
type fraction = *big.Rat

func number(text string) fraction {
	if text == "" {
		return new(big.Rat)
	}
	x, ok := new(big.Rat).SetString(text)
	if !ok {
		panic("not a number: " + text)
	}
	return x
}

func whole(n int64) fraction { return big.NewRat(n, 1) }

func plus(all ...fraction) fraction {
	sum := new(big.Rat)
	for _, x := range all {
		if x == nil {
			return nil
		}
		sum.Add(sum, x)
	}
	return sum
}

func minus(x, y fraction) fraction { return plus(x, negated(y)) }

func negated(x fraction) fraction {
	if x == nil {
		return nil
	}
	return new(big.Rat).Neg(x)
}

func times(x, y fraction) fraction {
	if x == nil || y == nil {
		return nil
	}
	return new(big.Rat).Mul(x, y)
}

// per is x / y, unrounded.
func per(x, y fraction) fraction {
	if x == nil || y == nil || y.Sign() == 0 {
		return nil
	}
	return new(big.Rat).Quo(x, y)
}

func smaller(x, y fraction) fraction {
	if x.Cmp(y) < 0 {
		return x
	}
	return y
}

// compareSize compares |x| and |y|.
func compareSize(x, y fraction) int { return new(big.Rat).Abs(x).Cmp(new(big.Rat).Abs(y)) }

// rounded is x to 34 significant digits, half to even, as the contract has it for quotients.
func rounded(x fraction) fraction {
	if x == nil || x.Sign() == 0 {
		return x
	}
	const digits = 34
	ten := big.NewInt(10)
	scale := digits - len(x.Num().Text(10)) + len(x.Denom().Text(10)) // at most one too few or too many
	for {
		n := new(big.Int).Abs(x.Num())
		d := new(big.Int).Set(x.Denom())
		power := new(big.Int).Exp(ten, big.NewInt(int64(max(scale, -scale))), nil)
		if scale >= 0 {
			n.Mul(n, power)
		} else {
			d.Mul(d, power)
		}
		q, r := new(big.Int).QuoRem(n, d, new(big.Int))
		if size := len(q.Text(10)); size > digits {
			scale -= size - digits
			continue
		} else if size < digits {
			scale += digits - size
			continue
		}
		if half := r.Lsh(r, 1).Cmp(d); half > 0 || half == 0 && q.Bit(0) == 1 {
			q.Add(q, big.NewInt(1))
		}
		out := new(big.Rat).SetInt(q)
		if scale >= 0 {
			out.Quo(out, new(big.Rat).SetInt(power))
		} else {
			out.Mul(out, new(big.Rat).SetInt(power))
		}
		if x.Sign() < 0 {
			out.Neg(out)
		}
		return out
	}
}

// plain is x written out as a plain decimal; x must have an end.
func plain(x fraction) string {
	places, ok := x.FloatPrec()
	if !ok {
		panic("no end: " + x.String())
	}
	return x.FloatString(places)
}

// major is the currency of a code, and how much of it 1 of the code is: vendors quote some in hundredths.
func major(code string) (currency string, factor fraction) {
	switch code {
	case "GBp", "GBX":
		return "GBP", big.NewRat(1, 100)
	case "ZAc":
		return "ZAR", big.NewRat(1, 100)
	case "ILA":
		return "ILS", big.NewRat(1, 100)
	}
	return code, whole(1)
}

// ratio is how many new ones there are for how many old ones.
func ratio(text string) (new, old fraction) {
	n, o, _ := strings.Cut(text, ":")
	return number(n), number(o)
}
