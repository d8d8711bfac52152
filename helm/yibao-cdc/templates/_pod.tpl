{{/* What every pod of the release is made of: workers, jobs, hooks and tests. Each passes Pod Security "restricted". */}}

{{/* Labels of a pod template. Takes (list . role). */}}
{{- define "yibao.podLabels" -}}
{{- $root := index . 0 -}}
{{ include "yibao.selector" $root }}
app.kubernetes.io/component: {{ index . 1 }}
yibao.io/site: {{ include "yibao.siteName" $root | quote }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- with $root.Values.pod.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Annotations of a pod template: what it reads decides whether it is replaced. Takes (list . role). */}}
{{- define "yibao.podAnnotations" -}}
{{- $root := index . 0 -}}
checksum/site: {{ printf "%s%s" (include "yibao.siteText" $root) ($root.Values.site.files | toJson) | sha256sum }}
checksum/secrets: {{ printf "%s%s%s" ($root.Values.secrets | toJson) ($root.Values.site.filesFrom | toJson) ($root.Values.trustBundle | toJson) | sha256sum }}
{{- if and $root.Values.monitoring.annotations (has (index . 1) (list "place" "join" "deliver")) }}
prometheus.io/scrape: "true"
prometheus.io/path: /metrics
prometheus.io/port: {{ include "yibao.port" . | quote }}
{{- end }}
{{- with $root.Values.pod.annotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* All of a pod's spec but its containers. Takes (list . role). */}}
{{- define "yibao.podSpec" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
{{- $own := index $root.Values $role | default dict -}}
{{- $pod := $root.Values.pod -}}
serviceAccountName: {{ include "yibao.serviceAccount" $root }}
automountServiceAccountToken: false
enableServiceLinks: false
# The first process of a container gets no SIGTERM that it has no handler for: a worker that still waits for its brokers must end, too.
shareProcessNamespace: true
securityContext:
  runAsNonRoot: true
  runAsUser: {{ int64 $pod.runAsUser }}
  runAsGroup: {{ int64 $pod.runAsGroup }}
  fsGroup: {{ int64 $pod.runAsGroup }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with $root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with default $pod.priorityClassName (get $own "priorityClassName") }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with default $pod.nodeSelector (get $own "nodeSelector") }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.hostAliases }}
hostAliases: {{- toYaml . | nindent 2 }}
{{- end }}
dnsPolicy: {{ $pod.dnsPolicy }}
{{- with $pod.dnsConfig }}
dnsConfig: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if and $pod.topologySpread (has $role (list "place" "join" "deliver")) }}
topologySpreadConstraints:
  {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "yibao.selector" $root | nindent 8 }}
        app.kubernetes.io/component: {{ $role }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Volumes of a pod; home: the empty one for copies, unless a volume claim brings it. Takes (list . role claimed). */}}
{{- define "yibao.volumes" -}}
{{- $root := index . 0 -}}
- name: site
  projected:
    defaultMode: 288 # 0440
    sources: {{- include "yibao.files" (list $root (index . 1)) | nindent 6 }}
- name: tmp
  emptyDir: {sizeLimit: 256Mi}
{{- if not (index . 2) }}
- name: home
  emptyDir: {}
{{- end }}
{{- if $root.Values.trustBundle.configMap }}
- name: trust
  configMap:
    name: {{ $root.Values.trustBundle.configMap | quote }}
    items:
      - {key: {{ $root.Values.trustBundle.key | quote }}, path: ca.pem}
{{- end }}
{{- with $root.Values.pod.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What all containers share: image, rights, environment, mounts. */}}
{{- define "yibao.container" -}}
image: {{ include "yibao.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
env:
  - {name: YIBAO_CONFIG, value: {{ include "yibao.folder" . }}/site.yaml}
  # A pod that starts while no broker answers waits, as one that is started again does.
  - {name: YIBAO_WAIT_FOR_BROKER, value: "1"}
  - {name: HOME, value: {{ include "yibao.home" . }}}
  {{- if .Values.trustBundle.configMap }}
  - {name: SSL_CERT_FILE, value: /etc/yibao-trust/ca.pem}
  {{- end }}
  {{- with .Values.pod.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - {name: site, mountPath: {{ include "yibao.folder" . }}, readOnly: true}
  - {name: tmp, mountPath: /tmp}
  - {name: home, mountPath: {{ include "yibao.home" . }}}
  {{- if .Values.trustBundle.configMap }}
  - {name: trust, mountPath: /etc/yibao-trust, readOnly: true}
  {{- end }}
  {{- with .Values.pod.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* A worker's template. Takes (list . stage claimed). */}}
{{- define "yibao.workerTemplate" -}}
{{- $root := index . 0 -}}
{{- $stage := index . 1 -}}
{{- $own := index $root.Values $stage -}}
metadata:
  labels: {{- include "yibao.podLabels" (list $root $stage) | nindent 4 }}
  annotations: {{- include "yibao.podAnnotations" (list $root $stage) | nindent 4 }}
spec:
  {{- include "yibao.podSpec" (list $root $stage) | nindent 2 }}
  terminationGracePeriodSeconds: {{ include "yibao.graceOf" (list $root $stage) }}
  containers:
    - name: worker
      {{- include "yibao.container" $root | nindent 6 }}
      command: [yibao]
      args: [worker, {{ $stage }}, --config, {{ include "yibao.folder" $root }}/site.yaml, --home, {{ include "yibao.home" $root }}, --index, "0"]
      ports:
        - {name: http, containerPort: {{ include "yibao.port" (list $root $stage) }}, protocol: TCP}
      # Alive as long as its event loop moves. Whatever is outside of the process is no reason to end it: /ready and /health tell that.
      startupProbe:
        httpGet: {path: /live, port: http}
        periodSeconds: 3
        timeoutSeconds: 5
        failureThreshold: {{ div (add (int $root.Values.pod.startupSeconds) 2) 3 }}
      livenessProbe:
        httpGet: {path: /live, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: {path: /ready, port: http}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      resources: {{- toYaml $own.resources | nindent 8 }}
  volumes: {{- include "yibao.volumes" . | nindent 4 }}
{{- end -}}

{{/* A container that runs a verb and ends. Takes (dict "root" . "name" … "args" (list …) "resources" …). */}}
{{- define "yibao.verb" -}}
- name: {{ .name }}
  {{- include "yibao.container" .root | nindent 2 }}
  command: [yibao]
  args: {{- toYaml .args | nindent 4 }}
  resources: {{- toYaml .resources | nindent 4 }}
{{- end -}}

{{/* The template of the job that applies topics, then connectors. Takes (dict "root" . "containers" (list …)). */}}
{{- define "yibao.applyTemplate" -}}
{{- $root := .root -}}
metadata:
  labels: {{- include "yibao.podLabels" (list $root "apply") | nindent 4 }}
  annotations: {{- include "yibao.podAnnotations" (list $root "apply") | nindent 4 }}
spec:
  {{- include "yibao.podSpec" (list $root "apply") | nindent 2 }}
  restartPolicy: Never
  {{- if gt (len .containers) 1 }}
  initContainers: {{- include "yibao.verb" (first .containers) | nindent 4 }}
  {{- end }}
  containers: {{- include "yibao.verb" (last .containers) | nindent 4 }}
  volumes: {{- include "yibao.volumes" (list $root "apply" false) | nindent 4 }}
{{- end -}}
