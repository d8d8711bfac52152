{{/* What is refused before anything is rendered. Each message names the key, what stands there, and what mends it. */}}

{{- define "yibao.validate" -}}
{{- if not .Values.site.file -}}
{{- fail "site.file: is empty; hand over the site's own file: --set-file site.file=site.yaml" -}}
{{- end -}}
{{- $read := fromYaml .Values.site.file -}}
{{- if hasKey $read "Error" -}}
{{- fail (printf "site.file: is no YAML of a site: %s" (get $read "Error")) -}}
{{- end -}}
{{- $site := include "yibao.site" . | fromJson -}}
{{- if hasKey $site "Error" -}}
{{- fail (printf "site.file: with the chart's `workers` behind it, it can no longer be read: write `workers` there yourself (%s)" (get $site "Error")) -}}
{{- end -}}
{{- range $key := list "site" "kafka" "connect" "sources" "institutions" "platform" -}}
{{- if not (get $site $key) -}}{{- fail (printf "site.file: `%s` is missing; try the file with `yibao check -c site.yaml` first" $key) -}}{{- end -}}
{{- end -}}
{{- range $path := list "kafka.bootstrap_servers" "connect.url" "platform.url" -}}
{{- $parts := splitList "." $path -}}
{{- if not (get (get $site (first $parts)) (last $parts)) -}}{{- fail (printf "site.file: `%s` is missing; try the file with `yibao check -c site.yaml` first" $path) -}}{{- end -}}
{{- end -}}
{{- include "yibao.validateWorkers" (list . $site) -}}
{{- include "yibao.validateFiles" (list . $site) -}}
{{- include "yibao.validateSecrets" (list . $site) -}}
{{- include "yibao.validateReplicas" (list . $site) -}}
{{- include "yibao.validateApis" (list . $site) -}}
{{- include "yibao.validateModes" (list . $site) -}}
{{- include "yibao.validatePods" (list . $site) -}}
{{- end -}}

{{- define "yibao.validateWorkers" -}}
{{- $workers := get (index . 1) "workers" -}}
{{- $http := dig "http" dict $workers -}}
{{- $needed := "workers: {home: /var/lib/yibao, http: {host: 0.0.0.0, insecure: true, port: 9464}}" -}}
{{- if ne (get $workers "home" | toString) (include "yibao.home" (index . 0)) -}}
{{- fail (printf "site.file: workers.home is %q in pods only where it is %q: leave `workers` out, or write %s" (get $workers "home" | toString) (include "yibao.home" (index . 0)) $needed) -}}
{{- end -}}
{{- if or (not (dig "serve" true $http)) (not (dig "port" 0 $http | int)) (not (has (dig "host" "" $http) (list "0.0.0.0" "::"))) -}}
{{- fail (printf "site.file: workers.http: probes do not reach what is not served at an address and port of the pod: leave `workers` out, or write %s" $needed) -}}
{{- end -}}
{{- end -}}

{{- define "yibao.validateFiles" -}}
{{- $root := index . 0 -}}
{{- $site := index . 1 -}}
{{- $values := $root.Values -}}
{{- range $group, $paths := dict "site.files" (keys $values.site.files) "site.filesFrom" (keys $values.site.filesFrom) "secrets.existing" (keys $values.secrets.existing) "secrets.external.data" (keys $values.secrets.external.data) -}}
{{- range $path := $paths -}}
{{- if or (isAbs $path) (has ".." (splitList "/" $path)) (eq $path "site.yaml") (ne $path (clean $path)) -}}
{{- fail (printf "%s: %q is no path below the folder of site.yaml: name it as site.yaml does, such as tls/ca.pem" $group $path) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $known := list -}}
{{- range $file := (include "yibao.named" $root | fromJson).files -}}
{{- $known = append $known $file.path -}}
{{- $plain := or (hasKey $values.site.files $file.path) (hasKey $values.site.filesFrom $file.path) -}}
{{- $hidden := or (hasKey $values.secrets.existing $file.path) (and $values.secrets.external.enabled (hasKey $values.secrets.external.data $file.path)) -}}
{{- if and $file.secret $plain -}}
{{- fail (printf "site.files: %q is a secret (%s) and would be readable by all in a ConfigMap: give it under secrets.existing or secrets.external.data" $file.path $file.setting) -}}
{{- end -}}
{{- if isAbs $file.path -}}
{{- $mounted := false -}}
{{- range $folder := $values.secrets.mounted -}}{{- if hasPrefix (printf "%s/" (trimSuffix "/" $folder)) $file.path -}}{{- $mounted = true -}}{{- end -}}{{- end -}}
{{- if not $mounted -}}
{{- fail (printf "site.file: %s names %s, which no pod has: name the folder under secrets.mounted and mount it by pod.extraVolumeMounts, or use a path below the folder of site.yaml" $file.setting $file.path) -}}
{{- end -}}
{{- else if not (or $plain $hidden) -}}
{{- if $file.secret -}}
{{- fail (printf "secrets.existing: %q is missing, which %s of site.yaml names: secrets.existing: {%q: {name: SECRET, key: KEY}}" $file.path $file.setting $file.path) -}}
{{- else -}}
{{- fail (printf "site.files: %q is missing, which %s of site.yaml names: --set-file 'site.files.%s=FILE'" $file.path $file.setting (replace "." "\\." $file.path)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $group, $paths := dict "site.files" (keys $values.site.files) "site.filesFrom" (keys $values.site.filesFrom) "secrets.existing" (keys $values.secrets.existing) "secrets.external.data" (keys $values.secrets.external.data) -}}
{{- range $path := $paths -}}
{{- if not (has $path $known) -}}
{{- fail (printf "%s: nothing in site.yaml names %q; named are: %s" $group $path (join ", " (uniq $known))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "yibao.validateSecrets" -}}
{{- $values := (index . 0).Values -}}
{{- range $path := keys $values.site.filesFrom -}}
{{- if hasKey $values.site.files $path -}}{{- fail (printf "site.filesFrom: %q stands in site.files, too: one of both" $path) -}}{{- end -}}
{{- end -}}
{{- if $values.secrets.external.enabled -}}
{{- if not $values.secrets.external.store -}}{{- fail "secrets.external.store: is empty; name the SecretStore or ClusterSecretStore that holds the secrets" -}}{{- end -}}
{{- range $path := keys $values.secrets.external.data -}}
{{- if hasKey $values.secrets.existing $path -}}{{- fail (printf "secrets.external.data: %q stands in secrets.existing, too: one of both" $path) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "yibao.validateReplicas" -}}
{{- $root := index . 0 -}}
{{- $site := index . 1 -}}
{{- $partitions := include "yibao.partitions" $root | int -}}
{{- $sources := len (get $site "sources") -}}
{{- if gt (include "yibao.replicas" (list $root "place") | int) (add 1 $sources | int) -}}
{{- fail (printf "place.replicas: is %d, and the site has %d sources: one worker for each, and one that stands by, have work" (include "yibao.replicas" (list $root "place") | int) $sources) -}}
{{- end -}}
{{- range $stage := list "join" "deliver" -}}
{{- $own := index $root.Values $stage -}}
{{- $most := include "yibao.replicas" (list $root $stage) | int -}}
{{- $key := printf "%s.replicas" $stage -}}
{{- if $own.autoscaling.enabled -}}
{{- $most = int $own.autoscaling.maxReplicas -}}
{{- $key = printf "%s.autoscaling.maxReplicas" $stage -}}
{{- if gt (int $own.autoscaling.minReplicas) $most -}}
{{- fail (printf "%s.autoscaling.minReplicas: is %d, more than maxReplicas, %d" $stage (int $own.autoscaling.minReplicas) $most) -}}
{{- end -}}
{{- if not $root.Values.keda.prometheusAddress -}}
{{- fail (printf "keda.prometheusAddress: is empty, and %s.autoscaling.enabled scales by what Prometheus has: name it as KEDA reaches it, such as http://prometheus-operated.monitoring.svc:9090" $stage) -}}
{{- end -}}
{{- end -}}
{{- if gt $most $partitions -}}
{{- fail (printf "%s: is %d, and the site has %d partitions (kafka.partitions): a worker more has no work" $key $most $partitions) -}}
{{- end -}}
{{- if eq $stage "deliver" -}}
{{- $limit := $root.Values.platformLimit -}}
{{- $flight := mul $most (dig "platform" "in_flight" "total" 12 $site | int) | int -}}
{{- if and $limit.inFlight (gt $flight (int $limit.inFlight)) -}}
{{- fail (printf "platformLimit.inFlight: the platform takes %d requests at once, and %d workers (%s) may send %d: fewer workers, or a smaller platform.in_flight.total in site.yaml" (int $limit.inFlight) $most $key $flight) -}}
{{- end -}}
{{- if $limit.requestsPerSecond -}}
{{- $rate := dig "platform" "rate_per_s" nil $site -}}
{{- if kindIs "invalid" $rate -}}
{{- fail "platformLimit.requestsPerSecond: is set, and site.yaml bounds no worker: write platform.rate_per_s there, for each worker" -}}
{{- end -}}
{{- if gt (mulf $most $rate) (float64 $limit.requestsPerSecond) -}}
{{- fail (printf "platformLimit.requestsPerSecond: the platform takes %v a second, and %d workers (%s) may send %v: fewer workers, or a smaller platform.rate_per_s in site.yaml" $limit.requestsPerSecond $most $key (mulf $most $rate)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $stage := list "place" "join" "deliver" -}}
{{- $least := include "yibao.grace" (list $root $stage) | int -}}
{{- if lt (include "yibao.graceOf" (list $root $stage) | int) $least -}}
{{- fail (printf "%s.terminationGracePeriodSeconds: is %s, and a worker needs up to %d s to finish what is under way (platform.timeout_s and 15 s, at least 45 s)" $stage (include "yibao.graceOf" (list $root $stage)) $least) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "yibao.validateModes" -}}
{{- $values := (index . 0).Values -}}
{{- $site := index . 1 -}}
{{- $readOnly := dig "connect" "read_only" false $site -}}
{{- if eq $values.connectors.mode "job" -}}
{{- if not $values.connectors.onUninstall -}}
{{- fail "connectors.onUninstall: choose keep, stop or delete: what becomes of the captures when the release is uninstalled. The replication slots stay in each case" -}}
{{- end -}}
{{- if $readOnly -}}
{{- fail "connectors.mode: is job, and connect.read_only of site.yaml says that somebody else gives orders to the connectors: one of both" -}}
{{- end -}}
{{- else if $values.connectors.onUninstall | default "keep" | ne "keep" -}}
{{- fail (printf "connectors.onUninstall: is %s, and only connectors.mode job gives orders to connectors" $values.connectors.onUninstall) -}}
{{- end -}}
{{- if eq $values.connectors.mode "strimzi" -}}
{{- if not $readOnly -}}
{{- fail "connectors.mode: is strimzi, whose operator takes back what others order: write connect: {read_only: true} in site.yaml" -}}
{{- end -}}
{{- end -}}
{{- if ne $values.connectors.mode "external" -}}
{{- range $name, $source := get $site "sources" -}}
{{- range $key, $other := dict "password_reference" "password_file" "connect_ca_file" "ca_file" -}}
{{- if and (get $source $other) (not (get $source $key)) -}}
{{- fail (printf "site.file: sources.%s.%s: is missing, and %s is a path in the pods of this release: say how Kafka Connect finds it (or connectors.mode: external)" $name $key $other) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- include "yibao.validateStrimzi" . -}}
{{- end -}}

{{- define "yibao.validateStrimzi" -}}
{{- $values := (index . 0).Values -}}
{{- $site := index . 1 -}}
{{- $strimzi := $values.strimzi -}}
{{- range $mode, $keys := dict "topics" (list "kafka" "topics") "connectors" (list "connect" "connectors") -}}
{{- if eq (index $values $mode).mode "strimzi" -}}
{{- if not (index $strimzi (first $keys)) -}}{{- fail (printf "strimzi.%s: is empty, and %s.mode is strimzi: name the resource" (first $keys) $mode) -}}{{- end -}}
{{- if not (index $strimzi (last $keys)) -}}{{- fail (printf "strimzi.%s: is empty, and %s.mode is strimzi: yibao strimzi -c site.yaml > strimzi.yaml, and -f strimzi.yaml" (last $keys) $mode) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if or (eq $values.topics.mode "strimzi") (eq $values.connectors.mode "strimzi") -}}
{{- range $path, $content := merge (dict "site.yaml" $values.site.file) $values.site.files -}}
{{- if and (hasKey $strimzi.madeOf $path) (ne (sha256sum $content) (get $strimzi.madeOf $path)) -}}
{{- fail (printf "strimzi.madeOf: %s was changed since: yibao strimzi -c site.yaml > strimzi.yaml, and -f strimzi.yaml" $path) -}}
{{- end -}}
{{- end -}}
{{- if not (hasKey $strimzi.madeOf "site.yaml") -}}{{- fail "strimzi.madeOf: does not name site.yaml: yibao strimzi -c site.yaml > strimzi.yaml, and -f strimzi.yaml" -}}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "yibao.validateApis" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $wanted := list
  (list $values.monitoring.podMonitor.enabled "monitoring.podMonitor.enabled" "monitoring.coreos.com/v1")
  (list $values.monitoring.prometheusRule.enabled "monitoring.prometheusRule.enabled" "monitoring.coreos.com/v1")
  (list $values.join.autoscaling.enabled "join.autoscaling.enabled" "keda.sh/v1alpha1")
  (list $values.deliver.autoscaling.enabled "deliver.autoscaling.enabled" "keda.sh/v1alpha1") -}}
{{- range $one := $wanted -}}
{{- if and (index $one 0) (ne "true" (include "yibao.hasApi" (list $root (index $one 2)))) -}}
{{- fail (printf "%s: needs %s, which the cluster has not. Install its operator; where a renderer cannot ask the cluster: assumeApis: [%s]" (index $one 1) (index $one 2) (index $one 2)) -}}
{{- end -}}
{{- end -}}
{{- range $one := list (list $values.secrets.external.enabled "secrets.external.enabled" "external-secrets.io") (list (eq $values.topics.mode "strimzi") "topics.mode" "kafka.strimzi.io") (list (eq $values.connectors.mode "strimzi") "connectors.mode" "kafka.strimzi.io") -}}
{{- if and (index $one 0) (ne "true" (include "yibao.hasApi" (list $root (printf "%s/v1" (index $one 2))))) (ne "true" (include "yibao.hasApi" (list $root (printf "%s/v1beta1" (index $one 2))))) (ne "true" (include "yibao.hasApi" (list $root (printf "%s/v1beta2" (index $one 2))))) -}}
{{- fail (printf "%s: needs %s, which the cluster has not. Install its operator; where a renderer cannot ask the cluster: assumeApis: [%s/v1]" (index $one 1) (index $one 2) (index $one 2)) -}}
{{- end -}}
{{- end -}}
{{- if and $values.monitoring.podMonitor.enabled $values.networkPolicy.enabled (not $values.networkPolicy.metricsFrom) -}}
{{- fail "networkPolicy.metricsFrom: is empty, and monitoring.podMonitor.enabled wants Prometheus to reach the workers: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]" -}}
{{- end -}}
{{- end -}}

{{- define "yibao.validatePods" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $names := list "YIBAO_CONFIG" "YIBAO_WAIT_FOR_BROKER" "HOME" -}}
{{- if $values.trustBundle.configMap -}}{{- $names = append $names "SSL_CERT_FILE" -}}{{- end -}}
{{- range $one := $values.pod.extraEnv -}}
{{- if has $one.name $names -}}{{- fail (printf "pod.extraEnv: %s is there already: a server refuses a name that comes twice" $one.name) -}}{{- end -}}
{{- $names = append $names $one.name -}}
{{- end -}}
{{- if $values.networkPolicy.strict -}}
{{- $open := (include "yibao.openHosts" $root | fromJson).hosts -}}
{{- if $open -}}
{{- fail (printf "networkPolicy.peers: says nothing of %s, and networkPolicy.strict is on: {%q: [{ipBlock: {cidr: 10.1.2.0/24}}]}" (join ", " $open) (first $open)) -}}
{{- end -}}
{{- end -}}
{{- if and $values.replay.enabled (not $values.replay.dryRun) (not $values.replay.why) -}}
{{- fail "replay.why: is empty, and replay.dryRun is off: say why, for the plan and the audit log" -}}
{{- end -}}
{{- end -}}
