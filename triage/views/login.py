"""The login page."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from triage.accounts import login_throttle, passwords


def admin_login(request: HttpRequest) -> HttpResponse:
    """Lead to the desk's own login, which is the only one. Raises PermissionDenied if the user is no staff."""
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"))


class LoginPage(LoginView):
    """The login. If it is refused because of too many failures, the page says so, with status 429."""

    template_name = "login.html"
    redirect_authenticated_user = True

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        more = {"forgotten": passwords.can_be_sent(), "by_password": settings.PASSWORD_LOGIN, "sso": settings.OIDC}
        return super().get_context_data(**context) | more

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.PASSWORD_LOGIN:
            raise PermissionDenied
        return super().post(*args, **kwargs)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        locked = login_throttle.is_locked(self.request, str(form.data.get("username", "")))
        context: dict[str, Any] = self.get_context_data(form=form, locked=locked)
        return self.render_to_response(context, status=429 if locked else 200)
