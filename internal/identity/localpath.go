package identity

import (
	"net/url"
	"strings"

	"folioscope/internal/market"
)

const localPathBytesMax = 512 // of an address to return to

// LocalPath says whether a text is an address on this site that somebody may be sent to: a path that every browser reads as one, however
// it is written, and not the API's.
func LocalPath(text string) bool {
	if len(text) > localPathBytesMax || !market.OneLine(text) || strings.Contains(text, `\`) {
		return false
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "" || u.Opaque != "" || u.User != nil || u.Host != "" || !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") {
		return false
	}
	// What a proxy on the way decodes once more must not become another site either.
	for path := u.Path; ; {
		if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") || strings.Contains(path, "/.") || strings.HasPrefix(path, "/api/") || strings.Contains(path, `\`) || !market.OneLine(path) {
			return false
		}
		decoded, err := url.PathUnescape(path)
		if err != nil || decoded == path {
			return err == nil
		}
		path = decoded
	}
}
