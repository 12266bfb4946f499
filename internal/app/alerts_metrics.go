package app

import (
	"folioscope/internal/engine"
	"folioscope/internal/telemetry"
)

// The families of what evaluates alert rules. docs/guide/operations.md says what to do with them.
const (
	metricAlertPartitions = "folioscope_alerts_partitions"
	metricAlertRules      = "folioscope_alerts_rules"
	metricAlertAside      = "folioscope_alerts_owners_put_aside"
	metricAlertQuotes     = "folioscope_alerts_quotes_total"
	metricAlertValued     = "folioscope_alerts_portfolios_valued_total"
	metricAlertFirings    = "folioscope_alerts_firings_total"
	metricAlertSettled    = "folioscope_alerts_settled_total"
	metricAlertConflicts  = "folioscope_alerts_conflicts_total"
	metricAlertSequence   = "folioscope_alerts_sequence"
	metricAlertLag        = "folioscope_alerts_lag_seconds"
)

func alertFamilies() []telemetry.Family {
	return []telemetry.Family{
		{Name: metricAlertPartitions, Help: "Partitions of owners whose alert rules this node evaluates; of all nodes together 64."},
		{Name: metricAlertRules, Help: "Alert rules that this node evaluates."},
		{Name: metricAlertAside, Help: "Owners whose alert rules could not be read or settled, and are tried again."},
		{Name: metricAlertQuotes, Help: "Accepted prices that rules were held against since the node started.", Kind: telemetry.Counter},
		{Name: metricAlertValued, Help: "Portfolios that were valued for rules since the node started.", Kind: telemetry.Counter},
		{Name: metricAlertFirings, Help: "Firings of rules since the node started, told or held back.", Kind: telemetry.Counter},
		{Name: metricAlertSettled, Help: "Changes of rules' standings that were settled since the node started.", Kind: telemetry.Counter},
		{Name: metricAlertConflicts, Help: "Changes that were not settled since another node, or the rule's owner, had changed it first.", Kind: telemetry.Counter},
		{Name: metricAlertSequence, Help: "The sequence of the quotes' journal that this node's rules have seen."},
		{Name: metricAlertLag, Help: "Time from when the last price was observed until rules were held against it."},
	}
}

func alertSamples(m engine.Meters) []telemetry.Sample {
	return []telemetry.Sample{
		{Family: metricAlertPartitions, Value: float64(m.Partitions)},
		{Family: metricAlertRules, Value: float64(m.Rules)},
		{Family: metricAlertAside, Value: float64(m.Troubled)},
		{Family: metricAlertQuotes, Value: float64(m.Quotes)},
		{Family: metricAlertValued, Value: float64(m.Valued)},
		{Family: metricAlertFirings, Value: float64(m.Firings)},
		{Family: metricAlertSettled, Value: float64(m.Settled)},
		{Family: metricAlertConflicts, Value: float64(m.Conflicts)},
		{Family: metricAlertSequence, Value: float64(m.Cursor)},
		{Family: metricAlertLag, Value: m.Lag.Seconds()},
	}
}
