"""The gateway: HTTP to runs. Webhooks that fire events, and the API for all that the command does."""
