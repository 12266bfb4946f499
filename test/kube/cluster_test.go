package kube

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const (
	namespace = "folio"
	token     = "of-this-test-alone"
	patience  = 2 * time.Minute
)

// cluster is a running control plane.
type cluster struct {
	dir    string
	url    string
	client *http.Client
}

// start runs a store, an API server and its controllers until the test ends.
func start(t *testing.T) *cluster {
	t.Helper()
	binaries := os.Getenv("KUBE_BIN")
	if binaries == "" {
		t.Skipf("skipped: no Kubernetes; scripts/kube.sh builds one, and make check-long does so")
	}
	c := &cluster{dir: t.TempDir(), client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //#nosec G402 -- its certificate is made as it starts, on this machine
	}}}
	store, peer, port := free(t), free(t), free(t)
	c.url = "https://" + port
	c.keys(t)
	c.run(t, filepath.Join(binaries, "etcd"), "--data-dir="+c.path("etcd"), "--unsafe-no-fsync", "--logger=zap", "--log-level=error",
		"--listen-client-urls=http://"+store, "--advertise-client-urls=http://"+store, "--listen-peer-urls=http://"+peer,
		"--initial-advertise-peer-urls=http://"+peer, "--initial-cluster=default=http://"+peer)
	_, number, err := net.SplitHostPort(port)
	if err != nil {
		t.Fatal(err)
	}
	c.run(t, filepath.Join(binaries, "kube-apiserver"), "--etcd-servers=http://"+store, "--bind-address=127.0.0.1", "--secure-port="+number,
		"--cert-dir="+c.path("certificates"), "--token-auth-file="+c.path("tokens"), "--authorization-mode=AlwaysAllow", "--service-cluster-ip-range=10.96.0.0/16",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+c.path("account.key"), "--service-account-signing-key-file="+c.path("account.key"))
	c.wait(t, "the API server to be ready", func() bool { return c.status("GET", "/readyz", "", nil) == http.StatusOK })
	c.run(t, filepath.Join(binaries, "kube-controller-manager"), "--kubeconfig="+c.path("kubeconfig"), "--leader-elect=false", "--secure-port=0",
		"--controllers=deployment-controller,replicaset-controller,statefulset-controller,serviceaccount-controller,horizontal-pod-autoscaler-controller",
		// The kubelet's part is played by the test, whose pods have no start to wait for.
		"--horizontal-pod-autoscaler-cpu-initialization-period=0s", "--horizontal-pod-autoscaler-initial-readiness-delay=0s")
	return c
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

// keys writes what the servers know each other by.
func (c *cluster) keys(t *testing.T) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "openssl", "genrsa", "-out", c.path("account.key"), "2048").CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v: %s", err, out)
	}
	config := map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "here",
		"clusters": []any{map[string]any{"name": "here", "cluster": map[string]any{"server": c.url, "insecure-skip-tls-verify": true}}},
		"users":    []any{map[string]any{"name": "test", "user": map[string]any{"token": token}}},
		"contexts": []any{map[string]any{"name": "here", "context": map[string]any{"cluster": "here", "user": "test"}}},
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"kubeconfig": text, "tokens": []byte(token + ",test,test,system:masters\n")} {
		if err := os.WriteFile(c.path(name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// run starts a process that ends with the test, also where that is killed; what it says is shown when the test failed.
func (c *cluster) run(t *testing.T, program string, args ...string) {
	t.Helper()
	name := filepath.Base(program)
	log, err := os.Create(c.path(name + ".log"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, args...)
	command.Stdout, command.Stderr, command.Dir = log, log, c.dir
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = command.Wait() // it was killed
		_ = log.Close()
		if text, err := os.ReadFile(c.path(name + ".log")); err == nil && t.Failed() {
			t.Logf("%s: …%s", name, text[max(0, len(text)-4000):])
		}
	})
}

// free is an address on loopback that nobody listens at.
func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// wait gives up after two minutes.
func (c *cluster) wait(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(500 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// ask sends one request and gives the answer's status and document.
func (c *cluster) ask(method, path, contentType string, body []byte) (int, map[string]any, error) {
	request, err := http.NewRequestWithContext(context.Background(), method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, err
	}
	answer := map[string]any{}
	if err := json.Unmarshal(text, &answer); err != nil {
		answer["message"] = string(text)
	}
	return response.StatusCode, answer, nil
}

func (c *cluster) status(method, path, contentType string, body []byte) int {
	status, _, err := c.ask(method, path, contentType, body)
	if err != nil {
		return 0
	}
	return status
}

// resources are the paths of the kinds that the chart renders.
var resources = map[string]string{
	"Deployment": "apis/apps/v1/namespaces/folio/deployments", "StatefulSet": "apis/apps/v1/namespaces/folio/statefulsets", "Job": "apis/batch/v1/namespaces/folio/jobs",
	"Service": "api/v1/namespaces/folio/services", "ServiceAccount": "api/v1/namespaces/folio/serviceaccounts", "PodDisruptionBudget": "apis/policy/v1/namespaces/folio/poddisruptionbudgets",
	"HorizontalPodAutoscaler": "apis/autoscaling/v2/namespaces/folio/horizontalpodautoscalers", "NetworkPolicy": "apis/networking.k8s.io/v1/namespaces/folio/networkpolicies",
	"Ingress": "apis/networking.k8s.io/v1/namespaces/folio/ingresses", "ScaledObject": "apis/keda.sh/v1alpha1/namespaces/folio/scaledobjects",
	"Namespace": "api/v1/namespaces", "Pod": "api/v1/namespaces/folio/pods", "APIService": "apis/apiregistration.k8s.io/v1/apiservices",
	"CustomResourceDefinition": "apis/apiextensions.k8s.io/v1/customresourcedefinitions",
}

// apply sends an object as kubectl apply does, strictly; with try, so that nothing is kept of it.
func (c *cluster) apply(object map[string]any, try bool) error {
	kind, _ := object["kind"].(string)
	metadata, _ := object["metadata"].(map[string]any)
	path, known := resources[kind]
	if !known {
		return fmt.Errorf("%s: no path is known", kind)
	}
	body, err := json.Marshal(object)
	if err != nil {
		return err
	}
	query := "?fieldManager=test&force=true&fieldValidation=Strict"
	if try {
		query += "&dryRun=All"
	}
	status, answer, err := c.ask("PATCH", fmt.Sprintf("/%s/%s%s", path, metadata["name"], query), "application/apply-patch+yaml", body)
	if err != nil {
		return err
	}
	if status >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %d: %v", kind, metadata["name"], status, answer["message"])
	}
	return nil
}
