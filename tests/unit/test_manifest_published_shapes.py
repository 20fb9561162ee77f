"""What published manifests contain and a loader easily trips over, in manifests of our own wording."""

from pathlib import Path

from ark_temporal.manifests import ArkAgent, ArkEvent, ArkNotify, ArkRegistry, load
from tests.unit.manifests.marked import load_text, messages

SECRET = """\
apiVersion: v1
kind: Secret
metadata:
  name: provider-keys
  namespace: kitchen
type: Opaque
stringData:
  OPENAI_API_KEY: none
"""

LINEAR = """\
# Cooks a menu in three steps.
#
# Usage: see the notes beside this file.
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata:
  name: menu
  namespace: kitchen
spec:
  timeoutSeconds: 600
  inputs:
    - name: season
      type: string
      description: "Time of the year"
      required: true
    - name: guests
      type: string
      default: "4"
  output: |
    ## Menu

    {{ .steps.plan.output }}
  roles:
    - name: shop
      model: local-model:7b
      envFrom:
        - secretRef:
            name: provider-keys
      resources:
        requests: {cpu: "50m", memory: "64Mi"}
        limits: {cpu: "200m", memory: "256Mi"}
      limits: {maxTokensPerCall: 2000, timeoutSeconds: 90}
      systemPrompt: |
        You list what is in season. Answer exactly like {"items": ["leek"]},
        never with <html> or [links](x).
    - name: plan
      model: local-model:7b
      envFrom: [{secretRef: {name: provider-keys}}]
      systemPrompt: Plan three courses.
      mcpServers:
        - name: pantry
          url: http://pantry.kitchen.svc.cluster.local:8080
          guidance: |
            Use `pantry__list` first.
  pipeline:
    - role: shop
      inputs:
        prompt: "What is in season in {{ .input.season }}?"
      outputSchema: |
        {
          "type": "array",
          "items": {"type": "string"},
          "minItems": 3,
          "maxItems": 3
        }
    - role: plan
      dependsOn: [shop]
      inputs:
        prompt: "For {{ .input.guests }} guests: {{ .steps.shop.output }}"
"""

DYNAMIC = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: counter, namespace: kitchen}
spec:
  entry: host
  roles:
    - name: host
      model: mock
      replicas: 3
      systemPrompt: Greet.
      canDelegate: [cook, waiter]
      envFrom: [{secretRef: {name: provider-keys}}]
    - {name: cook, model: mock, replicas: 5, systemPrompt: Cook.}
    - {name: waiter, model: mock, replicas: 1, systemPrompt: Serve.}
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkEvent
metadata: {name: bell, namespace: kitchen}
spec:
  source:
    type: webhook
  targets:
    - team: counter
      input:
        table: "{{ .trigger.body.table }}"
        wish: "{{ .trigger.body.wish }}"
  concurrencyPolicy: Allow   # several tables at a time
"""

BUDGET = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkNotify
metadata: {name: pager, namespace: kitchen}
spec:
  channel:
    type: slack
    slack:
      webhookUrlSecretRef: {name: pager-url, key: url}
  events:
    - type: TeamSucceeded
      template: |
        :white_check_mark: *{{ .team.name }}* — <{{ .run.dashboardUrl }}|run {{ .run.name }}>
        took {{ printf "%d" (int .run.status.durationSeconds) }} s
        and {{ .run.status.totalTokenUsage.totalTokens | int | printf "%d" }} tokens
        for {{ .run.spec.input.dish }}
    - type: BudgetExceeded
      template: >-
        {{ .agent.name }}: {{ .agent.status.dailyTokensUsed }} of {{ .agent.spec.limits.maxDailyTokens }},
        back in {{ .agent.status.budgetResetsInMinutes }} min
  rateLimiting: {windowSeconds: 300, maxPerWindow: 3}
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: tasting, namespace: kitchen}
spec:
  notifyRef: {name: pager}
  roles:
    - name: taster
      model: mock
      systemPromptRef:
        configMapKeyRef: {name: taster-prompt, key: prompt}
      limits: {maxDailyTokens: 20000}
      tools:
        - name: order
          description: Orders ingredients
          url: http://shop.kitchen.svc/orders
          method: POST
          inputSchema: |
            {"type": "object",
             "properties": {"item": {"type": "string"}},
             "required": ["item"]}
        - name: stock
          description: What is left
          url: http://shop.kitchen.svc/stock
          method: GET
          inputSchema: |
            {"type": "object", "properties": {}}
  pipeline:
    - role: taster
      inputs: {prompt: "Taste {{ .input.dish }}"}
      validate:
        semantic: |
          Is this a verdict on a dish? Answer with one word, VALID or INVALID.
        onFailure: retry
        maxRetries: 2
"""

ROUTED = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkRegistry
metadata: {name: staff, namespace: kitchen}
spec:
  scope: namespace-scoped
  policy: {maxDepth: 3, allowCrossTeam: false}
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: front-desk, namespace: kitchen}
spec:
  routing:
    registryRef: {name: staff}
    model: mock
    fallback: anyone
  successfulRunsHistoryLimit: 20
  failedRunsHistoryLimit: 5
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkAgent
metadata: {name: baker, namespace: kitchen}
spec:
  model: mock
  systemPrompt: Bake.
  capabilities:
    - id: baking
      description: >
        Bread, cakes
        and everything with flour
      tags: [bread, cake]
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkAgent
metadata: {name: anyone, namespace: kitchen}
spec:
  model: mock
  systemPrompt: Help.
  limits: {timeoutSeconds: 30}
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkEvent
metadata: {name: opening, namespace: kitchen}
spec:
  source: {type: cron, cron: "30 7 * * 1-5"}
  targets:
    - team: front-desk
      input:
        request: >
          List what has to be baked
          before the doors open
  concurrencyPolicy: Forbid
"""

INFRASTRUCTURE = """\
apiVersion: v1
kind: Namespace
metadata: {name: kitchen}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: stock-data, namespace: kitchen}
data:
  init.sql: |
    CREATE TABLE stock (item TEXT, amount INT); -- {not} a [template]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: pantry, namespace: kitchen}
spec: {template: {spec: {containers: [{name: c, args: ["{{", 1, true]}]}}}
---
apiVersion: v1
kind: Secret
metadata: {name: provider-keys, namespace: pantry}
stringData: {PASSWORD: x}
---
apiVersion: v1
kind: Service
metadata: {name: pantry, namespace: kitchen}
"""


def test_a_directory_of_manifests_and_other_files_loads(tmp_path: Path) -> None:
    files = {
        "a-team.yaml": LINEAR,
        "b-dynamic.yaml": DYNAMIC,
        "c-routed.yaml": ROUTED,
        "secret.yaml": SECRET,
        "infra/all.yml": INFRASTRUCTURE,
        "server/main.go": "package main",
        "README.md": "# Menu",
        "server/package.json": '{"name": "pantry", "private": true}',
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    bundle = load([tmp_path])
    assert [each.code for each in bundle.diagnostics] == ["skipped"], messages(bundle)
    assert sorted(each.metadata.name for each in bundle.teams) == ["counter", "front-desk", "menu"]
    assert set(bundle.secrets) == {("kitchen", "provider-keys"), ("pantry", "provider-keys")}
    assert "CREATE TABLE" in bundle.config_maps["kitchen", "stock-data"]["init.sql"]


def test_a_linear_team() -> None:
    bundle = load_text(LINEAR + "---\n" + SECRET)
    assert not bundle.diagnostics, messages(bundle)
    spec = bundle.teams[0].spec
    assert spec.output is not None
    assert spec.output.endswith("output }}\n")
    assert '{"items": ["leek"]}' in (spec.roles[0].system_prompt or "")
    schema = spec.pipeline[0].output_schema
    assert schema is not None
    assert schema.parsed == {"type": "array", "items": {"type": "string"}, "minItems": 3, "maxItems": 3}
    assert list(spec.pipeline[1].inputs) == ["prompt"]


def test_a_dynamic_team_and_its_webhook() -> None:
    bundle = load_text(DYNAMIC + "---\n" + SECRET)
    assert not bundle.diagnostics, messages(bundle)
    spec = bundle.teams[0].spec
    assert (spec.entry, spec.pipeline, spec.output) == ("host", [], None)
    assert [role.replicas for role in spec.roles] == [3, 5, 1]
    assert bundle.all(ArkEvent)[0].spec.concurrency_policy == "Allow"


def test_budgets_and_notifications_with_things_made_by_hand() -> None:
    bundle = load_text(BUDGET)
    assert bundle.ok
    assert [each.code for each in bundle.diagnostics] == ["missing-reference", "missing-reference"], messages(
        bundle
    )
    role = bundle.teams[0].spec.roles[0]
    assert role.system_prompt is None
    assert [tool.method for tool in role.tools] == ["POST", "GET"]
    validation = bundle.teams[0].spec.pipeline[0].validate_
    assert validation is not None
    assert (validation.on_failure, validation.max_retries) == ("retry", 2)
    (channel,) = bundle.all(ArkNotify)[0].spec.channels
    assert channel.slack is not None
    assert channel.slack.webhook_url_from.name == "pager-url"


def test_a_routed_team() -> None:
    bundle = load_text(ROUTED)
    assert not bundle.diagnostics, messages(bundle)
    spec = bundle.teams[0].spec
    assert (spec.roles, spec.pipeline, spec.entry, spec.output) == ([], [], None, None)
    assert (spec.successful_runs_history_limit, spec.failed_runs_history_limit) == (20, 5)
    baker = bundle.find(ArkAgent, "baker", "kitchen")
    assert baker is not None
    assert baker.spec.capabilities[0].description == "Bread, cakes and everything with flour\n"
    assert bundle.all(ArkRegistry)[0].spec.policy.max_depth == 3


def test_withdrawn_fields_load_too() -> None:
    bundle = load_text(
        """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: older}
spec:
  inputs: [{name: bare}]
  autoscaling: {enabled: true, scaleToZero: {enabled: true, afterSeconds: 120}}
  artifactStore: {type: local, local: {path: artifacts}}
  roles:
    - name: a
      model: mock
      systemPrompt: Hi.
      autoscaling: {enabled: true, minReplicas: 0, maxReplicas: 4, targetPendingTasks: 2}
      networkPolicy: {mode: strict, allow: [x]}
      plugins: [{any: thing}]
      mcpServers:
        - name: s
          url: http://s/sse
          auth: {type: bearer, tokenSecretRef: {name: t, key: k, optional: true}}
      tools: [{name: t, url: "http://t?q={{ .input.bare }}&n=1", method: GET}]
  pipeline:
    - role: a
      outputArtifacts: [{name: report.md}]
      validate: {rejectPatterns: ["(?i)sorry"], onFailure: fail}
    - role: found
      dependsOn: [a]
      registryLookup: {capability: c, tags: [x], strategy: round-robin, fallback: a}
      inputs: {x: "{{ .steps.a.artifacts.report }}"}
"""
    )
    assert not bundle.diagnostics, messages(bundle)
