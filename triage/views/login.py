"""The login page."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpResponse

from triage.accounts import login_throttle


class LoginPage(LoginView):
    """The login. If it is refused because of too many failures, the page says so, with status 429."""

    template_name = "login.html"
    redirect_authenticated_user = True

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        locked = login_throttle.is_locked(self.request, str(form.data.get("username", "")))
        context: dict[str, Any] = self.get_context_data(form=form, locked=locked)
        return self.render_to_response(context, status=429 if locked else 200)
