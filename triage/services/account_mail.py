"""E-mails about accounts: links for new passwords, and invitations to groups.

The link is made at the moment when it is sent, so that the database holds none. A mail server that cannot be reached
is tried again while the request is fresh. A mail that may have arrived is not sent again: one asks for another.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.tokens import default_token_generator
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from triage.accounts import invitations
from triage.models import AccountMail, AccountMailKind, AccountMailState
from triage.services import attempts
from triage.services.messengers import (
    MaybeDeliveredError,
    NotDeliveredError,
    RefusedDeliveryError,
    deliver,
    full_address,
)

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=3)
FIRST_PAUSE = timedelta(seconds=30)
# A request that could not be answered in this time is forgotten. Requests are kept for a day, to be counted.
FRESH = timedelta(hours=1)
KEPT = timedelta(days=1)


def run(budget_seconds: float) -> int:
    """Send what waits, and delete what is old.

    budget_seconds: time after which the rest is left to the next round.

    Returns the number of requests that were answered.
    """
    deadline = time.monotonic() + budget_seconds
    now = timezone.now()
    AccountMail.objects.filter(created_at__lt=now - KEPT).delete()
    waiting = AccountMail.objects.filter(state=AccountMailState.WAITING, created_at__gt=now - FRESH)
    answered = 0
    while time.monotonic() < deadline and (
        mail := attempts.claim_first(waiting, LEASE, state=AccountMailState.SENDING)
    ):
        answered += _send(mail)
    return answered


def _send(mail: AccountMail) -> bool:
    written = _new_passwords(mail) if mail.kind == AccountMailKind.NEW_PASSWORD else _invitation(mail)
    try:
        for address, subject, body in written:
            deliver(address, subject, body)
    except RefusedDeliveryError as error:
        log.error("an e-mail about an account (%s) was refused: %s", mail.pk, error)
    except NotDeliveredError as error:
        log.warning("an e-mail about an account (%s) waits: %s", mail.pk, error)
        later = attempts.later(FIRST_PAUSE, mail.attempts)
        AccountMail.objects.filter(pk=mail.pk).update(state=AccountMailState.WAITING, next_attempt_at=later)
        return False
    except MaybeDeliveredError as error:
        log.warning("an e-mail about an account (%s) may have arrived: %s", mail.pk, error)
    AccountMail.objects.filter(pk=mail.pk).update(state=AccountMailState.DONE)
    return True


def _new_passwords(mail: AccountMail) -> Iterator[tuple[str, str, str]]:
    """Yield address, subject and text for each active user with this address who has a password."""
    for user in PasswordResetForm().get_users(mail.email):
        number = urlsafe_base64_encode(force_bytes(user.pk))
        path = reverse("new-password", args=[number, default_token_generator.make_token(user)])
        yield (
            user.email,
            "Spectrum triage: a new password",
            f"Somebody asked for a new password of the account “{user.get_username()}”.\n\n"
            f"Choose it here within {settings.PASSWORD_RESET_TIMEOUT // 60} minutes:\n{full_address(path)}\n\n"
            "If it was not you, do nothing. Your password stays as it is.\n",
        )


def _invitation(mail: AccountMail) -> Iterator[tuple[str, str, str]]:
    """Yield address, subject and text of an invitation, unless it is no longer good."""
    if mail.invitation is None or invitations.find(token := invitations.token_of(mail.invitation)) is None:
        return
    invitation = mail.invitation
    yield (
        mail.email,
        "Spectrum triage: an invitation to a group",
        f"{invitation.made_by} invites you to the group “{invitation.group}” of a spectrum triage desk.\n\n"
        f"Answer here by {invitation.expires_at:%Y-%m-%d %H:%M} UTC. The link works once:\n"
        f"{full_address(reverse('invitation', args=[token]))}\n",
    )
