package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Kind is what a family's figures are.
type Kind int

// The kinds.
const (
	Gauge     Kind = iota // goes up and down
	Counter               // only grows
	Histogram             // how often each size came
)

// Family is the figures of one name. The values of its labels come from a short list that the program knows: never from people,
// and never from what an outside source says.
type Family struct {
	Name   string // folioscope_<package>_<what>_<unit>
	Help   string
	Kind   Kind
	Labels []string
}

// Sample is one figure of a family.
type Sample struct {
	Family string
	Labels []string // values, in the order of the family's labels
	Value  float64  // of a gauge or counter; of a histogram the sum

	// Of a histogram: how many came up to each bound, each count within the next, and how many in all.
	Buckets map[float64]uint64
	Count   uint64
}

// Collect shows figures that somebody else counts: read is asked for all of them whenever metrics are read. A sample of a
// family that isn't named is left out.
func (m *Metrics) Collect(families []Family, read func() []Sample) {
	c := &collector{read: read, families: map[string]described{}}
	for _, f := range families {
		m.families = append(m.families, f.Name)
		c.families[f.Name] = described{f.Kind, prometheus.NewDesc(f.Name, f.Help, f.Labels, nil)}
	}
	m.registry.MustRegister(c)
}

type described struct {
	kind Kind
	desc *prometheus.Desc
}

type collector struct {
	families map[string]described
	read     func() []Sample
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, f := range c.families {
		out <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	for _, s := range c.read() {
		f, known := c.families[s.Family]
		if !known {
			continue
		}
		switch f.kind {
		case Histogram:
			out <- prometheus.MustNewConstHistogram(f.desc, s.Count, s.Value, s.Buckets, s.Labels...)
		case Counter:
			out <- prometheus.MustNewConstMetric(f.desc, prometheus.CounterValue, s.Value, s.Labels...)
		default:
			out <- prometheus.MustNewConstMetric(f.desc, prometheus.GaugeValue, s.Value, s.Labels...)
		}
	}
}
