"""The two ways by which a notification leaves, and how sure it is that it arrived."""

from __future__ import annotations

import json
import smtplib
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from triage.models import Notification
from triage.outside import post_pinned

# Answers that come before a message is looked at; behind any other 5xx it may have been taken.
PASSING = (408, 425, 429, 503)


class NotDeliveredError(Exception):
    """It surely was not taken; it may be later."""


class RefusedDeliveryError(NotDeliveredError):
    """It was not taken and will not be."""


class MaybeDeliveredError(Exception):
    """No clear answer came: it may have arrived."""


def send_email(address: str, message: Notification) -> None:
    """Raises the errors above."""
    if not settings.EMAIL_HOST:
        raise RefusedDeliveryError("this desk has no mail server")
    connection = get_connection(timeout=settings.EMAIL_TIMEOUT)
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        raise NotDeliveredError(f"the mail server cannot be reached ({error})") from error
    subject = f"Spectrum triage: {message.get_kind_display()}"
    body = f"{message.text}\n\n{link(message)}\n"
    try:
        EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [address], connection=connection).send()
    except smtplib.SMTPResponseException as error:
        refused = RefusedDeliveryError if error.smtp_code >= 500 else NotDeliveredError
        raise refused(f"the mail server says {error.smtp_code}") from error
    except smtplib.SMTPRecipientsRefused as error:
        raise RefusedDeliveryError("the mail server does not take the address") from error
    except (OSError, smtplib.SMTPException) as error:
        raise MaybeDeliveredError(f"the mail server did not answer ({error})") from error
    finally:
        connection.close()


def send_to_url(url: str, message: Notification) -> None:
    """``{"text": …}``, which is what Slack and its kin take; others get the parts too. Raises the errors above, and
    InvalidActionError for an address within the server's own network."""
    body = {"text": f"{message.text}\n{link(message)}"}
    if urlsplit(url).hostname != "hooks.slack.com":
        name = message.transient.name if message.transient else None
        body |= {"id": str(message.pk), "kind": message.kind, "transient": name or "", "link": link(message)}
    try:
        status = post_pinned(url, json.dumps(body).encode(), {})
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise NotDeliveredError(f"no connection ({error})") from error
    except httpx.HTTPError as error:
        raise MaybeDeliveredError(f"no answer ({type(error).__name__})") from error
    if 200 <= status < 300:
        return
    if status >= 500 and status not in PASSING:
        raise MaybeDeliveredError(f"status {status}")
    raise (NotDeliveredError if status in PASSING else RefusedDeliveryError)(f"status {status}")


def link(message: Notification) -> str:
    return f"{settings.SITE_URL.rstrip('/')}{message.path}"
