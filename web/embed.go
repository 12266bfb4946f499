// Package web holds the built dashboard inside the binary.
//
// It owns the embedded files of dist and nothing else: how they are served (headers,
// compression, fallback to index.html) belongs to package httpapi. A checkout without a
// dashboard build still compiles; then dist holds only its placeholder.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist returns the built dashboard with index.html at its root, or a file system that
// holds nothing but the placeholder .gitkeep when the dashboard was not built.
func Dist() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		// The directory is named in the embed directive above, so this can't happen.
		panic("web: embedded dist is missing: " + err.Error())
	}
	return sub
}
