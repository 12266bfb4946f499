package kube

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// rendered is what the chart renders, as the tests of test/deploy hold it.
const rendered = "../deploy/testdata/golden"

// documents reads the objects of one rendered set of values.
func documents(t *testing.T, file string) []map[string]any {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var objects []map[string]any
	for document := range strings.SplitSeq("\n"+string(text), "\n---\n") {
		object := map[string]any{}
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		if len(object) > 0 {
			objects = append(objects, object)
		}
	}
	return objects
}

// settle makes the namespace, in which pods have to keep to the restricted profile of Pod Security.
func (c *cluster) settle(t *testing.T) {
	t.Helper()
	c.wait(t, "the namespace", func() bool {
		return c.apply(map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{
			"name": namespace, "labels": map[string]any{"pod-security.kubernetes.io/enforce": "restricted"},
		}}, false) == nil
	})
	c.wait(t, "its first service account", func() bool {
		return c.status("GET", "/api/v1/namespaces/folio/serviceaccounts/default", "", nil) == http.StatusOK
	})
}

// defineScaledObjects tells the API server of KEDA's kind, from KEDA's own module.
func (c *cluster) defineScaledObjects(t *testing.T) {
	t.Helper()
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/kedacore/keda/v2")
	list.Dir = "../deploy"
	dir, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range documents(t, filepath.Join(strings.TrimSpace(string(dir)), "config/crd/bases/keda.sh_scaledobjects.yaml")) {
		delete(object, "status")
		if err := c.apply(object, false); err != nil {
			t.Fatal(err)
		}
	}
	c.wait(t, "KEDA's kind", func() bool { return c.status("GET", "/"+resources["ScaledObject"], "", nil) == http.StatusOK })
}

// A real API server takes everything that the chart renders, strictly, and pods of it in a namespace that is restricted; and refuses what it
// should of spoilt ones, so that its taking means something.
func TestTheAPIServerTakesTheChart(t *testing.T) {
	c := start(t)
	c.settle(t)
	c.defineScaledObjects(t)
	files, err := filepath.Glob(rendered + "/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	taken := 0
	for _, file := range files {
		for _, object := range documents(t, file) {
			if object["kind"] == "PodMonitor" {
				continue // its definition is in no Go module; test/deploy reads it with its types
			}
			if err := c.apply(object, true); err != nil {
				t.Errorf("%s: %v", filepath.Base(file), err)
				continue
			}
			taken++
			if template := templateOf(object); template != nil {
				if err := c.apply(podOf(template), true); err != nil {
					t.Errorf("%s: a pod of %s: %v", filepath.Base(file), object["kind"], err)
				}
			}
		}
	}
	t.Attr("counted", fmt.Sprintf("%d objects of %d sets taken", taken, len(files)))

	for _, spoilt := range []struct {
		kind, want string
		spoil      func(object map[string]any)
	}{
		{"HorizontalPodAutoscaler", "maxReplicas", func(o map[string]any) { at(o, "spec")["minReplicas"] = 99 }},
		{"HorizontalPodAutoscaler", "minReplcas", func(o map[string]any) { at(o, "spec")["minReplcas"] = 3 }},
		{"Deployment", "selector", func(o map[string]any) { at(o, "spec", "selector", "matchLabels")["app"] = "other" }},
		{"StatefulSet", "matchLabelKeys", func(o map[string]any) {
			spread, _ := at(o, "spec", "template", "spec")["topologySpreadConstraints"].([]any)
			first, _ := spread[0].(map[string]any)
			delete(first, "labelSelector")
		}},
		{"ScaledObject", "maxReplicaCount", func(o map[string]any) { at(o, "spec")["maxReplicaCount"] = "many" }},
	} {
		for _, object := range documents(t, rendered+"/watched.yaml") {
			if object["kind"] != spoilt.kind {
				continue
			}
			spoilt.spoil(object)
			if err := c.apply(object, true); err == nil || !strings.Contains(err.Error(), spoilt.want) {
				t.Errorf("a spoilt %s: %v, want %q", spoilt.kind, err, spoilt.want)
			}
			break
		}
	}
	for _, object := range documents(t, rendered+"/base.yaml") {
		if object["kind"] == "Deployment" {
			pod := podOf(templateOf(object))
			at(pod, "spec", "securityContext")["runAsNonRoot"] = false
			if err := c.apply(pod, true); err == nil || !strings.Contains(err.Error(), "PodSecurity") {
				t.Errorf("a pod that may be root: %v", err)
			}
		}
	}
}

// at leads into an object.
func at(object map[string]any, path ...string) map[string]any {
	for _, name := range path {
		below, _ := object[name].(map[string]any)
		object = below
	}
	return object
}

// templateOf is the pod template of a workload, nil of anything else.
func templateOf(object map[string]any) map[string]any { return at(object, "spec", "template") }

// podOf makes a pod of a template.
func podOf(template map[string]any) map[string]any {
	metadata := map[string]any{"name": "try", "labels": at(template, "metadata")["labels"]}
	spec := maps.Clone(at(template, "spec"))
	if spec["serviceAccountName"] != nil {
		spec["serviceAccountName"] = "default" // the chart's own isn't there in a try
	}
	return map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
}
