"""The figure of the review page, more of a spectrum's samples for it, and the vetted look-alikes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from classifier.host_spectrum import without_host
from classifier.lines import LINE_SETS, SKY, elements_of, line_list
from classifier.spectrum import Array
from triage.figures import samples as sampling
from triage.figures import spectrum
from triage.figures.panels import Host, Overlay, Strip
from triage.inference import attribution, matched_template
from triage.inference.host import flux_of_host
from triage.inference.named_library import named_comparison
from triage.models import NamedMatches, Prediction, PredictionEvidence, Spectrum, SpectrumArrays
from triage.models.arrays import unpack
from triage.review.lookalikes import look_alikes
from triage.templatetags.triage_tags import percent
from triage.views.base import shown_spectrum, signed_in, visible_spectra, visible_transient, wants_fragment

# Other epochs in one figure.
MOST_EPOCHS = 8


@login_required
@require_safe
def figure(request: HttpRequest, name: str) -> HttpResponse:
    """Return a spectrum's figure as JSON: ``item``, the figure, and ``about``, the facts that the page's script needs.

    Parameters: spectrum (id), smooth and bin (places of the sliders; without smooth the noise decides), flux (what the
    axis shows: measured, continuum or log), epochs (1 adds the epochs before and after it), template (1 adds the panel
    of the best template, 2 and more that of a named match), host (1 draws the host's light, 2 takes it off), theme.
    """
    user = signed_in(request)
    shown, spectra = _shown(request, user, name)
    near = _near(spectra, shown) if request.GET.get("epochs") == "1" else []
    arrays = SpectrumArrays.objects.in_bulk([spectrum.pk for spectrum in (shown, *near) if spectrum is not None])
    if shown is None or shown.pk not in arrays:
        return _no_arrays()
    others = [spectrum for spectrum in near if spectrum.pk in arrays]
    whole = _epoch(shown, arrays[shown.pk])
    host = _host(request, shown, whole)
    epoch = _without_host(whole, host)
    theme, look = request.GET.get("theme", "light"), sampling.look_of(request.GET)
    # The noise is measured once; the samples and the page are told the result.
    look = dataclasses.replace(look, smoothing=sampling.smoothing_of(epoch, look))
    drawn, look = sampling.as_shown(epoch, look)
    evidence = PredictionEvidence.objects.filter(prediction=shown.current_prediction_id).first()
    item = spectrum.spectrum_json(
        drawn,
        [sampling.as_shown(_epoch(other, arrays[other.pk]), look)[0] for other in others],
        look=look,
        at_rest=shown.at_rest,
        vacuum=shown.in_vacuum,
        strip=_strip(evidence, epoch) if evidence else None,
        template=_template(request, user, shown.current_prediction, epoch, at_rest=shown.at_rest),
        host=_drawn_host(host, whole, look),
        theme=theme,
    )
    about = _about(shown, spectra, others, epoch) | {"smooth": look.smoothing, "flux": look.flux.words}
    redshift = 0.0 if shown.at_rest else _redshift(shown)
    about["spoke"] = attribution.words(evidence, redshift, vacuum=shown.in_vacuum) if evidence else None
    return HttpResponse(f'{{"item": {item}, "about": {json.dumps(about)}}}', content_type="application/json")


@login_required
@require_safe
def samples(request: HttpRequest, name: str) -> JsonResponse:
    """Return a spectrum's samples alone, with other smoothing or for a part that is zoomed into.

    Parameters: spectrum, smooth, bin, flux and host as for ``figure``; from and to (Å), the part that is zoomed into.
    Each column of ``triage.figures.samples.columns`` comes as base64 of little-endian float32.
    """
    shown, _ = _shown(request, signed_in(request), name)
    stored = SpectrumArrays.objects.filter(spectrum=shown).first() if shown else None
    if shown is None or stored is None:
        return _no_arrays()
    whole = _epoch(shown, stored)
    epoch = _without_host(whole, _host(request, shown, whole))
    drawn, look = sampling.as_shown(epoch, sampling.look_of(request.GET))
    return JsonResponse(sampling.encoded(sampling.columns(drawn, look)))


@login_required
@require_safe
def lookalikes_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show vetted spectra that look like this one to the network, the most similar first.

    Parameters: spectrum (id).
    """
    user = signed_in(request)
    shown, _ = _shown(request, user, name)
    prediction = shown.current_prediction if shown else None
    context = {"name": name, "lookalikes": look_alikes(user, prediction) if prediction else [], "section": "queue"}
    return render(request, "partials/lookalikes.html" if wants_fragment(request) else "lookalikes.html", context)


def _shown(request: HttpRequest, user: User, name: str) -> tuple[Spectrum | None, list[Spectrum]]:
    """Return the spectrum that the address asks for, and all spectra of the transient that the user may see.

    Raises Http404 for an id that is not among them.
    """
    transient = visible_transient(user, name)
    spectra = visible_spectra(user, transient)
    wanted = request.GET.get("spectrum")
    if wanted and all(str(spectrum.pk) != wanted for spectrum in spectra):
        raise Http404("There is no such spectrum.")
    return shown_spectrum(spectra, wanted, transient.current_prediction_id), spectra


def _near(spectra: Sequence[Spectrum], shown: Spectrum | None) -> list[Spectrum]:
    """Return the epochs next to the shown one in time, as many as a figure can hold apart."""
    at = next((number for number, spectrum in enumerate(spectra) if shown and spectrum.pk == shown.pk), 0)
    first = min(max(at - MOST_EPOCHS // 2, 0), max(len(spectra) - MOST_EPOCHS - 1, 0))
    near = spectra[first : first + MOST_EPOCHS + 1]
    return [spectrum for spectrum in near if shown is None or spectrum.pk != shown.pk]


def _no_arrays() -> JsonResponse:
    return JsonResponse({"code": "no_arrays", "detail": "This spectrum could not be read."}, status=404)


def _epoch(spectrum: Spectrum, stored: SpectrumArrays) -> sampling.Epoch:
    error = None if stored.flux_error is None else unpack(stored.flux_error)
    date = spectrum.observed_at.strftime("%Y-%m-%d") if spectrum.observed_at else "date unknown"
    label = f"{date} {spectrum.instrument}".strip()
    if taken := spectrum.receipt.get("host_light"):
        label += f", without {percent(taken)} host light"
    return sampling.Epoch(unpack(stored.wavelength), unpack(stored.flux), error, label)


@dataclasses.dataclass(frozen=True, eq=False)
class _HostLight:
    """The host's light in the shown spectrum.

    share: how much of the light it is, in words.
    flux: (n,) its flux at the spectrum's samples; NaN where it is not known.
    taken_off: whether it is taken off the spectrum, and not drawn over it.
    """

    share: str
    flux: Array
    taken_off: bool


def _host(request: HttpRequest, shown: Spectrum, epoch: sampling.Epoch) -> _HostLight | None:
    """Return the host's light if the address asks for it and its share is told, else None."""
    wanted, prediction = request.GET.get("host"), shown.current_prediction
    if wanted not in ("1", "2") or prediction is None:
        return None
    flux = flux_of_host(prediction, epoch.wavelength, epoch.flux, at_rest=shown.at_rest)
    return None if flux is None else _HostLight(percent(prediction.host_share), flux, wanted == "2")


def _without_host(epoch: sampling.Epoch, host: _HostLight | None) -> sampling.Epoch:
    """Return the spectrum to draw, in the same unit and without the host's light if that is to be taken off."""
    if host is None or not host.taken_off:
        return epoch
    label = f"{epoch.label}, without {host.share} host light"
    left = without_host(epoch.wavelength, epoch.flux, host.flux)
    return dataclasses.replace(epoch, flux=left, unit=epoch.size, label=label)


def _drawn_host(host: _HostLight | None, epoch: sampling.Epoch, look: sampling.Look) -> Host | None:
    if host is None:
        return None
    if host.taken_off:
        return Host(f"this spectrum without its host ({host.share} of the light)", None)
    return Host(f"host, {host.share} of the light", sampling.as_drawn(host.flux, epoch, look))


def _about(shown: Spectrum, spectra: list[Spectrum], others: list[Spectrum], epoch: sampling.Epoch) -> dict[str, Any]:
    """Return the facts that the page's script needs.

    at_rest: whether the wavelengths are at rest already.
    vacuum: whether they are in vacuum, where the lines lie at longer wavelengths than in air.
    redshift: redshift to draw at, or None if none is known.
    lines: [rest wavelength in air in Å, name, element] of each line.
    sets: names of elements by the set of lines; "class" has those of the predicted class.
    sky: [observed wavelength in air in Å, name] of each line of the night sky.
    decimated: whether samples were left out, so that zooming in finds more.
    label: name of the epoch.
    said: the network's class and its probability, or "" without a prediction.
    smooth: place of the smoothing slider at which it is drawn.
    flux: what the flux axis shows, in words.
    epochs: number of the transient's other spectra.
    ranks: for each other epoch that is drawn, how many epochs later it is; negative for earlier ones.
    smoothing: widths (samples) that belong to the places of the smoothing slider.
    binning: samples in one bin that belong to the places of the binning slider.
    """
    order = [spectrum.pk for spectrum in spectra]
    predicted = shown.current_prediction
    return {
        "at_rest": shown.at_rest,
        "vacuum": shown.in_vacuum,
        "redshift": _redshift(shown),
        "lines": line_list(),
        "sets": LINE_SETS | {"class": elements_of(predicted.class_name if predicted else None)},
        "sky": SKY,
        "decimated": epoch.wavelength.size > sampling.MAX_POINTS,
        "label": epoch.label,
        "said": f"{predicted.class_name} {percent(predicted.probability)}" if predicted else "",
        "epochs": len(spectra) - 1,
        "ranks": [order.index(other.pk) - order.index(shown.pk) for other in others],
        "smoothing": list(sampling.SMOOTHING),
        "binning": list(sampling.BINNING),
    }


def _redshift(spectrum: Spectrum) -> float | None:
    """Return the redshift to draw at: the known one, else the network's, else None."""
    prediction = spectrum.current_prediction
    if prediction is None:
        return spectrum.stated_redshift
    return prediction.redshift if prediction.redshift_used is None else prediction.redshift_used


def _strip(evidence: PredictionEvidence, epoch: sampling.Epoch) -> Strip:
    """Return the attribution where the spectrum has samples."""
    wavelength, contribution = attribution.contribution(evidence)
    inside = (wavelength >= epoch.wavelength[0]) & (wavelength <= epoch.wavelength[-1])
    if inside.sum() < 2:
        inside[:] = True
    return Strip(evidence.class_name, wavelength[inside], contribution[inside])


def _template(
    request: HttpRequest, user: User, prediction: Prediction | None, epoch: sampling.Epoch, *, at_rest: bool
) -> Overlay | None:
    wanted = request.GET.get("template", "0")
    if prediction is None or not wanted.isascii() or not wanted.isdigit() or wanted == "0":
        return None
    if int(wanted) > 1:
        named = prediction.named
        return _named(user, named, int(wanted) - 2, epoch, at_rest=at_rest) if named else None
    comparison = matched_template.matched_template(prediction, epoch.wavelength, epoch.flux, at_rest=at_rest)
    if comparison is None:
        return None
    match = prediction.crosscheck or {}
    return Overlay(comparison, f"template: {match['class']}", None if at_rest else match["redshift"])


def _named(user: User, named: NamedMatches, number: int, epoch: sampling.Epoch, *, at_rest: bool) -> Overlay | None:
    comparison = named_comparison(user, named, number, epoch.wavelength, epoch.flux, at_rest=at_rest)
    if comparison is None:
        return None
    match = named.matches[number]
    # Matches are compared in steps of 500 km/s.
    redshift = None if at_rest else round(match["redshift"], 3)
    return Overlay(comparison, f"{match['name']} ({match['type']})", redshift)
