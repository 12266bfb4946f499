package app

import (
	"slices"

	"folioscope/internal/live"
	"folioscope/internal/telemetry"
)

// The families of what is asked of a node, and of what it does without. docs/guide/operations.md says what to do with them.
const (
	metricInside  = "folioscope_httpapi_inside_requests"
	metricWaiting = "folioscope_httpapi_waiting_requests"
	metricShed    = "folioscope_httpapi_shed_total"
	metricAway    = "folioscope_app_away"
)

func crowdFamilies() []telemetry.Family {
	class := []string{"class"}
	return []telemetry.Family{
		{Name: metricInside, Help: "Requests that are worked on, streams while they open.", Labels: class},
		{Name: metricWaiting, Help: "Requests that wait to be worked on.", Labels: class},
		{Name: metricShed, Help: "Requests that were turned away since the node started, because there were too many.", Kind: telemetry.Counter, Labels: class},
		{Name: metricAway, Help: "1 while the node does without its database, its bus, or a disk that keeps changes.", Labels: []string{"part"}},
	}
}

func (n *node) crowdSamples() []telemetry.Sample {
	var out []telemetry.Sample
	for _, c := range n.server.Crowds() {
		class := []string{c.Class}
		out = append(out,
			telemetry.Sample{Family: metricInside, Labels: class, Value: float64(c.Inside)},
			telemetry.Sample{Family: metricWaiting, Labels: class, Value: float64(c.Waiting)},
			telemetry.Sample{Family: metricShed, Labels: class, Value: float64(c.Shed)})
	}
	parts := n.away()
	for _, part := range []string{live.AwayDatabase, live.AwayBus, live.AwayDisk} {
		away := 0.0
		if slices.Contains(parts, part) {
			away = 1
		}
		out = append(out, telemetry.Sample{Family: metricAway, Labels: []string{part}, Value: away})
	}
	return out
}
