//go:build unix

package app

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"folioscope/internal/certificate/certificatetest"
	"folioscope/internal/config"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/notify"
	"folioscope/internal/pgtest"
	"folioscope/internal/sqlstore"
)

var record = flag.Bool("record", false, "record deploy/prometheus/testdata anew: takes minutes, needs PostgreSQL")

const (
	settleTime    = 90 * time.Second // until lags that are told from a minute on are there
	betweenScrape = time.Minute
	troubledAge   = 30 * time.Minute // of prices, which have grown stale, and of the dates that their source says
	bitcoin       = `{"bitcoin":{"usd":60000.5,"last_updated_at":%d}}`
)

// situation is a node that was scraped twice, a minute apart.
type situation struct {
	name  string
	fires []string // the alerts that its metrics fire when they go on like that
	serve func(t *testing.T, in recordedPlace) scraped
}

// recordedPlace is an installation with one person, who holds a coin and has an API token and a channel.
type recordedPlace struct {
	settings  config.Config
	token     string
	portfolio string // its path
	sources   *httptest.Server
	receiver  *receiver
	tell      func()
}

// scraped is where a node's metrics are to be had.
type scraped struct {
	url    string
	client *http.Client
}

func (s scraped) ask(ctx context.Context, method, path, token, body string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}

func (s scraped) metrics(t *testing.T) string {
	t.Helper()
	text, err := s.ask(t.Context(), http.MethodGet, "/metrics", "", "")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// recordSituation leaves both scrapes of a situation in the directory of recordings.
func recordSituation(t *testing.T, s situation) {
	t.Helper()
	at := s.serve(t, newRecordedPlace(t, s.name))
	time.Sleep(settleTime)
	for _, path := range recordings(s.name) {
		text := fmt.Sprintf("# scraped at %d, in seconds since 1970\n%s", time.Now().Unix(), recordedPart(at.metrics(t)))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(betweenScrape)
	}
}

// recordedPart leaves Go's own figures out, which no rule asks for and which differ from one release to the next.
func recordedPart(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		name := strings.TrimPrefix(line, "# TYPE ")
		if strings.HasPrefix(name, "folioscope_") || strings.HasPrefix(name, "process_") || strings.HasPrefix(name, "go_goroutines") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// newRecordedPlace makes an installation whose coin has had a price. The sources are of this test: no figure is anybody's.
func newRecordedPlace(t *testing.T, name string) recordedPlace {
	t.Helper()
	in := recordedPlace{settings: settingsIn(t.TempDir()), receiver: newReceiver(t, always(http.StatusNoContent))}
	in.sources = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(r.URL.Path, "/api/v3/simple/price") {
			fmt.Fprintf(w, bitcoin, time.Now().Unix())
			return
		}
		fmt.Fprintf(w, `{"amount":1.0,"base":"EUR","date":%q,"rates":{"USD":1.08}}`, time.Now().UTC().Format(time.DateOnly))
	}))
	t.Cleanup(in.sources.Close)
	in.settings.Poll.Interval = 10 * time.Second
	in.settings.Providers["coingecko"] = config.Provider{Enabled: true, BaseURL: in.sources.URL, RequestsPerMinute: 600}
	in.settings.Providers["frankfurter"] = config.Provider{Enabled: true, BaseURL: in.sources.URL, RequestsPerMinute: 600}
	in.settings.Outbound.Messages = []string{in.receiver.hostPort()}
	if name == "troubled" { // it needs another clock to be compared with, and a database to be broken
		in.settings.Database.URL = config.Secret(pgtest.Database(t))
	}
	in.settings.Health.BackupFile = filepath.Join(t.TempDir(), "backup made")
	if err := os.WriteFile(in.settings.Health.BackupFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	newPlace(t, in.settings)
	url, stop := serve(t, in.settings)
	p := signIn(t, url)
	var me struct{ ID ledger.OwnerID }
	p.must("GET", "/api/v1/me", nil, &me)
	in.tell = func() { tellOwner(t, in.settings, me.ID, 3) }
	in.portfolio = p.coin("Recorded")
	p.must("POST", "/api/v1/channels", map[string]string{"kind": "webhook", "name": "mine", "url": in.receiver.URL + "/hook"}, nil)
	waitFor(t, func() string { return "a price" }, func() bool {
		return strings.Contains(scraped{url, http.DefaultClient}.metrics(t), `folioscope_ingest_prices_total{reason="",verdict="accept"} 2`)
	})
	in.token = tokenOf(t, in.settings, identity.ScopeRead|identity.ScopeWrite)
	stop()
	return in
}

var healthy = situation{name: "healthy", serve: serveHealthy}

func serveHealthy(t *testing.T, in recordedPlace) scraped {
	t.Helper()
	in.settings.Probe.Token = config.Secret(in.token)
	keeper := newReceiver(t, always(http.StatusNoContent))
	in.settings.Audit.Webhook = config.AuditWebhook{URL: config.Secret(keeper.URL), Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	url, _ := serve(t, in.settings)
	in.tell()
	return scraped{url, http.DefaultClient}
}

// troubled has everything go wrong that can be made to within a minute.
var troubled = situation{name: "troubled", fires: []string{
	"FolioscopeAuditLag", "FolioscopeBackupOld", "FolioscopeCertificateEnds", "FolioscopeCheckFailing", "FolioscopeClockSkew", "FolioscopeLeaseUnheld",
	"FolioscopePricesStale", "FolioscopeProbeBurnFast", "FolioscopeProbeBurnLong", "FolioscopeProbeBurnSlow", "FolioscopeProbeFailing", "FolioscopeQuotaSpent",
	"FolioscopeRequestsBurnFast", "FolioscopeRequestsBurnLong", "FolioscopeRequestsBurnSlow", "FolioscopeRotationUnfinished", "FolioscopeSourceDown",
}, serve: serveTroubled}

func serveTroubled(t *testing.T, in recordedPlace) scraped {
	t.Helper()
	s := in.settings
	s.Providers["coingecko"] = config.Provider{Enabled: true, BaseURL: refusing(t, troubledAge), Key: "refused", RequestsPerMinute: 600}
	s.Providers["frankfurter"] = config.Provider{Enabled: true, BaseURL: in.sources.URL, RequestsPerDay: 1}
	s.SMTP = config.SMTP{Host: "127.0.0.1", Port: 1, From: "Folioscope <folio@example.org>", TLS: string(notify.Clear)}
	authority := certificatetest.NewAuthority(t)
	s.TLS.Cert, s.TLS.Key = authority.Files(t, "127.0.0.1", "localhost") // for a day
	s.Probe.Token = config.Secret(in.token)                              // who doesn't know the authority
	daysAgo := time.Now().Add(-72 * time.Hour)
	if err := os.Chtimes(s.Health.BackupFile, daysAgo, daysAgo); err != nil {
		t.Fatal(err)
	}
	pgtest.Execute(t, s.Database.URL.Reveal(), fmt.Sprintf(`UPDATE marks SET observed_at = observed_at - %[1]d, market_time = market_time - %[1]d`, troubledAge.Microseconds()))
	o := quiet(nil)
	if err := withStore(t.Context(), s, o, func(store *sqlstore.Store) error {
		_, err := store.AddRootKey(t.Context())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	url, _ := serveWith(t, s, o)
	at := scraped{url, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool()}}}}
	in.receiver.status = always(http.StatusInternalServerError)
	in.tell()
	if _, err := at.ask(t.Context(), http.MethodPost, "/api/v1/recovery", "", `{"email":"`+personEmail+`"}`); err != nil { // a mail
		t.Fatal(err)
	}
	in.breakDatabase(t, at)
	return at
}

// breakDatabase takes away what signing the audit log and reading portfolios stand on, while somebody goes on asking.
func (in recordedPlace) breakDatabase(t *testing.T, at scraped) {
	t.Helper()
	database := in.settings.Database.URL.Reveal()
	pgtest.Execute(t, database, `ALTER TABLE audit_tree RENAME TO audit_tree_lost`)
	if _, err := at.ask(t.Context(), http.MethodPatch, in.portfolio, in.token, `{"name":"Not signed"}`); err != nil {
		t.Fatal(err)
	}
	pgtest.Execute(t, database, `ALTER TABLE portfolios RENAME TO portfolios_lost`)
	go func() {
		for t.Context().Err() == nil {
			_, _ = at.ask(t.Context(), http.MethodGet, "/api/v1/portfolios", in.token, "") // the answer is an error, and meant to be
			time.Sleep(time.Second)
		}
	}()
}
