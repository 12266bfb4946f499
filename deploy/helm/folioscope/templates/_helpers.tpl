{{- define "folioscope.name" -}}
{{- if eq .Release.Name .Chart.Name }}{{ .Release.Name }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 48 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "folioscope.account" -}}
{{ .Values.serviceAccount.name | default (include "folioscope.name" .) }}
{{- end }}

{{- define "folioscope.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "folioscope.labels" -}}
{{ include "folioscope.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "folioscope.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end }}

{{/* A pod has the role that it is called by. Whichever that is, it answers probes and Prometheus; people are sent to the pods called api. */}}
{{- define "folioscope.roles" -}}
{{- if .root.Values.allInOne }}api,ingest,engine{{ else }}{{ .component }}{{ end -}}
{{- end }}

{{- define "folioscope.components" -}}
{{- if .Values.allInOne }}api{{ else }}api ingest engine{{ end -}}
{{- end }}

{{/* The pods of engine have lasting names, by which every pod finds the bus. Where there are none, a name that stands for all pods serves. */}}
{{- define "folioscope.routes" -}}
{{- $name := include "folioscope.name" . -}}
{{- if .Values.allInOne -}}
{{ $name }}-bus.{{ .Release.Namespace }}.svc:6222
{{- else -}}
{{- $routes := list -}}
{{- range $i := until (int .Values.engine.replicas) -}}
{{- $routes = append $routes (printf "%s-engine-%d.%s-bus.%s.svc:6222" $name $i $name $.Release.Namespace) -}}
{{- end -}}
{{ join "," $routes }}
{{- end -}}
{{- end }}

{{- define "folioscope.variable" -}}
FOLIOSCOPE_{{ . | upper | replace "." "_" }}
{{- end }}

{{/* Helm reads every number as one with a fraction. */}}
{{- define "folioscope.value" -}}
{{- if kindIs "float64" . }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end }}

{{- define "folioscope.database" -}}
{{- $d := .Values.database -}}
postgres://{{ $d.user }}@{{ $d.host }}/{{ $d.name }}?target_session_attrs=read-write&sslmode=verify-full
{{- if $d.authority.secret }}&sslrootcert=/etc/folioscope/database-ca/{{ $d.authority.key }}{{ end -}}
&passfile=/etc/folioscope/database/pgpass&pool_max_conns={{ $d.poolConnections }}
{{- end }}

{{/* What can't work is refused here, before anything is changed. */}}
{{- define "folioscope.check" -}}
{{- $v := .Values -}}
{{- if and (not $v.proxy.trusted) (not $v.tls.secret) }}{{ fail "proxy.trusted or tls.secret is needed: name the networks of the ingress controller that ends TLS, or a secret with a certificate" }}{{ end -}}
{{- if and $v.proxy.trusted $v.tls.secret }}{{ fail "proxy.trusted and tls.secret are two ways of TLS: choose one" }}{{ end -}}
{{- if eq (empty $v.keys.secret) (empty $v.keys.service) }}{{ fail "keys.secret or keys.service is needed, and only one of them: where the key-encryption key is" }}{{ end -}}
{{- if eq (empty $v.bus.secret) (empty $v.bus.urls) }}{{ fail "bus.secret or bus.urls is needed, and only one of them: the certificate with which pods join, or servers of NATS" }}{{ end -}}
{{- if and $v.ingress.enabled $v.tls.secret }}{{ fail "ingress.enabled needs proxy.trusted: an ingress controller ends TLS and speaks plain HTTP with the pods" }}{{ end -}}
{{- if and $v.keys.init $v.keys.service $v.serviceAccount.create }}{{ fail "keys.init with keys.service needs a service account that is there before the chart: make it yourself (serviceAccount.create false, serviceAccount.name), or make the keyring yourself (keys.init false)" }}{{ end -}}
{{- $own := list "listen" "public_url" "data_dir" "roles" "database.url" "proxy.trusted" "tls.cert" "tls.key" "keys.kek" "nats.urls" "nats.cluster.listen" "nats.cluster.routes" "nats.tls.cert" "nats.tls.key" "nats.tls.ca" -}}
{{- range $key := keys $v.settings }}{{ if has $key $own }}{{ fail (printf "settings: %s is the chart's own; the values have a place for it" $key) }}{{ end }}{{ end -}}
{{- range $v.secretSettings }}{{ if has .key $own }}{{ fail (printf "secretSettings: %s is the chart's own; the values have a place for it" .key) }}{{ end }}{{ end -}}
{{- $a := $v.api.autoscaling -}}
{{- if and $a.enabled (gt (int $a.minReplicas) (int $a.maxReplicas)) }}{{ fail (printf "api.autoscaling: minReplicas %d is more than maxReplicas %d" (int $a.minReplicas) (int $a.maxReplicas)) }}{{ end -}}
{{- if and $v.ingest.keda.enabled (gt (int $v.ingest.replicas) (int $v.ingest.keda.maxReplicas)) }}{{ fail (printf "ingest: replicas %d is more than keda.maxReplicas %d" (int $v.ingest.replicas) (int $v.ingest.keda.maxReplicas)) }}{{ end -}}
{{- $pods := add1 (ternary $a.maxReplicas $v.api.replicas $a.enabled | int) -}}
{{- if not $v.allInOne }}{{ $pods = add $pods 1 (ternary $v.ingest.keda.maxReplicas $v.ingest.replicas $v.ingest.keda.enabled | int) (int $v.engine.replicas) }}{{ end -}}
{{- $wanted := add (mul $pods (int $v.database.poolConnections)) (int $v.database.reservedConnections) -}}
{{- if gt $wanted (int64 $v.database.maxConnections) }}{{ fail (printf "the database allows %d connections (database.maxConnections), but up to %d pods with %d each (database.poolConnections) and %d reserved make %d: allow fewer pods, smaller pools, or put PgBouncer between" (int $v.database.maxConnections) $pods (int $v.database.poolConnections) (int $v.database.reservedConnections) $wanted) }}{{ end -}}
{{- end }}
