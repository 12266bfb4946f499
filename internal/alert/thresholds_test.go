package alert

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"folioscope/internal/money"
)

// Thresholds give what a look at every rule gives.
func TestThresholdsAgainstAPlainList(t *testing.T) {
	level := rapid.Custom(func(t *rapid.T) money.Decimal {
		return money.NewDecimal(rapid.Int64Range(1, 300).Draw(t, "level"), rapid.Int32Range(-2, 0).Draw(t, "exponent"))
	})
	rapid.Check(t, func(t *rapid.T) {
		var sorted Thresholds
		plain := map[Ref]Watch{}
		for range rapid.IntRange(1, 60).Draw(t, "operations") {
			ref := Ref(rapid.Uint32Range(0, 20).Draw(t, "ref"))
			w, known := plain[ref]
			switch what := rapid.IntRange(0, 3).Draw(t, "operation"); {
			case what == 0 && known:
				if !sorted.Remove(ref, w) || sorted.Remove(ref, w) {
					t.Fatalf("%d isn't found, or twice", ref)
				}
				delete(plain, ref)
			case what < 3 && !known:
				w = Watch{
					Level: level.Draw(t, "level"), Rising: rapid.Bool().Draw(t, "rising"), Strict: rapid.Bool().Draw(t, "strict"),
					Always: rapid.IntRange(0, 9).Draw(t, "always") == 0,
				}
				sorted.Put(ref, w)
				plain[ref] = w
			case what == 3:
				price := level.Draw(t, "price")
				var want []Ref
				for ref, w := range plain {
					if w.Reached(price) {
						want = append(want, ref)
						delete(plain, ref)
					}
				}
				got := sorted.Cross(price, nil)
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Fatalf("%s reaches %v, want %v", price, got, want)
				}
			}
			if sorted.Len() != len(plain) {
				t.Fatalf("%d wait, want %d", sorted.Len(), len(plain))
			}
		}
	})
}

// Levels with more digits than fit are never reached too late.
func TestLongLevels(t *testing.T) {
	third := money.MustParse("1." + strings.Repeat("3", 40))
	huge := money.MustParse(strings.Repeat("9", 50))
	for name, one := range map[string]struct {
		w       Watch
		reached string // the nearest price that reaches it; "" for all
		short   string // one that needn't
	}{
		"rising":        {Watch{Level: third, Rising: true}, "1.33333333333333333334", "1.333"},
		"falling":       {Watch{Level: third}, "1.33333333333333333333", "1.334"},
		"falling, huge": {Watch{Level: huge}, "1", ""},
		"rising, below": {Watch{Level: huge.Neg(), Rising: true}, "0.01", ""},
	} {
		var sorted Thresholds
		sorted.Put(1, one.w)
		if one.short != "" && len(sorted.Cross(money.MustParse(one.short), nil)) != 0 {
			t.Errorf("%s: %s reached it", name, one.short)
		}
		if len(sorted.Cross(money.MustParse(one.reached), nil)) != 1 {
			t.Errorf("%s: %s didn't reach it", name, one.reached)
		}
	}
}

func TestAnEntryIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(entry{}); size > 16 {
		t.Errorf("%d bytes", size)
	}
}

const (
	benchInstruments = 5_000
	benchRules       = 1_000_000
)

// BenchmarkRatioThresholds is a tick of 5,000 instruments with 1,000,000 price rules around them. Each price moves by half a percent at
// most; each rule that is reached is taken out, noted, and put back for the way back. The floor, on the same prices, is the least that
// finds as much: for each instrument one binary search in a plain sorted array of integers, and a note of each rule that lies between the
// last price and this one. Memory is what the rules' levels add to the heap, without the rules' own texts.
func BenchmarkRatioThresholds(b *testing.B) {
	random := rand.New(rand.NewPCG(7, 7))
	floor := make([]plainLevels, benchInstruments)
	for range benchRules {
		one := &floor[random.IntN(benchInstruments)]
		one.levels, one.refs = append(one.levels, 6_667+random.Int64N(6_667)), append(one.refs, 0) // cents, about 100.00
	}
	const opening = 10_000
	watches := make([]Watch, 0, benchRules)
	noted := make([]Watch, benchRules)
	books := make([]Thresholds, benchInstruments)
	heap := heapBytes()
	for i := range floor {
		for at, cents := range floor[i].levels {
			floor[i].refs[at] = Ref(len(watches))
			w := Watch{Level: money.NewDecimal(cents, -2), Rising: cents > opening, Strict: cents <= opening}
			books[i].Put(Ref(len(watches)), w)
			watches = append(watches, w)
		}
	}
	bytes := heapBytes() - heap
	for i := range floor {
		slices.Sort(floor[i].levels) // which of the refs a level has doesn't matter here
		floor[i].last = floor[i].at(opening)
	}
	prices := make([]int64, benchInstruments)
	for i := range prices {
		prices[i] = opening
	}
	var refs, plain []Ref
	var crossings, found int
	var sorted, least time.Duration
	for b.Loop() {
		for i := range prices {
			prices[i] += random.Int64N(101) - 50 + (opening-prices[i])/100
		}
		began := time.Now()
		for i, cents := range prices {
			refs = books[i].Cross(money.NewDecimal(cents, -2), refs[:0])
			for _, ref := range refs {
				w := &watches[ref]
				w.Rising, w.Strict = !w.Rising, !w.Strict
				books[i].Put(ref, *w)
			}
			crossings += len(refs)
		}
		sorted += time.Since(began)
		began = time.Now()
		for i, cents := range prices {
			plain = floor[i].cross(cents, plain[:0])
			for _, ref := range plain {
				noted[ref].Rising = !noted[ref].Rising
			}
			found += len(plain)
		}
		least += time.Since(began)
	}
	if crossings != found {
		b.Errorf("%d crossings, the floor has %d", crossings, found)
	}
	b.ReportMetric(0, "ns/op") // of no meaning: it has the floor in it
	b.ReportMetric(float64(sorted.Microseconds())/float64(b.N), "tick-us")
	b.ReportMetric(float64(least.Microseconds())/float64(b.N), "floor-us")
	b.ReportMetric(float64(sorted)/float64(least), "x-floor")
	b.ReportMetric(float64(crossings)/float64(b.N), "crossings")
	b.ReportMetric(float64(bytes)/benchRules, "rule-bytes")
}

// plainLevels are sorted levels and where the price is among them.
type plainLevels struct {
	levels []int64
	refs   []Ref
	last   int
}

// at counts the levels at or under a price.
func (p *plainLevels) at(price int64) int {
	at, _ := slices.BinarySearch(p.levels, price+1)
	return at
}

func (p *plainLevels) cross(price int64, out []Ref) []Ref {
	at := p.at(price)
	out = append(out, p.refs[min(at, p.last):max(at, p.last)]...)
	p.last = at
	return out
}

func heapBytes() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
