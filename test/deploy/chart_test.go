package deploy

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
)

var update = flag.Bool("update", false, "write what the chart renders now as what it should")

// sets are the names of the values that the chart is rendered with.
func sets(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/values/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d sets of values, %v", len(files), err)
	}
	return files
}

// values reads a set over the base that all of them share.
func values(t *testing.T, file string) map[string]any {
	t.Helper()
	base, err := chartutil.ReadValuesFile("testdata/values/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set, err := chartutil.ReadValuesFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return chartutil.CoalesceTables(set, base)
}

// secretsOf are the names of the secrets that values speak of, which have to be there beside the chart.
func secretsOf(value any) []string {
	var names []string
	switch v := value.(type) {
	case map[string]any:
		for key, below := range v {
			if name, ok := below.(string); ok && (key == "secret" || key == "tlsSecret") && name != "" {
				names = append(names, name)
			}
			names = append(names, secretsOf(below)...)
		}
	case chartutil.Values:
		names = secretsOf(map[string]any(v))
	case []any:
		for _, below := range v {
			names = append(names, secretsOf(below)...)
		}
	}
	return names
}

func TestChart(t *testing.T) {
	for _, file := range sets(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			set := values(t, file)
			text, notes, err := render(set)
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range *checkManifests(text, secretsOf(set)) {
				t.Error(err)
			}
			if !strings.Contains(notes, "user add") || strings.Contains(notes, "<no value>") {
				t.Errorf("notes: %s", notes)
			}
			golden := filepath.Join("testdata/golden", filepath.Base(file))
			if *update {
				if err := os.WriteFile(golden, []byte(text), 0o644); err != nil { //#nosec G306 -- a file of the checkout
					t.Fatal(err)
				}
			}
			if text != read(t, golden) {
				t.Errorf("isn't what %s says: look at the difference, then go test -run TestChart -update", golden)
			}
		})
	}
}

// Values that can't work are refused before anything is sent, in words that say what to change.
func TestChartRefuses(t *testing.T) {
	for _, c := range []struct{ name, values, want string }{
		{"no address", `publicURL: ""`, "publicURL"},
		{"a page for an address", `publicURL: https://folio.example/app`, "publicURL"},
		{"a key that nobody knows", `replicas: 3`, "replicas"},
		{"a text for a number", `api: {replicas: three}`, "replicas"},
		{"no way of TLS", `proxy: {trusted: []}`, "proxy.trusted or tls.secret is needed"},
		{"two ways of TLS", `tls: {secret: site}`, "choose one"},
		{"an ingress before TLS of the pods", "proxy: {trusted: []}\ntls: {secret: site}\ningress: {enabled: true}", "ingress.enabled needs proxy.trusted"},
		{"no key", `keys: {secret: ""}`, "keys.secret or keys.service is needed"},
		{"a key of nowhere", `keys: {service: "s3://bucket/key", secret: ""}`, "/keys/service"},
		{"a key service before its account", `keys: {service: "hcvault://vault:8200/transit/keys/folio", secret: ""}`, "keys.init with keys.service needs a service account"},
		{"no bus", `bus: {secret: ""}`, "bus.secret or bus.urls is needed"},
		{"fewer at most than at least", `api: {autoscaling: {minReplicas: 8, maxReplicas: 4}}`, "minReplicas 8 is more than maxReplicas 4"},
		{"more pods than connections", `api: {autoscaling: {maxReplicas: 40}}`, "the database allows 200 connections (database.maxConnections), but up to 47 pods with 10 each"},
		{"pools that don't fit", `database: {poolConnections: 50}`, "put PgBouncer between"},
		{"more by their queue than connections", `ingest: {keda: {enabled: true, maxReplicas: 30}}`, "put PgBouncer between"},
		{"a setting that is the chart's", `settings: {database.url: "postgres://u:p@h/d"}`, "database.url is the chart's own"},
		{"a secret setting that is the chart's", `secretSettings: [{key: keys.kek, secret: s, secretKey: k}]`, "keys.kek is the chart's own"},
		{"a secret among the values", `database: {password: hunter2}`, "password"},
		{"a setting that is no key", `settings: {"POLL": 5m}`, "'POLL' does not match"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "values.yaml")
			if err := os.WriteFile(file, []byte(c.values), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, _, err := render(values(t, file)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("said %v, want %q", err, c.want)
			}
		})
	}
}

// Manifests that were spoilt are refused: by the types, or because they don't fit together.
func TestSpoiltManifestsAreRefused(t *testing.T) {
	for _, c := range []struct {
		set string
		spoiling
	}{
		{"base", spoiling{"a field mistyped", "minReadySeconds: 5", "minReadySecond: 5", "unknown field"}},
		{"base", spoiling{"a field in the wrong case", "readinessProbe:", "readinessprobe:", "unknown field"}},
		{"base", spoiling{"a field twice", "revisionHistoryLimit: 3", "revisionHistoryLimit: 3\n  revisionHistoryLimit: 4", "already set"}},
		{"base", spoiling{"a text for a number", "containerPort: 8080", "containerPort: http", "cannot unmarshal"}},
		{"base", spoiling{"an older version", "autoscaling/v2", "autoscaling/v2beta2", "no kind"}},
		{"base", spoiling{"another kind", "kind: PodDisruptionBudget", "kind: PodDisruptionBudgets", "no kind"}},
		{"base", spoiling{"fewer at most than at least", "minReplicas: 3", "minReplicas: 30", "bounds make no sense"}},
		{"base", spoiling{"a target below 0", `averageValue: "4000"`, `averageValue: "-4000"`, "isn't above 0"}},
		{"base", spoiling{"down at once", "stabilizationWindowSeconds: 600", "stabilizationWindowSeconds: 6", "ten quiet minutes"}},
		{"base", spoiling{"a scaler of nothing", "kind: Deployment, name: folioscope-api", "kind: Deployment, name: folioscope-app", "isn't there"}},
		{"base", spoiling{"two that decide", "spec:\n  revisionHistoryLimit: 3", "spec:\n  replicas: 3\n  revisionHistoryLimit: 3", "2 decide how many pods"}},
		{"base", spoiling{"a selector of others' pods", "      app.kubernetes.io/component: api\n  template:", "      app.kubernetes.io/component: apis\n  template:", "doesn't select its own pods"}},
		{"base", spoiling{"a budget of nothing", "unhealthyPodEvictionPolicy: AlwaysAllow\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: folioscope", "unhealthyPodEvictionPolicy: AlwaysAllow\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: other", "0 budgets guard it"}},
		{"base", spoiling{"a probe at no port", "path: /readyz, port: http", "path: /readyz, port: web", "which isn't there"}},
		{"base", spoiling{"a restart for the database's sake", "livenessProbe:\n            httpGet: {path: /healthz", "livenessProbe:\n            httpGet: {path: /readyz", "the liveness probe asks for /readyz"}},
		{"base", spoiling{"a service of no port", "targetPort: http", "targetPort: https", "no pod has the port"}},
		{"base", spoiling{"a setting that isn't one", "FOLIOSCOPE_PUBLIC_URL", "FOLIOSCOPE_PUBLICURL", "unknown variable"}},
		{"base", spoiling{"a role that isn't one", `value: "api"`, `value: "web"`, "no role is called"}},
		{"base", spoiling{"a pod that answers where nobody is sent", `value: "ingest"`, `value: "api,ingest"`, "people are sent to the pods called api"}},
		{"base", spoiling{"a password", "postgres://folioscope@", "postgres://folioscope:hunter2@", "is a secret in the manifest"}},
		{"base", spoiling{"a secret that isn't there", "secretName: folioscope-kek", "secretName: folioscope-key", "isn't one that the values name"}},
		{"base", spoiling{"a secret for everybody", "defaultMode: 0440", "defaultMode: 0444", "may be read by others"}},
		{"base", spoiling{"a volume that isn't there", "- {name: keys, secret:", "- {name: key, secret:", "volume keys isn't there"}},
		{"base", spoiling{"root", "runAsNonRoot: true", "runAsNonRoot: false", "may run as root"}},
		{"base", spoiling{"a root that can be written to", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "can be written to"}},
		{"base", spoiling{"capabilities", "capabilities: {drop: [ALL]}", "capabilities: {drop: [ALL], add: [NET_ADMIN]}", "keeps capabilities"}},
		{"base", spoiling{"links to services", "enableServiceLinks: false", "enableServiceLinks: true", "a node refuses"}},
		{"base", spoiling{"killed while it leaves", "terminationGracePeriodSeconds: 75", "terminationGracePeriodSeconds: 15", "killed before it has left"}},
		{"base", spoiling{"no wait before the end", "sleep: {seconds: 10}", "exec: {command: [sleep, \"10\"]}", "before anybody has noticed"}},
		{"base", spoiling{"more than it may have", "memory: 512Mi", "memory: 9Gi", "more memory than it may have"}},
		{"base", spoiling{"everybody let in", "ports: [{protocol: TCP, port: http}]", "ports: []", "lets everybody in"}},
		{"base", spoiling{"one way open", "policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]", "leaves one way open"}},
		{"base", spoiling{"whichever image", `image: "folioscope:0.1.0"`, `image: "folioscope:latest"`, "whichever is the newest"}},
		{"ingress", spoiling{"metrics for everybody", "folioscope-nowhere, port", "folioscope, port", "shows metrics"}},
		{"ingress", spoiling{"a service that isn't there", "service: {name: folioscope, port", "service: {name: folio, port", "isn't there"}},
		{"watched", spoiling{"a queue that is blind", "behavior: currentReplicasIfHigher", "behavior: static", "goes down when it sees nothing"}},
		{"watched", spoiling{"a field of KEDA mistyped", "pollingInterval:", "pollInterval:", "unknown field"}},
		{"watched", spoiling{"metrics at no port", "- port: http\n", "- port: metrics\n", "its port isn't there"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := values(t, filepath.Join("testdata/values", c.set+".yaml"))
			text, _, err := render(set)
			if err != nil {
				t.Fatal(err)
			}
			if wrong := checkManifests(c.spoil(t, text), secretsOf(set)); !wrong.says(c.want) {
				t.Errorf("said %v, want %q", *wrong, c.want)
			}
		})
	}
}

// The chart's first values are whole: what the base leaves out has a default that the schema takes.
func TestEveryValueIsInTheSchema(t *testing.T) {
	text := read(t, chartDir+"/values.schema.json")
	defaults, err := chartutil.ReadValuesFile(chartDir + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range slices.Sorted(maps.Keys(defaults)) {
		if !strings.Contains(text, `"`+key+`"`) {
			t.Errorf("values.yaml has %s, the schema doesn't", key)
		}
	}
}
