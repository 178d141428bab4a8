{{/* A server, on its disk or on Kafka. */}}
{{- define "headwater.pod" -}}
metadata:
  labels: {{- include "headwater.labels" . | nindent 4 }}
  {{- with .Values.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  # More than the ten seconds that the last answers have.
  terminationGracePeriodSeconds: 30
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: headwater
      image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      env:
        - name: HEADWATER_LISTEN
          value: 0.0.0.0:4566
        - name: HEADWATER_DATA
          value: /data
        - name: HEADWATER_LOG_FORMAT
          value: json
        - name: HEADWATER_ACCESS_KEY_ID
          valueFrom:
            secretKeyRef: {name: {{ include "headwater.secret" . }}, key: id}
        - name: HEADWATER_SECRET_ACCESS_KEY
          valueFrom:
            secretKeyRef: {name: {{ include "headwater.secret" . }}, key: secret}
        {{- with .Values.kafka.brokers }}
        - name: HEADWATER_ENGINE
          value: kafka
        - name: HEADWATER_BROKERS
          value: {{ join "," . | quote }}
        - name: HEADWATER_KAFKA_PREFIX
          value: {{ $.Values.kafka.prefix | quote }}
        - name: POD_IP
          valueFrom:
            fieldRef: {fieldPath: status.podIP}
        - name: HEADWATER_ADVERTISE
          value: http://$(POD_IP):4566
        - name: HEADWATER_MASTER_KEY
          valueFrom:
            secretKeyRef: {name: {{ include "headwater.secret" $ }}, key: master-key}
        {{- end }}
        {{- range $name, $value := .Values.settings }}
        - name: {{ $name }}
          value: {{ $value | quote }}
        {{- end }}
      ports:
        - name: api
          containerPort: 4566
      # The server answers these pages to its own names; the kubelet comes by the pod's address, which is one.
      startupProbe:
        httpGet: {path: /_headwater/health/live, port: api}
        periodSeconds: 2
        # After a crash the journal is read before the port opens.
        failureThreshold: 450
      livenessProbe:
        httpGet: {path: /_headwater/health/live, port: api}
        timeoutSeconds: 5
      readinessProbe:
        httpGet: {path: /_headwater/health/ready, port: api}
        timeoutSeconds: 5
      resources: {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - name: data
          mountPath: /data
  {{- if .Values.kafka.brokers }}
  volumes:
    # What is made of the logs, and may be made again.
    - name: data
      emptyDir: {}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
