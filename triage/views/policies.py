"""Policies page: which decisions need a second opinion, for each audience."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Self

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from classifier.taxonomy import TransientClass, load_taxonomy
from triage.errors import InvalidActionError, TriageError
from triage.review import second_opinion
from triage.views.base import signed_in


class PolicyForm(forms.Form):
    """Policy of one audience.

    group: name of a group, or "" for public spectra.
    below: bound on the probability in percent.
    """

    group = forms.CharField(required=False)
    below = forms.FloatField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [entry.name for entry in load_taxonomy().classes]
        self.fields["class_names"] = forms.MultipleChoiceField(choices=[(name, name) for name in names], required=False)

    def values(self) -> tuple[str, list[str], float | None]:
        """Return the group, the classes and the bound on the probability (0..1 or None). Raises InvalidActionError."""
        if not self.is_valid():
            raise InvalidActionError("; ".join(str(text) for errors in self.errors.values() for text in errors))
        below = self.cleaned_data["below"]
        if below is not None and 0 < below < 1:
            raise InvalidActionError(f"the bound is in percent; write {100 * below:g} for a probability of {below:g}")
        names: list[str] = self.cleaned_data["class_names"]
        return self.cleaned_data["group"], names, None if below is None else below / 100


@dataclasses.dataclass(frozen=True)
class PolicyPanel:
    """One audience's policy, as the page shows it.

    group: name of the group, or "" for public spectra.
    title: name of the audience.
    summary: the policy in a sentence.
    class_names: classes that need two reviewers.
    percent: bound on the probability, in percent, or "".
    editable: whether the user may change the policy.
    editors: sentence that says who may change it.
    """

    group: str
    title: str
    summary: str
    class_names: list[str]
    percent: str
    editable: bool
    editors: str

    @classmethod
    def of_audience(cls, row: Mapping[str, Any]) -> Self:
        """Describe a row of ``second_opinion.policies``."""
        group = row["group"].name if row["group"] else ""
        class_names = row["policy"].class_names if row["policy"] else []
        return cls(
            group=group,
            title=group or "Public spectra",
            summary=_summary(class_names, row["percent"]),
            class_names=class_names,
            percent=row["percent"],
            editable=row["editable"],
            editors="Staff of the group, and members with the permission, can change this policy."
            if group
            else "Staff can change this policy.",
        )


def _summary(class_names: list[str], percent: str) -> str:
    conditions = []
    if class_names:
        conditions.append(f"the decision or the prediction is {' or '.join(class_names)}")
    if percent:
        conditions.append(f"the prediction has less than {percent} %")
    if not conditions:
        return "One reviewer is enough."
    return f"Two reviewers are needed if {', or if '.join(conditions)}."


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def policies_page(request: HttpRequest) -> HttpResponse:
    """Show the policy of public spectra and those of the user's groups; POST changes the one of ``group``."""
    user = signed_in(request)
    if request.method == "POST":
        form = PolicyForm(request.POST)
        try:
            second_opinion.change_policy(user, *form.values())
            messages.success(request, "The policy was changed. It applies to decisions from now on.")
        except TriageError as error:
            messages.error(request, f"Not changed: {error.detail}.")
        return redirect("policies")
    context = {
        "policies": [PolicyPanel.of_audience(row) for row in second_opinion.policies(user)],
        "parents": by_parent(load_taxonomy().classes),
        "section": "policies",
    }
    return render(request, "policies.html", context)


def by_parent(classes: Iterable[TransientClass]) -> dict[str, list[str]]:
    """Return the names of classes by their parent group."""
    names: dict[str, list[str]] = {}
    for entry in classes:
        names.setdefault(entry.group, []).append(entry.name)
    return names
