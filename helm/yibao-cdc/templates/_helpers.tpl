{{/* Names, labels, the image. */}}

{{- define "yibao.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "yibao.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* Labels of whatever is no pod template: the chart's version stands here, and never where a change would be refused. */}}
{{- define "yibao.labels" -}}
{{ include "yibao.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
app.kubernetes.io/part-of: yibao-cdc
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
yibao.io/site: {{ include "yibao.siteName" . | quote }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "yibao.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "yibao.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "yibao.image" -}}
{{- $parts := compact (list (default .Values.image.registry .Values.global.imageRegistry) .Values.global.imageNamespace .Values.image.repository) -}}
{{- $name := join "/" $parts -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $name .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Whether the cluster knows an API version, or somebody says so. Takes (list . "keda.sh/v1alpha1"); "true" or "". */}}
{{- define "yibao.hasApi" -}}
{{- $root := index . 0 -}}
{{- $api := index . 1 -}}
{{- if or ($root.Capabilities.APIVersions.Has $api) (has $api $root.Values.assumeApis) -}}true{{- end -}}
{{- end -}}
