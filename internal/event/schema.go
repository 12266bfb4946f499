package event

import (
	"embed"
	"io/fs"
)

//go:embed schemas/*.schema.json
var schemaFiles embed.FS

// Schemas holds the JSON schemas of everything in this package that others may read, such as portfolio.schema.json.
func Schemas() fs.FS {
	sub, err := fs.Sub(schemaFiles, "schemas")
	if err != nil {
		panic("event: " + err.Error()) // the folder is embedded above
	}
	return sub
}
