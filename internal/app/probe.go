package app

import (
	"cmp"
	"strings"

	"folioscope/internal/health"
	"folioscope/internal/telemetry"
)

const (
	metricProbes       = "folioscope_health_probe_requests_total"
	metricProbeSeconds = "folioscope_health_probe_seconds"
)

// buildProbe makes what uses the service as people do, where there is an account for it. Own is this node's own address.
func (n *node) buildProbe(own string) {
	p := n.settings.Probe
	if p.Token == "" {
		return
	}
	url := strings.TrimSuffix(cmp.Or(p.URL, n.settings.PublicURL, own), "/")
	n.probe = health.NewProbe(health.ProbeOptions{
		URL: url, Token: p.Token.Reveal(), Client: n.outbound.Operator(url), Reads: p.Read, Writes: p.Write, Now: n.o.Now, Log: n.o.Log,
	})
	n.add("probe", n.probe.Run)
}

func probeFamilies() []telemetry.Family {
	return []telemetry.Family{
		{Name: metricProbes, Help: "Tries of the probe to use the service, by how they ended.", Kind: telemetry.Counter, Labels: []string{"kind", "outcome"}},
		{Name: metricProbeSeconds, Help: "Time that a try of the probe took.", Kind: telemetry.Histogram, Labels: []string{"kind"}},
	}
}

func (n *node) probeSamples() []telemetry.Sample {
	if n.probe == nil {
		return nil
	}
	var out []telemetry.Sample
	for kind, c := range n.probe.Counts() {
		took := telemetry.Sample{Family: metricProbeSeconds, Labels: []string{string(kind)}, Value: c.Sum.Seconds(), Count: c.Good + c.Failed, Buckets: map[float64]uint64{}}
		var up uint64
		for i, bound := range health.ProbeBounds() {
			up += c.Up[i]
			took.Buckets[bound.Seconds()] = up
		}
		out = append(out, took,
			telemetry.Sample{Family: metricProbes, Labels: []string{string(kind), "good"}, Value: float64(c.Good)},
			telemetry.Sample{Family: metricProbes, Labels: []string{string(kind), "failed"}, Value: float64(c.Failed)})
	}
	return out
}
