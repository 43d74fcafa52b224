"""Receipt page: how a file was read, what can be corrected, and what people did with it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from classifier.readers import CHOICES
from classifier.readers.receipt import LEAST_TAKEN, MOST_TAKEN
from triage.errors import InvalidUploadError, TriageError
from triage.export.originals import original_file
from triage.intake import quarantine
from triage.intake.move import move as move_spectrum
from triage.intake.reread import read_again
from triage.intake.suggestions import count_epochs, suggested_names
from triage.intake.wording import in_words
from triage.models import Spectrum
from triage.views.base import signed_in, visible_spectrum, wants_fragment
from triage.views.facts import ListedAct, SpectrumFactsForm


class CorrectionForm(forms.Form):
    """Corrections of the reader's guesses. An empty field leaves the guess."""

    wavelength_unit = forms.ChoiceField(required=False, label="Wavelength unit")
    wavelength_column = forms.IntegerField(required=False, min_value=0, max_value=99, label="Wavelength column")
    flux_column = forms.IntegerField(required=False, min_value=0, max_value=99, label="Flux column")
    flux_kind = forms.ChoiceField(required=False, label="Kind of flux")
    third_column = forms.ChoiceField(required=False, label="Third column")
    frame = forms.ChoiceField(required=False, label="Redshift frame")
    medium = forms.ChoiceField(required=False, label="Measured in")
    target = forms.CharField(required=False, max_length=60, label="Target")
    host_light = forms.FloatField(
        required=False, min_value=LEAST_TAKEN, max_value=MOST_TAKEN, label="Host light to take off (0–1)"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, values in CHOICES.items():
            field = self.fields[name]
            if isinstance(field, forms.ChoiceField):
                field.choices = [("", "as found"), *((value, in_words(value)) for value in values)]

    def corrections(self) -> dict[str, Any]:
        """Return the corrections that were entered, as triage.intake.reread takes them."""
        return {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}


@login_required
@require_safe
def receipt_page(request: HttpRequest, spectrum_id: int) -> HttpResponse:
    """Show how a file was read; a script gets what the results of an upload say of it."""
    spectrum = visible_spectrum(signed_in(request), spectrum_id)
    if wants_fragment(request):
        return render(request, "partials/upload_reading.html", {"spectrum": spectrum})
    return _page(request, spectrum, CorrectionForm(initial=spectrum.corrections))


def _page(request: HttpRequest, spectrum: Spectrum, form: CorrectionForm, status: int = 200) -> HttpResponse:
    user = signed_in(request)
    count_epochs(user, spectrum)
    context: dict[str, Any] = {
        "spectrum": spectrum,
        "epochs": spectrum.epoch_count,
        "suggestions": suggested_names(user, spectrum) if spectrum.transient is None else [],
        "form": form,
        "first": spectrum.likely_duplicate_of,
        "facts": SpectrumFactsForm(user, spectrum),
        "acts": [ListedAct.of_spectrum(act) for act in spectrum.acts.visible_to(user).select_related("user")],
        "lines": quarantine.first_lines(spectrum),
        "in_quarantine": spectrum.state in quarantine.STATES,
        "section": "quarantine" if spectrum.state in quarantine.STATES else "queue",
    }
    return render(request, "receipt.html", context, status=status)


@login_required
@require_safe
def original(request: HttpRequest, spectrum_id: int) -> HttpResponse:
    """Download a spectrum's file exactly as it was sent."""
    spectrum = Spectrum.objects.visible_to(signed_in(request)).select_related("original").filter(pk=spectrum_id).first()
    if spectrum is None:
        raise Http404("There is no such spectrum.")
    return original_file(spectrum)


@login_required
@require_POST
def reread(request: HttpRequest, spectrum_id: int) -> HttpResponse:
    """Read the original file again with the chosen corrections, and show the new receipt or why that failed."""
    user = signed_in(request)
    spectrum = visible_spectrum(user, spectrum_id)
    form = CorrectionForm(request.POST)
    if not form.is_valid():
        return _page(request, spectrum, form, 400)
    try:
        read_again(user, spectrum, form.corrections())
    except TriageError as error:
        form.add_error(None, f"That reading failed, so nothing was changed: {error.detail}")
        return _page(request, spectrum, form, error.status)
    messages.success(request, f"{spectrum.file_label} was read again and waits for the network.")
    return redirect("receipt", spectrum_id)


class HostForm(forms.Form):
    """The share of host light to take off, or empty to leave it in."""

    share = forms.FloatField(required=False, min_value=LEAST_TAKEN, max_value=MOST_TAKEN)


@login_required
@require_POST
def take_host(request: HttpRequest, spectrum_id: int) -> HttpResponse:
    """Read a spectrum without the ``share`` of host light, or with it again, and show its transient."""
    user = signed_in(request)
    spectrum = visible_spectrum(user, spectrum_id)
    form = HostForm(request.POST)
    kept = {name: value for name, value in spectrum.corrections.items() if name != "host_light"}
    try:
        if not form.is_valid():
            raise InvalidUploadError(f"the share must lie between {LEAST_TAKEN:g} and {MOST_TAKEN:g}")
        share = form.cleaned_data["share"]
        read_again(user, spectrum, kept | ({} if share is None else {"host_light": share}))
    except TriageError as error:
        messages.error(request, f"Nothing was changed: {error.detail}.")
    if spectrum.transient is None:
        return redirect("receipt", spectrum_id)
    return redirect(f"{reverse('review', args=[spectrum.transient.name])}?spectrum={spectrum_id}")


@login_required
@require_POST
def move(request: HttpRequest, spectrum_id: int) -> HttpResponse:
    """Move the spectrum to the named transient; an empty name leaves it unnamed."""
    user = signed_in(request)
    spectrum = visible_spectrum(user, spectrum_id)
    try:
        moved = move_spectrum(user, spectrum, request.POST.get("transient", ""))
    except TriageError as error:
        messages.error(request, f"Not moved: {error.detail}.")
    else:
        result = f"now belongs to {moved.transient}" if moved.transient else "waits for a name"
        messages.success(request, f"{moved.file_label} {result}.")
    return redirect("receipt", spectrum_id)


@login_required
@require_POST
def settle(request: HttpRequest, spectrum_id: int, action: str) -> HttpResponse:
    """Discard or restore a file, then go back to the quarantine."""
    user = signed_in(request)
    act = {"discard": quarantine.discard, "restore": quarantine.restore}.get(action)
    if act is None:
        raise Http404("There is no such action.")
    try:
        spectrum = act(user, visible_spectrum(user, spectrum_id))
    except TriageError as error:
        messages.error(request, f"Nothing was changed: {error.detail}.")
    else:
        result = "was discarded; its bytes are kept" if spectrum.discarded else "was restored"
        messages.success(request, f"{spectrum.file_label} {result}.")
    return redirect("quarantine")
