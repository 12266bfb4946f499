package figures

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/ledger"
)

// answerWithin is what no case of a fuzzer's size may take, with room for a busy machine: none takes a tenth of a second.
const answerWithin = 5 * time.Second

// evaluated works a case out and holds what must hold for every case: no panic, a refusal of one line that says where, an answer
// in time that keeps the identity.
func evaluated(t *testing.T, text string) (refused error) {
	begun := time.Now()
	in, err := ReadCase(text)
	if err == nil && !json.Valid([]byte(text)) {
		t.Fatal("taken, but it is not JSON")
	}
	if err == nil && in.to-in.from > 40_000 {
		return nil // a century of days is work, and shows nothing that a year doesn't
	}
	var out Output
	if err == nil {
		out, err = Evaluate(in)
	}
	if err != nil {
		if where, what, ok := strings.Cut(err.Error(), ": "); !ok || where == "" || what == "" || strings.Contains(what, "\n") {
			t.Fatalf("a refusal that doesn't say where, or in two lines: %q", err)
		}
		return err
	}
	if x, known := out.Identity.Difference.Get(); known && (!x.IsZero() || !out.Identity.Holds) {
		t.Fatalf("the identity is missed by %s", x)
	}
	answer, err := out.AppendJSON(nil)
	if err != nil || !json.Valid(answer) {
		t.Fatalf("%v: %s", err, answer)
	}
	if took := time.Since(begun); took > answerWithin {
		t.Fatalf("took %s", took)
	}
	return nil
}

// FuzzEvaluate reads what may be a case and works it out.
func FuzzEvaluate(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "cases", "*", "*.json"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var c conformanceCase
		if err := json.Unmarshal(data, &c); err != nil {
			f.Fatal(err)
		}
		f.Add(string(c.input()))
	}
	f.Fuzz(func(t *testing.T, text string) { _ = evaluated(t, text) }) // a refusal is an answer too
}

// FuzzActivities makes sequences of activities from bytes: of every type, on few days, symbols and accounts, with awkward
// numbers, so that they meet.
func FuzzActivities(f *testing.F) {
	f.Add([]byte("a few bytes that stand for some activities of any type, and for the numbers in them"))
	f.Add([]byte{0, 1, 0, 0, 9, 9, 1, 1, 0, 0, 3, 4, 12, 2, 0, 0, 5, 5})
	f.Add([]byte(strings.Repeat("\x01\x00\x02\x03\x13\x07\x55\xaa", 20)))
	f.Fuzz(func(t *testing.T, data []byte) {
		head, activities := caseOf(data)
		for range len(activities) + 1 {
			err := evaluated(t, head+"["+strings.Join(activities, ",")+"]}")
			if err == nil {
				return
			}
			var i int // the activity that can't have happened is left out
			if _, unnamed := fmt.Sscanf(err.Error(), "activities[%d]", &i); unnamed != nil {
				t.Fatalf("refused: %v", err)
			}
			activities = slices.Delete(activities, i, i+1)
			if len(activities) == 0 {
				return
			}
		}
	})
}

// caseOf turns bytes into the beginning of a case and its activities. There is one for all bytes.
func caseOf(data []byte) (head string, activities []string) {
	next := func(n int) int {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return int(b) % n
	}
	pick := func(of ...string) string { return of[next(len(of))] }
	number := func() string {
		return pick("1", "2", "3", "0.5", "10", "7.25", "100", "0.000000000000000001", "1000000000000000", "0.3333333333333333333333333333333333333333", "12345678901234567890123456789012345678901234567890")
	}
	var b strings.Builder
	fmt.Fprintf(&b, `{"base_currency":"EUR","from":"2026-01-03","to":"2026-01-25","lot_method":%q,"lot_scope":%q,"fees_in_cost":%s,"series":true,`,
		pick("fifo", "lifo", "hifo", "average", "specific"), pick("account", "portfolio"), pick("true", "false"))
	b.WriteString(`"prices":{"A":{"currency":"USD","closes":{"2026-01-01":"10","2026-01-05":"12.5"}},"B":{"currency":"EUR","closes":{"2026-01-03":"3"}}},"fx":{"USD":{"2026-01-01":"0.9","2026-01-04":"0.95"}},"activities":`)
	types := []string{
		"buy", "sell", "deliver_in", "deliver_out", "transfer", "deposit", "withdrawal", "dividend", "interest", "fee", "tax", "cash_transfer",
		"split", "spin_off", "merger", "return_of_capital", "rename", "write_off", "buy", "sell",
	}
	day := 1
	const activitiesMost = 60
	for i := 0; len(data) > 0 && i < activitiesMost; i++ {
		day = min(28, day+next(3))
		one := map[string]any{"id": fmt.Sprint("i", i), "date": fmt.Sprintf("2026-01-%02d", day), "type": pick(types...)}
		kind := ledger.Type(one["type"].(string))
		if kind != ledger.Deposit && kind != ledger.Withdrawal && kind != ledger.CashTransfer {
			one["symbol"] = pick("A", "B", "C")
		}
		if next(3) > 0 || !kind.OfEveryAccount() {
			one["account"] = pick("x", "y")
		}
		switch kind {
		case ledger.Buy, ledger.Sell, ledger.DeliverIn, ledger.DeliverOut:
			one["quantity"], one["price"] = number(), number()
			if next(3) == 0 {
				one["lots"] = []map[string]string{{"id": fmt.Sprint("i", next(8)), "quantity": one["quantity"].(string)}}
			}
		case ledger.Transfer:
			one["quantity"], one["to_account"] = number(), pick("x", "y")
		case ledger.Split:
			one["ratio"] = pick("2:1", "1:3", "7:1", "1:10")
		case ledger.SpinOff, ledger.Merger, ledger.Rename:
			one["to_symbol"], one["ratio"], one["cost_share"] = pick("A", "B", "C"), pick("1:1", "2:3"), pick("0", "0.2", "1")
			if kind == ledger.Merger {
				one["amount"] = number()
			}
		case ledger.CashTransfer:
			one["amount"], one["to_account"] = number(), pick("x", "y")
			if next(2) == 0 {
				one["to_currency"], one["to_amount"] = pick("USD", "EUR"), number()
			}
		case ledger.WriteOff:
		default:
			one["amount"] = number()
			if kind == ledger.Dividend && next(3) == 0 {
				one["reinvest"], one["quantity"] = true, number()
			}
		}
		if next(4) == 0 {
			one["fee"], one["tax"] = number(), number()
		}
		if next(5) == 0 {
			one["fx_rate"] = number()
		}
		text, err := json.Marshal(one)
		if err != nil {
			panic(err) // maps of texts always encode
		}
		activities = append(activities, string(text))
	}
	return b.String(), activities
}
