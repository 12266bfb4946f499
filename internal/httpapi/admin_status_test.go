package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/cluster"
	"folioscope/internal/engine"
	"folioscope/internal/health"
	"folioscope/internal/jobs"
)

func TestAdministratorsSeeTheStateAndSilenceATrouble(t *testing.T) {
	var watch *health.Watch
	h := newHouse(t, func(o *Options) {
		disk := func(context.Context) (health.Found, error) { return health.Disk(1<<20, 1<<40), nil }
		late := []jobs.Count{{Kind: "poll.fx", Waiting: 2, Late: 90 * time.Second}}
		watch = health.NewWatch(health.WatchOptions{Store: o.Store.(health.Store), Node: "node-a", Version: "v1", Roles: []string{"api"}, Now: o.Now, Log: slog.New(slog.DiscardHandler),
			Own:    []health.Look{{Name: "disk", At: disk}},
			Shared: []health.Look{{Name: "jobs", At: func(context.Context) (health.Found, error) { return health.Jobs(late), nil }}},
			Jobs:   func(context.Context) ([]jobs.Count, error) { return late, nil },
			Book: func() *health.Book {
				return &health.Book{Loaded: true, Portfolios: 3, Positions: 60, Stale: 1, Sparse: health.Revaluation{At: o.Now(), Took: 1500 * time.Microsecond, Positions: 20}}
			}})
		o.Watch = watch
	})
	for range 4 {
		must(t, watch.Step(t.Context()))
		h.clock.advance(time.Minute)
	}
	status := into[SystemStatus](h.ask("root", "GET", "/api/v1/admin/status", "").is(http.StatusOK))
	if status.State != "failing" || len(status.Checks) != 2 || len(status.Nodes) != 1 || status.Nodes[0].Name != "node-a" || len(status.Jobs) != 1 || status.Jobs[0].LateSeconds != 90 {
		t.Fatalf("%+v", status)
	}
	if b := status.Books; len(b) != 1 || b[0].Node != "node-a" || b[0].Positions != 60 || b[0].Stale != 1 || b[0].FullSeconds != nil || b[0].SparseSeconds == nil || *b[0].SparseSeconds != 0.0015 {
		t.Errorf("%+v", b)
	}
	disk := status.Checks[0]
	if disk.Name != "disk" || disk.Node == nil || *disk.Node != "node-a" || disk.Fix == nil || disk.Since == nil || !disk.Told || disk.QuietUntil != nil {
		t.Errorf("%+v", disk)
	}
	until := h.clock.Now().Add(time.Hour).Format(time.RFC3339)
	const address = "/api/v1/admin/status/quiet"
	status = into[SystemStatus](h.ask("root", "PUT", address, `{"node":"node-a","name":"disk","until":"`+until+`"}`).is(http.StatusOK))
	if got := status.Checks[0].QuietUntil; got == nil || got.Format(time.RFC3339) != until {
		t.Errorf("quiet until %v, want %s", got, until)
	}
	status = into[SystemStatus](h.ask("root", "PUT", address, `{"node":"node-a","name":"disk","until":null}`).is(http.StatusOK))
	if status.Checks[0].QuietUntil != nil {
		t.Errorf("quiet still: %+v", status.Checks[0])
	}
	h.ask("root", "PUT", address, `{"node":null,"name":"disk","until":null}`).problem(http.StatusNotFound, "not_found")
	h.ask("root", "PUT", address, `{"node":"node-a","name":"disk","until":"2099-01-01T00:00:00Z"}`).problem(http.StatusUnprocessableEntity, "invalid")
	rows, err := h.store.Audits(t.Context(), "", 0, 100)
	must(t, err)
	silenced := 0
	for _, row := range rows {
		if row.Action == audit.TroubleQuieted && row.Object == "disk" {
			silenced++
		}
	}
	if silenced != 2 {
		t.Errorf("%d audit rows", silenced)
	}
}

// The nodes are those that are there, with what they hold, and those that looked of late and are gone.
func TestTheStateListsTheNodes(t *testing.T) {
	var watch *health.Watch
	h := newHouse(t, func(o *Options) {
		watch = health.NewWatch(health.WatchOptions{Store: o.Store.(health.Store), Node: "gone", Version: "v1", Roles: []string{"api"}, Now: o.Now, Log: slog.New(slog.DiscardHandler),
			Jobs: func(context.Context) ([]jobs.Count, error) { return nil, nil }})
		o.Watch = watch
	})
	must(t, watch.Step(t.Context()))
	now := h.clock.Now()
	must(t, h.store.Beat(t.Context(), cluster.Node{Name: "here", Roles: []string{"engine"}, Version: "v2", StartedAt: now, Ahead: 1500 * time.Millisecond}, time.Hour))
	_, err := h.store.ClaimPartitions(t.Context(), engine.Claim{Node: "here", Now: now, Until: now.Add(time.Hour), Latest: now.Add(2 * time.Hour)})
	must(t, err)
	nodes := into[SystemStatus](h.ask("root", "GET", "/api/v1/admin/status", "").is(http.StatusOK)).Nodes
	if len(nodes) != 2 {
		t.Fatalf("%+v", nodes)
	}
	if gone := nodes[0]; gone.Name != "gone" || gone.There || gone.At == nil || gone.StartedAt != nil || gone.ClockAheadSeconds != nil || gone.Partitions != nil || gone.Version != "v1" {
		t.Errorf("%+v", gone)
	}
	if here := nodes[1]; here.Name != "here" || !here.There || here.At != nil || here.StartedAt == nil || *here.ClockAheadSeconds != 1.5 || *here.Partitions != engine.PartitionsCount || here.Version != "v2" || here.Roles[0] != "engine" {
		t.Errorf("%+v", here)
	}
}
