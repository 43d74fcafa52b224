"""Groups: the list of all for staff, the page of one for those who manage it, and leaving one."""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import Group
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from triage.accounts import groups, invitations
from triage.accounts.login_throttle import client_address
from triage.errors import NotFoundError, TriageError
from triage.models import GroupInvitation, GroupSettings
from triage.views.base import sentence, signed_in


class InvitationForm(forms.Form):
    """An invitation to a group.

    whom: user name or e-mail address; empty for a link that somebody passes on.
    days: days until it expires.
    """

    whom = forms.CharField(required=False, max_length=150)
    days = forms.TypedChoiceField(choices=[(1, "a day"), (7, "a week"), (30, "30 days")], coerce=int, initial=7)


class NewGroupForm(forms.Form):
    """A new group.

    name: its name.
    managers: user names of its first managers, separated by commas or blanks.
    """

    name = forms.CharField(max_length=150)
    managers = forms.CharField(required=False, max_length=2000)

    def clean_managers(self) -> list[str]:
        typed: str = self.cleaned_data["managers"]
        return typed.replace(",", " ").split()


class GroupSettingsForm(forms.Form):
    """Settings of a group, as in GroupSettings."""

    private_by_default = forms.BooleanField(required=False)
    own_library = forms.BooleanField(required=False)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def groups_page(request: HttpRequest) -> HttpResponse:
    """List all groups for staff; POST makes one."""
    user = signed_in(request)
    if not user.is_staff:
        raise Http404("only staff see all groups")
    form = NewGroupForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made = groups.create(user, form.cleaned_data["name"], form.cleaned_data["managers"])
        except TriageError as error:
            form.add_error(None, sentence(error.detail))
        else:
            messages.success(request, f"{made} was made. Invite its members here.")
            return redirect("group", made.pk)
    rows = groups.shared().annotate(members=Count("user")).order_by("name")
    managers = groups.all_managers()
    context = {"rows": [(group, managers.get(group.pk, [])) for group in rows], "form": form, "section": "groups"}
    return render(request, "groups.html", context, status=400 if form.errors else 200)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def group_page(request: HttpRequest, group_id: int) -> HttpResponse:
    """List the members and the open invitations; POST makes an invitation."""
    user = signed_in(request)
    group = _managed(request, group_id)
    form = InvitationForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        sent = form.cleaned_data
        try:
            made = invitations.invite(
                user, group_id, sent["whom"], timedelta(days=sent["days"]), client_address(request)
            )
        except TriageError as error:
            form.add_error("whom", f"{error.detail[0].upper()}{error.detail[1:]}.")
        else:
            mailed = invitations.is_mailed(made)
            text = f"The link goes to {sent['whom']} by e-mail." if mailed else "Copy the link below and pass it on."
            messages.success(request, f"The invitation was made. {text}")
            return redirect("group", group_id)
    context = {
        "group": group,
        "settings_form": GroupSettingsForm(initial=_settings(group)),
        "members": groups.members(group),
        "invitations": [(row, _link(request, row)) for row in invitations.open_invitations(group)],
        "form": form,
        "section": "groups" if signed_in(request).is_staff else "account",
    }
    return render(request, "group.html", context, status=400 if form.errors else 200)


def _settings(group: Group) -> dict[str, bool]:
    """Return the settings of a group; one without any has the defaults."""
    found = GroupSettings.objects.filter(group=group).first() or GroupSettings()
    return {"private_by_default": found.private_by_default, "own_library": found.own_library}


@login_required
@require_POST
def change_settings(request: HttpRequest, group_id: int) -> HttpResponse:
    """Change what happens with a group's uploads."""
    group = _managed(request, group_id)
    form = GroupSettingsForm(request.POST)
    if form.is_valid():
        groups.change_settings(signed_in(request), group.pk, **form.cleaned_data)
        messages.success(request, f"The settings of {group} were changed.")
    return redirect("group", group_id)


def _managed(request: HttpRequest, group_id: int) -> Group:
    try:
        return groups.managed_group(signed_in(request), group_id)
    except NotFoundError as error:
        raise Http404(error.detail) from error


def _link(request: HttpRequest, invitation: GroupInvitation) -> str:
    return request.build_absolute_uri(reverse("invitation", args=[invitations.token_of(invitation)]))


@login_required
@require_POST
def change_member(request: HttpRequest, group_id: int, user_id: int, action: str) -> HttpResponse:
    """Remove a member, make one a manager, or end that."""
    user = signed_in(request)
    group = _managed(request, group_id)
    try:
        if action == "remove":
            member = groups.remove(user, group_id, user_id)
            text = f"{member} was removed, and no longer sees the private spectra of {group}."
        elif action in ("appoint", "dismiss"):
            member = groups.set_manager(user, group_id, user_id, action == "appoint")
            text = f"{member} {'manages' if action == 'appoint' else 'no longer manages'} {group}."
        else:
            raise Http404
        messages.success(request, text)
    except TriageError as error:
        messages.error(request, sentence(error.detail))
    if groups.managed_groups(user).filter(pk=group_id).exists():
        return redirect("group", group_id)
    return redirect("account")


@login_required
@require_POST
def withdraw(request: HttpRequest, group_id: int, invitation_id: int) -> HttpResponse:
    """Withdraw an invitation. Its link stops working at once."""
    _managed(request, group_id)
    try:
        invitations.withdraw(signed_in(request), group_id, invitation_id)
        messages.success(request, "The invitation was withdrawn.")
    except TriageError as error:
        messages.error(request, sentence(error.detail))
    return redirect("group", group_id)


@login_required
@require_POST
def leave(request: HttpRequest, group_id: int) -> HttpResponse:
    """Leave a group."""
    try:
        group = groups.leave(signed_in(request), group_id)
    except NotFoundError as error:
        raise Http404(error.detail) from error
    messages.success(request, f"You left {group}. You no longer see its private spectra.")
    return redirect("account")
