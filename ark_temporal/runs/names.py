"""Names on Temporal that others rely on. They are public and do not change."""

import hashlib

TASK_QUEUE = "ark"
PIPELINE = "Pipeline"
SUPERVISOR = "Supervisor"
ROUTER = "Router"
AGENT_TASK = "AgentTask"
RESOURCE = "Resource"
EVENT_FIRING = "EventFiring"
NOTIFIER = "Notifier"
WORKFLOW_OF = {"pipeline": PIPELINE, "dynamic": SUPERVISOR, "routed": ROUTER, "agent": AGENT_TASK}
"""The workflow that runs a plan, by the plan's mode."""
MEMO = "ark"
RECORD_QUERY = "record"
STATE_QUERY = "state"
DECIDE_UPDATE = "decide"
APPROVE_SIGNAL = "approve"
REJECT_SIGNAL = "reject"
PAUSE_SIGNAL = "pause"
RESUME_SIGNAL = "resume"
TELL_SIGNAL = "tell"
MODEL_ACTIVITY = "call_model"
TOOL_ACTIVITY = "call_tool"
TOOLS_ACTIVITY = "list_tools"
RECALL_ACTIVITY = "recall"
REMEMBER_ACTIVITY = "remember"
NOTIFY_ACTIVITY = "notify"
PREPARE_ACTIVITY = "prepare_firing"
SCHEDULE_ACTIVITY = "sync_schedule"


def keyed_run_id(team: str, *key: str) -> str:
    """The id of a team's run: the same whenever it is started for the same reason."""
    said = "\n".join(key)
    return f"{team}-run-{hashlib.sha256(said.encode()).hexdigest()[:20]}"
