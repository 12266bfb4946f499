package sqlstore

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"folioscope/internal/audit"
	"folioscope/internal/trace"
)

// told collects spans.
type told struct {
	mutex sync.Mutex
	lines []string
}

func (t *told) Start(ctx context.Context, _ trace.Kind, name string) (context.Context, trace.Span) {
	return ctx, &toldSpan{t, name}
}
func (*told) Carry(context.Context) string                        { return "" }
func (*told) Adopt(ctx context.Context, _ string) context.Context { return ctx }

type toldSpan struct {
	of   *told
	line string
}

func (s *toldSpan) Rename(name string)    { s.line = name }
func (s *toldSpan) Set(key, value string) { s.line += " " + key + "=" + value }
func (s *toldSpan) End(failed bool) {
	if failed {
		s.line += " failed"
	}
	s.of.mutex.Lock()
	defer s.of.mutex.Unlock()
	s.of.lines = append(s.of.lines, s.line)
}

// Statements are told by their text, in which no value stands; a row that isn't there is no failure.
func TestStatementsAreToldWithoutValues(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		spans := &told{}
		b.tracing(spans)
		b.user("canary-anna")
		b.portfolio("canary-anna", "canary-portfolio")
		if _, err := b.Portfolio(t.Context(), "canary-anna", "canary-missing"); err == nil {
			t.Error("a portfolio that isn't there")
		}
		b.ok(b.RecordAudit(t.Context(), audit.Entry{Action: audit.AuditExported, Result: "ok"}))
		if _, err := b.JobsDB(); err != nil {
			t.Error(err)
		}
		all := strings.Join(spans.lines, "\n")
		if strings.Contains(all, "canary") || strings.Contains(all, "failed") || !strings.Contains(all, "INSERT users db.system.name=") || !strings.Contains(all, "transaction write") {
			t.Errorf("told:\n%s", all)
		}
		if !slices.ContainsFunc(spans.lines, func(line string) bool {
			return strings.HasPrefix(line, "UPDATE audit_heads") || strings.HasPrefix(line, "INSERT audit_heads")
		}) {
			t.Errorf("told:\n%s", all)
		}
	})
}
