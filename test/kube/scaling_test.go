package kube

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// look is how often the test counts pods and plays the kubelet.
const look = 2 * time.Second

// The chart's own autoscaler and Kubernetes' own controllers decide over a crowd that comes, that nobody can count for a while, and that goes.
// No machine runs the pods: the test says of each that it is ready as soon as it is there, so that what is measured is the policy alone. With
// FOLIOSCOPE_LONG it waits as the chart says, twenty minutes in all; else the waits on the way down are a tenth.
func TestScaling(t *testing.T) {
	c := start(t)
	c.settle(t)
	told := &crowd{streams: 12_000, cpu: "200m"} // a fifth of what a pod asks for
	c.serveMetrics(t, told)
	window, period := 600, 120
	for _, object := range documents(t, rendered+"/base.yaml") {
		switch object["kind"] {
		case "ServiceAccount", "Deployment":
		case "HorizontalPodAutoscaler":
			if os.Getenv("FOLIOSCOPE_LONG") == "" {
				window, period = window/10, period/10
				down := at(object, "spec", "behavior", "scaleDown")
				down["stabilizationWindowSeconds"] = window
				down["policies"] = []any{map[string]any{"type": "Pods", "value": 1, "periodSeconds": period}}
			}
		default:
			continue
		}
		if err := c.apply(object, false); err != nil {
			t.Fatal(err)
		}
	}
	course := &course{cluster: c, told: told, began: time.Now()}
	course.until(t, "12,000 streams", patience, func(n int) bool { return n == 3 })

	told.set(func(m *crowd) { m.streams = 36_000 })
	course.until(t, "36,000 streams", patience, func(n int) bool { return n == 9 })

	// Streams can't be counted while processors idle: whoever goes by the processors alone sends everybody away.
	told.set(func(m *crowd) { m.blind = true })
	course.never(t, "36,000 streams, uncounted", time.Duration(window)*time.Second/5, func(n int) bool { return n < 9 })
	told.set(func(m *crowd) { m.blind = false })

	told.set(func(m *crowd) { m.streams = 12_000 })
	course.mark()
	course.until(t, "12,000 streams again", time.Duration(window)*time.Second+patience, func(n int) bool { return n < 9 })
	course.until(t, "and fewer", time.Duration(6*period)*time.Second+patience, func(n int) bool { return n == 3 })
	course.slowly(t)
	t.Logf("window %d s, one pod in %d s\n%s", window, period, course)
}

// course is how many pods were wanted over time.
type course struct {
	cluster *cluster
	told    *crowd
	began   time.Time
	down    int // the step from which on fewer people are there
	steps   []step
}

type step struct {
	after  time.Duration
	phase  string
	wanted int
}

func (c *course) mark() { c.down = len(c.steps) }

// look counts what is wanted, and has every pod ready.
func (c *course) look(t *testing.T, phase string) int {
	t.Helper()
	status, list, err := c.cluster.ask("GET", "/"+resources["Pod"]+"?labelSelector=app.kubernetes.io/component=api", "", nil)
	if err != nil || status != 200 {
		t.Fatalf("list pods: %d, %v", status, err)
	}
	items, _ := list["items"].([]any)
	var ready []string
	for _, item := range items {
		pod, _ := item.(map[string]any)
		name, _ := at(pod, "metadata")["name"].(string)
		if at(pod, "metadata")["deletionTimestamp"] == nil {
			ready = append(ready, name)
			c.cluster.makeReady(t, pod, name)
		}
	}
	if len(ready) > 0 {
		c.told.set(func(m *crowd) { m.pods = ready })
	}
	_, deployment, err := c.cluster.ask("GET", "/"+resources["Deployment"]+"/folioscope-api", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	wanted, _ := at(deployment, "spec")["replicas"].(float64)
	if n := len(c.steps); n == 0 || c.steps[n-1].wanted != int(wanted) || c.steps[n-1].phase != phase {
		c.steps = append(c.steps, step{time.Since(c.began).Round(time.Second), phase, int(wanted)})
	}
	return int(wanted)
}

// makeReady plays the kubelet: it says of a pod that it runs and is ready.
func (c *cluster) makeReady(t *testing.T, pod map[string]any, name string) {
	t.Helper()
	if at(pod, "status")["phase"] == "Running" {
		return
	}
	now := time.Now().UTC().Format(time.RFC3339)
	conditions := []any{}
	for _, kind := range []string{"Ready", "ContainersReady", "Initialized", "PodScheduled"} {
		conditions = append(conditions, map[string]any{"type": kind, "status": "True", "lastTransitionTime": now})
	}
	body, err := json.Marshal(map[string]any{"status": map[string]any{"phase": "Running", "startTime": now, "conditions": conditions}})
	if err != nil {
		t.Fatal(err)
	}
	if status := c.status("PATCH", "/"+resources["Pod"]+"/"+name+"/status", "application/merge-patch+json", body); status != 200 && status != 404 {
		t.Fatalf("say that %s is ready: %d", name, status)
	}
}

// until looks on until there are as many as should be.
func (c *course) until(t *testing.T, phase string, patience time.Duration, done func(int) bool) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(look) {
		n := c.look(t, phase)
		if done(n) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %d pods after %s\n%s", phase, n, patience, c)
		}
	}
}

// never looks on for some time, in which something must not happen.
func (c *course) never(t *testing.T, phase string, during time.Duration, bad func(int) bool) {
	t.Helper()
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(look) {
		if n := c.look(t, phase); bad(n) {
			t.Fatalf("%s: %d pods\n%s", phase, n, c)
		}
	}
}

// slowly holds the way down to one pod at a time.
func (c *course) slowly(t *testing.T) {
	t.Helper()
	before := 9
	for _, s := range c.steps[c.down:] {
		if before-s.wanted > 1 {
			t.Errorf("from %d to %d pods at once\n%s", before, s.wanted, c)
		}
		before = s.wanted
	}
}

// String is the course as a table.
func (c *course) String() string {
	var out strings.Builder
	for s := range slices.Values(c.steps) {
		fmt.Fprintf(&out, "%6.0f s  %2d pods  %s\n", s.after.Seconds(), s.wanted, s.phase)
	}
	return out.String()
}
