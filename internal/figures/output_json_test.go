package figures

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// fill gives every field of a value something of its own, so that none can be forgotten.
func fill(v reflect.Value, seed *int64) {
	*seed++
	switch at := v.Addr().Interface().(type) {
	case *money.Decimal:
		*at = money.NewDecimal(*seed*7919, -3)
		return
	case *money.Maybe:
		*at = money.Known(money.NewDecimal(-*seed*104729, -2))
		if *seed%5 == 0 {
			*at = money.Unknown
		}
		return
	case *market.Date:
		*at = market.Date(15000 + *seed)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(field, seed)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), seed)
		}
	case reflect.Pointer:
		if *seed%4 != 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), seed)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d %s", *seed, []string{"", "é", "<&>", `"\`, "\u2028"}[*seed%5]))
	case reflect.Float64:
		v.SetFloat(float64(*seed) / 7)
	case reflect.Bool:
		v.SetBool(*seed%2 == 0)
	}
}

// The short way writes what the standard library does, every field of it.
func TestAppendJSON(t *testing.T) {
	outputs := []Output{{}, {Positions: []PositionLine{}, Disposals: []Disposal{}, Problems: []Problem{}}}
	for seed := range int64(20) {
		var o Output
		fill(reflect.ValueOf(&o).Elem(), &seed)
		outputs = append(outputs, o)
	}
	for i := range outputs {
		want, err := json.Marshal(outputs[i])
		if err != nil {
			t.Fatal(err)
		}
		got, err := outputs[i].AppendJSON(nil)
		if err != nil || string(got) != string(want) {
			t.Fatalf("%v\n%s\nwant\n%s", err, got, want)
		}
	}
}
