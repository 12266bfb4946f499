package deploy

import (
	"slices"

	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// checkManifests names everything that is wrong with what a chart rendered: each object by itself, and whether they fit together.
func checkManifests(text string, secrets []string) *faults {
	all, wrong := decode(text)
	for _, w := range all.workloads {
		if w.selector != nil && !matches(w.selector, w.template.Labels) {
			wrong.add("%s %s: doesn't select its own pods", w.kind, w.name)
		}
		checkPod(wrong, w, all, secrets)
		all.checkBudget(wrong, w)
		all.checkScaling(wrong, w)
	}
	for _, service := range all.services {
		all.checkService(wrong, service)
	}
	all.checkScalers(wrong)
	for _, ingress := range all.ingresses {
		all.checkIngress(wrong, ingress)
	}
	for _, network := range all.networks {
		all.checkNetwork(wrong, network)
	}
	for _, monitor := range all.monitors {
		for _, endpoint := range monitor.Spec.PodMetricsEndpoints {
			if endpoint.Port == nil || !all.hasPort(&monitor.Spec.Selector, intstr.FromString(*endpoint.Port)) {
				wrong.add("PodMonitor %s: its port isn't there", monitor.Name)
			}
		}
	}
	return wrong
}

// matches says whether a selector that isn't empty takes some labels.
func matches(selector *meta.LabelSelector, set map[string]string) bool {
	s, err := meta.LabelSelectorAsSelector(selector)
	return err == nil && !s.Empty() && s.Matches(labels.Set(set))
}

// hasPort says whether every pod that is selected has a port, and at least one is.
func (m *manifests) hasPort(selector *meta.LabelSelector, port intstr.IntOrString) bool {
	any := false
	for _, w := range m.workloads {
		if w.kind == "Job" || !matches(selector, w.template.Labels) {
			continue
		}
		any = true
		if !slices.ContainsFunc(w.template.Spec.Containers, func(c core.Container) bool {
			return slices.ContainsFunc(c.Ports, func(p core.ContainerPort) bool {
				return port.Type == intstr.String && p.Name == port.StrVal || port.Type == intstr.Int && p.ContainerPort == port.IntVal
			})
		}) {
			return false
		}
	}
	return any
}

func (m *manifests) checkBudget(wrong *faults, w workload) {
	if w.kind == "Job" {
		return
	}
	budgets := 0
	for _, budget := range m.budgets {
		if !matches(budget.Spec.Selector, w.template.Labels) {
			continue
		}
		budgets++
		if budget.Spec.MaxUnavailable == nil || budget.Spec.MaxUnavailable.IntValue() != 1 || budget.Spec.UnhealthyPodEvictionPolicy == nil {
			wrong.add("PodDisruptionBudget %s: machines can't be emptied one at a time", budget.Name)
		}
	}
	if budgets != 1 {
		wrong.add("%s %s: %d budgets guard it, want one", w.kind, w.name, budgets)
	}
}

// checkScaling refuses two that decide how many pods there are.
func (m *manifests) checkScaling(wrong *faults, w workload) {
	deciders := 0
	if w.replicas != nil {
		deciders++
	}
	for _, scaler := range m.scalers {
		if scaler.Spec.ScaleTargetRef.Name == w.name {
			deciders++
		}
	}
	for _, queue := range m.queues {
		if queue.Spec.ScaleTargetRef.Name == w.name {
			deciders++
		}
	}
	if w.kind != "Job" && deciders != 1 {
		wrong.add("%s %s: %d decide how many pods it has, want one", w.kind, w.name, deciders)
	}
}

func (m *manifests) checkScalers(wrong *faults) {
	target := func(kind, name string) bool {
		return slices.ContainsFunc(m.workloads, func(w workload) bool { return w.kind == kind && w.name == name })
	}
	for _, h := range m.scalers {
		ref := h.Spec.ScaleTargetRef
		if !target(ref.Kind, ref.Name) {
			wrong.add("HorizontalPodAutoscaler %s: %s %s isn't there", h.Name, ref.Kind, ref.Name)
		}
		if h.Spec.MinReplicas == nil || *h.Spec.MinReplicas < 2 || *h.Spec.MinReplicas > h.Spec.MaxReplicas {
			wrong.add("HorizontalPodAutoscaler %s: its bounds make no sense", h.Name)
		}
		for _, metric := range h.Spec.Metrics {
			if metric.Pods != nil && (metric.Pods.Target.AverageValue == nil || metric.Pods.Target.AverageValue.Sign() <= 0) {
				wrong.add("HorizontalPodAutoscaler %s: the target of %s isn't above 0", h.Name, metric.Pods.Metric.Name)
			}
		}
		down := h.Spec.Behavior
		if down == nil || down.ScaleDown == nil || down.ScaleDown.StabilizationWindowSeconds == nil || *down.ScaleDown.StabilizationWindowSeconds < 600 {
			wrong.add("HorizontalPodAutoscaler %s: it goes down before ten quiet minutes", h.Name)
		}
	}
	for _, q := range m.queues {
		ref, low, high, back := q.Spec.ScaleTargetRef, q.Spec.MinReplicaCount, q.Spec.MaxReplicaCount, q.Spec.Fallback
		if !target(ref.Kind, ref.Name) {
			wrong.add("ScaledObject %s: %s %s isn't there", q.Name, ref.Kind, ref.Name)
		}
		if low == nil || high == nil || *low < 1 || *low > *high {
			wrong.add("ScaledObject %s: its bounds make no sense", q.Name)
		}
		if back == nil || back.Behavior != "currentReplicasIfHigher" {
			wrong.add("ScaledObject %s: it goes down when it sees nothing", q.Name)
		}
	}
}

func (m *manifests) checkService(wrong *faults, s *core.Service) {
	if len(s.Spec.Selector) == 0 {
		return // leads nowhere, on purpose
	}
	for _, port := range s.Spec.Ports {
		if !m.hasPort(&meta.LabelSelector{MatchLabels: s.Spec.Selector}, port.TargetPort) {
			wrong.add("Service %s: no pod has the port %s", s.Name, port.TargetPort.String())
		}
	}
}

func (m *manifests) checkIngress(wrong *faults, ingress *networking.Ingress) {
	hidden := false
	for _, rule := range ingress.Spec.Rules {
		for _, p := range rule.HTTP.Paths {
			at := slices.IndexFunc(m.services, func(s *core.Service) bool { return s.Name == p.Backend.Service.Name })
			if at < 0 || !slices.ContainsFunc(m.services[at].Spec.Ports, func(port core.ServicePort) bool { return port.Name == p.Backend.Service.Port.Name }) {
				wrong.add("Ingress %s: %s leads to a service that isn't there", ingress.Name, p.Path)
				continue
			}
			hidden = hidden || p.Path == "/metrics" && len(m.services[at].Spec.Selector) == 0
		}
	}
	if !hidden {
		wrong.add("Ingress %s: shows metrics to everybody", ingress.Name)
	}
}

func (m *manifests) checkNetwork(wrong *faults, n *networking.NetworkPolicy) {
	if !slices.Equal(n.Spec.PolicyTypes, []networking.PolicyType{networking.PolicyTypeIngress, networking.PolicyTypeEgress}) {
		wrong.add("NetworkPolicy %s: leaves one way open", n.Name)
	}
	for _, rule := range n.Spec.Ingress {
		if len(rule.From) == 0 || len(rule.Ports) == 0 {
			wrong.add("NetworkPolicy %s: lets everybody in", n.Name)
		}
		for _, port := range rule.Ports {
			if port.Port == nil || !m.hasPort(&n.Spec.PodSelector, *port.Port) {
				wrong.add("NetworkPolicy %s: no pod has the port %s", n.Name, port.Port)
			}
		}
	}
	for _, rule := range n.Spec.Egress {
		if len(rule.Ports) == 0 {
			wrong.add("NetworkPolicy %s: lets pods go anywhere", n.Name)
		}
	}
}
