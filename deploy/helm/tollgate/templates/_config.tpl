{{/* What is wrong with values that only a look at several of them shows. What the gateway itself checks is left to it. */}}
{{- define "tollgate.check" -}}
{{- $config := .Values.config -}}
{{- if .Values.existingConfig.name -}}
{{- if not .Values.terminationGracePeriodSeconds -}}
{{- fail "terminationGracePeriodSeconds must be set with existingConfig: bounds.drain, twice audit.deadline and 16 seconds together" -}}
{{- end -}}
{{- else -}}
{{- if not (and $config.listeners $config.upstreams) -}}
{{- fail "config has no listeners or no upstreams: deploy/helm/examples has values to begin with, docs/config.md explains every key" -}}
{{- end -}}
{{- if not (hasPrefix "/var/lib/tollgate/" (dig "audit" "dir" "" $config)) -}}
{{- fail "config.audit.dir must be below /var/lib/tollgate, where the volume is mounted: the audit log outlives the pod nowhere else" -}}
{{- end -}}
{{- include "tollgate.check.secrets" (dict "at" "config" "value" $config) -}}
{{- if eq .Values.mode "central" -}}
{{- include "tollgate.check.ports" . -}}
{{- include "tollgate.check.members" . -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
No secret stands in the values themselves: the gateway would refuse it, but by then it would be in a ConfigMap and in the history of the release.
*/}}
{{- define "tollgate.check.secrets" -}}
{{- $at := .at -}}
{{- if kindIs "slice" .value -}}
{{- range $i, $item := .value -}}
{{- include "tollgate.check.secrets" (dict "at" (printf "%s[%d]" $at $i) "value" $item) -}}
{{- end -}}
{{- else if kindIs "map" .value -}}
{{- range $key, $item := .value -}}
{{- $secret := has $key (list "access_key" "bearer_token" "password" "proxy_auth" "secret" "secret_key" "security_token" "token") -}}
{{- if and $secret $item (not (kindIs "map" $item)) -}}
{{- fail (printf "%s.%s must be a reference, such as {file: /run/secrets/tollgate/NAME}: values are no place for secrets" $at $key) -}}
{{- end -}}
{{- include "tollgate.check.secrets" (dict "at" (printf "%s.%s" $at $key) "value" $item) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Ports of the Service and of the pod are those that the configuration listens on. */}}
{{- define "tollgate.check.ports" -}}
{{- $listening := list (regexFind "[0-9]+$" (dig "http_challenge" "address" "" .Values.config)) -}}
{{- range .Values.config.listeners -}}
{{- $listening = append $listening (regexFind "[0-9]+$" (toString .address)) -}}
{{- end -}}
{{- range .Values.service.ports -}}
{{- if not (has (toString .targetPort) $listening) -}}
{{- fail (printf "service.ports: no listener of config has port %v, the targetPort of %s" .targetPort .name) -}}
{{- end -}}
{{- end -}}
{{- range $section := list "metrics" "review" -}}
{{- $port := get $.Values $section -}}
{{- $address := dig $section "address" "" $.Values.config -}}
{{- if ne $port.enabled (ne $address "") -}}
{{- fail (printf "%s.enabled is %v, and config.%s.address is %q" $section $port.enabled $section $address) -}}
{{- end -}}
{{- if and $port.enabled (ne (toString $port.port) (regexFind "[0-9]+$" $address)) -}}
{{- fail (printf "%s.port is %v, and config.%s.address is %s" $section $port.port $section $address) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Each pod is a member of the fleet, and may reach its Redis. */}}
{{- define "tollgate.check.members" -}}
{{- with .Values.config.fleet -}}
{{- range prepend (dig "redis" "addresses" list .) (dig "redis" "address" "" .) -}}
{{- $port := regexFind "[0-9]+$" . -}}
{{- if and $port $.Values.networkPolicy.enabled (not (has $port (toStrings $.Values.networkPolicy.redisPorts))) -}}
{{- fail (printf "networkPolicy.redisPorts lacks %s, a port of config.fleet.redis" $port) -}}
{{- end -}}
{{- end -}}
{{- range $i := until (int $.Values.replicas) -}}
{{- $pod := printf "%s-%d" (include "tollgate.fullname" $) $i -}}
{{- if not (has $pod $.Values.config.fleet.members) -}}
{{- fail (printf "config.fleet.members lacks %s, a pod of replicas" $pod) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tollgate.configName" -}}
{{- .Values.existingConfig.name | default (include "tollgate.fullname" .) -}}
{{- end -}}

{{/* The seconds of a duration, rounded up: "1m15s" is 75. */}}
{{- define "tollgate.seconds" -}}
{{- $text := toString .duration -}}
{{- if not (regexMatch "^([0-9]+(h|ms|m|s))+$" $text) -}}
{{- fail (printf "%s is %s: whole numbers of h, m, s and ms are needed to work out terminationGracePeriodSeconds; or set that" .key $text) -}}
{{- end -}}
{{- $milliseconds := dict "h" 3600000 "m" 60000 "s" 1000 "ms" 1 -}}
{{- $sum := 0 -}}
{{- range regexFindAll "[0-9]+(h|ms|m|s)" $text -1 -}}
{{- $unit := regexFind "[a-z]+" . -}}
{{- $sum = add $sum (mul (trimSuffix $unit . | int64) (get $milliseconds $unit)) -}}
{{- end -}}
{{- div (add $sum 999) 1000 -}}
{{- end -}}

{{/*
How long the pod may take to stop: until the Service has left it out, the drain, the records of calls that are abandoned, and the log's end
(7 seconds), with 4 to spare. A sidecar begins when the application has ended.
*/}}
{{- define "tollgate.gracePeriod" -}}
{{- if .Values.terminationGracePeriodSeconds -}}
{{- int64 .Values.terminationGracePeriodSeconds -}}
{{- else -}}
{{- $drain := include "tollgate.seconds" (dict "key" "config.bounds.drain" "duration" (dig "bounds" "drain" "1m15s" .Values.config)) | int64 -}}
{{- $deadline := include "tollgate.seconds" (dict "key" "config.audit.deadline" "duration" (dig "audit" "deadline" "2s" .Values.config)) | int64 -}}
{{- $before := eq .Values.mode "central" | ternary .Values.preStopSeconds .Values.sidecar.applicationStopSeconds | int64 -}}
{{- add $before $drain (mul 2 $deadline) 11 -}}
{{- end -}}
{{- end -}}

{{/* The parts of the configuration that a running gateway does not take: a change of them, and of them alone, makes new pods. */}}
{{- define "tollgate.restarts" -}}
{{- $config := .Values.config -}}
{{- $parts := pick $config "admin" "review" "http_challenge" "audit" "hardening" -}}
{{- with $config.metrics -}}
{{- $_ := set $parts "metrics" (omit . "callers") -}}
{{- end -}}
{{- with $config.fleet -}}
{{- $_ := set $parts "fleet" (omit . "members" "patience" "replay") -}}
{{- end -}}
{{- with pick ($config.bounds | default dict) "unauthenticated_records" "replay" -}}
{{- $_ := set $parts "bounds" . -}}
{{- end -}}
{{- with pick ($config.log | default dict) "format" -}}
{{- $_ := set $parts "log" . -}}
{{- end -}}
{{- toYaml $parts -}}
{{- end -}}

{{- define "tollgate.restartAnnotation" -}}
tollgate/restart-settings: {{ include "tollgate.restarts" . | sha256sum | trunc 16 | quote }}
{{- end -}}
