package identity

import (
	"net/url"
	"strings"
	"testing"
)

func FuzzLocalPath(f *testing.F) {
	for _, text := range []string{"/", "/holdings?range=1y", "//evil.example", `/\evil.example`, "/%2f/evil.example", "%2f%2fevil.example", "/%252f%252fevil.example", "https://evil.example", "/api/v1/me", "/a\x00", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !LocalPath(text) {
			return
		}
		base := &url.URL{Scheme: "https", Host: "folio.example"}
		to, err := base.Parse(text)
		if err != nil || to.Host != "folio.example" || to.Scheme != "https" || to.User != nil {
			t.Fatalf("%q leads to %s, %v", text, to, err)
		}
		if strings.ContainsAny(text, "\\\r\n\t") || !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") || strings.HasPrefix(to.Path, "//") {
			t.Fatalf("%q is no plain path", text)
		}
	})
}
