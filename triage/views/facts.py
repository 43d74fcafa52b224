"""Pages on which facts about a spectrum or a transient are corrected, and corrections are undone."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any, Self

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from classifier.readers.coordinates import sexagesimal
from triage.accounts.audiences import EVERYBODY, ONLY_ME, chosen_audience, shared_groups
from triage.errors import TriageError
from triage.intake.facts import correct_spectrum, correct_transient, undo_spectrum_act, undo_transient_act
from triage.intake.wording import in_words, value_in_words
from triage.models import ActKind, Spectrum, SpectrumAct, SpectrumState, Transient, TransientAct
from triage.views.base import signed_in, visible_spectrum, visible_transient
from triage.views.fields import DegreesField, MomentField, RedshiftField


def _compare_with_what_was_shown(form: forms.Form) -> None:
    """Let a form send along what it showed, so that a fact that somebody else has corrected meanwhile is left alone."""
    for field in form.fields.values():
        field.show_hidden_initial = True


class SpectrumFactsForm(forms.Form):
    """Facts about one spectrum; an empty field means unknown."""

    observed_at = MomentField(label="Observed at (UTC)")
    instrument = forms.CharField(required=False, max_length=120)
    observer = forms.CharField(required=False, max_length=120)
    redshift = RedshiftField(label="Known redshift")
    comment = forms.CharField(required=False, max_length=2000)
    group = forms.ChoiceField(label="Visible to")

    def __init__(self, user: User, spectrum: Spectrum, data: Any = None) -> None:
        audience = spectrum.group.name if spectrum.group else EVERYBODY
        if user.groups.filter(name=audience, desk_settings__person=user).exists():
            audience = ONLY_ME
        values = {name: getattr(spectrum, name) for name in ("observed_at", "instrument", "observer", "comment")}
        super().__init__(data, initial=values | {"redshift": spectrum.stated_redshift, "group": audience})
        _compare_with_what_was_shown(self)
        names = dict.fromkeys([audience, EVERYBODY, *(group.name for group in shared_groups(user)), ONLY_ME])
        group = self.fields["group"]
        if isinstance(group, forms.ChoiceField):
            group.choices = [(name, name) for name in names]


class TransientFactsForm(forms.Form):
    """Facts about one transient; an empty field means unknown."""

    name = forms.CharField(max_length=120)
    other_names = forms.CharField(required=False, max_length=1000, label="Other names, separated by commas")
    ra = DegreesField(15, label="Right ascension (degrees or 12:34:56.7)")
    dec = DegreesField(1, label="Declination (degrees or -12:34:56)")
    redshift = RedshiftField(label="Redshift (heliocentric)")
    redshift_error = forms.FloatField(required=False, min_value=0, label="1σ error of the redshift")
    redshift_origin = forms.CharField(required=False, max_length=40, label="Origin of the redshift, such as host")
    ebv = forms.FloatField(required=False, min_value=0, label="E(B−V) of the Milky Way (mag)")
    host = forms.CharField(required=False, max_length=120, label="Host galaxy")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _compare_with_what_was_shown(self)

    def clean_other_names(self) -> list[str]:
        """Return the names one by one. Raises ValidationError for one that no transient can have."""
        names = [name for part in self.cleaned_data["other_names"].split(",") if (name := part.strip())]
        for name in names:
            Transient._meta.get_field("name").clean(name, None)
        return names


@dataclasses.dataclass(frozen=True)
class ListedAct:
    """An act as a page lists it.

    pk: its id.
    kind: what the user did.
    username: name of the user, or "a former user" if the account is gone.
    at: time of the act.
    detail: the corrections, or the transients between which the spectrum was moved; may be empty.
    undoable: whether it can be undone.
    """

    pk: int
    kind: str
    username: str
    at: datetime
    detail: str
    undoable: bool

    @classmethod
    def of_spectrum(cls, act: SpectrumAct) -> Self:
        """Describe an act on a spectrum."""
        if act.kind == ActKind.MOVED:
            detail = f"from {act.detail['from'] or 'no name'} to {act.detail['to'] or 'no name'}"
        else:
            detail = _changes(act.detail)
        undoable = act.kind in (ActKind.MOVED, ActKind.FACTS, ActKind.CORRECTED)
        return cls(act.pk, act.get_kind_display().capitalize(), _username(act.user), act.created_at, detail, undoable)

    @classmethod
    def of_transient(cls, act: TransientAct) -> Self:
        """Describe a correction of a transient."""
        return cls(act.pk, "Corrected", _username(act.user), act.created_at, _changes(act.detail), undoable=True)


def _username(user: Any) -> str:
    return user.get_username() if user else "a former user"


def _changes(detail: dict[str, Any]) -> str:
    def said(value: Any) -> str:
        if isinstance(value, dict):
            return ", ".join(dict.fromkeys(map(said, value.values())))
        if isinstance(value, list):
            return ", ".join(value) or "none"
        return "unknown" if value in (None, "") else value_in_words(value)

    # The release before wrote the corrections of a reading without what was before them.
    pairs = {name: value if isinstance(value, list) else ["", value] for name, value in detail.items()}
    return "; ".join(f"{in_words(name)}: {said(before)} → {said(after)}" for name, (before, after) in pairs.items())


@login_required
@require_POST
def correct_spectrum_facts(request: HttpRequest, spectrum_id: int) -> HttpResponse:
    """Correct the facts that differ from the stored ones."""
    user = signed_in(request)
    spectrum = visible_spectrum(user, spectrum_id)
    form = SpectrumFactsForm(user, spectrum, request.POST)
    if not form.is_valid():
        messages.error(
            request, "; ".join(f"{form.fields[name].label or name}: {e[0]}" for name, e in form.errors.items())
        )
        return redirect("receipt", spectrum_id)
    facts = {name: form.cleaned_data[name] for name in form.changed_data}
    try:
        if "group" in facts:
            facts["group"] = chosen_audience(user, facts["group"])
        corrected = correct_spectrum(user, spectrum, facts)
    except TriageError as error:
        messages.error(request, f"Not corrected: {error.detail}.")
    else:
        requeued = "redshift" in facts and corrected.state == SpectrumState.QUEUED
        again = " The network classifies it again." if requeued else ""
        messages.success(request, f"{spectrum.file_label} was corrected.{again}" if facts else "Nothing was changed.")
    return redirect("receipt", spectrum_id)


@login_required
@require_POST
def undo_on_spectrum(request: HttpRequest, spectrum_id: int, act_id: int) -> HttpResponse:
    user = signed_in(request)
    act = visible_spectrum(user, spectrum_id).acts.visible_to(user).filter(pk=act_id).first()
    if act is None:
        raise Http404("There is no such act.")
    try:
        undo_spectrum_act(user, act)
    except TriageError as error:
        messages.error(request, f"Not undone: {error.detail}.")
    else:
        messages.success(request, "That was undone.")
    return redirect("receipt", spectrum_id)


@dataclasses.dataclass(frozen=True)
class HeaderPlace:
    """Coordinates in the header of one of a transient's files.

    spectrum: the spectrum of the file.
    ra, dec: degrees.
    words: both in sexagesimal units.
    """

    spectrum: Spectrum
    ra: float
    dec: float
    words: str


def _places_in_headers(user: User, transient: Transient) -> list[HeaderPlace]:
    """Return the coordinates that the headers of a transient's files give, while it has none."""
    if transient.ra is not None:
        return []
    places = []
    for spectrum in Spectrum.objects.visible_to(user).filter(transient=transient).in_time_order():
        told = spectrum.receipt.get("metadata", {})
        if told.get("ra") is not None and told.get("dec") is not None:
            words = " ".join(sexagesimal(told["ra"], told["dec"]))
            places.append(HeaderPlace(spectrum, told["ra"], told["dec"], words))
    return places


@login_required
@require_POST
def take_place(request: HttpRequest, name: str) -> HttpResponse:
    """Take the coordinates in the header of ``spectrum``, one of the transient's."""
    user = signed_in(request)
    transient = visible_transient(user, name)
    places = {str(place.spectrum.pk): place for place in _places_in_headers(user, transient)}
    place = places.get(request.POST.get("spectrum", ""))
    if place is None:
        messages.error(request, "Not corrected: there are coordinates by now, or that file gives none.")
        return redirect("transient-facts", transient.name)
    try:
        correct_transient(user, transient, {"ra": place.ra, "dec": place.dec})
    except TriageError as error:
        messages.error(request, f"Not corrected: {error.detail}.")
    else:
        messages.success(request, f"{transient} was corrected.")
    return redirect("transient-facts", transient.name)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def transient_facts_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show the facts of a transient and the history of their corrections; POST corrects them."""
    user = signed_in(request)
    transient = visible_transient(user, name)
    names = ", ".join(transient.other_names.filter(group__isnull=True).values_list("name", flat=True))
    plain = ("name", "ra", "dec", "redshift", "redshift_error", "redshift_origin", "ebv", "host")
    initial = {field: getattr(transient, field) for field in plain} | {"other_names": names}
    form = TransientFactsForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            facts = {field: form.cleaned_data[field] for field in form.changed_data}
            corrected = correct_transient(user, transient, facts)
        except TriageError as error:
            form.add_error(None, f"Not corrected: {error.detail}.")
        else:
            messages.success(request, f"{corrected} was corrected." if facts else "Nothing was changed.")
            return redirect("transient-facts", corrected.name)
    acts = [ListedAct.of_transient(act) for act in transient.acts.visible_to(user).select_related("user")]
    places = _places_in_headers(user, transient)
    context = {"transient": transient, "form": form, "places": places, "acts": acts, "section": "queue"}
    return render(request, "transient_facts.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def undo_on_transient(request: HttpRequest, name: str, correction_id: int) -> HttpResponse:
    user = signed_in(request)
    transient = visible_transient(user, name)
    act = transient.acts.visible_to(user).filter(pk=correction_id).first()
    if act is None:
        raise Http404("There is no such act.")
    try:
        transient = undo_transient_act(user, act)
    except TriageError as error:
        messages.error(request, f"Not undone: {error.detail}.")
    else:
        messages.success(request, "That was undone.")
    return redirect("transient-facts", transient.name)
