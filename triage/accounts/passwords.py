"""Forgotten passwords: a request for a new one is written down, and a worker sends the link.

The web server does the same whether or not there is such an account. So neither its answer nor its speed tells.
"""

from __future__ import annotations

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from triage.accounts.login_throttle import MOST_FOR_A_PERSON, MOST_FOR_AN_ADDRESS, WINDOW, client_address
from triage.doorbell import SEND_ACCOUNT_MAIL, ring_after_commit
from triage.models import AccountMail, AccountMailKind


def can_be_sent() -> bool:
    """Return whether the desk has a use for new passwords, and can send a link."""
    return bool(settings.PASSWORD_LOGIN and settings.EMAIL_HOST)


def ask_for_new(request: HttpRequest, email: str) -> bool:
    """Write down that the users with an e-mail address want a new password.

    request: the request, whose IP address counts.
    email: address that was typed, of an account or not.

    Returns whether it was written down. It is not if there were too many requests for this address or from this
    network within a quarter of an hour.
    """
    asked_from = client_address(request)
    recent = _recent()
    if recent.filter(email__iexact=email).count() >= MOST_FOR_A_PERSON:
        return False
    if recent.filter(asked_from=asked_from).count() >= MOST_FOR_AN_ADDRESS:
        return False
    AccountMail.objects.create(kind=AccountMailKind.NEW_PASSWORD, email=email, asked_from=asked_from)
    ring_after_commit(SEND_ACCOUNT_MAIL)
    return True


def _recent() -> QuerySet[AccountMail]:
    return AccountMail.objects.filter(kind=AccountMailKind.NEW_PASSWORD, created_at__gt=timezone.now() - WINDOW)
