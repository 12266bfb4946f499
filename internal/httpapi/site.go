package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

const (
	siteIndex       = "index.html"
	siteBytesMax    = 64 << 20 // the whole dashboard in memory; it is a tenth of that
	assetsFolder    = "/assets/"
	immutableCache  = "public, max-age=31536000, immutable" // names carry a hash of the content
	revalidateCache = "no-cache"
	noSiteDetail    = "This binary was built without the dashboard: run `make web`, then build again. The API works."
)

// site is the dashboard in memory.
type site struct{ files map[string]*siteFile }

// siteFile is one file in up to three encodings.
type siteFile struct {
	kind     string
	encoded  []encodedFile // best first, the plain one last
	vary     bool
	modified time.Time
}

type encodedFile struct {
	encoding string // as Content-Encoding says it, empty for plain
	body     []byte
	etag     string
}

// kinds are the types of files that the machine's own table may miss or get wrong.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".json": "application/json",
	".map": "application/json", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8", ".webmanifest": "application/manifest+json", ".woff2": "font/woff2",
	".png": "image/png", ".ico": "image/x-icon",
}

// loadSite reads a built dashboard: each file with its .br and .gz twins. A nil or empty file system is a site without pages.
func loadSite(from fs.FS) (*site, error) {
	s := &site{files: map[string]*siteFile{}}
	if from == nil {
		return s, nil
	}
	total := 0
	err := fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		if ext := path.Ext(name); ext == ".br" || ext == ".gz" {
			return nil // read with the file itself
		}
		file := &siteFile{kind: kindOf(name)}
		for _, twin := range []struct{ suffix, encoding string }{{".br", "br"}, {".gz", "gzip"}, {"", ""}} {
			body, err := fs.ReadFile(from, name+twin.suffix)
			if errors.Is(err, fs.ErrNotExist) && twin.suffix != "" {
				continue
			}
			if err != nil {
				return err
			}
			if total += len(body); total > siteBytesMax {
				return fmt.Errorf("more than %d MiB of files", siteBytesMax>>20)
			}
			sum := sha256.Sum256(body)
			file.encoded = append(file.encoded, encodedFile{twin.encoding, body, `"` + hex.EncodeToString(sum[:12]) + `"`})
		}
		file.vary = len(file.encoded) > 1
		s.files["/"+name] = file
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load dashboard: %w", err)
	}
	return s, nil
}

func kindOf(name string) string {
	if kind, ok := kinds[path.Ext(name)]; ok {
		return kind
	}
	if kind := mime.TypeByExtension(path.Ext(name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

// servePage answers everything outside /api: a file of the dashboard, or the page that finds out itself what its address means.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "This address doesn't take "+shortened(r.Method)+".", http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	file, known := s.site.files[r.URL.Path]
	switch {
	case known && r.URL.Path != "/"+siteIndex:
	case strings.HasPrefix(r.URL.Path, assetsFolder), looksLikeFile(r) && !known:
		h["Cache-Control"] = noStoreHeader
		http.Error(w, "There is no such file.", http.StatusNotFound)
		return
	default:
		if file, known = s.site.files["/"+siteIndex]; !known {
			http.Error(w, noSiteDetail, http.StatusNotImplemented)
			return
		}
	}
	h.Set("Cache-Control", revalidateCache)
	if strings.HasPrefix(r.URL.Path, assetsFolder) {
		h.Set("Cache-Control", immutableCache)
	}
	file.serve(w, r)
}

// looksLikeFile says whether a file is asked for and no page: its name has an extension and the client doesn't want HTML.
func looksLikeFile(r *http.Request) bool {
	return path.Ext(r.URL.Path) != "" && !strings.Contains(r.Header.Get("Accept"), "text/html")
}

func (f *siteFile) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	if f.vary {
		h.Set("Vary", "Accept-Encoding")
	}
	chosen := f.encoded[len(f.encoded)-1]
	if r.Header.Get("Range") == "" {
		chosen = f.choose(r.Header.Get("Accept-Encoding"))
	}
	h.Set("ETag", chosen.etag)
	if chosen.encoding == "" {
		http.ServeContent(w, r, "", f.modified, bytes.NewReader(chosen.body))
		return
	}
	if match := r.Header.Get("If-None-Match"); match != "" && etagMatches(match, chosen.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Encoding", chosen.encoding)
	h.Set("Content-Length", strconv.Itoa(len(chosen.body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(chosen.body) // the client may have gone; there is nobody to tell
	}
}

// choose takes the encoding that the client likes best, of those liked alike the smallest.
func (f *siteFile) choose(accepted string) encodedFile {
	best, most := f.encoded[len(f.encoded)-1], 0.0
	for _, e := range f.encoded {
		if q := quality(accepted, e.encoding); e.encoding != "" && q > most {
			best, most = e, q
		}
	}
	return best
}

// quality is how much an Accept-Encoding header likes an encoding, 0 where it doesn't take it.
func quality(accepted, encoding string) float64 {
	any := 0.0
	for part := range strings.SplitSeq(accepted, ",") {
		name, weight, weighted := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if weighted {
			text, ok := strings.CutPrefix(strings.TrimSpace(weight), "q=")
			parsed, err := strconv.ParseFloat(text, 64)
			if !ok || err != nil || parsed < 0 || parsed > 1 {
				parsed = 0
			}
			q = parsed
		}
		switch name = strings.ToLower(strings.TrimSpace(name)); name {
		case encoding:
			return q
		case "*":
			any = q
		}
	}
	return any
}
