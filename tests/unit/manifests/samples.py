"""Valid manifests of every kind, in our own words."""

FULL = """\
# A newsroom: this comment comes before an empty document.
---
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata:
  name: newsroom
  namespace: press
  labels: {desk: "science"}
spec:
  timeoutSeconds: 900
  maxTokens: 60000
  successfulRunsHistoryLimit: 20
  failedRunsHistoryLimit: 5
  limits: {maxDailyTokens: 500000}
  notifyRef: {name: editors}
  inputs:
    - name: subject
      type: string
      description: What the piece is about
      required: true
    - name: words
      type: integer
      default: "600"
  roles:
    - name: digger
      model: claude-sonnet-4
      systemPrompt: |
        You dig for facts. Answer with {"facts": ["..."]} and keep <tags> as they are.
      envFrom:
        - secretRef: {name: model-keys}
      resources:
        requests: {cpu: "100m", memory: 128Mi}
        limits: {cpu: 1, memory: "1Gi"}
      limits: {maxTokensPerCall: 4000, timeoutSeconds: 60, maxTurns: 8}
      mcpServers:
        - name: archive
          url: http://archive.press.svc:8000
          guidance: Ask the archive before the open web.
          headers:
            X-Desk: {value: science}
            Authorization: {secretKeyRef: {name: model-keys, key: ARCHIVE_TOKEN}}
        - name: clock
          command: uvx mcp-server-time
          args: [--local-timezone, Europe/Oslo]
          env: {LOG: quiet, KEY: {secretKeyRef: {name: model-keys, key: ARCHIVE_TOKEN}}}
          tools: [now]
          effects: {now: read}
          timeoutSeconds: 5
      tools:
        - name: weather
          description: The weather of a place
          url: "https://weather.example/at?place={{ .input.subject }}"
          method: GET
          inputSchema: |
            {
              "type": "object",
              "properties": {"place": {"type": "string"}},
              "required": ["place"]
            }
        - {name: count_words, type: python, effect: read, timeoutSeconds: 5}
      canDelegate: [writer]
    - name: writer
      model: gpt-4.1
      systemPromptRef:
        configMapKeyRef: {name: prompts, key: writer.txt}
      settingsRefs: [{name: tone}]
      memoryRef: {name: notebook}
      envFrom:
        - secretRef: {name: model-keys}
    - name: checker
      arkAgent: fact-checker
  pipeline:
    - role: digger
      inputs:
        prompt: "Find facts about {{ .input.subject }} for {{ .input.words }} words."
      outputSchema: |
        {"type": "object", "properties": {"facts": {"type": "array", "items": {"type": "string"}}}}
    - role: writer
      dependsOn: [digger]
      inputs:
        facts: "{{ .steps.digger.data.facts | toJson }}"
        prompt: >
          Write about {{ .input.subject }}
          from these facts only.
      loop:
        condition: '{{ lt (len .steps.writer.output) 100 }}'
        maxIterations: 3
      validate:
        contains: "(?i)conclusion"
        rejectPatterns: ["as an AI"]
        semantic: Is this a finished piece? Answer VALID or INVALID.
        onFailure: retry
        maxRetries: 1
    - role: checker
      dependsOn: [writer]
      if: "{{ gt (int .input.words) 300 }}"
      inputs: {text: "{{ .steps.writer.output }}"}
      outputSchema:
        type: array
        items: {type: string}
      approval: {message: "Check {{ .steps.writer.output }}?", timeoutSeconds: 600, onTimeout: reject}
  output: |
    # {{ .input.subject }}

    {{ .steps.writer.output }}
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkAgent
metadata: {name: fact-checker, namespace: press}
spec:
  model: mock
  systemPrompt: Check every claim.
  replicas: 2
  configRef: tone
  livenessProbe: {type: semantic, intervalSeconds: 10}
  capabilities:
    - id: fact-check
      description: >-
        Checks claims
        against sources.
      tags: [facts, sources]
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkEvent
metadata: {name: morning, namespace: press}
spec:
  source: {type: cron, cron: "0 6 * * MON-FRI"}
  targets:
    - team: newsroom
      input:
        subject: >
          What happened yesterday,
          as of {{ .trigger.firedAt }}
  concurrencyPolicy: Forbid # one edition at a time
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkNotify
metadata: {name: editors, namespace: press}
spec:
  channel:
    type: slack
    slack: {webhookUrlSecretRef: {name: model-keys, key: SLACK_URL}}
  events:
    - type: TeamFailed
      template: |
        :fire: <{{ .run.dashboardUrl }}|{{ .run.name }}>
        after {{ printf "%d" (int .run.status.durationSeconds) }} s
    - type: BudgetExceeded
      template: "{{ .agent.name }} used {{ .agent.status.dailyTokensUsed }}"
  rateLimiting: {windowSeconds: 60, maxPerWindow: 2}
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkMemory
metadata: {name: notebook, namespace: press}
spec:
  backend: redis
  redis: {secretRef: {name: model-keys}, ttlSeconds: 600}
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkSettings
metadata: {name: tone, namespace: press}
spec:
  temperature: "0.3"
  outputFormat: markdown
  promptFragments: {persona: You are calm., outputRules: Be brief.}
---
apiVersion: v1
kind: Secret
metadata: {name: model-keys, namespace: press}
type: Opaque
stringData:
  ANTHROPIC_API_KEY: planted-value-one
  ARCHIVE_TOKEN: planted-value-two
  SLACK_URL: https://hooks.example/planted-value-three
data:
  REDIS_URL: cmVkaXM6Ly9wbGFudGVkLXZhbHVlLWZvdXI=
---
apiVersion: v1
kind: ConfigMap
metadata: {name: prompts, namespace: press}
data:
  writer.txt: You write.
"""

ROUTED = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: desk}
spec:
  routing: {registryRef: {name: people}, model: mock, fallback: generalist}
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkRegistry
metadata: {name: people}
spec:
  scope: namespace-scoped
  policy: {maxDepth: 2, allowCrossTeam: false}
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkAgent
metadata: {name: generalist}
spec: {model: mock, systemPrompt: Help with anything.}
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkService
metadata: {name: front}
spec:
  selector: {arkAgent: generalist}
  routing: {strategy: least-busy}
  ports: [{protocol: A2A, port: 9000}]
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkFlow
metadata: {name: older}
spec:
  input: {city: Oslo}
  steps:
    - name: look
      arkAgent: generalist
      inputs: {prompt: "Look at {{ .pipeline.input.city }}"}
    - name: tell
      arkonisDeployment: generalist
      dependsOn: [look]
      inputs: {prompt: "Tell {{ .steps.look.output }}"}
  output: "{{ .steps.tell.output }}"
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkOptimizer
metadata: {name: better}
spec: {targetTeam: desk, optimizerModel: mock, optimizerBudget: {maxTokensPerCycle: 1000}}
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkRun
metadata: {name: desk-run-0a1b2c}
spec: {teamRef: desk}
status: {phase: Succeeded}
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkBudget
metadata: {name: month}
spec: {anything: [1, 2]}
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkSecret
metadata: {name: vault}
spec:
  provider: vault
  vault:
    address: https://vault.example:8200
    path: press/models
    keys: {OPENAI_API_KEY: openai}
    auth: {appRole: {roleId: {env: ROLE_ID}, secretId: {file: /run/secret-id}}}
"""

PEOPLE = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: shop}
spec:
  timeoutSeconds: 90000
  onFailure: park
  approverGroups:
    leads: [ann, bob]
    board: [eve]
  notifyRef: {name: desk}
  inputs:
    - {name: order, required: true}
  roles:
    - name: reader
      model: mock
      systemPrompt: Read.
      canDelegate: [inner]
      tools:
        - name: refund
          url: https://shop.example/refund
          inputSchema: {type: object, properties: {amount: {type: number}}}
          requireApproval: "{{ gt .arguments.amount 100.0 }}"
          approval:
            message: "Refund {{ .arguments.amount }} for {{ .input.order }}?"
            approvers: ["@leads"]
            timeoutSeconds: 600
            onTimeout: fail
            notifyRef: {name: desk}
        - {name: submit_subtask, type: builtin, requireApproval: always}
      mcpServers:
        - name: stock
          url: http://stock/mcp
          tools: [count, order]
          requireApproval: {"*": always, count: never, order: "{{ .arguments.many }}"}
          approval: {approvers: [ann, "@board"], quorum: 2, reminderSeconds: 60}
    - {name: second, model: mock, systemPrompt: Read.}
    - {name: judge, model: mock, systemPrompt: Judge.}
    - {name: plain, model: mock, systemPrompt: Write plainly.}
    - {name: warm, model: mock, systemPrompt: Write warmly.}
    - {name: inner, arkTeam: packing}
  pipeline:
    - role: reader
      name: find
      inputs: {prompt: "Find all parts of {{ .input.order }}. Beware of {{ .steps.find.answer.hint }}."}
      outputSchema: {type: array, items: {type: string}}
      approval:
        question: true
        message: What is odd about {{ .input.order }}?
        answerSchema: {type: object, properties: {hint: {type: string}}}
      fallback: [second]
    - role: inner
      name: pack
      dependsOn: [find]
      map: {over: "{{ .steps.find.data }}", maxConcurrency: 500, maxItems: 20, onFailure: collect}
      inputs: {part: "{{ .index }}: {{ .item.name }}"}
      outputSchema: {type: object}
      onFailure: fail
    - role: answers
      dependsOn: [pack]
      inputs: {parts: "{{ .steps.pack.data | toJson }}"}
      ensemble: {roles: [plain, warm, plain], join: quorum, quorum: 2, select: judge, judge: judge}
      loop: {condition: '{{ eq .steps.answers.output "" }}', maxIterations: 2}
      approval:
        - if: "{{ .input.order }}"
          message: May this be asked?
        - when: after
          message: "Send {{ .steps.answers.output }}?"
          approvers: ["@leads", carl]
          quorum: 3
          fourEyes: true
          timeoutSeconds: 3600
          onTimeout: escalate
          escalation:
            - {approvers: ["@board"], timeoutSeconds: 3600}
            - {approvers: [zoe], timeoutSeconds: 7200}
          onLastTimeout: fail
          reminderSeconds: 900
          notifyRef: {name: desk}
    - role: second
      name: vote
      ensemble: {samples: 3, select: vote, quorum: 2}
    - role: each
      name: fixed
      switch:
        value: "{{ .steps.vote.output }}"
        cases: {"yes": plain, "no": inner}
        default: warm
      dependsOn: [vote, find]
      inputs: {part: "{{ .steps.find.answer.hint }}"}
    - role: second
      name: listed
      map: {over: '["a", "b"]'}
      inputs: {text: "{{ .item }}"}
    - role: second
      name: joined
      inputs: {text: "{{ .item }}"}
      map: {over: '[{{ .steps.find.data.x | toJson }}, {{ .input.order | toJson }}]'}
      dependsOn: [find]
  output: "{{ .steps.answers.output }} {{ .steps.find.answer }}"
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: packing}
spec:
  entry: hand
  inputs:
    - {name: part, required: true}
    - {name: paper, required: true, default: brown}
  roles:
    - {name: hand, model: mock, systemPrompt: Pack., canDelegate: [eye]}
    - {name: eye, model: mock, systemPrompt: Look.}
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkNotify
metadata: {name: desk}
spec:
  channels: [{type: webhook, webhook: {urlFrom: {name: keys, key: URL}}}]
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {URL: https://hooks.example/planted-value-five}
"""
