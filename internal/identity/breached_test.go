package identity

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/fault"
)

func breachedLine(password string) string {
	return fmt.Sprintf("%X:%d", sha1.Sum([]byte(password)), len(password)+1)
}

// breachedList is a list of some passwords, with the line ends of either kind of system.
func breachedList(end string, passwords ...string) []byte {
	var lines []string
	for _, password := range passwords {
		lines = append(lines, breachedLine(password))
	}
	slices.Sort(lines)
	return []byte(strings.Join(slices.Compact(lines), end) + end)
}

// What is in the list is found, wherever it stands, and nothing else.
func TestBreachedPasswordsAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfN(rapid.String(), 1, 300).Draw(t, "in")
		end := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "end")
		data := breachedList(end, in...)
		if rapid.Bool().Draw(t, "the last line isn't ended") {
			data = bytes.TrimSuffix(data, []byte(end))
		}
		if rapid.Bool().Draw(t, "small letters") {
			data = bytes.ToLower(data)
		}
		list, err := NewBreached(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		for _, password := range append(rapid.SliceOfN(rapid.String(), 1, 20).Draw(t, "out"), in...) {
			found, err := list.Has(password)
			if err != nil || found != slices.Contains(in, password) {
				t.Fatalf("%q: %v, %v", password, found, err)
			}
		}
	})
}

func TestDamagedListsAreRefused(t *testing.T) {
	good := strings.Split(strings.TrimSpace(string(breachedList("\n", "a", "b", "c", "d", "e"))), "\n")
	for name, c := range map[string]struct {
		change func(lines []string) []string
		want   string
	}{
		"empty":        {func([]string) []string { return nil }, "it is empty"},
		"cut short":    {func(l []string) []string { l[4] = l[4][:30]; return l }, "line 5 is no HASH:COUNT"},
		"no count":     {func(l []string) []string { l[1] = l[1][:40]; return l }, "line 2 is no HASH:COUNT"},
		"no hash":      {func(l []string) []string { l[0] = "password:1"; return l }, "line 1 is no HASH:COUNT"},
		"an empty one": {func(l []string) []string { return slices.Insert(l, 2, "") }, "line 3 is no HASH:COUNT"},
		"disorder":     {func(l []string) []string { l[2], l[3] = l[3], l[2]; return l }, "line 4 is not in the order"},
		"twice":        {func(l []string) []string { l[3] = l[2]; return l }, "line 4 is not in the order"},
		"by count":     {func(l []string) []string { slices.Reverse(l); return l }, "line 2 is not in the order"},
		"without ends": {func(l []string) []string { return []string{strings.Join(l, "")} }, "is no HASH:COUNT"},
	} {
		lines := c.change(slices.Clone(good))
		data := strings.Join(lines, "\n")
		_, err := NewBreached(strings.NewReader(data), int64(len(data)))
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// bigList is a list of 256 MiB that is never written anywhere: its n-th line has the hash n, counted in steps.
type bigList struct{ damagedFrom int64 }

const bigLine = 43 // bytes: 40 digits, a colon, a digit, the end

func (b bigList) ReadAt(p []byte, at int64) (int, error) {
	for i := range p {
		place := at + int64(i)
		if b.damagedFrom > 0 && place >= b.damagedFrom {
			p[i] = 'x'
			continue
		}
		p[i] = fmt.Sprintf("%040X:1\n", place/bigLine)[place%bigLine]
	}
	return len(p), nil
}

func TestLargeListsAreLookedAtInPlaces(t *testing.T) {
	const size = 256 << 20 / bigLine * bigLine
	if _, err := NewBreached(bigList{}, size); err != nil {
		t.Error(err)
	}
	if _, err := NewBreached(bigList{damagedFrom: size - size/100}, size); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "at byte") {
		t.Errorf("the end is damaged: %v", err)
	}
	list := &Breached{bigList{}, size}
	if found, err := list.Has("nobody has this"); found || err != nil {
		t.Errorf("%v, %v", found, err)
	}
	list = &Breached{bigList{damagedFrom: 1}, size}
	if found, err := list.Has("nobody has this"); found || err == nil {
		t.Errorf("a damaged list says %v, %v", found, err)
	}
}

// Whatever the file holds: a lookup ends, reads within it, and a list that was found good gives no error.
func FuzzBreached(f *testing.F) {
	f.Add(breachedList("\n", "a", "b", "c"), "b")
	f.Add(breachedList("\r\n", "a", "b", "c"), "z")
	f.Add([]byte("\n\n\n"), "")
	f.Add([]byte(strings.Repeat("0", 200)), "x")
	f.Fuzz(func(t *testing.T, data []byte, password string) {
		list := &Breached{bytes.NewReader(data), int64(len(data))}
		found, lookup := list.Has(password)
		if _, err := NewBreached(bytes.NewReader(data), int64(len(data))); err != nil {
			return
		}
		if lookup != nil || found != bytes.Contains(bytes.ToUpper(data), []byte(breachedLine(password)[:breachedHashLength])) {
			t.Fatalf("%q: %v, %v", password, found, lookup)
		}
	})
}
