//go:build linux

package outage

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// nextStep is the first step of the schema that releases after this one have: higher than any of ours.
const nextStep = 9001

// release makes a later release: the product with so many more steps of its schema, each of which adds what a release may add, a table, an
// index and a column of a table that is written all the time. The steps are laid over the sources for the build, so that the product has none.
func release(steps int) (path string, err error) {
	dir, err := builtDir()
	if err != nil {
		return "", err
	}
	migrations, err := filepath.Abs("../sqlstore/migrations")
	if err != nil {
		return "", err
	}
	laid := make(map[string]string)
	for step := range steps {
		name := fmt.Sprintf("%d_next.sql", nextStep+step)
		laid[filepath.Join(migrations, name)] = filepath.Join(dir, name)
		text := strings.ReplaceAll(`CREATE TABLE next_N (owner TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (owner, id)) /* by key */;
ALTER TABLE activities ADD COLUMN next_N TEXT;
CREATE INDEX next_of_activities_N ON activities (owner, next_N);
`, "_N", fmt.Sprint("_", step+1))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": laid})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, fmt.Sprintf("release-%d.json", steps))
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return "", err
	}
	return build(fmt.Sprintf("next-%d", steps), "-overlay", overlay)
}
