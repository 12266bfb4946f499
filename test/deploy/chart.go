package deploy

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

const chartDir = root + "/deploy/helm/folioscope"

// render gives what Helm would send for some values, as one text of documents in the order of the chart's files, and the notes. Values are
// held against the chart's schema.
func render(values map[string]any) (manifests, notes string, err error) {
	chart, err := loader.Load(chartDir)
	if err != nil {
		return "", "", err
	}
	release := chartutil.ReleaseOptions{Name: "folioscope", Namespace: "folio", Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, values, release, chartutil.DefaultCapabilities)
	if err != nil {
		return "", "", err
	}
	files, err := engine.Engine{Strict: true}.Render(chart, all)
	if err != nil {
		return "", "", err
	}
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		switch text := strings.TrimSpace(files[name]); {
		case path.Base(name) == "NOTES.txt":
			notes = text
		case text != "":
			fmt.Fprintf(&out, "---\n%s\n", strings.TrimPrefix(text, "---\n"))
		}
	}
	return out.String(), notes, nil
}
