"""Events that start runs. Schedules and webhooks are at the edges; this is what they do."""
