"""Slows down whoever guesses passwords, on the login page and the admin's. The count is in the database, so that it
holds for all web processes together."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.exceptions import PermissionDenied
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from triage.models import LoginFailure

log = logging.getLogger(__name__)

WINDOW = timedelta(minutes=15)
# Within the window: for one name from one address, and for whatever names from one address. Not for one name from all
# addresses, or anybody could lock out a user.
MOST_FOR_A_PERSON = 5
MOST_FOR_AN_ADDRESS = 50


class LoginThrottle:
    """An authentication backend that knows nobody; asked first, it refuses who failed too often."""

    def authenticate(self, request: HttpRequest | None, username: str | None = None, **credentials: Any) -> None:
        if request is not None and username is not None and is_locked(request, username):
            raise PermissionDenied


def is_locked(request: HttpRequest, username: str) -> bool:
    """Whether logins for this name from this address are refused for now, even with the right password."""
    recent = LoginFailure.objects.filter(address=client_address(request), at__gt=timezone.now() - WINDOW)
    if recent.filter(person=_person(username)).count() >= MOST_FOR_A_PERSON:
        return True
    return recent.count() >= MOST_FOR_AN_ADDRESS


def client_address(request: HttpRequest) -> str:
    """The peer's address; behind a proxy the one that the proxy itself saw, which is the last it names."""
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.BEHIND_PROXY else ""
    return (forwarded.split(",")[-1].strip() or str(request.META.get("REMOTE_ADDR", "")))[:64]


def _person(username: str) -> str:
    return salted_hmac("triage.logins", username.casefold(), algorithm="sha256").hexdigest()


@receiver(user_login_failed)
def _count(sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **rest: Any) -> None:
    username = credentials.get("username")
    if request is None or not isinstance(username, str):
        return
    if is_locked(request, username):
        log.warning("a login from %s was refused after too many failures", client_address(request))
        return
    now = timezone.now()
    LoginFailure.objects.filter(at__lt=now - WINDOW).delete()
    LoginFailure.objects.create(person=_person(username), address=client_address(request), at=now)


@receiver(user_logged_in)
def _forgive(sender: object, request: HttpRequest | None, user: Any, **rest: Any) -> None:
    """A user who got in at last starts afresh."""
    if request is not None:
        mine = LoginFailure.objects.filter(person=_person(user.get_username()), address=client_address(request))
        mine.delete()
