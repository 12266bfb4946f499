package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"folioscope/internal/config"
	"folioscope/internal/fault"
)

// A list that is damaged, or isn't there, stops the start with a sentence that names the setting, the file and the line.
func TestBreachedPasswordsAreLookedOverAtTheStart(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := strings.Repeat("0", 40) + ":3\n" + strings.Repeat("F", 40) + ":12\n"
	for path, want := range map[string]string{
		put("good.txt", good): "", "": "",
		put("bad.txt", good+"password1\n"):  "line 3 is no HASH:COUNT",
		put("empty.txt", ""):                "empty",
		filepath.Join(dir, "not-there.txt"): "can't be read",
		dir:                                 "no file",
	} {
		settings := config.Default()
		settings.Identity.BreachedPasswords = path
		list, closing, err := openBreached(settings)
		if want != "" {
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "identity.breached_passwords") {
				t.Errorf("%q: %v", path, err)
			}
			continue
		}
		if err != nil || (list != nil) != (path != "") {
			t.Errorf("%q: %v, %v", path, list, err)
			continue
		}
		if err := closing(); err != nil {
			t.Error(err)
		}
	}
}
