{{/* The pod of a component; called with root and component. */}}
{{- define "folioscope.pod" -}}
{{- $v := .root.Values -}}
{{- $own := index $v .component -}}
{{- $scheme := ternary "HTTPS" "HTTP" (not (empty $v.tls.secret)) -}}
{{- $revision := ternary "controller-revision-hash" "pod-template-hash" (eq .component "engine") -}}
metadata:
  labels:
    {{- include "folioscope.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
  annotations:
    kubectl.kubernetes.io/default-container: folioscope
    {{- with $v.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "folioscope.account" .root }}
  terminationGracePeriodSeconds: 75
  {{- include "folioscope.confinement" .root | nindent 2 }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: topology.kubernetes.io/zone
      whenUnsatisfiable: ScheduleAnyway
      labelSelector: &pods
        matchLabels:
          {{- include "folioscope.selector" .root | nindent 10 }}
          app.kubernetes.io/component: {{ .component }}
      matchLabelKeys: [{{ $revision }}]
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: DoNotSchedule
      labelSelector: *pods
      matchLabelKeys: [{{ $revision }}]
  containers:
    - name: folioscope
      image: {{ include "folioscope.image" .root | quote }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      env:
        {{- include "folioscope.environment" . | nindent 8 }}
      ports:
        - {name: http, containerPort: 8080}
        {{- if $v.bus.secret }}
        - {name: bus, containerPort: 6222}
        {{- end }}
      # The process is asked whether it lives, never whether the database does: a restart mends no database.
      startupProbe:
        httpGet: {path: /healthz, port: http, scheme: {{ $scheme }}}
        periodSeconds: 2
        failureThreshold: 150 # five minutes for migrations
      livenessProbe:
        httpGet: {path: /healthz, port: http, scheme: {{ $scheme }}}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: {path: /readyz, port: http, scheme: {{ $scheme }}}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      lifecycle:
        preStop:
          sleep: {seconds: 10} # until nobody sends requests here any more
      resources: {{- toYaml $own.resources | nindent 8 }}
      {{- include "folioscope.files" .root | nindent 6 }}
  {{- include "folioscope.volumes" .root | nindent 2 }}
{{- end }}

{{/* What every pod is bound by, as Pod Security's profile "restricted" wants it. */}}
{{- define "folioscope.confinement" -}}
automountServiceAccountToken: false
# Variables that Kubernetes makes of services begin like the node's settings, which refuse what they don't know.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What a container may do, and the files it sees. */}}
{{- define "folioscope.files" -}}
{{- $v := .Values -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: data, mountPath: /var/lib/folioscope}
  - {name: database, mountPath: /etc/folioscope/database, readOnly: true}
  {{- if $v.database.authority.secret }}
  - {name: database-ca, mountPath: /etc/folioscope/database-ca, readOnly: true}
  {{- end }}
  {{- if $v.keys.secret }}
  - {name: keys, mountPath: /etc/folioscope/keys, readOnly: true}
  {{- end }}
  {{- if $v.bus.secret }}
  - {name: bus, mountPath: /etc/folioscope/bus, readOnly: true}
  {{- end }}
  {{- if $v.tls.secret }}
  - {name: tls, mountPath: /etc/folioscope/tls, readOnly: true}
  {{- end }}
{{- end }}

{{- define "folioscope.volumes" -}}
{{- $v := .Values -}}
volumes:
  # Nothing here outlives the pod: the truth is in the database.
  - {name: data, emptyDir: {sizeLimit: 1Gi}}
  - {name: database, secret: {secretName: {{ $v.database.secret }}, defaultMode: 0440, items: [{key: pgpass, path: pgpass}]}}
  {{- with $v.database.authority }}{{ if .secret }}
  - {name: database-ca, secret: {secretName: {{ .secret }}, items: [{key: {{ .key | quote }}, path: {{ .key | quote }}}]}}
  {{- end }}{{ end }}
  {{- if $v.keys.secret }}
  - {name: keys, secret: {secretName: {{ $v.keys.secret }}, defaultMode: 0440, items: [{key: kek, path: kek}]}}
  {{- end }}
  {{- if $v.bus.secret }}
  - {name: bus, secret: {secretName: {{ $v.bus.secret }}, defaultMode: 0440}}
  {{- end }}
  {{- if $v.tls.secret }}
  - {name: tls, secret: {secretName: {{ $v.tls.secret }}, defaultMode: 0440}}
  {{- end }}
{{- end }}

{{- define "folioscope.environment" -}}
{{- $v := .root.Values -}}
- {name: FOLIOSCOPE_LISTEN, value: ":8080"}
- {name: FOLIOSCOPE_PUBLIC_URL, value: {{ $v.publicURL | quote }}}
- {name: FOLIOSCOPE_ROLES, value: {{ include "folioscope.roles" . | quote }}}
- {name: FOLIOSCOPE_DATABASE_URL, value: {{ include "folioscope.database" .root | quote }}}
- {name: FOLIOSCOPE_KEYS_KEK, value: {{ $v.keys.service | default "/etc/folioscope/keys/kek" | quote }}}
{{- if $v.tls.secret }}
- {name: FOLIOSCOPE_TLS_CERT, value: /etc/folioscope/tls/tls.crt}
- {name: FOLIOSCOPE_TLS_KEY, value: /etc/folioscope/tls/tls.key}
{{- else }}
- {name: FOLIOSCOPE_PROXY_TRUSTED, value: {{ join "," $v.proxy.trusted | quote }}}
{{- end }}
{{- if $v.bus.secret }}
- {name: FOLIOSCOPE_NATS_CLUSTER_LISTEN, value: "0.0.0.0:6222"}
- {name: FOLIOSCOPE_NATS_CLUSTER_ROUTES, value: {{ include "folioscope.routes" .root | quote }}}
- {name: FOLIOSCOPE_NATS_TLS_CERT, value: /etc/folioscope/bus/tls.crt}
- {name: FOLIOSCOPE_NATS_TLS_KEY, value: /etc/folioscope/bus/tls.key}
- {name: FOLIOSCOPE_NATS_TLS_CA, value: /etc/folioscope/bus/ca.crt}
{{- else }}
- {name: FOLIOSCOPE_NATS_URLS, value: {{ join "," $v.bus.urls | quote }}}
{{- end }}
- {name: FOLIOSCOPE_TELEMETRY_LOG_FORMAT, value: {{ index $v.settings "telemetry.log_format" | default "json" }}}
# Garbage is collected harder before the limit ends the process.
- name: GOMEMLIMIT
  valueFrom: {resourceFieldRef: {containerName: folioscope, resource: limits.memory}}
{{- range $key, $value := omit $v.settings "telemetry.log_format" }}
- {name: {{ include "folioscope.variable" $key }}, value: {{ include "folioscope.value" $value | quote }}}
{{- end }}
{{- range $v.secretSettings }}
- name: {{ include "folioscope.variable" .key }}
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .secretKey | quote }}}}
{{- end }}
{{- end }}
