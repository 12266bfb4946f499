package ledger

import (
	"strings"
	"testing"

	"folioscope/internal/money"
)

// Thirds of a share in three accounts are one share, whatever the order of the accounts.
func TestPartsOfAWholeSumToIt(t *testing.T) {
	third := Ratio{New: money.One, Old: money.MustParse("3")}
	for _, quantities := range [][]string{{"1", "1", "1"}, {"-5", "-1"}, {"7", "-1", "-3"}, {"0.000000000000000001", "2.999999999999999999"}} {
		var stake Stake
		for _, q := range quantities {
			stake.Parts = append(stake.Parts, AccountPart{Quantity: money.MustParse(q)})
		}
		var rounding, apart Rounding
		_, together := stake.Multiplied(third, &rounding)
		var sum money.Decimal
		for _, part := range stake.Parts { // each in a position of its own, as where lots are per account
			_, one := Stake{Parts: []AccountPart{part}}.Multiplied(third, &apart)
			sum = sum.Add(one)
		}
		if want := stake.Quantity().Quo(money.MustParse("3")); !together.Equal(want) || !sum.Equal(want) {
			t.Errorf("%v: %s together and %s apart, want %s", quantities, together, sum, want)
		}
	}
}

// What one account can have exactly it has, whatever the others round.
func TestExactPartsStayExact(t *testing.T) {
	stake := Stake{Parts: []AccountPart{{"main", money.MustParse("0.05")}, {"y", money.MustParse("1.05")}}}
	parts, _ := stake.Multiplied(Ratio{New: money.MustParse("7"), Old: money.MustParse("6")}, &Rounding{})
	if got := parts[1].Quantity.String(); got != "1.225" {
		t.Errorf("1.05 shares 7 for 6 are %s, want 1.225", got)
	}
}

// There and back again is where it was, however awkward the ratio; what is not there stays as exact as it can be.
func TestThereAndBackAgain(t *testing.T) {
	for _, quantity := range []string{"8", "1", "-5", "0.000000000000000001", "100000000", "123456.123456789012", "0.07"} {
		for _, ratio := range []string{"1:3", "7:6", "3:11", "1:7"} {
			n, o, _ := strings.Cut(ratio, ":")
			there, back := Ratio{money.MustParse(n), money.MustParse(o)}, Ratio{money.MustParse(o), money.MustParse(n)}
			q := money.MustParse(quantity)
			if got := back.Apply(there.Apply(q)); !got.Equal(q) {
				t.Errorf("%s shares %s and back are %s", quantity, ratio, got)
			}
			if got := back.Apply(back.Apply(there.Apply(there.Apply(q)))); !got.Equal(q) {
				t.Errorf("%s shares %s twice and back are %s", quantity, ratio, got)
			}
		}
	}
	tenth := Ratio{money.One, money.MustParse("10")}
	if got := tenth.Apply(money.MustParse("1000000000000001.000000000000000001")).String(); got != "100000000000000.1000000000000000001" {
		t.Errorf("a tenth of much beside little is %s", got)
	}
	third := Ratio{money.One, money.MustParse("3")}
	if got := third.Apply(money.MustParse("8")).String(); got != "2.666666666666666666666666666666667" {
		t.Errorf("a third of 8 is %s", got)
	}
}

// Little beside much isn't rounded away with it.
func TestLittleBesideMuch(t *testing.T) {
	stake := Stake{Parts: []AccountPart{{"x", money.MustParse("-12345678901234567890123456789012345678901234567890")}, {"y", money.MustParse("-7.25")}}}
	parts, _ := stake.Multiplied(Ratio{New: money.One, Old: money.MustParse("3")}, &Rounding{})
	if got := parts[1].Quantity.String(); got != "-2.416666666666666666666666666666667" {
		t.Errorf("a third of 7.25 short is %s", got)
	}
}

// A lot that is rounded away leaves its cost behind.
func TestWhatIsRoundedAwayKeepsItsCost(t *testing.T) {
	cost := money.Known(money.MustParse("5"))
	lots := []Lot{{Quantity: money.MustParse("99.9999999999999999999999999999999999999999999991"), Carried: NewCarried(cost, cost)},
		{Quantity: money.MustParse("0.0000000000000000000000000000000000000000000009"), Carried: NewCarried(cost, cost)}}
	third := Ratio{New: money.One, Old: money.MustParse("3")}
	third.Multiply(lots, third.Apply(money.MustParse("100")))
	quantity, local := money.Zero, money.Known(money.Zero)
	for _, lot := range lots {
		quantity = quantity.Add(lot.Quantity)
		if !lot.Quantity.IsZero() {
			local = local.Add(lot.Carried.Local)
		}
	}
	if sum, known := local.Get(); !known || sum.String() != "10" || !quantity.Equal(third.Apply(money.MustParse("100"))) {
		t.Errorf("%s shares of cost %s are left", quantity, sum)
	}
}
