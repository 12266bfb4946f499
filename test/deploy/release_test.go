package deploy

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// A release is what the Makefile builds: the same platforms, the same flags, the same bill of materials.
func TestReleasesAreBuiltAsTheMakefileBuilds(t *testing.T) {
	var release struct {
		Version int `json:"version"`
		Before  struct {
			Hooks []string `json:"hooks"`
		} `json:"before"`
		Builds []struct {
			Main    string   `json:"main"`
			Env     []string `json:"env"`
			Flags   []string `json:"flags"`
			Ldflags []string `json:"ldflags"`
			GOOS    []string `json:"goos"`
			GOARCH  []string `json:"goarch"`
		} `json:"builds"`
	}
	if err := yaml.Unmarshal([]byte(read(t, root+"/.goreleaser.yaml")), &release); err != nil {
		t.Fatal(err)
	}
	if len(release.Builds) != 1 || !slices.Contains(release.Before.Hooks, "make sbom") && len(release.Before.Hooks) != 1 {
		t.Fatalf("want one build after make sbom: %+v", release)
	}
	build, makefile := release.Builds[0], read(t, root+"/Makefile")
	var platforms []string
	for _, system := range build.GOOS {
		for _, machine := range build.GOARCH {
			platforms = append(platforms, system+"/"+machine)
		}
	}
	if !strings.Contains(makefile, "PLATFORMS := "+strings.Join(platforms, " ")+"\n") {
		t.Errorf("platforms %v aren't those of the Makefile", platforms)
	}
	built := regexp.MustCompile(`go build (-\S+) -ldflags '([^']+)' -o .* (\./cmd/\S+)`).FindStringSubmatch(makefile)
	if built == nil {
		t.Fatal("the Makefile doesn't say how it builds")
	}
	flags := strings.Replace(strings.Join(build.Ldflags, " "), "{{ .Version }}", "$(VERSION)", 1)
	if strings.Join(build.Flags, " ") != built[1] || flags != built[2] || build.Main != built[3] || !slices.Contains(build.Env, "CGO_ENABLED=0") {
		t.Errorf("built with %v, %q, %s; the Makefile has %v", build.Flags, flags, build.Main, built[1:])
	}
}
