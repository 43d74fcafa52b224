"""Connection of an account with single sign-on.

The link on a user's own Account page holds a signed text that permits it. Without that, another site
could connect a user's account with a login of its own.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.core import signing

_signer = signing.TimestampSigner(salt="triage.connect")
# The page with the link may stay open this long.
LIFE_SECONDS = 3600


def permission(user: User) -> str:
    """Return a text that allows the user to connect their account."""
    return _signer.sign(str(user.pk))


def is_connected(user: User) -> bool:
    """Return whether the user can log in at the provider of the settings."""
    if settings.OIDC is None:
        return False
    # Its table exists only with single sign-on.
    from allauth.socialaccount.models import SocialAccount

    return bool(SocialAccount.objects.filter(user=user, provider=settings.OIDC.issuer).exists())


def may_connect(user: AbstractBaseUser | AnonymousUser, text: str) -> bool:
    """Return whether the text is such a permission of this user."""
    try:
        return user.is_authenticated and _signer.unsign(text, max_age=LIFE_SECONDS) == str(user.pk)
    except signing.BadSignature:
        return False
