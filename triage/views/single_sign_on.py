"""The two addresses of single sign-on: one leads to the provider, and the provider leads back to the other."""

from __future__ import annotations

import logging

from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.crypto import get_random_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from requests import RequestException

from triage.accounts.connecting import may_connect
from triage.accounts.single_sign_on import Connection, back, provider_config

log = logging.getLogger(__name__)


@never_cache
@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """Lead to the provider, to log in or to connect a user's account with it."""
    wanted = request.GET.get("next", "")
    here = {request.get_host()}
    safe = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, here, require_https=request.is_secure())
    connect = request.GET.get("connect")
    if connect is not None and not may_connect(request.user, connect):
        raise PermissionDenied
    if connect is None and request.user.is_authenticated:
        return redirect(wanted if safe else settings.LOGIN_REDIRECT_URL)
    nonce = get_random_string(32)
    try:
        answer: HttpResponse = (
            Connection(request)
            .get_provider()
            .redirect(
                request,
                AuthProcess.LOGIN if connect is None else AuthProcess.CONNECT,
                next_url=wanted if safe and connect is None else None,
                auth_params={"nonce": nonce},
                nonce=nonce,
            )
        )
    except (RequestException, OAuth2Error) as error:
        log.warning("%s cannot be reached: %s", provider_config().name, error)
        return back(request, f"{provider_config().name} cannot be reached. Try again in a moment.")
    return answer


@never_cache
@require_safe
def finish(request: HttpRequest) -> HttpResponse:
    """Take the provider's answer: log the person in, or connect the account."""
    answer: HttpResponse = OAuth2CallbackView.adapter_view(Connection(request))(request)
    return answer


urlpatterns = [
    path("login/", start, name="sso-login"),
    path("callback/", finish, name="sso-callback"),
]
