//go:build unix

package app

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/certificate/certificatetest"
	"folioscope/internal/config"
	"folioscope/internal/fault"
	"folioscope/internal/webhook"
)

// A node whose settings name a second place for checkpoints sends them there, and what comes verifies with the installation's key.
func TestCheckpointsLeaveTheMachine(t *testing.T) {
	t.Parallel()
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	secrets, err := webhook.ParseSecrets(secret)
	if err != nil {
		t.Fatal(err)
	}
	came := make(chan string, 16)
	keeper := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = secrets.Verify(r.Header, body, time.Now())
		}
		var message struct{ Data struct{ Checkpoint string } }
		if err == nil {
			err = json.Unmarshal(body, &message)
		}
		if err != nil || r.URL.Path != "/checkpoints" {
			t.Errorf("%s %s: %v", r.URL.Path, body, err)
		}
		came <- message.Data.Checkpoint
	}))
	defer keeper.Close()
	settings := settingsIn(t.TempDir())
	settings.Audit.Webhook.URL, settings.Audit.Webhook.Secret = config.Secret(keeper.URL+"/checkpoints"), secret
	if err := settings.Validate(); err != nil {
		t.Fatal(err)
	}
	newPlace(t, settings)
	serve(t, settings)
	key, err := AuditKey(t.Context(), settings, quiet(nil))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := audit.NewVerifier(key)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case signed := <-came:
		if c, err := verifier.Open([]byte(signed)); err != nil || c.Size == 0 {
			t.Errorf("%+v, %v", c, err)
		}
	case <-time.After(time.Minute):
		t.Error("nothing came")
	}
}

// The operator's certificate is the one that a node shows.
func TestTheOperatorsCertificateIsShown(t *testing.T) {
	t.Parallel()
	authority := certificatetest.NewAuthority(t)
	settings := settingsIn(t.TempDir())
	settings.TLS.Cert, settings.TLS.Key = authority.Files(t, "127.0.0.1")
	newPlace(t, settings)
	url, _ := serve(t, settings)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool()}}}
	defer client.CloseIdleConnections()
	answer, err := client.Get(url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if !strings.HasPrefix(url, "https://") || answer.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", url, answer.Status)
	}
}

// A node that can't keep what is said on the wire to itself doesn't start, and says which setting it is.
func TestWithoutItsFilesANodeDoesNotStart(t *testing.T) {
	t.Parallel()
	authority := certificatetest.NewAuthority(t)
	cert, key := authority.Files(t, "127.0.0.1")
	good := settingsIn(t.TempDir())
	newPlace(t, good)
	for want, change := range map[string]func(*config.Config){
		"tls.cert: ":      func(c *config.Config) { c.TLS.Cert, c.TLS.Key = cert, cert },
		"nats.tls.cert: ": func(c *config.Config) { c.NATS.TLS = config.NATSTLS{Cert: key, Key: key, CA: authority.File(t)} },
		"nats.tls.ca: ":   func(c *config.Config) { c.NATS.TLS = config.NATSTLS{Cert: cert, Key: key, CA: key} },
		"audit.webhook.secret: ": func(c *config.Config) {
			c.Audit.Webhook = config.AuditWebhook{URL: "https://keeper.test", Secret: "hunter2"}
		},
		"database.url: ": func(c *config.Config) { c.Database.URL = "postgres://folio:hunter2@db.test/folio?sslmode=require" },
	} {
		settings := good
		change(&settings)
		err := Serve(context.Background(), settings, Options{Now: time.Now, Log: slog.New(slog.DiscardHandler), Ready: func(string) { t.Errorf("%s starts", want) }})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", want, err)
		}
	}
}
