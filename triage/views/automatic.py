"""Page of the automatic policies: what each would have passed lately, and how often people disagreed."""

from __future__ import annotations

import dataclasses
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from classifier.taxonomy import load_taxonomy
from triage.errors import InvalidActionError, TriageError
from triage.models import AutomaticPolicy
from triage.review import automatic
from triage.review.dry_run import DAYS, DryRun, dry_run
from triage.views.automatic_run import RunText, percent
from triage.views.base import signed_in
from triage.views.policies import by_parent

_PERCENT = ("probability", "share_for_people", "allowed_false_rate")


class AutomaticPolicyForm(forms.Form):
    """Automatic policy of one audience.

    group: name of a group, or "" for public spectra.
    probability, share_for_people, allowed_false_rate: in percent.
    simulated: count spectra of the demo night.
    """

    group = forms.CharField(required=False)
    probability = forms.FloatField()
    novelty = forms.FloatField(required=False)
    signal_to_noise = forms.FloatField(required=False)
    template_agrees = forms.BooleanField(required=False)
    set_of_one = forms.BooleanField(required=False)
    share_for_people = forms.FloatField()
    allowed_false_rate = forms.FloatField()
    simulated = forms.BooleanField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [(name, name) for name in load_taxonomy().trained]
        self.fields["class_names"] = forms.MultipleChoiceField(choices=names, required=False)

    def values(self) -> dict[str, Any]:
        """Return the fields, with shares from 0 to 1. Raises InvalidActionError."""
        if not self.is_valid():
            texts = [f"{name.replace('_', ' ')}: {errors[0]}" for name, errors in self.errors.items()]
            raise InvalidActionError("; ".join(texts).rstrip("."))
        return {name: value / 100 if name in _PERCENT else value for name, value in self.cleaned_data.items()}


@dataclasses.dataclass(frozen=True)
class AutomaticPanel:
    """One audience's automatic policy, as the page shows it.

    group: name of the group, or "" for public spectra.
    stored: the stored policy, or None.
    shown: the policy in the form: the one that was tried, else the stored one, else the defaults.
    editable: whether the user may change the policy.
    latest: latest run of the stored policy, or None if it was never on.
    run: result of the dry run that was asked for, or None.
    with_simulated: the dry run was asked to count the demo night.
    """

    group: str
    stored: AutomaticPolicy | None
    shown: AutomaticPolicy
    editable: bool
    latest: RunText | None = None
    run: DryRun | None = None
    with_simulated: bool = False

    @property
    def title(self) -> str:
        """Return the name of the audience."""
        return self.group or "Public spectra"

    @property
    def editors(self) -> str:
        """Return a sentence that says who may change the policy."""
        if self.group:
            return "Staff of the group, and members with the permission, can keep a policy."
        return "Staff can keep a policy."

    @property
    def summary(self) -> str:
        """Return a sentence on the stored policy."""
        if self.stored is None:
            return "There is no policy."
        return f"Kept: {self.stored.in_words}"

    @property
    def tried(self) -> str:
        """Return the policy of the dry run in a sentence."""
        return self.shown.in_words

    @property
    def percents(self) -> dict[str, str]:
        """Return the shares of the policy, as the form shows them in percent."""
        return {name: f"{100 * getattr(self.shown, name):.6g}" for name in _PERCENT}

    @property
    def fields(self) -> list[tuple[str, object]]:
        """Return the names and values of the form that stores the policy shown. A field without a value is missing."""
        policy = self.shown
        numbers = {"novelty": policy.novelty, "signal_to_noise": policy.signal_to_noise, **self.percents}
        given = [(name, value) for name, value in numbers.items() if value is not None]
        flags = [(name, 1) for name in ("template_agrees", "set_of_one") if getattr(policy, name)]
        return [("group", self.group), *given, *flags, *(("class_names", name) for name in policy.class_names)]

    @property
    def rates(self) -> dict[str, str]:
        """Return the false rate of the dry run, the bounds of its interval and the allowed rate, in percent."""
        if self.run is None:
            return {}
        low, high = self.run.interval or (None, None)
        values = {"rate": self.run.false_rate, "low": low, "high": high, "allowed": self.run.allowed_false_rate}
        return {name: percent(value) for name, value in values.items() if value is not None}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def automatic_page(request: HttpRequest) -> HttpResponse:
    """Show the automatic policies. With a policy in the address, show its dry run; POST stores the one of ``group``."""
    user = signed_in(request)
    if request.method == "POST":
        _store(request, user)
        return redirect("automatic")
    panels = [
        AutomaticPanel(
            group=row["group"].name if row["group"] else "",
            stored=row["policy"],
            shown=row["policy"] or AutomaticPolicy(),
            editable=row["editable"],
            latest=RunText(row["run"]) if row["run"] else None,
        )
        for row in automatic.policies(user)
    ]
    status = 200
    if "probability" in request.GET:
        try:
            panels = _tried(request, user, panels)
        except TriageError as error:
            messages.error(request, f"Not tried: {error.detail}.")
            status = 400
    parents = by_parent(entry for entry in load_taxonomy().classes if entry.trained)
    context = {
        "panels": panels,
        "parents": parents,
        "days": DAYS,
        "largest_trial": automatic.LARGEST_TRIAL,
        "section": "automatic",
    }
    return render(request, "automatic.html", context, status=status)


@login_required
@require_POST
def automatic_switch(request: HttpRequest) -> HttpResponse:
    """Switch the policy of ``group`` on, on as a trial of ``trial`` transients, or off, as ``act`` says."""
    user, group, act = signed_in(request), request.POST.get("group", ""), request.POST.get("act")
    try:
        if act == "off":
            automatic.switch_off(user, group)
        else:
            automatic.switch_on(user, group, _trial(request) if act == "trial" else None)
    except TriageError as error:
        messages.error(request, f"Not switched: {error.detail}.")
    else:
        messages.success(request, f"The policy was switched {'off' if act == 'off' else 'on'}.")
    return redirect("automatic")


def _trial(request: HttpRequest) -> int:
    """Return the size of a trial, 0 for a text that is no number."""
    text = request.POST.get("trial", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _store(request: HttpRequest, user: User) -> None:
    form = AutomaticPolicyForm(request.POST)
    try:
        values = form.values()
        stored = automatic.change_policy(user, values["group"], values)
    except TriageError as error:
        messages.error(request, f"Not kept: {error.detail}.")
    else:
        messages.success(request, "The policy was kept." if stored else "The policy was removed.")


def _tried(request: HttpRequest, user: User, panels: list[AutomaticPanel]) -> list[AutomaticPanel]:
    """Return the panels, that of the audience in the address with the policy there and its dry run."""
    values = AutomaticPolicyForm(request.GET).values()
    policy = automatic.draft(user, values["group"], values)
    if not policy.class_names:
        raise InvalidActionError("tick at least one class that may pass")
    run = dry_run(user, policy, values["simulated"] or None)
    return [
        dataclasses.replace(panel, shown=policy, run=run, with_simulated=values["simulated"])
        if panel.group == values["group"]
        else panel
        for panel in panels
    ]
