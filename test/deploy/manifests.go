package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// manifests is what a rendered chart holds, by kind.
type manifests struct {
	workloads []workload
	services  []*core.Service
	accounts  []*core.ServiceAccount
	scalers   []*autoscaling.HorizontalPodAutoscaler
	queues    []*keda.ScaledObject
	budgets   []*policy.PodDisruptionBudget
	networks  []*networking.NetworkPolicy
	ingresses []*networking.Ingress
	monitors  []*monitoring.PodMonitor
}

// workload is whatever makes pods.
type workload struct {
	kind, name string
	replicas   *int32
	selector   *meta.LabelSelector // nil of a job, which labels its pods itself
	template   core.PodTemplateSpec
}

// decode reads documents as the API server does with fieldValidation=Strict: a field that isn't known or comes twice, a value of another type
// and a kind that isn't there are errors.
func decode(text string) (*manifests, *faults) {
	var wrong faults
	known := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		apps.AddToScheme, autoscaling.AddToScheme, batch.AddToScheme, core.AddToScheme, networking.AddToScheme, policy.AddToScheme, keda.AddToScheme, monitoring.AddToScheme,
	} {
		wrong.take(add(known))
	}
	decoder := serializer.NewCodecFactory(known, serializer.EnableStrict).UniversalDeserializer()
	documents := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewBufferString(text)))
	defer documents.Close()
	all, seen := &manifests{}, map[string]bool{}
	for {
		document := make([]byte, len(text)+1)
		n, err := documents.Read(document)
		if errors.Is(err, io.EOF) {
			return all, &wrong
		}
		if err != nil {
			wrong.take(err)
			return all, &wrong
		}
		object, kind, err := decoder.Decode(document[:n], nil, nil)
		if err != nil {
			wrong.add("%.60q…: %w", document[:n], err)
			continue
		}
		all.add(&wrong, object, kind, seen)
	}
}

func (m *manifests) add(wrong *faults, object runtime.Object, kind *schema.GroupVersionKind, seen map[string]bool) {
	named, ok := object.(meta.Object)
	if !ok {
		wrong.add("%s has no name", kind)
		return
	}
	full := fmt.Sprintf("%s %s", kind.Kind, named.GetName())
	if seen[full] {
		wrong.add("%s is there twice", full)
	}
	seen[full] = true
	for _, said := range validation.IsDNS1123Label(named.GetName()) {
		wrong.add("%s: %s", full, said)
	}
	switch o := object.(type) {
	case *apps.Deployment:
		m.workloads = append(m.workloads, workload{"Deployment", o.Name, o.Spec.Replicas, o.Spec.Selector, o.Spec.Template})
	case *apps.StatefulSet:
		m.workloads = append(m.workloads, workload{"StatefulSet", o.Name, o.Spec.Replicas, o.Spec.Selector, o.Spec.Template})
	case *batch.Job:
		m.workloads = append(m.workloads, workload{"Job", o.Name, nil, nil, o.Spec.Template})
	case *core.Service:
		m.services = append(m.services, o)
	case *core.ServiceAccount:
		m.accounts = append(m.accounts, o)
	case *autoscaling.HorizontalPodAutoscaler:
		m.scalers = append(m.scalers, o)
	case *keda.ScaledObject:
		m.queues = append(m.queues, o)
	case *policy.PodDisruptionBudget:
		m.budgets = append(m.budgets, o)
	case *networking.NetworkPolicy:
		m.networks = append(m.networks, o)
	case *networking.Ingress:
		m.ingresses = append(m.ingresses, o)
	case *monitoring.PodMonitor:
		m.monitors = append(m.monitors, o)
	default:
		wrong.add("%s: nothing here looks at its kind", full)
	}
}
