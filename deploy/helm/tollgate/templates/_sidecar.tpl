{{/*
A gateway in the pods of another chart's StatefulSet, which depends on this one with mode: sidecar. All take .Subcharts.tollgate, not the
dollar or dot of that chart: deploy/helm/examples/app shows where each belongs.
*/}}

{{/* An item of initContainers: it is ready before the application starts, and stops after it has ended. */}}
{{- define "tollgate.sidecar.container" -}}
{{- include "tollgate.check" . -}}
{{- if ne .Values.mode "sidecar" -}}
{{- fail "tollgate.sidecar.container needs the value mode: sidecar of the chart tollgate" -}}
{{- end -}}
- name: tollgate
  restartPolicy: Always
  {{- /* Whether it is ready, since the application starts then. Never given up: a start that reads a long log must not be killed for it. */}}
  startupProbe:
    exec: {command: [/usr/bin/tollgate, health, --config, /etc/tollgate/tollgate.yaml]}
    periodSeconds: 1
    timeoutSeconds: 3
    failureThreshold: 2147483647
  {{- include "tollgate.container.common" . | nindent 2 }}
{{- end -}}

{{/* Items of the pod's volumes. */}}
{{- define "tollgate.sidecar.volumes" -}}
{{- include "tollgate.volumes" . -}}
{{- end -}}

{{/* An item of the StatefulSet's volumeClaimTemplates. */}}
{{- define "tollgate.sidecar.volumeClaimTemplates" -}}
{{- include "tollgate.volumeClaimTemplates" . -}}
{{- end -}}

{{/* Members of the pod's securityContext. */}}
{{- define "tollgate.sidecar.podSecurityContext" -}}
{{- include "tollgate.podSecurityContext" . -}}
{{- end -}}

{{/* The pod's terminationGracePeriodSeconds. */}}
{{- define "tollgate.sidecar.gracePeriod" -}}
{{- include "tollgate.gracePeriod" . -}}
{{- end -}}

{{/* Annotations of the pod: new pods where the gateway's configuration changed in what it does not reload. */}}
{{- define "tollgate.sidecar.annotations" -}}
{{- include "tollgate.restartAnnotation" . -}}
{{- end -}}
