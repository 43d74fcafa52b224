"""What the review page draws: a spectrum's figure, more of its samples, and spectra that look like it."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from triage import evidence, plots
from triage import samples as sampling
from triage.arrays import unpack
from triage.lines import elements_of, line_list
from triage.models import Prediction, PredictionEvidence, Spectrum, SpectrumArrays
from triage.plot_panels import Strip
from triage.template_spectra import overlay
from triage.twins import twins
from triage.views.base import shown_spectrum, signed_in, visible_spectra, visible_transient, wants_fragment


@login_required
@require_safe
def figure(request: HttpRequest, name: str) -> HttpResponse:
    """``item``, the figure, and ``about``, what the script needs to know of it. Parameters: spectrum (id), smooth, bin
    (places of the sliders), template (1: with the best match's panel), theme."""
    user = signed_in(request)
    shown, spectra = _shown(request, user, name)
    arrays = SpectrumArrays.objects.in_bulk([spectrum.pk for spectrum in spectra])
    if shown is None or shown.pk not in arrays:
        return _no_arrays()
    others = [spectrum for spectrum in spectra if spectrum.pk != shown.pk and spectrum.pk in arrays]
    epoch = _epoch(shown, arrays[shown.pk])
    theme, look = request.GET.get("theme", "light"), sampling.look_of(request.GET)
    spoke = PredictionEvidence.objects.filter(prediction=shown.current_prediction_id).first()
    item = plots.spectrum_json(
        epoch,
        [_epoch(other, arrays[other.pk]) for other in others],
        look=look,
        at_rest=shown.at_rest,
        strip=_strip(spoke, epoch) if spoke else None,
        template=_template(request, shown.current_prediction, epoch, at_rest=shown.at_rest),
        theme=theme,
    )
    about = _about(shown, spectra, others, epoch)
    about["spoke"] = evidence.words(spoke, _redshift_of_evidence(shown)) if spoke else None
    return HttpResponse(f'{{"item": {item}, "about": {json.dumps(about)}}}', content_type="application/json")


@login_required
@require_safe
def samples(request: HttpRequest, name: str) -> JsonResponse:
    """The samples of a spectrum alone, for another look at it: parameters as of ``figure``, and from, to (Å) for a
    stretch that is zoomed into. Columns as base64 of little-endian float32; see triage.samples.columns."""
    shown, _ = _shown(request, signed_in(request), name)
    stored = SpectrumArrays.objects.filter(spectrum=shown).first() if shown else None
    if shown is None or stored is None:
        return _no_arrays()
    return JsonResponse(sampling.encoded(sampling.columns(_epoch(shown, stored), sampling.look_of(request.GET))))


@login_required
@require_safe
def twins_page(request: HttpRequest, name: str) -> HttpResponse:
    """Vetted spectra that look like this one to the network, most alike first."""
    user = signed_in(request)
    shown, _ = _shown(request, user, name)
    context = {
        "name": name,
        "shown": shown,
        "twins": twins(user, shown.current_prediction) if shown and shown.current_prediction else [],
        "section": "queue",
    }
    return render(request, "partials/twins.html" if wants_fragment(request) else "twins.html", context)


def _shown(request: HttpRequest, user: User, name: str) -> tuple[Spectrum | None, list[Spectrum]]:
    transient = visible_transient(user, name)
    spectra = visible_spectra(user, transient)
    wanted = request.GET.get("spectrum")
    if wanted and all(str(spectrum.pk) != wanted for spectrum in spectra):
        raise Http404("There is no such spectrum.")
    return shown_spectrum(spectra, wanted, transient.current_prediction_id), spectra


def _no_arrays() -> JsonResponse:
    return JsonResponse({"code": "no_arrays", "detail": "This spectrum could not be read."}, status=404)


def _epoch(spectrum: Spectrum, stored: SpectrumArrays) -> sampling.Epoch:
    error = None if stored.flux_error is None else unpack(stored.flux_error)
    date = spectrum.observed_at.strftime("%Y-%m-%d") if spectrum.observed_at else "date unknown"
    return sampling.Epoch(
        unpack(stored.wavelength), unpack(stored.flux), error, f"{date} {spectrum.instrument}".strip()
    )


def _about(shown: Spectrum, spectra: list[Spectrum], others: list[Spectrum], epoch: sampling.Epoch) -> dict[str, Any]:
    """at_rest; redshift to draw at, None unknown; lines: (rest wavelength, name, element); elements:
    those of the class predicted; decimated: zooming in finds
    more samples; ranks: how many epochs each of the others is later than the one shown, negative for earlier ones."""
    order = [spectrum.pk for spectrum in spectra]
    predicted = shown.current_prediction
    return {
        "at_rest": shown.at_rest,
        "redshift": _redshift(shown),
        "lines": line_list(),
        "elements": elements_of(predicted.class_name if predicted else None),
        "decimated": epoch.wavelength.size > sampling.MAX_POINTS,
        "label": epoch.label,
        "ranks": [order.index(other.pk) - order.index(shown.pk) for other in others],
    }


def _redshift(spectrum: Spectrum) -> float | None:
    """The redshift to draw at: the known one, else the network's."""
    prediction = spectrum.current_prediction
    if prediction is None:
        return spectrum.stated_redshift
    return prediction.redshift if prediction.redshift_used is None else prediction.redshift_used


def _redshift_of_evidence(spectrum: Spectrum) -> float | None:
    return 0.0 if spectrum.at_rest else _redshift(spectrum)


def _strip(spoke: PredictionEvidence, epoch: sampling.Epoch) -> Strip:
    """What spoke, where the spectrum has samples."""
    wavelength, contribution = evidence.contribution(spoke)
    inside = (wavelength >= epoch.wavelength[0]) & (wavelength <= epoch.wavelength[-1])
    if inside.sum() < 2:
        inside[:] = True
    return Strip(spoke.class_name, wavelength[inside], contribution[inside])


def _template(request: HttpRequest, prediction: Prediction | None, epoch: sampling.Epoch, *, at_rest: bool) -> Any:
    if request.GET.get("template") != "1" or prediction is None:
        return None
    return overlay(prediction, epoch.wavelength, epoch.flux, at_rest=at_rest)
