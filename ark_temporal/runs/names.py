"""Names on Temporal that others rely on. They are public and do not change."""

TASK_QUEUE = "ark"
PIPELINE = "Pipeline"
MEMO = "ark"
RECORD_QUERY = "record"
MODEL_ACTIVITY = "call_model"
