package provider

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"folioscope/internal/provider/replaytest"
)

// How many hostile payloads are made: the second where FOLIOSCOPE_LONG is set.
const (
	hostileCount     = 10_000
	hostileCountLong = 1_000_000
)

// hostile values that stand in place of a number or a text.
var hostileValues = []string{
	"0", "-0", "-1", "1e400", "-1e400", "1e-400", "99999999999999999999999999999999999999999999", "0.000000000000000000000000000000001",
	"NaN", "Infinity", "-Infinity", `"NaN"`, `"NA"`, `"N.A."`, `"-"`, `""`, `" "`, `"0x10"`, `"1_000"`, `"1,234.5"`, `"١٢"`, "null", "true", "[]", "{}", "[1]",
	`{"a":1}`, `"9999-12-31"`, `"0000-00-00"`, `"2026-02-30"`, "9223372036854775807", "-9223372036854775808", `"\u0000"`, `"\ud800"`, "\"\u202e\"",
	`"<script>"`, `"` + "${jndi:x}" + `"`, "1795035600000000", "1e3", "-2.5E+1",
}

var (
	jsonNumber = regexp.MustCompile(`-?\d+(\.\d+)?([eE][+-]?\d+)?`)
	jsonText   = regexp.MustCompile(`"[^"\n]*"`)
	jsonPair   = regexp.MustCompile(`"[^"\n]*"\s*:\s*("[^"\n]*"|-?[\d.]+|null|true|false)`)
)

// mutate spoils a payload in one way.
func mutate(r *rand.Rand, data []byte) []byte {
	at := func() int { return r.IntN(len(data) + 1) }
	replaceOne := func(pattern *regexp.Regexp, with func(found []byte) []byte) []byte {
		places := pattern.FindAllIndex(data, 512)
		if len(places) == 0 {
			return data
		}
		p := places[r.IntN(len(places))]
		return bytes.Join([][]byte{data[:p[0]], with(data[p[0]:p[1]]), data[p[1]:]}, nil)
	}
	value := func([]byte) []byte { return []byte(hostileValues[r.IntN(len(hostileValues))]) }
	switch r.IntN(16) {
	case 0: // cut
		return data[:at()]
	case 1:
		return replaceOne(jsonNumber, value)
	case 2:
		return replaceOne(jsonText, value)
	case 3: // a page
		return []byte("<!DOCTYPE html><html><body>Just a moment…</body></html>")
	case 4: // deep
		depth := 1 + r.IntN(20_000)
		open := []string{"[", `{"a":`, "<Cube>", `[{"chart":`}[r.IntN(4)]
		return []byte(strings.Repeat(open, depth) + string(data[:at()]))
	case 5:
		return append([]byte("\ufeff"), data...)
	case 6: // a key twice
		return replaceOne(jsonPair, func(found []byte) []byte {
			key, _, _ := bytes.Cut(found, []byte(":"))
			return bytes.Join([][]byte{found, []byte(","), key, []byte(":"), value(nil)}, nil)
		})
	case 7: // a number in quotes, or a text without
		return replaceOne(jsonNumber, func(found []byte) []byte { return []byte(strconv.Quote(string(found))) })
	case 8:
		return replaceOne(jsonText, func(found []byte) []byte { return found[1 : len(found)-1] })
	case 9: // a byte
		if len(data) > 0 {
			data = bytes.Clone(data)
			data[r.IntN(len(data))] ^= byte(1 << r.IntN(8))
		}
		return data
	case 10: // a piece twice
		a, b := at(), at()
		a, b = min(a, b), max(a, b)
		return bytes.Join([][]byte{data[:b], data[a:]}, nil)
	case 11: // a piece less
		a, b := at(), at()
		return bytes.Join([][]byte{data[:min(a, b)], data[max(a, b):]}, nil)
	case 12: // a very long number
		return replaceOne(jsonNumber, func(found []byte) []byte {
			return append(slices.Clip(found), strings.Repeat("9", 1+r.IntN(5000))...)
		})
	case 13: // other cells
		return bytes.ReplaceAll(data, []byte([]string{",", ";", "\n", ":"}[r.IntN(4)]), []byte([]string{";", ",,", "\r", "\t"}[r.IntN(4)]))
	case 14: // zeros in all numbers
		return jsonNumber.ReplaceAll(data, []byte([]string{"0", "-1", "1e9"}[r.IntN(3)]))
	default: // something after it
		return append(slices.Clip(data), value(nil)...)
	}
}

// TestGeneratedPayloads spoils payloads and holds each source to what can be believed; see everything.
func TestGeneratedPayloads(t *testing.T) {
	count := hostileCount
	if os.Getenv("FOLIOSCOPE_LONG") != "" {
		count = hostileCountLong
	}
	type payload struct {
		source string
		entry  replaytest.Entry
	}
	var seeds []payload
	for _, source := range all {
		entries, err := replaytest.Load(replaytest.Payloads(), source)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if len(e.Body) < 64<<10 {
				seeds = append(seeds, payload{source, e})
			}
		}
	}
	believed, failed := 0, map[Outcome]int{}
	for n := range count {
		r := rand.New(rand.NewPCG(1, uint64(n))) // so that number n is the same payload in every run
		p := seeds[r.IntN(len(seeds))]
		for tries := 0; p.entry.Status != http.StatusOK && tries < 2; tries++ { // prices tempt more than errors
			p = seeds[r.IntN(len(seeds))]
		}
		data := p.entry.Body
		for range 1 + r.IntN(3) {
			data = mutate(r, data)
		}
		if r.IntN(8) == 0 {
			p.entry.Status = []int{200, 302, 400, 403, 404, 429, 500, 503}[r.IntN(8)]
		}
		func() {
			defer func() {
				if value := recover(); value != nil {
					t.Fatalf("payload %d made %s panic: %v\n%.2000q", n, p.source, value, data)
				}
			}()
			prices, errs := believes(t, p.source, p.entry, data)
			if t.Failed() {
				t.Fatalf("payload %d: %.2000q", n, data)
			}
			if len(prices) > 0 {
				believed++
			}
			for _, err := range errs {
				failed[OutcomeOf(err)]++
			}
		}()
	}
	t.Logf("%d payloads, %d of which left something to believe; errors: %v", count, believed, failed)
}

// Memory grows with a payload, whatever is in it, by no more than so many bytes for each of its bytes, and no further than a
// bound.
func TestMemoryOfHostilePayloads(t *testing.T) {
	const (
		perByteMax = 500       // all that is allotted on the way, most of it given back: lists grow by doubling
		bytesMax   = 200 << 20 // for a payload of any size
	)
	shapes := map[string]func(size int) string{
		"lists in lists":  func(n int) string { return strings.Repeat("[", n/2) + strings.Repeat("]", n/2) },
		"empty lists":     func(n int) string { return "[" + strings.Repeat("[],", n/3) + "[]]" },
		"empty objects":   func(n int) string { return "[" + strings.Repeat("{},", n/3) + "{}]" },
		"zeros":           func(n int) string { return "[" + strings.Repeat("0,", n/2) + "0]" },
		"a long number":   func(n int) string { return `{"c":` + strings.Repeat("1", n) + `,"pc":1,"t":1}` },
		"keys":            func(n int) string { return "{" + keys(n) + `"z":0}` },
		"nested elements": func(n int) string { return strings.Repeat("<Cube>", n/6) },
		"empty rates": func(n int) string {
			return `{"amount":1,"base":"EUR","date":"2026-11-18","rates":{` + keys(n) + `"USD":1}}`
		},
		"rows of results":  func(n int) string { return `{"results":[` + strings.Repeat("{},", n/3) + `{}]}` },
		"lines":            func(n int) string { return "observation_date,DEXUSEU\n" + strings.Repeat("\n", n) },
		"cells":            func(n int) string { return "Scheme Code;Net Asset Value;Date\n" + strings.Repeat(";", n) },
		"quoted cells":     func(n int) string { return "Date;Close;Currency\n" + strings.Repeat(`"";"";""`+"\n", n/9) },
		"an endless quote": func(n int) string { return "Date;Close;Currency\n\"" + strings.Repeat("x", n) },
	}
	for shape, build := range shapes {
		for _, size := range []int{128 << 10, bodyBytesMax - 1024} {
			if size > 1<<20 && shape != "zeros" && shape != "empty objects" && shape != "cells" {
				continue // these take the most
			}
			text := build(size)
			for _, source := range all {
				p := open(t, source, options(source, body(http.StatusOK, "", text)))
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, _ = p.Latest(t.Context(), asked[source][:1], now)
				runtime.ReadMemStats(&after)
				if used := after.TotalAlloc - before.TotalAlloc; used > bytesMax || size < 1<<20 && used > perByteMax*uint64(len(text)) {
					t.Errorf("%s: %s of %d bytes took %d, %d for each", source, shape, len(text), used, used/uint64(len(text)))
				}
			}
		}
	}
}

func keys(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, `"%x":0,`, i)
	}
	return b.String()
}
