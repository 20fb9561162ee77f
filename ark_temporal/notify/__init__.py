"""Telling people what happened: what is said, and how it is sent."""

from ark_temporal.notify.messages import Body, Happening, slack_body, webhook_body
from ark_temporal.notify.sending import NotSentError, send

__all__ = ["Body", "Happening", "NotSentError", "send", "slack_body", "webhook_body"]
