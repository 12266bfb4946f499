package health

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/ingest"
	"folioscope/internal/jobs"
	"folioscope/internal/notify"
)

var quiet = slog.New(slog.DiscardHandler)

// Every judgement with its neighbours on both sides of each bound.
func TestJudgements(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	stale := func(open, stale int) Found { return Prices(ingest.Health{Open: open, Stale: stale}) }
	for _, c := range []struct {
		name string
		got  Found
		want State
		says string
	}{
		{"room", Disk(50<<30, 100<<30), OK, "50 GiB of 100 GiB are free."},
		{"little of a large disk", Disk(2<<30, 1000<<30), OK, ""},
		{"little of a small disk", Disk(900<<20, 1<<30), OK, ""},
		{"a small disk fills", Disk(1<<30-1, 100<<30), Warning, "1024 MiB of 100 GiB"},
		{"nearly full", Disk(256<<20-1, 100<<30), Failing, ""},
		{"a fresh certificate", Certificate(now.Add(90*day), now, false), OK, "good until 2027-02-21"},
		{"two weeks", Certificate(now.Add(14*day), now, false), OK, ""},
		{"less", Certificate(now.Add(14*day-time.Second), now, false), Warning, "ends in 13 days"},
		{"three days", Certificate(now.Add(3*day), now, true), Warning, ""},
		{"hours", Certificate(now.Add(26*time.Hour), now, true), Failing, "ends in 26 hours"},
		{"over", Certificate(now, now, true), Failing, "ended on 2026-11-23"},
		{"none", NoCertificate(), Unknown, ""},
		{"no other clock", Clocks(nil), Unknown, ""},
		{"clocks agree", Clocks([]Clock{{"the database", 2 * time.Second}, {"a source", -2 * time.Second}}), OK, ""},
		{"ahead", Clocks([]Clock{{"the database", 2100 * time.Millisecond}}), Failing, "2.1 seconds ahead of that of the database"},
		{"behind", Clocks([]Clock{{"the database", 0}, {"a source", -time.Hour}}), Failing, "3600.0 seconds behind that of a source"},
		{"backups that nobody watches", NoBackup(), Unknown, ""},
		{"no backup at all", Backup(time.Time{}, now, 26*time.Hour), Failing, ""},
		{"a backup of the night", Backup(now.Add(-26*time.Hour), now, 26*time.Hour), OK, ""},
		{"a backup of the day before", Backup(now.Add(-27*time.Hour), now, 26*time.Hour), Failing, ""},
		{"a backup that another clock dated", Backup(now.Add(time.Hour), now, 26*time.Hour), OK, ""},
		{"a free port", Address("localhost:8080", nil, false), OK, "a node can"},
		{"the node's own port", Address("localhost:8080", os.NewSyscallError("bind", syscall.EADDRINUSE), true), OK, "The node that runs"},
		{"another's port", Address("localhost:8080", os.NewSyscallError("bind", syscall.EADDRINUSE), false), Failing, "Another program"},
		{"a port of root's", Address("localhost:443", os.NewSyscallError("bind", syscall.EACCES), false), Failing, "may not listen"},
		{"another machine's address", Address("192.0.2.1:80", os.NewSyscallError("bind", syscall.EADDRNOTAVAIL), false), Failing, "can't listen on 192.0.2.1:80"},
		{"settings", Configuration(nil), OK, ""},
		{"wrong settings", Configuration(fault.At("listen", "needs HOST:PORT")), Failing, "listen: needs HOST:PORT."},
		{"settings that aren't there", Configuration(fault.New(fault.Invalid, "there is no file x")), Failing, "there is no file x"},
		{"a file", Database(DatabaseFacts{Answer: time.Millisecond, Bytes: 3 << 20}), OK, "1 ms and has 3 MiB"},
		{"slow", Database(DatabaseFacts{Answer: 501 * time.Millisecond}), Warning, "501 ms"},
		{"a log that grows", Database(DatabaseFacts{LogBytes: 256<<20 + 1}), Warning, "256 MiB"},
		{"a disk that fails", Database(DatabaseFacts{Unkept: true}), Failing, "changes are refused"},
		{"connections", Database(DatabaseFacts{Server: true, Connections: 80, ConnectionsMax: 100}), OK, ""},
		{"with a standby", Database(DatabaseFacts{Server: true, ConnectionsMax: 100, Hosts: 2, Primary: "10.0.0.1:5432", Synchronous: 1, Waits: true, Seen: true}), OK, "The primary is 10.0.0.1:5432. A synchronous standby follows."},
		{"without one", Database(DatabaseFacts{Server: true, ConnectionsMax: 100, Hosts: 2, Waits: true, Seen: true}), Warning, "no synchronous standby"},
		{"with one that nobody waits for", Database(DatabaseFacts{Server: true, ConnectionsMax: 100, Hosts: 2, Synchronous: 1, Seen: true}), Warning, "doesn't wait"},
		{"with one that can't be seen", Database(DatabaseFacts{Server: true, ConnectionsMax: 100, Hosts: 2, Waits: true}), OK, "GRANT pg_read_all_stats"},
		{"few connections left", Database(DatabaseFacts{Server: true, Connections: 81, ConnectionsMax: 100}), Warning, "81 of the database's 100"},
		{"keys", Keys(false, false), OK, ""},
		{"keys of the environment", Keys(false, true), Warning, "environment"},
		{"half a rotation", Keys(true, true), Warning, "rotation"},
		{"bus", Bus(true), OK, ""},
		{"no bus", Bus(false), Warning, "half a minute"},
		{"no jobs", Jobs(nil), OK, ""},
		{"jobs on time", Jobs([]jobs.Count{{Kind: "poll.fx", Waiting: 3, Late: 2 * time.Minute}}), OK, ""},
		{"late", Jobs([]jobs.Count{{Kind: "poll.fx", Late: time.Second}, {Kind: "mail.send", Late: 3 * time.Minute}}), Warning, "mail.send, was due 3 minutes ago"},
		{"very late", Jobs([]jobs.Count{{Kind: "mail.send", Late: 11 * time.Minute}}), Failing, ""},
		{"dead", Jobs([]jobs.Count{{Kind: "b", Dead: 1}, {Kind: "a", Dead: 2}}), Warning, "a (2), b (1)"},
		{"no mail server", Mail(notify.Overview{}, false), Unknown, ""},
		{"none any more", Mail(notify.Overview{Waiting: 1}, false), Warning, "1 mail waits"},
		{"mail", Mail(notify.Overview{Waiting: 1, Dead: 7}, true), OK, ""},
		{"a busy server", Mail(notify.Overview{Waiting: 1, Troubled: []notify.Delivery{{State: notify.Waiting, Outcome: notify.OutcomeBusy}}}, true), OK, ""},
		{"an address that isn't there", Mail(notify.Overview{Troubled: []notify.Delivery{{State: notify.Dead, Outcome: notify.OutcomeRefused}}}, true), OK, ""},
		{"no server", Mail(notify.Overview{Waiting: 2, Troubled: []notify.Delivery{{State: notify.Waiting, Outcome: notify.OutcomeUnreachable}}}, true), Failing, "2 mails wait"},
		{"signed", Audit(0, 0, true), OK, ""},
		{"about to be signed", Audit(3, 10*time.Second, true), OK, ""},
		{"behind", Audit(3, 11*time.Second, true), Warning, "3 rows has been waiting for 11 seconds"},
		{"far behind", Audit(1, 61*time.Second, true), Failing, "1 row "},
		{"nobody signs", Audit(1, time.Hour, false), OK, "running node"},
		{"closed", stale(0, 0), OK, "No market is open"},
		{"one of very many", stale(1000, 10), OK, "10 of 1000"},
		{"some", stale(1000, 11), Warning, ""},
		{"many", stale(1000, 101), Failing, ""},
	} {
		check := c.got.Checks[0]
		if len(c.got.Checks) != 1 || check.State != c.want || !strings.Contains(check.Says, c.says) {
			t.Errorf("%s: %+v", c.name, c.got.Checks)
		}
		if !strings.HasSuffix(check.Says, ".") || strings.Contains(check.Says+check.Fix, "%!") {
			t.Errorf("%s says %q, %q", c.name, check.Says, check.Fix)
		}
		if bad := check.State == Warning || check.State == Failing; bad && check.Fix == "" {
			t.Errorf("%s: no fix", c.name)
		}
		for _, m := range c.got.Measures {
			if !slices.ContainsFunc(Measures(), func(f Family) bool { return f.Name == m.Name && (f.Label != "") == (m.Label != "") }) {
				t.Errorf("%s measures %+v, which is of no family", c.name, m)
			}
		}
	}
}

func TestSources(t *testing.T) {
	seen := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	of := func(change func(*ingest.SourceHealth)) Found {
		s := ingest.SourceHealth{Status: ingest.Status{Name: "ecb", Circuit: "closed", LastSuccess: seen}, Setting: ingest.Setting{Name: "ecb", Enabled: true}}
		change(&s)
		return Prices(ingest.Health{Sources: []ingest.SourceHealth{s}})
	}
	for _, c := range []struct {
		change func(*ingest.SourceHealth)
		want   State
		says   string
		down   float64
	}{
		{func(*ingest.SourceHealth) {}, OK, "ECB answers; last on 2026-11-23 at 12:00 UTC.", 0},
		{func(s *ingest.SourceHealth) { s.LastSuccess = time.Time{} }, Unknown, "wasn't asked yet", 0},
		{func(s *ingest.SourceHealth) { s.Setting.NeedsKey = true }, Warning, "has no key", 0},
		{func(s *ingest.SourceHealth) { s.Spent = "day" }, Warning, "used up for this day", 0},
		{func(s *ingest.SourceHealth) { s.Circuit, s.Outcome = "open", ingest.Blocked }, Failing, "refuses us as a client", 1},
		{func(s *ingest.SourceHealth) { s.Circuit, s.Outcome, s.Replaced = "open", ingest.Blocked, 3 }, Warning, "left alone", 1},
		{func(s *ingest.SourceHealth) { s.Circuit, s.Outcome = "half-open", ingest.BadKey }, Failing, "refuses our key", 1},
	} {
		f := of(c.change)
		if len(f.Checks) != 2 || f.Checks[1].Name != "source ecb" || f.Checks[1].State != c.want || !strings.Contains(f.Checks[1].Says, c.says) {
			t.Errorf("want %s, %q: %+v", c.want, c.says, f.Checks)
		}
		if !slices.Contains(f.Measures, Measure{MeasureSourceDown, "ecb", c.down}) {
			t.Errorf("%s: %+v", c.says, f.Measures)
		}
	}
	for _, change := range []func(*ingest.SourceHealth){
		func(s *ingest.SourceHealth) { s.Setting.Enabled = false },
		func(s *ingest.SourceHealth) { s.Pushed = true },
	} {
		if f := of(change); len(f.Checks) != 1 {
			t.Errorf("a source that nobody asks is judged: %+v", f.Checks)
		}
	}
}

// A part that hangs or breaks is a failing check with what mends it, and all others are looked at.
func TestExamineOutlivesWhatItLooksAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		f := Examine(t.Context(), quiet, []Look{
			{Name: "fine", At: func(context.Context) (Found, error) { return found(Check{Name: "fine", State: OK}).with("m", 1), nil }},
			{Name: "hangs", Fix: "pull", At: func(ctx context.Context) (Found, error) { <-ctx.Done(); return Found{}, ctx.Err() }},
			{Name: "odd", At: func(context.Context) (Found, error) { return found(Check{Name: "odd", State: Warning}), nil }},
			{Name: "known", At: func(context.Context) (Found, error) {
				return Found{}, fault.Wrap(fault.Unavailable, errors.New("password=hunter2"), "the thing is away")
			}},
			{Name: "unheard", At: func(context.Context) (Found, error) { return Found{}, errors.New("password=hunter2") }},
		})
		if took := time.Since(began); took != lookWaitMax {
			t.Errorf("took %s", took)
		}
		want := []Check{
			{"hangs", Failing, "No answer within 10s.", "pull"}, {"known", Failing, "The thing is away.", ""},
			{"unheard", Failing, "It can't be looked at, and the log says why.", ""}, {"odd", Warning, "", ""}, {"fine", OK, "", ""},
		}
		if !slices.Equal(f.Checks, want) || len(f.Measures) != 1 {
			t.Errorf("%+v", f)
		}
	})
}

func TestWorst(t *testing.T) {
	for _, c := range []struct {
		states []State
		want   State
	}{{nil, OK}, {[]State{Unknown}, OK}, {[]State{OK, Warning, Unknown}, Warning}, {[]State{Failing, Warning}, Failing}} {
		var checks []Check
		for _, s := range c.states {
			checks = append(checks, Check{State: s})
		}
		if got := Worst(checks); got != c.want {
			t.Errorf("%v: %s, want %s", c.states, got, c.want)
		}
	}
}
