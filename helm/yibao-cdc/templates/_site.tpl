{{/* What the chart reads of site.yaml. The file itself is mounted as it was given, byte for byte. */}}

{{/* Where pods have it, and where workers keep their copies. */}}
{{- define "yibao.folder" -}}/etc/yibao{{- end -}}
{{- define "yibao.home" -}}/var/lib/yibao{{- end -}}

{{/* The text, with what pods need under `workers` where it says nothing of them. */}}
{{- define "yibao.siteText" -}}
{{- $site := fromYaml .Values.site.file -}}
{{- .Values.site.file -}}
{{- if not (hasKey $site "workers") }}

# The chart adds: where pods keep their copies, and where they are looked at.
workers: {home: {{ include "yibao.home" . }}, http: {host: 0.0.0.0, insecure: true, port: 9464}}
{{ end -}}
{{- end -}}

{{/* The document, as JSON. `Error` in it: it cannot be read. */}}
{{- define "yibao.site" -}}
{{- include "yibao.siteText" . | fromYaml | toJson -}}
{{- end -}}

{{- define "yibao.siteName" -}}
{{- $site := include "yibao.site" . | fromJson -}}
{{- get $site "site" | toString | replace "_" "-" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "yibao.partitions" -}}
{{- $site := include "yibao.site" . | fromJson -}}
{{- dig "kafka" "partitions" 12 $site | int -}}
{{- end -}}

{{/* The port of a stage's first worker: place, join, deliver. Takes (list . stage). */}}
{{- define "yibao.port" -}}
{{- $site := include "yibao.site" (index . 0) | fromJson -}}
{{- $base := dig "workers" "http" "port" 0 $site | int -}}
{{- add $base (get (dict "place" 0 "join" 1 "deliver" 2) (index . 1)) -}}
{{- end -}}

{{/* Seconds that a stage needs to stop: a request that is under way is waited for, then its outcome is committed. Takes (list . stage). */}}
{{- define "yibao.grace" -}}
{{- $site := include "yibao.site" (index . 0) | fromJson -}}
{{- if eq (index . 1) "deliver" -}}
{{- max 45 (add 15 (dig "platform" "timeout_s" 30 $site | float64 | ceil | int)) -}}
{{- else -}}
45
{{- end -}}
{{- end -}}

{{- define "yibao.graceOf" -}}
{{- $set := (index (index . 0).Values (index . 1)).terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $set -}}{{- include "yibao.grace" . -}}{{- else -}}{{- int $set -}}{{- end -}}
{{- end -}}

{{/* Workers of a stage. Takes (list . stage). */}}
{{- define "yibao.replicas" -}}
{{- $root := index . 0 -}}
{{- $set := (index $root.Values (index . 1)).replicas -}}
{{- if kindIs "invalid" $set -}}
{{- add 1 (len (get (include "yibao.site" $root | fromJson) "sources")) -}}
{{- else -}}
{{- int $set -}}
{{- end -}}
{{- end -}}

{{/* Files that site.yaml names: {"files": [{path, setting, secret, roles}]}. A secret goes only to the roles that open it. */}}
{{- define "yibao.named" -}}
{{- $site := include "yibao.site" . | fromJson -}}
{{- $all := list "place" "join" "deliver" "apply" "replay" "uninstall" "test" -}}
{{- $capture := list "place" "apply" "replay" "uninstall" "test" -}}
{{- $files := list -}}
{{- $security := dig "kafka" "security" dict $site -}}
{{- range $key := list "ssl_cafile" "ssl_certfile" "ssl_keyfile" "ssl_password_file" "sasl_password_file" -}}
{{- with get $security $key -}}
{{- $files = append $files (dict "path" . "setting" (printf "kafka.security.%s" $key) "secret" (not (has $key (list "ssl_cafile" "ssl_certfile"))) "roles" $all) -}}
{{- end -}}
{{- end -}}
{{- range $key := list "ca_file" "password_file" "token_file" "proxy_password_file" -}}
{{- with get (get $site "connect") $key -}}
{{- $files = append $files (dict "path" . "setting" (printf "connect.%s" $key) "secret" (ne $key "ca_file") "roles" $capture) -}}
{{- end -}}
{{- end -}}
{{- range $name, $source := get $site "sources" -}}
{{- range $key := list "mapping" "ca_file" "password_file" -}}
{{- with get $source $key -}}
{{- $files = append $files (dict "path" . "setting" (printf "sources.%s.%s" $name $key) "secret" (eq $key "password_file") "roles" $capture) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $index, $one := get $site "institutions" -}}
{{- range $key := list "public_key_file" "next_public_key_file" -}}
{{- with get $one $key -}}
{{- $files = append $files (dict "path" . "setting" (printf "institutions[%d].%s" $index $key) "secret" false "roles" $all) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with dig "platform" "ca_file" "" $site -}}
{{- $files = append $files (dict "path" . "setting" "platform.ca_file" "secret" false "roles" $all) -}}
{{- end -}}
{{- range $name, $path := dig "platform" "headers" dict $site -}}
{{- $files = append $files (dict "path" $path "setting" (printf "platform.headers.%s" $name) "secret" true "roles" (list "deliver" "test")) -}}
{{- end -}}
{{- with get $site "dictionaries" -}}
{{- $files = append $files (dict "path" . "setting" "dictionaries" "secret" false "roles" $all) -}}
{{- end -}}
{{- dict "files" $files | toJson -}}
{{- end -}}

{{/* A path as a key of a ConfigMap or Secret. */}}
{{- define "yibao.key" -}}
{{- . | replace "/" "__" -}}
{{- end -}}

{{/* The volume that makes a role's /etc/yibao: site.yaml and all that it names there. Takes (list . role). */}}
{{- define "yibao.files" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
- configMap:
    name: {{ include "yibao.fullname" $root }}-site
    items:
      - {key: site.yaml, path: site.yaml}
      {{- range $path := keys $root.Values.site.files | sortAlpha }}
      - {key: {{ include "yibao.key" $path | quote }}, path: {{ $path | quote }}}
      {{- end }}
{{- range $path := keys $root.Values.site.filesFrom | sortAlpha }}
{{- $from := get $root.Values.site.filesFrom $path }}
- configMap:
    name: {{ $from.configMap | quote }}
    items:
      - {key: {{ $from.key | quote }}, path: {{ $path | quote }}}
{{- end }}
{{- $given := dict }}
{{- range $file := (include "yibao.named" $root | fromJson).files }}
{{- if and (has $role $file.roles) (not (hasKey $given $file.path)) }}
{{- $_ := set $given $file.path true }}
{{- with get $root.Values.secrets.existing $file.path }}
- secret:
    name: {{ .name | quote }}
    items:
      - {key: {{ .key | quote }}, path: {{ $file.path | quote }}}
{{- end }}
{{- if and $root.Values.secrets.external.enabled (hasKey $root.Values.secrets.external.data $file.path) }}
- secret:
    name: {{ include "yibao.fullname" $root }}-secrets
    items:
      - {key: {{ include "yibao.key" $file.path | quote }}, path: {{ $file.path | quote }}}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
