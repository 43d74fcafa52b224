"""Logins by a provider in tests: the way there and back."""

from __future__ import annotations

import dataclasses
from typing import Any

import httpx
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings


def configure(settings: Settings, **changes: Any) -> None:
    settings.OIDC = dataclasses.replace(settings.OIDC, **changes)


def come_back(start: Any) -> str:
    """Follow the way to the provider, and return the address of the desk that it leads back to."""
    assert start.status_code == 302, start.content
    back = httpx.get(start["Location"])
    assert back.status_code == 302, back.text
    return back.headers["Location"].removeprefix("http://testserver")


def log_in(browser: Client, query: str = "") -> Any:
    """Log in by the provider, and return the page that one ends on."""
    return browser.get(come_back(browser.get(f"/sso/login/{query}")), follow=True)


def name_of(browser: Client) -> str | None:
    """Return the name of the user who is signed in, or None."""
    return browser.session.get("_auth_user_id") and User.objects.get(pk=browser.session["_auth_user_id"]).username
