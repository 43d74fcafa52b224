"""Pages for a forgotten password: ask for a link, and choose a new password behind it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_http_methods

from triage.accounts import audit, passwords


class ForgottenForm(forms.Form):
    email = forms.EmailField(max_length=254)


@require_http_methods(["GET", "HEAD", "POST"])
def forgotten_page(request: HttpRequest) -> HttpResponse:
    """Ask for a link. The answer is the same whether or not the e-mail address belongs to an account."""
    if not passwords.can_be_sent():
        raise Http404("This desk sends no links for new passwords.")
    form = ForgottenForm(request.POST if request.method == "POST" else None)
    asked = form.is_valid() and passwords.ask_for_new(request, form.cleaned_data["email"])
    too_many = form.is_valid() and not asked
    context = {"form": form, "asked": asked, "too_many": too_many}
    return render(request, "forgotten.html", context, status=429 if too_many else 200)


@method_decorator(require_http_methods(["GET", "HEAD", "POST"]), name="dispatch")
class NewPasswordPage(PasswordResetConfirmView):
    """Choose a new password behind the link. Every session of the user ends."""

    template_name = "new_password.html"
    success_url = reverse_lazy("login")

    def dispatch(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.PASSWORD_LOGIN:
            raise Http404("This desk takes no passwords.")
        return super().dispatch(*args, **kwargs)

    def form_valid(self, form: SetPasswordForm[User]) -> HttpResponse:
        audit.note(form.user, form.user, "set a new password by e-mail")
        messages.success(self.request, "Your new password is set. Log in with it.")
        return super().form_valid(form)
