package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// A node that answers nobody says how it is where it listens, and nothing else.
func TestANodeOfAnyRoleSaysHowItIs(t *testing.T) {
	for _, role := range []string{"ingest", "engine"} {
		t.Run(role, func(t *testing.T) {
			in := newInstallation(t, "FOLIOSCOPE_ROLES="+role)
			in.start()
			defer in.stop()
			if status, text := in.send("GET", "/healthz", "", nil); status != http.StatusOK || string(text) != "ok\n" {
				t.Errorf("/healthz: %d %s", status, text)
			}
			var ready struct {
				Ready   bool
				Reasons []string
			}
			status, text := in.send("GET", "/readyz", "", nil)
			if err := json.Unmarshal(text, &ready); err != nil || status != http.StatusOK || !ready.Ready || len(ready.Reasons) != 0 {
				t.Errorf("/readyz: %d %s", status, text)
			}
			status, text = in.send("GET", "/metrics", "", nil)
			if status != http.StatusOK || !strings.Contains(string(text), "folioscope_cache_bytes") || strings.Contains(string(text), "folioscope_alerts_") != (role == "engine") {
				t.Errorf("/metrics: %d, %d bytes", status, len(text))
			}
			for _, path := range []string{"/", "/admin/status", "/api/v1/me", "/api/v1/portfolios", "/api/openapi.json", "/api/docs", "/api/v1/stream"} {
				if status, text := in.send("GET", path, "", nil); status != http.StatusNotFound {
					t.Errorf("%s: %d %.100s", path, status, text)
				}
			}
			if status, text := in.send("POST", "/api/v1/session", "", map[string]string{"email": testEmail, "password": testSecret}); status != http.StatusNotFound {
				t.Errorf("signing in: %d %s", status, text)
			}
		})
	}
}
