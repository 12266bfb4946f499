package config

import (
	"slices"
	"testing"
)

// Administrators need a second factor unless whoever runs the node says otherwise, in any of the three places.
func TestWhoNeedsASecondFactor(t *testing.T) {
	const key = "identity.require_second_factor"
	for name, c := range map[string]struct {
		from Sources
		want []string
	}{
		"by default":           {Sources{Environ: home}, []string{"admin"}},
		"nobody by the file":   {Sources{Environ: home, File: write(t, "[identity]\nrequire_second_factor = []\n")}, nil},
		"others by the file":   {Sources{Environ: home, File: write(t, "[identity]\nrequire_second_factor = [\"auditor\"]\n")}, []string{"auditor"}},
		"nobody by variable":   {Sources{Environ: append(slices.Clone(home), EnvironmentName(key)+"=")}, nil},
		"others by a variable": {Sources{Environ: append(slices.Clone(home), EnvironmentName(key)+"=admin, adviser")}, []string{"admin", "adviser"}},
		"nobody by a flag":     {Sources{Environ: home, Flags: map[string]string{key: ""}}, nil},
	} {
		got, err := Load(c.from)
		if err != nil || !slices.Equal(got.Identity.RequireSecondFactor, c.want) {
			t.Errorf("%s: %q, %v, want %q", name, got.Identity.RequireSecondFactor, err, c.want)
		}
	}
}
