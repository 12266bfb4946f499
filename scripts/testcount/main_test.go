package main

import (
	"strings"
	"testing"
)

func TestFollowCounts(t *testing.T) {
	const events = `{"Action":"start","Package":"a"}
{"Action":"run","Package":"a","Test":"TestOne"}
{"Action":"output","Package":"a","Test":"TestOne","Output":"=== RUN   TestOne\n"}
{"Action":"output","Package":"a","Test":"TestOne","Output":"fine and quiet\n"}
{"Action":"attr","Package":"a","Test":"TestOne","Key":"counted","Value":"1000 ledgers"}
{"Action":"attr","Package":"a","Test":"TestOne","Key":"color","Value":"grey"}
{"Action":"pass","Package":"a","Test":"TestOne","Elapsed":0}
{"Action":"output","Package":"a","Test":"TestTwo","Output":"two_test.go:3: it broke\n"}
{"Action":"fail","Package":"a","Test":"TestTwo","Elapsed":0}
{"Action":"skip","Package":"a","Test":"TestThree","Elapsed":0}
{"Action":"fail","Package":"a","Elapsed":0.5}
go: some words of the go command
{"Action":"build-output","ImportPath":"b","Output":"b.go:1: does not build\n"}
{"Action":"fail","Package":"b","Elapsed":0}
{"Action":"skip","Package":"without tests","Elapsed":0}
{"Action":"pass","Package":"c","Elapsed":0.1}
`
	var out strings.Builder
	got, err := follow(strings.NewReader(events), &out)
	if err != nil {
		t.Fatal(err)
	}
	if want := (counts{passed: 1, failed: 2, skipped: 1}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	for _, want := range []string{"it broke", "does not build", "some words", "FAIL  a", "FAIL  b", "ok    c", "TestOne: 1000 ledgers"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("says nothing of %q in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "quiet") || strings.Contains(out.String(), "grey") {
		t.Error("shows what a passed test printed")
	}
}
