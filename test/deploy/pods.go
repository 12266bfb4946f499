package deploy

import (
	"path"
	"slices"
	"strings"
	"time"

	core "k8s.io/api/core/v1"
)

// checkPod names what is wrong with the pods of a workload. Secrets are those that the values name.
func checkPod(wrong *faults, w workload, all *manifests, secrets []string) {
	spec := w.template.Spec
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			wrong.add(w.kind+" "+w.name+": "+format, args...)
		}
	}
	refuse(spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken, "its pods get a token for Kubernetes")
	refuse(spec.EnableServiceLinks == nil || *spec.EnableServiceLinks, "enableServiceLinks brings variables that a node refuses")
	refuse(spec.HostNetwork || spec.HostPID || spec.HostIPC, "its pods share something with the machine")
	if spec.ServiceAccountName != "" {
		known := slices.ContainsFunc(all.accounts, func(a *core.ServiceAccount) bool { return a.Name == spec.ServiceAccountName })
		refuse(!known && len(all.accounts) > 0, "service account %s isn't there", spec.ServiceAccountName)
	}
	sc := spec.SecurityContext
	refuse(sc == nil || sc.RunAsNonRoot == nil || !*sc.RunAsNonRoot || sc.RunAsUser == nil || *sc.RunAsUser == 0, "its pods may run as root")
	refuse(sc == nil || sc.SeccompProfile == nil || sc.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault, "its pods may call whatever the system knows")
	volumes := map[string]bool{}
	for _, volume := range spec.Volumes {
		volumes[volume.Name] = true
		refuse(volume.HostPath != nil, "volume %s is the machine's", volume.Name)
		if volume.Secret != nil {
			refuse(!slices.Contains(secrets, volume.Secret.SecretName), "secret %s isn't one that the values name", volume.Secret.SecretName)
			refuse(volume.Secret.DefaultMode != nil && *volume.Secret.DefaultMode&0o007 != 0, "secret %s may be read by others", volume.Secret.SecretName)
		}
	}
	for _, container := range spec.Containers {
		checkContainer(refuse, container, volumes)
		checkEnvironment(wrong, w, container, secrets)
		if w.kind != "Job" {
			checkProbes(refuse, spec, container)
		}
	}
	for _, spread := range spec.TopologySpreadConstraints {
		refuse(spread.LabelSelector == nil || !matches(spread.LabelSelector, w.template.Labels), "what it spreads over %s are other pods", spread.TopologyKey)
	}
}

func checkContainer(refuse func(bad bool, format string, args ...any), c core.Container, volumes map[string]bool) {
	sc := c.SecurityContext
	refuse(sc == nil || sc.AllowPrivilegeEscalation == nil || *sc.AllowPrivilegeEscalation, "it can gain privileges")
	refuse(sc == nil || sc.ReadOnlyRootFilesystem == nil || !*sc.ReadOnlyRootFilesystem, "its root can be written to")
	refuse(sc == nil || sc.Privileged != nil && *sc.Privileged, "it is privileged")
	refuse(sc == nil || sc.Capabilities == nil || !slices.Equal(sc.Capabilities.Drop, []core.Capability{"ALL"}) || len(sc.Capabilities.Add) > 0, "it keeps capabilities")
	name := path.Base(c.Image)
	refuse(!strings.Contains(name, ":") && !strings.Contains(name, "@") || strings.HasSuffix(name, ":latest"), "image %s is whichever is the newest", c.Image)
	for _, mount := range c.VolumeMounts {
		refuse(!volumes[mount.Name], "volume %s isn't there", mount.Name)
	}
	_, bounded := c.Resources.Limits[core.ResourceMemory]
	refuse(!bounded, "its memory has no end")
	for resource, limit := range c.Resources.Limits {
		request, asked := c.Resources.Requests[resource]
		refuse(asked && request.Cmp(limit) > 0, "it asks for more %s than it may have", resource)
	}
	_, asks := c.Resources.Requests[core.ResourceCPU]
	refuse(!asks, "CPU isn't asked for, of which autoscaling counts the share")
}

func checkProbes(refuse func(bad bool, format string, args ...any), spec core.PodSpec, c core.Container) {
	for _, probe := range []struct {
		name string
		*core.Probe
		path string
	}{{"startup", c.StartupProbe, "/healthz"}, {"liveness", c.LivenessProbe, "/healthz"}, {"readiness", c.ReadinessProbe, "/readyz"}} {
		if probe.Probe == nil || probe.HTTPGet == nil {
			refuse(true, "has no %s probe", probe.name)
			continue
		}
		refuse(probe.HTTPGet.Path != probe.path, "the %s probe asks for %s", probe.name, probe.HTTPGet.Path)
		port := slices.ContainsFunc(c.Ports, func(p core.ContainerPort) bool { return p.Name == probe.HTTPGet.Port.StrVal })
		refuse(!port, "the %s probe asks at port %s, which isn't there", probe.name, probe.HTTPGet.Port.String())
	}
	if c.Lifecycle == nil || c.Lifecycle.PreStop == nil || c.Lifecycle.PreStop.Sleep == nil {
		refuse(true, "it ends before anybody has noticed")
		return
	}
	sleep := time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second
	grace := spec.TerminationGracePeriodSeconds
	refuse(grace == nil || time.Duration(*grace)*time.Second < sleep+readyWithin, "it is killed before it has left")
}

// checkEnvironment holds what a node is told against the product's own rules, and the files that it is told of against what it has.
func checkEnvironment(wrong *faults, w workload, c core.Container, secrets []string) {
	variables := map[string]string{"FOLIOSCOPE_DATA_DIR": "/var/lib/folioscope"} // the image says so
	seen := map[string]bool{}
	for _, variable := range c.Env {
		if seen[variable.Name] {
			wrong.add("%s %s: %s is there twice", w.kind, w.name, variable.Name)
		}
		seen[variable.Name] = true
		value := variable.Value
		if from := variable.ValueFrom; from != nil && from.SecretKeyRef != nil {
			value = "x"
			if !slices.Contains(secrets, from.SecretKeyRef.Name) {
				wrong.add("%s %s: secret %s isn't one that the values name", w.kind, w.name, from.SecretKeyRef.Name)
			}
		} else if secretValue(variable.Name, value) {
			wrong.add("%s %s: %s is a secret in the manifest", w.kind, w.name, variable.Name)
		}
		if strings.HasPrefix(variable.Name, "FOLIOSCOPE_") {
			variables[variable.Name] = value
		}
	}
	settled, err := settings(variables)
	if err != nil {
		wrong.add("%s %s: %w", w.kind, w.name, err)
		return
	}
	mounted := func(file string) bool {
		return slices.ContainsFunc(c.VolumeMounts, func(m core.VolumeMount) bool { return strings.HasPrefix(file, m.MountPath+"/") })
	}
	files := []string{settled.TLS.Cert, settled.TLS.Key, settled.NATS.TLS.Cert, settled.NATS.TLS.Key, settled.NATS.TLS.CA, settled.Keys.KEK}
	for pair := range strings.SplitSeq(settled.Database.URL.Reveal(), "&") {
		if name, file, _ := strings.Cut(pair, "="); name == "passfile" || name == "sslrootcert" {
			files = append(files, file)
		}
	}
	for _, file := range files {
		if strings.HasPrefix(file, "/") && !mounted(file) {
			wrong.add("%s %s: %s lies in no volume", w.kind, w.name, file)
		}
	}
	if component := w.template.Labels["app.kubernetes.io/component"]; w.kind != "Job" && (component == "api") != settled.HasRole("api") {
		wrong.add("%s %s: people are sent to the pods called api, which have that role, and to no others", w.kind, w.name)
	}
	if !slices.ContainsFunc(c.VolumeMounts, func(m core.VolumeMount) bool { return m.MountPath == settled.DataDir }) {
		wrong.add("%s %s: %s can't be written to", w.kind, w.name, settled.DataDir)
	}
}
