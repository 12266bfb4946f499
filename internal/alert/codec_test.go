package alert

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"folioscope/internal/money"
	"pgregory.net/rapid"
)

func TestKeptAsItWas(t *testing.T) {
	for _, kind := range Kinds() {
		for _, channels := range [][]ChannelID{nil, {}, {"mail", "push"}} {
			rule := valid(kind)
			rule.Name, rule.Cooldown, rule.For, rule.NoData, rule.Channels = "Entry", 6*time.Hour, time.Minute, true, channels
			rule.ExpiresAt, rule.SnoozedUntil, rule.CreatedAt = start, start.Add(time.Hour), start.Add(-time.Hour)
			rule.Condition.Rearm, rule.Condition.Group.Name = decimal("9.50"), "Technology"
			data, err := EncodeRule(&rule)
			if err != nil {
				t.Fatal(err)
			}
			got, err := DecodeRule(data)
			rule.Owner, rule.ID = "", ""
			if err != nil || !reflect.DeepEqual(got, rule) {
				t.Errorf("%s: %v\n%+v\n%+v", kind, err, got, rule)
			}
		}
	}
}

// A rule goes on after a restart as if there had been none.
func TestStandingsAreKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, past := drawnRule(t), drawnPast(t)
		standing := Begin(start, 0)
		for _, seen := range past {
			after, events := r.Step(standing, seen, time.UTC)
			for i := range events {
				data, err := EncodeEvent(&events[i])
				if err != nil {
					t.Fatal(err)
				}
				if got, err := DecodeEvent(data); err != nil || !reflect.DeepEqual(got, events[i]) {
					t.Fatalf("%v: %+v was %+v", err, got, events[i])
				}
			}
			data, err := EncodeStanding(after)
			if err != nil {
				t.Fatal(err)
			}
			got, err := DecodeStanding(data)
			if err != nil || !reflect.DeepEqual(got, after) {
				t.Fatalf("%v: %+v was %+v", err, got, after)
			}
			standing = got
		}
	})
}

func TestLongValuesAreKeptShort(t *testing.T) {
	third := money.One.Quo(money.NewDecimal(3, 0)).Mul(money.MustParse("0." + strings.Repeat("0", 55) + "1"))
	data, err := EncodeStanding(Standing{State: StateFiring, Value: &third})
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeStanding(data)
	if err != nil || got.Value == nil || !got.Value.IsZero() {
		t.Errorf("%v: %v", err, got.Value)
	}
}

func TestOfAnotherRelease(t *testing.T) {
	for _, data := range []string{`{"v":2,"state":"firing"}`, `{"state":"firing"}`, `{`, `[]`, `{"v":1,"value":1.5}`, ``} {
		if got, err := DecodeStanding([]byte(data)); err == nil {
			t.Errorf("%s was read as %+v", data, got)
		}
	}
}

// What is read is written and read again as the same.
func FuzzDecode(f *testing.F) {
	for _, kind := range Kinds() {
		rule := valid(kind)
		data, err := EncodeRule(&rule)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"v":1,"state":"firing","since":1762074000000000,"value":"10.50","held":true}`))
	f.Add([]byte(`{"v":1,"kind":"fired","at":1762074000000000,"occurrence":"dividend:a"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if rule, err := DecodeRule(data); err == nil {
			again(t, func() ([]byte, error) { return EncodeRule(&rule) }, func(b []byte) ([]byte, error) {
				rule, err := DecodeRule(b)
				if err != nil {
					return nil, err
				}
				return EncodeRule(&rule)
			})
		}
		if standing, err := DecodeStanding(data); err == nil {
			again(t, func() ([]byte, error) { return EncodeStanding(standing) }, func(b []byte) ([]byte, error) {
				standing, err := DecodeStanding(b)
				if err != nil {
					return nil, err
				}
				return EncodeStanding(standing)
			})
		}
	})
}

func again(t *testing.T, first func() ([]byte, error), second func([]byte) ([]byte, error)) {
	t.Helper()
	one, err := first()
	if err != nil {
		t.Fatal(err)
	}
	if two, err := second(one); err != nil || !bytes.Equal(one, two) {
		t.Fatalf("%v: %s became %s", err, one, two)
	}
}
