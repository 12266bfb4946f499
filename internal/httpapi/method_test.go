package httpapi

import (
	"net/http"
	"strings"
	"testing"
)

// Methods that no route has are refused everywhere, and nothing of the request comes back: TRACE would show a browser's cookie to a script.
func TestTraceIsRefused(t *testing.T) {
	h := newHouse(t)
	paths := map[string]bool{"/": true, "/index.html": true, "/assets/app-1a2b3c.js": true, "/holdings": true, "/metrics": true}
	for _, rt := range h.server.routes {
		paths[rt.path] = true
	}
	for path := range paths {
		for _, method := range []string{http.MethodTrace, http.MethodConnect, "TRACK", "DEBUG"} {
			a := h.ask("root", method, strings.NewReplacer("{", "", "}", "").Replace(path), "", header("X-Planted", "a planted string"))
			if a.Code != http.StatusMethodNotAllowed && a.Code != http.StatusNotFound || strings.Contains(a.Body.String(), "planted") {
				t.Errorf("%s: %d %s", a.what, a.Code, a.Body)
			}
		}
	}
	if len(paths) < 50 {
		t.Errorf("only %d paths", len(paths))
	}
}
