"""The receipt of a file: how it was read, what may be corrected, and what people did with it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from triage import moving, quarantine
from triage.errors import TriageError
from triage.forms import CorrectionForm
from triage.models import Spectrum
from triage.rereading import read_again
from triage.views.base import signed_in


@login_required
@require_safe
def receipt_page(request: HttpRequest, spectrum_id: int) -> HttpResponse:
    spectrum = _spectrum(signed_in(request), spectrum_id)
    return _page(request, spectrum, CorrectionForm(initial=spectrum.corrections))


def _page(request: HttpRequest, spectrum: Spectrum, form: CorrectionForm, status: int = 200) -> HttpResponse:
    first = spectrum.likely_duplicate_of
    context: dict[str, Any] = {
        "spectrum": spectrum,
        "form": form,
        "first": first,
        "acts": spectrum.acts.select_related("user"),
        "lines": quarantine.first_lines(spectrum),
        "in_quarantine": spectrum.state in quarantine.STATES,
        "section": "quarantine" if spectrum.state in quarantine.STATES else "queue",
    }
    return render(request, "receipt.html", context, status=status)


def _spectrum(user: User, spectrum_id: int) -> Spectrum:
    related = ("transient", "group", "uploaded_by", "likely_duplicate_of__transient")
    found: Spectrum | None = Spectrum.objects.visible_to(user).select_related(*related).filter(pk=spectrum_id).first()
    if found is None:
        raise Http404("There is no such spectrum.")
    return found


@login_required
@require_POST
def reread(request: HttpRequest, spectrum_id: int) -> HttpResponse:
    """Read the original again with what was chosen; the page shows the new receipt, or why it could not be read so."""
    user = signed_in(request)
    spectrum = _spectrum(user, spectrum_id)
    form = CorrectionForm(request.POST)
    if not form.is_valid():
        return _page(request, spectrum, form, 400)
    try:
        read_again(user, spectrum, form.corrections())
    except TriageError as error:
        form.add_error(None, f"It was not read so, and stays as it was: {error.detail}")
        return _page(request, spectrum, form, error.status)
    messages.success(request, f"{spectrum.file_label} was read again and waits for the network.")
    return redirect("receipt", spectrum_id)


@login_required
@require_POST
def move(request: HttpRequest, spectrum_id: int) -> HttpResponse:
    """Give the spectrum to the transient that was named."""
    user = signed_in(request)
    spectrum = _spectrum(user, spectrum_id)
    try:
        moved = moving.move(user, spectrum, request.POST.get("transient", ""))
    except TriageError as error:
        messages.error(request, f"Not moved: {error.detail}.")
    else:
        messages.success(request, f"{moved.file_label} belongs to {moved.transient}.")
    return redirect("receipt", spectrum_id)


@login_required
@require_POST
def settle(request: HttpRequest, spectrum_id: int, action: str) -> HttpResponse:
    """Discard or restore, then back to the quarantine."""
    user = signed_in(request)
    act = {"discard": quarantine.discard, "restore": quarantine.restore}.get(action)
    if act is None:
        raise Http404("There is no such action.")
    try:
        spectrum = act(user, _spectrum(user, spectrum_id))
    except TriageError as error:
        messages.error(request, error.detail)
    else:
        words = "is discarded; its bytes are kept" if spectrum.discarded else "is back in quarantine"
        messages.success(request, f"{spectrum.file_label} {words}.")
    return redirect("quarantine")
