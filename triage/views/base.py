"""What the pages share."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest


def signed_in(request: HttpRequest) -> User:
    """The user of a view behind ``login_required``."""
    if not isinstance(request.user, User):
        raise TypeError("this view needs login_required")
    return request.user


def wants_fragment(request: HttpRequest) -> bool:
    """Whether our script asks for the rows alone."""
    return request.headers.get("X-Fragment") == "1"
