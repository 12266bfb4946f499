package app

import (
	"folioscope/internal/cache"
	"folioscope/internal/journal"
	"folioscope/internal/live"
	"folioscope/internal/telemetry"
)

// The families of what a node keeps in memory since it can be worked out again. docs/guide/operations.md says what to do with them.
const (
	metricCacheHits      = "folioscope_cache_hits_total"
	metricCacheMisses    = "folioscope_cache_misses_total"
	metricCacheEvictions = "folioscope_cache_evictions_total"
	metricCacheBytes     = "folioscope_cache_bytes"
	metricCacheBytesMax  = "folioscope_cache_bytes_max"
)

func cacheFamilies() []telemetry.Family {
	family := func(name, help string, kind telemetry.Kind) telemetry.Family {
		return telemetry.Family{Name: name, Help: help, Kind: kind, Labels: []string{"cache"}}
	}
	return []telemetry.Family{
		family(metricCacheHits, "Looks into a cache since the node started that found something new enough.", telemetry.Counter),
		family(metricCacheMisses, "Looks that found nothing, or something too old.", telemetry.Counter),
		family(metricCacheEvictions, "What a cache dropped since the node started to stay within its bound.", telemetry.Counter),
		family(metricCacheBytes, "About what a cache takes. That of marks grows with the instruments that there are.", telemetry.Gauge),
		family(metricCacheBytesMax, "What a cache may take.", telemetry.Gauge),
	}
}

// cacheSamples are those of this node. Prices in memory are all of them, so that nothing of them is missed or dropped.
func (n *node) cacheSamples(record *journal.Journal, hub *live.Hub) []telemetry.Sample {
	out := []telemetry.Sample{{Family: metricCacheBytes, Labels: []string{"marks"}, Value: float64(hub.Marks().Bytes())}}
	kept := record.Caches()
	for name, m := range map[string]cache.Meters{
		"positions": kept.Positions, "books": kept.Books, "series": kept.Series, "documents": hub.DocumentCache(), "keys": n.store.KeyCache(), "sessions": n.server.SessionCache(),
	} {
		for family, value := range map[string]uint64{
			metricCacheHits: m.Hits, metricCacheMisses: m.Misses, metricCacheEvictions: m.Evictions, metricCacheBytes: m.Bytes, metricCacheBytesMax: m.BytesMax,
		} {
			out = append(out, telemetry.Sample{Family: family, Labels: []string{name}, Value: float64(value)})
		}
	}
	return out
}
