package sqlstore

import (
	"testing"
	"time"

	"folioscope/internal/audit"
)

func TestVitals(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		v, err := b.Vitals(t.Context())
		b.ok(err)
		if v.Bytes < 1<<10 {
			t.Errorf("an empty database has some size: %+v", v)
		}
		if _, server := bare(b.db).(*postgres); server != v.Server || server != (v.Connections > 0) || server != (v.ConnectionsMax > 0) {
			t.Errorf("%+v", v)
		}
		if ahead := time.Since(v.Clock); v.Server && ahead.Abs() > time.Minute { // it is the same machine's
			t.Errorf("the server's clock is %s away", ahead)
		}
	})
}

func TestAuditRowsThatWait(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		before, _, err := b.AuditWaiting(t.Context())
		b.ok(err)
		b.ok(b.RecordAudit(t.Context(), audit.Entry{Action: audit.AuditExported, Result: "ok"}))
		first := b.clock.Now()
		b.clock.advance(time.Hour)
		b.ok(b.RecordAudit(t.Context(), audit.Entry{Action: audit.AuditExported, Result: "ok"}))
		rows, oldest, err := b.AuditWaiting(t.Context())
		b.ok(err)
		if rows != before+2 || oldest.After(first) {
			t.Errorf("%d rows since %s, want %d since %s at the latest", rows, oldest, before+2, first)
		}
	})
}
