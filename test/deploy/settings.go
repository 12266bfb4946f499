package deploy

import (
	"maps"
	"slices"

	"folioscope/internal/config"
)

// settings reads environment variables as a node does: unknown keys, wrong values and what doesn't fit together are errors.
func settings(variables map[string]string) (config.Config, error) {
	environ := []string{"HOME=/nonexistent"}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		environ = append(environ, name+"="+variables[name])
	}
	return config.Load(config.Sources{Environ: environ})
}
