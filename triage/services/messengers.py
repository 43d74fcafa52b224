"""Sending one notification by e-mail or to a web address, and telling whether it arrived."""

from __future__ import annotations

import json
import smtplib
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from triage.models import Notification
from triage.services.http import post_pinned

# Statuses of a server that did not look at the message. After any other 5xx it may have taken it.
TEMPORARY_STATUSES = (408, 425, 429, 503)


class NotDeliveredError(Exception):
    """The message was certainly not taken; a later attempt may succeed."""


class RefusedDeliveryError(NotDeliveredError):
    """The message was refused; another attempt is useless."""


class MaybeDeliveredError(Exception):
    """No clear answer came, so the message may have arrived."""


def send_email(address: str, message: Notification, text: str) -> None:
    """Send a message to an e-mail address. Raises as ``deliver`` does.

    text: what the e-mail says.
    """
    deliver(address, f"Spectrum triage: {message.get_kind_display()}", f"{text.rstrip()}\n\n{link(message)}\n")


def deliver(address: str, subject: str, body: str) -> None:
    """Send an e-mail.

    address: whom to.
    subject: one line.
    body: plain text.

    Raises NotDeliveredError, RefusedDeliveryError or MaybeDeliveredError.
    """
    if not settings.EMAIL_HOST:
        raise RefusedDeliveryError("this desk has no mail server; set EMAIL_HOST")
    connection = get_connection(timeout=settings.EMAIL_TIMEOUT)
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        raise NotDeliveredError(f"the mail server cannot be reached ({error})") from error
    try:
        EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [address], connection=connection).send()
    except smtplib.SMTPResponseException as error:
        refused = RefusedDeliveryError if error.smtp_code >= 500 else NotDeliveredError
        raise refused(f"the mail server answered with code {error.smtp_code}") from error
    except smtplib.SMTPRecipientsRefused as error:
        raise RefusedDeliveryError("the mail server refuses this address") from error
    except (OSError, smtplib.SMTPException) as error:
        raise MaybeDeliveredError(f"the mail server did not answer ({error})") from error
    finally:
        connection.close()


def send_to_url(url: str, message: Notification) -> None:
    """Post a message as ``{"text": …}``, which Slack and similar services take; others get its parts as well.

    Raises NotDeliveredError, RefusedDeliveryError or MaybeDeliveredError, and InvalidActionError for an address in a
    private network.
    """
    body = {"text": f"{message.text}\n{link(message)}"}
    if urlsplit(url).hostname == "hooks.slack.com":
        # Slack reads <!channel> and the like as commands; it wants exactly these three characters escaped.
        body["text"] = body["text"].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    else:
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
    detail = f"the receiver answered with status {status}"
    if status in TEMPORARY_STATUSES:
        raise NotDeliveredError(detail)
    raise (MaybeDeliveredError if status >= 500 else RefusedDeliveryError)(detail)


def link(message: Notification) -> str:
    """Return the full address of the page that the message is about."""
    return full_address(message.path)


def full_address(path: str) -> str:
    """Return the address of a page of this desk, for a message. It never comes from a request's Host header."""
    return f"{settings.SITE_URL.rstrip('/')}{path}"
