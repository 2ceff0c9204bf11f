{{/* What the container of a gateway has in both modes, as members of it. */}}
{{- define "tollgate.container.common" -}}
image: {{ include "tollgate.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [run, --config, /etc/tollgate/tollgate.yaml]
env:
  - name: POD_NAME
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
{{- /* The admin address is on loopback, where the kubelet does not come. So the probes run inside. */}}
readinessProbe:
  exec: {command: [/usr/bin/tollgate, health, --config, /etc/tollgate/tollgate.yaml]}
  periodSeconds: 5
  timeoutSeconds: 3
{{- with .Values.livenessProbe }}
livenessProbe:
  exec: {command: [/usr/bin/tollgate, health, --live, --config, /etc/tollgate/tollgate.yaml]}
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  - {name: {{ include "tollgate.volume" (list . "config") }}, mountPath: /etc/tollgate, readOnly: true}
  - {name: {{ include "tollgate.volume" (list . "audit") }}, mountPath: /var/lib/tollgate}
  - {name: {{ include "tollgate.volume" (list . "run") }}, mountPath: /run/tollgate}
  {{- range $i, $mount := .Values.secrets }}
  - {name: {{ include "tollgate.volume" (list $ (printf "secret-%d" $i)) }}, mountPath: {{ $mount.path | quote }}, readOnly: true}
  {{- end }}
  {{- range $i, $mount := .Values.configMaps }}
  - {name: {{ include "tollgate.volume" (list $ (printf "configmap-%d" $i)) }}, mountPath: {{ $mount.path | quote }}, readOnly: true}
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The name of a volume, of (list . NAME): one that does not clash with those of an application in the same pod. */}}
{{- define "tollgate.volume" -}}
{{- if eq (first .).Values.mode "sidecar" -}}tollgate-{{- end -}}
{{- last . -}}
{{- end -}}

{{- define "tollgate.volumes" -}}
- name: {{ include "tollgate.volume" (list . "config") }}
  {{- if eq .Values.existingConfig.kind "Secret" }}
  secret: {secretName: {{ include "tollgate.configName" . }}, defaultMode: 0440}
  {{- else }}
  configMap: {name: {{ include "tollgate.configName" . }}}
  {{- end }}
- name: {{ include "tollgate.volume" (list . "run") }}
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- range $i, $mount := .Values.secrets }}
- name: {{ include "tollgate.volume" (list $ (printf "secret-%d" $i)) }}
  secret: {secretName: {{ $mount.name }}, defaultMode: 0440}
{{- end }}
{{- range $i, $mount := .Values.configMaps }}
- name: {{ include "tollgate.volume" (list $ (printf "configmap-%d" $i)) }}
  configMap: {name: {{ $mount.name }}}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Nothing of it may change with a version: the API server refuses that. */}}
{{- define "tollgate.volumeClaimTemplates" -}}
- metadata:
    name: {{ include "tollgate.volume" (list . "audit") }}
    labels:
      {{- include "tollgate.identity" . | nindent 6 }}
    {{- with .Values.persistence.annotations }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    accessModes: [ReadWriteOncePod]
    {{- with .Values.persistence.storageClassName }}
    storageClassName: {{ . | quote }}
    {{- end }}
    resources: {requests: {storage: {{ .Values.persistence.size }}}}
{{- end -}}

{{/* The group owns the audit volume and may read the secrets. OnRootMismatch: once, since files of the gateway's own are for its user alone. */}}
{{- define "tollgate.podSecurityContext" -}}
runAsNonRoot: true
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}
