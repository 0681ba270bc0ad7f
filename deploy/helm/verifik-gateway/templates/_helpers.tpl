{{/* The names that charts are expected to have. */}}
{{- define "verifik-gateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 50 and not 63 characters: suffixes such as -admin and those of pods are added to it. */}}
{{- define "verifik-gateway.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "verifik-gateway.selector" -}}
app.kubernetes.io/name: {{ include "verifik-gateway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "verifik-gateway.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "verifik-gateway.labels" -}}
{{ include "verifik-gateway.selector" . }}
{{ include "verifik-gateway.commonLabels" . }}
{{- end }}

{{- define "verifik-gateway.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "verifik-gateway.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "verifik-gateway.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "verifik-gateway.adminSecret" -}}
{{- .Values.admin.existingSecret | default (printf "%s-admin" (include "verifik-gateway.fullname" .)) }}
{{- end }}

{{/* "30s" and "2m" in seconds. */}}
{{- define "verifik-gateway.seconds" -}}
{{- if hasSuffix "m" . }}{{ mul 60 (trimSuffix "m" . | int) }}{{ else }}{{ trimSuffix "s" . | int }}{{ end }}
{{- end }}

{{/* A size in the gateway's units in MiB, rounded up. */}}
{{- define "verifik-gateway.mebibytes" -}}
{{- $number := regexFind "^[0-9]+" . | int64 }}
{{- $unit := regexReplaceAll "^[0-9]+ *" . "" }}
{{- $factors := dict "B" 1 "KB" 1000 "KiB" 1024 "MB" 1000000 "MiB" 1048576 "GB" 1000000000 "GiB" 1073741824 }}
{{- $bytes := mul $number (get $factors $unit) }}
{{- div (add $bytes 1048575) 1048576 }}
{{- end }}

{{/* Resources of a container: .resources over the memory that .cache and .headroom come to. */}}
{{- define "verifik-gateway.resources" -}}
{{- $cache := include "verifik-gateway.mebibytes" .cache | int64 }}
{{- $memory := printf "%dMi" (add $cache (include "verifik-gateway.mebibytes" .headroom | int64)) }}
{{- $computed := dict "requests" (dict "memory" $memory) "limits" (dict "memory" $memory) }}
{{- toYaml (mergeOverwrite $computed (deepCopy .resources)) }}
{{- end }}

{{- define "verifik-gateway.containerSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
privileged: false
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "verifik-gateway.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
# The group that files of Secrets get, so that they need not be readable by all.
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Whether there is an authority of one's own, as "true" or nothing. */}}
{{- define "verifik-gateway.hasCa" -}}
{{- if or .Values.upstream.ca.configMap .Values.upstream.ca.secret }}true{{ end }}
{{- end }}

{{- define "verifik-gateway.caSource" -}}
{{- $ca := .Values.upstream.ca }}
{{- if and $ca.configMap $ca.secret }}{{ fail "upstream.ca: name a configMap or a secret, not both" }}{{ end }}
{{- if $ca.configMap -}}
configMap:
  name: {{ $ca.configMap }}
  items:
    - key: {{ $ca.key }}
      path: ca.crt
{{- else -}}
secret:
  secretName: {{ $ca.secret }}
  items:
    - key: {{ $ca.key }}
      path: ca.crt
{{- end }}
{{- end }}

{{/* HTTPS_PROXY and NO_PROXY. */}}
{{- define "verifik-gateway.proxyEnv" -}}
{{- if and .Values.proxy.url .Values.proxy.secret }}{{ fail "proxy: give a url or a secret, not both" }}{{ end }}
{{- if .Values.proxy.url }}
- name: HTTPS_PROXY
  value: {{ .Values.proxy.url | quote }}
{{- else if .Values.proxy.secret }}
- name: HTTPS_PROXY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.proxy.secret }}
      key: {{ .Values.proxy.secretKey }}
{{- end }}
{{- if .Values.proxy.noProxy }}
- name: NO_PROXY
  value: {{ .Values.proxy.noProxy | quote }}
{{- end }}
{{- end }}

{{/* Refuses settings that fields of the pod depend on: they would not follow. */}}
{{- define "verifik-gateway.judgeSettings" -}}
{{- $settings := fromToml .Values.settings }}
{{- with $settings.Error }}{{ fail (printf "settings: no TOML: %s" .) }}{{ end }}
{{- $owned := dict
  "listen" (dict "address" "the ports of the pod" "cert_file" "tls.existingSecret"
    "key_file" "tls.existingSecret")
  "admin" (dict "address" "the ports of the pod" "token_file" "admin.existingSecret")
  "upstream" (dict "ca_file" "upstream.ca")
  "cache" (dict "memory" "cache.memory")
  "lifecycle" (dict "mode" "the kind of the pod" "drain_delay" "lifecycle.drainDelay"
    "drain_timeout" "lifecycle.drainTimeout") }}
{{- range $section, $keys := $owned }}
{{- $given := get $settings $section }}
{{- if kindIs "map" $given }}
{{- range $key, $instead := $keys }}
{{- if hasKey $given $key }}
{{- fail (printf "settings: %s.%s is set by the chart, from %s" $section $key $instead) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where Prometheus asks: .root and .interval. */}}
{{- define "verifik-gateway.endpoint" -}}
- port: admin
  path: /metrics
  interval: {{ .interval }}
  # The alerts go by this name, whatever the release is called.
  relabelings:
    - targetLabel: job
      replacement: verifik-gateway
  authorization:
    type: Bearer
    credentials:
      name: {{ include "verifik-gateway.adminSecret" .root }}
      key: {{ .root.Values.admin.key }}
{{- end }}
