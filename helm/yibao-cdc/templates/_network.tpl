{{/* Where pods have to reach, derived from site.yaml. */}}

{{/* {host, port} of an address or of host:port. Takes (list text port), the port where the text has none. */}}
{{- define "yibao.hostPort" -}}
{{- $text := index . 0 | toString | trim -}}
{{- $scheme := "" -}}
{{- if contains "://" $text -}}
{{- $scheme = regexFind "^[a-z]+" $text -}}
{{- $text = regexReplaceAll "^[a-z]+://" $text "" | regexFind "^[^/?#]*" -}}
{{- $text = regexReplaceAll "^.*@" $text "" -}}
{{- end -}}
{{- $port := regexFind ":[0-9]+$" $text | trimPrefix ":" -}}
{{- $host := regexReplaceAll ":[0-9]+$" $text "" | trimAll "[]" -}}
{{- if not $port -}}{{- $port = get (dict "http" "80" "https" "443") $scheme | default (index . 1 | toString) -}}{{- end -}}
{{- dict "host" $host "port" (int $port) | toJson -}}
{{- end -}}

{{/* {"ends": [{what, host, port}]} that a role reaches. Takes (list . role). */}}
{{- define "yibao.ends" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
{{- $site := include "yibao.site" $root | fromJson -}}
{{- $ends := list -}}
{{- range $server := splitList "," (dig "kafka" "bootstrap_servers" "" $site) -}}
{{- $ends = append $ends (merge (dict "what" "kafka") (include "yibao.hostPort" (list $server 9092) | fromJson)) -}}
{{- end -}}
{{- if has $role (list "place" "apply" "replay" "uninstall" "test") -}}
{{- $connect := get $site "connect" -}}
{{- $ends = append $ends (merge (dict "what" "connect") (include "yibao.hostPort" (list (default (get $connect "url") (get $connect "proxy")) 8083) | fromJson)) -}}
{{- range $name := keys (get $site "sources") | sortAlpha -}}
{{- $source := get (get $site "sources") $name -}}
{{- $ends = append $ends (dict "what" (printf "sources.%s" $name) "host" (toString (get $source "host")) "port" (int (get $source "port"))) -}}
{{- end -}}
{{- end -}}
{{- if has $role (list "deliver" "test") -}}
{{- $platform := get $site "platform" -}}
{{- $ends = append $ends (merge (dict "what" "platform") (include "yibao.hostPort" (list (default (get $platform "url") (get $platform "proxy")) 443) | fromJson)) -}}
{{- end -}}
{{- dict "ends" $ends | toJson -}}
{{- end -}}

{{/* {"peers": […]} of a host; empty: it can be anywhere. Takes (list . host). */}}
{{- define "yibao.peers" -}}
{{- $root := index . 0 -}}
{{- $host := index . 1 -}}
{{- $peers := list -}}
{{- if hasKey $root.Values.networkPolicy.peers $host -}}
{{- $peers = get $root.Values.networkPolicy.peers $host -}}
{{- else if regexMatch "^[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+$" $host -}}
{{- $peers = list (dict "ipBlock" (dict "cidr" (printf "%s/32" $host))) -}}
{{- else if contains ":" $host -}}
{{- $peers = list (dict "ipBlock" (dict "cidr" (printf "%s/128" $host))) -}}
{{- else if regexMatch "\\.[^.]+\\.svc(\\.|$)" $host -}}
{{- $namespace := regexReplaceAll "^.*\\.([^.]+)\\.svc(\\..*)?$" $host "${1}" -}}
{{- $peers = list (dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" $namespace))) -}}
{{- end -}}
{{- dict "peers" $peers | toJson -}}
{{- end -}}

{{/* {"hosts": […]} of site.yaml that no policy binds to an address. */}}
{{- define "yibao.openHosts" -}}
{{- $open := list -}}
{{- range $end := (include "yibao.ends" (list . "test") | fromJson).ends -}}
{{- if not (include "yibao.peers" (list $ $end.host) | fromJson).peers -}}{{- $open = append $open $end.host -}}{{- end -}}
{{- end -}}
{{- dict "hosts" (uniq $open) | toJson -}}
{{- end -}}
