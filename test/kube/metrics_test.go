package kube

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// crowd is what the autoscaler is told: how many streams there are, spread evenly over the pods that are ready, and how busy each pod is.
type crowd struct {
	mu      sync.Mutex
	streams int
	cpu     string // of each pod
	blind   bool   // nobody can tell how many streams there are
	pods    []string
}

func (c *crowd) set(change func(*crowd)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
}

// ServeHTTP answers as an adapter for Prometheus and as the metrics server do.
func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().UTC().Format(time.RFC3339)
	items := []any{}
	var answer map[string]any
	switch r.URL.Path {
	case "/apis/custom.metrics.k8s.io/v1beta2", "/apis/metrics.k8s.io/v1beta1":
		name := "pods"
		if r.URL.Path == "/apis/custom.metrics.k8s.io/v1beta2" {
			name = "pods/folioscope_live_streams"
		}
		group := r.URL.Path[len("/apis/"):]
		answer = map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": []any{
			map[string]any{"name": name, "singularName": "", "namespaced": true, "kind": "MetricValueList", "verbs": []any{"get", "list"}},
		}}
	case "/apis/custom.metrics.k8s.io/v1beta2/namespaces/folio/pods/*/folioscope_live_streams":
		if c.blind {
			http.Error(w, "the monitoring is away", http.StatusInternalServerError)
			return
		}
		for _, pod := range c.pods {
			items = append(items, map[string]any{
				"describedObject": map[string]any{"kind": "Pod", "apiVersion": "v1", "namespace": namespace, "name": pod},
				"metric":          map[string]any{"name": "folioscope_live_streams"}, "timestamp": now, "value": fmt.Sprint(c.streams / len(c.pods)),
			})
		}
		answer = map[string]any{"kind": "MetricValueList", "apiVersion": "custom.metrics.k8s.io/v1beta2", "metadata": map[string]any{}, "items": items}
	case "/apis/metrics.k8s.io/v1beta1/namespaces/folio/pods":
		for _, pod := range c.pods {
			items = append(items, map[string]any{
				"metadata": map[string]any{"name": pod, "namespace": namespace}, "timestamp": now, "window": "30s",
				"containers": []any{map[string]any{"name": "folioscope", "usage": map[string]any{"cpu": c.cpu, "memory": "300Mi"}}},
			})
		}
		answer = map[string]any{"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": map[string]any{}, "items": items}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		return // whoever asked has gone
	}
}

// serveMetrics has the API server pass questions for metrics on to a crowd.
func (c *cluster) serveMetrics(t *testing.T, told *crowd) {
	t.Helper()
	server := httptest.NewTLSServer(told)
	t.Cleanup(server.Close)
	address, ok := server.Listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("%v is no TCP address", server.Listener.Addr())
	}
	service := map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "metrics", "namespace": namespace},
		"spec": map[string]any{"type": "ExternalName", "externalName": "localhost"}}
	if err := c.apply(service, false); err != nil {
		t.Fatal(err)
	}
	for _, group := range []struct{ name, version string }{{"custom.metrics.k8s.io", "v1beta2"}, {"metrics.k8s.io", "v1beta1"}} {
		if err := c.apply(map[string]any{"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": group.version + "." + group.name},
			"spec": map[string]any{"group": group.name, "version": group.version, "groupPriorityMinimum": 100, "versionPriority": 100, "insecureSkipTLSVerify": true,
				"service": map[string]any{"name": "metrics", "namespace": namespace, "port": address.Port}}}, false); err != nil {
			t.Fatal(err)
		}
		c.wait(t, "metrics of "+group.name, func() bool {
			return c.status("GET", "/apis/"+group.name+"/"+group.version, "", nil) == http.StatusOK
		})
	}
}
