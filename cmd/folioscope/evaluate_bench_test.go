//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"folioscope/internal/figures"
	"folioscope/internal/market"
)

// BenchmarkRatioEvaluate works out 100,000 trades of 20 symbols with five years of daily prices, and has hledger find their
// internal rate of return, both from their files, as processes of their own. What counts is processor time, the least of all
// runs, and resident memory.
func BenchmarkRatioEvaluate(b *testing.B) {
	hledger, err := exec.LookPath("hledger")
	if err != nil {
		b.Skip("skipped: no hledger")
	}
	binary, err := builtBinary()
	if err != nil {
		b.Fatal(err)
	}
	const trades = 100_000
	text, journal := tradesCase(1, trades)
	dir := b.TempDir()
	casePath, journalPath := filepath.Join(dir, "case.json"), filepath.Join(dir, "trades.journal")
	for path, content := range map[string]string{casePath: text, journalPath: journal} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	theirs, ours, after, memory := time.Hour, time.Hour, time.Hour, int64(0)
	var theirRate, ourRate float64
	for b.Loop() {
		used, out := process(b, hledger, "-f", journalPath, "roi", "--inv", "assets:inv", "--pnl", "gains", "-V")
		theirs, theirRate = min(theirs, cpuTime(used)), roiRate(b, out)
		for range 5 {
			used, out = process(b, binary, "evaluate", casePath)
			ours, memory = min(ours, cpuTime(used)), max(memory, used.Maxrss)
			var got struct {
				Returns struct{ XIRR struct{ Rate string } }
			}
			if err := json.Unmarshal(out, &got); err != nil {
				b.Fatal(err)
			}
			if ourRate, err = strconv.ParseFloat(got.Returns.XIRR.Rate, 64); err != nil {
				b.Fatal(err)
			}
			after = min(after, afterDecoding(b, text))
		}
	}
	if apart := 100*ourRate - theirRate; apart > 0.02 || apart < -0.02 { // theirs is rounded to two digits
		b.Errorf("the internal rate of return is %.4f %%, hledger's %.2f %%", 100*ourRate, theirRate)
	}
	b.ReportMetric(float64(theirs)/float64(ours), "x-hledger")                 // at least 15
	b.ReportMetric(float64(theirs)/float64(after), "x-hledger-after-decoding") // at least 50
	b.ReportMetric(float64(memory)/1024, "MB-peak")                            // at most 200
	b.ReportMetric(float64(theirs.Milliseconds()), "hledger-cpu-ms")
	b.ReportMetric(float64(ours.Milliseconds()), "cpu-ms")
	b.ReportMetric(0, "ns/op")
}

// process runs a command and gives what it used and printed.
func process(b *testing.B, name string, args ...string) (*syscall.Rusage, []byte) {
	b.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v\n%s", name, err, errs.String())
	}
	used, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		b.Fatal("what a process used isn't known")
	}
	return used, out.Bytes()
}

func cpuTime(used *syscall.Rusage) time.Duration {
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// afterDecoding is the processor time of everything between the case and the answer's bytes.
func afterDecoding(b *testing.B, text string) time.Duration {
	b.Helper()
	runtime.GC() // as a process of its own begins
	defer collectLate(len(text))()
	in, err := figures.ReadCase(text)
	if err != nil {
		b.Fatal(err)
	}
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		b.Fatal(err)
	}
	out, err := figures.Evaluate(in)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := out.AppendJSON(nil); err != nil {
		b.Fatal(err)
	}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		b.Fatal(err)
	}
	return cpuTime(&after) - cpuTime(&before)
}

// roiRate is the internal rate of return in hledger's table, in percent: the last column but one.
func roiRate(b *testing.B, table []byte) float64 {
	b.Helper()
	for line := range strings.Lines(string(table)) {
		if columns := strings.Split(line, "|"); strings.Contains(line, "%") && len(columns) > 4 {
			rate, err := strconv.ParseFloat(strings.Trim(columns[len(columns)-3], " %"), 64)
			if err != nil {
				b.Fatal(err)
			}
			return rate
		}
	}
	b.Fatalf("no rate in %s", table)
	return 0
}

// tradesCase makes trades of 20 symbols over five years from a seed: as a case, and as a journal of hledger with the same prices.
func tradesCase(seed uint64, trades int) (text, journal string) {
	random := rand.New(rand.NewPCG(seed, 0))
	from, to := market.NewDate(2019, 1, 1), market.NewDate(2023, 12, 31)
	var days []market.Date
	for on := from; on <= to; on++ {
		if w := on.Weekday(); w != time.Saturday && w != time.Sunday {
			days = append(days, on)
		}
	}
	cents := func(n int64) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }
	const symbols = 20
	prices := make([][]int64, symbols)
	name := func(i int) string { return "SYM" + string(rune('A'+i)) }
	var c, j strings.Builder
	c.WriteString(`{"base_currency":"USD","prices":{`)
	for i := range symbols {
		price := 10_000 + random.Int64N(10_000)
		fmt.Fprintf(&c, `%s%q:{"currency":"USD","closes":{`, strings.Repeat(",", min(i, 1)), name(i))
		for k, on := range days {
			price = max(1000, price+random.Int64N(306)-150)
			prices[i] = append(prices[i], price)
			fmt.Fprintf(&c, `%s"%s":"%s"`, strings.Repeat(",", min(k, 1)), on, cents(price))
			fmt.Fprintf(&j, "P %s %s %s USD\n", on, name(i), cents(price))
		}
		c.WriteString("}}")
	}
	c.WriteString(`},"activities":[`)
	held := make([]int64, symbols)
	for n := range trades {
		day, i := n*len(days)/trades, random.IntN(symbols)
		quantity, price := 1+random.Int64N(2000), prices[i][day]+random.Int64N(41)-20
		kind, sign, other := "buy", "", "-"
		if held[i] > quantity && random.IntN(100) < 45 {
			kind, sign, other = "sell", "-", ""
			held[i] -= 2 * quantity
		}
		held[i] += quantity
		fmt.Fprintf(&c, `%s{"id":"t%d","date":"%s","type":"%s","symbol":"%s","quantity":"%d","price":"%s"}`,
			strings.Repeat(",", min(n, 1)), n, days[day], kind, name(i), quantity, cents(price))
		fmt.Fprintf(&j, "\n%s trade\n    assets:inv    %s%d %s @ %s USD\n    assets:cash   %s%s USD\n",
			days[day], sign, quantity, name(i), cents(price), other, cents(quantity*price))
	}
	c.WriteString("]}")
	return c.String(), j.String()
}
