"""Throttle against guessing passwords, on the login page and on the admin's.

Failures are counted in the database, so that the count holds for all web processes together.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.exceptions import PermissionDenied
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from triage.models import LoginFailure

log = logging.getLogger(__name__)

WINDOW = timedelta(minutes=15)
# Failures within the window for one name from one address, and for all names from one address. Failures for one name
# from all addresses are not limited, because then anybody could lock a user out.
MOST_FOR_A_PERSON = 5
MOST_FOR_AN_ADDRESS = 50
# Providers give each customer a network of this size or a larger one.
IPV6_NETWORK_BITS = 64


class LoginThrottle:
    """Authentication backend that signs nobody in. Django asks it first, and it refuses a login after many failures."""

    def authenticate(self, request: HttpRequest | None, username: str | None = None, **credentials: Any) -> None:
        """Return None, which passes the login on to the next backend. Raises PermissionDenied if it is locked."""
        if request is not None and username is not None and is_locked(request, username):
            raise PermissionDenied


def is_locked(request: HttpRequest, username: str) -> bool:
    """Return whether logins for this name from the request's address are refused now, even with the right password."""
    recent = LoginFailure.objects.filter(address=client_address(request), at__gt=timezone.now() - WINDOW)
    if recent.filter(person=_person(username)).count() >= MOST_FOR_A_PERSON:
        return True
    return recent.count() >= MOST_FOR_AN_ADDRESS


def client_address(request: HttpRequest) -> str:
    """Return the address that the request comes from; of an IPv6 address the network, of which one user has all.

    Behind a proxy it is the last address in X-Forwarded-For, because the proxy wrote that one itself.
    """
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.BEHIND_PROXY else ""
    address = (forwarded.split(",")[-1].strip() or str(request.META.get("REMOTE_ADDR", "")))[:64]
    try:
        parsed = ip_address(address.split("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv4Address) or parsed.ipv4_mapped:
        return str(getattr(parsed, "ipv4_mapped", None) or parsed)
    return str(ip_network((parsed, IPV6_NETWORK_BITS), strict=False))


def _person(username: str) -> str:
    """Return a keyed hash of the name, because people type passwords into that field by mistake."""
    return salted_hmac("triage.logins", username.casefold(), algorithm="sha256").hexdigest()


@receiver(user_login_failed)
def _count(sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **rest: Any) -> None:
    """Store a failed login, and delete the ones that are older than the window."""
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
def _forgive(sender: object, request: HttpRequest | None, user: User, **rest: Any) -> None:
    """Delete the failures of a user who has logged in."""
    if request is not None:
        LoginFailure.objects.filter(person=_person(user.get_username()), address=client_address(request)).delete()
