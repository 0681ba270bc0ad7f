{{/*
The sidecar, as an item of a pod's initContainers. In this chart:

  initContainers:
    {{- include "verifik-gateway.sidecar" . | nindent 4 }}

In a chart that has this one as a dependency (with shared.enabled false):

  initContainers:
    {{- include "verifik-gateway.sidecar" (index .Subcharts "verifik-gateway") | nindent 4 }}

with verifik-gateway.sidecarVolumes, in the same way, among its volumes.
*/}}
{{- define "verifik-gateway.sidecar" -}}
- name: verifik-gateway
  image: {{ include "verifik-gateway.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  # A native sidecar: it starts before the application and ends after it; no Job waits for it.
  restartPolicy: Always
  {{- if .Values.sidecar.settingsConfigMap }}
  args: [--config, /config/settings.toml]
  {{- end }}
  env:
    # For this pod alone. The operators' port needs no token there: who can reach it is in the pod, and has
    # the tokens that the application has. Both are set, since the image sets the first to all addresses,
    # and of a default admin port that is taken the gateway would only warn.
    - name: VERIFIK_GATEWAY__LISTEN__ADDRESS
      value: 127.0.0.1:8080
    - name: VERIFIK_GATEWAY__ADMIN__ADDRESS
      value: 127.0.0.1:8081
    # Once told to end it serves until the application has gone, however the two are told.
    - name: VERIFIK_GATEWAY__LIFECYCLE__MODE
      value: sidecar
    - name: VERIFIK_GATEWAY__LIFECYCLE__DRAIN_DELAY
      value: 0s
    - name: VERIFIK_GATEWAY__LIFECYCLE__DRAIN_TIMEOUT
      value: {{ .Values.sidecar.drainTimeout }}
    - name: VERIFIK_GATEWAY__UPSTREAM__URL
      value: {{ .Values.upstream.url | quote }}
    {{- if include "verifik-gateway.hasCa" . }}
    - name: VERIFIK_GATEWAY__UPSTREAM__CA_FILE
      value: /ca/ca.crt
    {{- end }}
    - name: VERIFIK_GATEWAY__CACHE__MEMORY
      value: {{ .Values.sidecar.cache.memory }}
    - name: VERIFIK_GATEWAY__LOG__FORMAT
      value: json
    {{- with include "verifik-gateway.proxyEnv" . }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with .Values.sidecar.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  # Probes run within the container: the kubelet cannot reach a loopback address. The application is
  # started once the first one has passed.
  startupProbe:
    exec: {command: [/verifik-gateway, health]}
    periodSeconds: 1
    timeoutSeconds: 6
    failureThreshold: 30
  readinessProbe:
    exec: {command: [/verifik-gateway, health]}
    periodSeconds: 10
    timeoutSeconds: 6
    failureThreshold: 2
  # Patient: `health` is not well while it drains either, and a restart would cut the application
  # off.
  livenessProbe:
    exec: {command: [/verifik-gateway, health]}
    periodSeconds: 20
    timeoutSeconds: 6
    failureThreshold: 6
  resources:
    {{- include "verifik-gateway.resources" (dict "cache" .Values.sidecar.cache.memory
      "headroom" .Values.sidecar.memoryHeadroom "resources" .Values.sidecar.resources) | nindent 4 }}
  securityContext:
    {{- include "verifik-gateway.containerSecurity" . | nindent 4 }}
  {{- if or .Values.sidecar.settingsConfigMap (include "verifik-gateway.hasCa" .) }}
  volumeMounts:
    {{- if .Values.sidecar.settingsConfigMap }}
    - name: verifik-gateway-config
      mountPath: /config
      readOnly: true
    {{- end }}
    {{- if include "verifik-gateway.hasCa" . }}
    - name: verifik-gateway-ca
      mountPath: /ca
      readOnly: true
    {{- end }}
  {{- end }}
{{- end }}

{{/* What the sidecar mounts: items of the pod's volumes, or nothing. */}}
{{- define "verifik-gateway.sidecarVolumes" -}}
{{- with .Values.sidecar.settingsConfigMap -}}
- name: verifik-gateway-config
  configMap:
    name: {{ . }}
{{ end }}
{{- if include "verifik-gateway.hasCa" . -}}
- name: verifik-gateway-ca
  {{- include "verifik-gateway.caSource" . | nindent 2 }}
{{- end }}
{{- end }}
