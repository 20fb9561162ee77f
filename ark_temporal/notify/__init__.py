"""Telling people what happened: what is said, and how it is sent."""

from ark_temporal.notify.mailing import MAIL_SECONDS, MailServer, send_mail
from ark_temporal.notify.messages import Body, Happening, mail, slack_body, webhook_body
from ark_temporal.notify.sending import NotSentError, send

__all__ = [
    "MAIL_SECONDS",
    "Body",
    "Happening",
    "MailServer",
    "NotSentError",
    "mail",
    "send",
    "send_mail",
    "slack_body",
    "webhook_body",
]
