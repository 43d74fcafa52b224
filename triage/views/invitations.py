"""Page behind the link of an invitation: join a group, with an account or by making one."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import User
from django.contrib.auth.validators import ASCIIUsernameValidator
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from triage.accounts import invitations
from triage.errors import TriageError
from triage.models import GroupInvitation
from triage.views.base import sentence


class SignUpForm(UserCreationForm):  # type: ignore[type-arg]
    """A new account."""

    email = forms.EmailField(required=False)

    class Meta:
        model = User
        fields = ("username", "email")

    def clean_username(self) -> str:
        """Return the name. Letters of other scripts are refused, because they can look like somebody else's name."""
        ASCIIUsernameValidator()(self.cleaned_data["username"])
        return str(super().clean_username())


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show an invitation. POST accepts or declines it, or makes an account first."""
    invitation = invitations.find(token)
    if invitation is None:
        raise Http404("This invitation is no longer good. Ask for a new one.")
    user = request.user
    if isinstance(user, User):
        if request.method == "POST":
            return _answer(request, user, invitation)
        return render(request, "invitation.html", {"invitation": invitation, "form": None})
    if not settings.PASSWORD_LOGIN:
        return render(request, "invitation.html", {"invitation": invitation, "form": None, "here": request.path})
    form = SignUpForm(request.POST if request.method == "POST" else None, initial={"email": invitation.email})
    if form.is_valid():
        try:
            return _sign_up(request, form, invitation)
        except IntegrityError:
            # Somebody took the name at this moment.
            form.add_error("username", "A user with that username already exists.")
    context = {"invitation": invitation, "form": form, "here": request.path}
    return render(request, "invitation.html", context, status=400 if form.errors else 200)


def _answer(request: HttpRequest, user: User, invitation: GroupInvitation) -> HttpResponse:
    try:
        if request.POST.get("answer") == "decline":
            invitations.decline(user, invitation)
            messages.info(request, f"You declined the invitation to {invitation.group}.")
        else:
            invitations.accept(user, invitation)
            messages.success(request, f"You are a member of {invitation.group} now, and see its private spectra.")
    except TriageError as error:
        messages.error(request, sentence(error.detail))
    return redirect("account")


def _sign_up(request: HttpRequest, form: SignUpForm, invitation: GroupInvitation) -> HttpResponse:
    try:
        user = form.save(commit=False)
        invitations.sign_up(user, invitation)
    except TriageError as error:
        raise Http404(error.detail) from error
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    messages.success(request, f"Welcome. You are a member of {invitation.group}.")
    return redirect("queue")
