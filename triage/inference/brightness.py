"""Brightness: a worker computes what the light curves of a transient say about its class.

Transients whose light curves or predictions change are marked as due in the same transaction, so none is forgotten.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from django.contrib.auth.models import Group
from django.db import connection, transaction

from classifier.luminosity import LARGEST_ERROR, NEAREST, combined, load_table, luminosity, surprise
from classifier.maximum import (
    FilterCurve,
    Limit,
    Maximum,
    Point,
    filter_curves,
    in_magnitudes,
    magnitude_at,
    maximum,
)
from classifier.readers.dates import mjd_of
from triage.models import Brightness, BrightnessDue, NoBrightness, Photometry, Prediction, Spectrum, Transient
from triage.queue import entries

log = logging.getLogger(__name__)


def measure_due(seconds: float, stopping: Callable[[], bool] = lambda: False) -> int:
    """Compute the brightness of transients that are due, the longest due first, and return how many were handled.

    seconds: time after which the rest waits for the next call.
    stopping: asked before each transient; the rest waits for the next call if it returns True.
    """
    done, until = 0, time.monotonic() + seconds
    while time.monotonic() < until and not stopping() and _measure_next():
        done += 1
    return done


def _measure_next() -> bool:
    with transaction.atomic():
        waiting = BrightnessDue.objects.order_by("since", "pk")
        if connection.features.has_select_for_update_skip_locked:
            # The transient is locked too, because its queue entries follow. Nothing is waited for while both are held.
            waiting = waiting.select_related("transient").select_for_update(skip_locked=True, no_key=True)
        due = waiting.first()
        if due is None:
            return False
        transient = Transient.objects.get(pk=due.transient_id)
        # Whatever changes from here on marks the transient again.
        due.delete()
        Brightness.objects.filter(prediction__spectrum__transient=transient).delete()
        Brightness.objects.bulk_create(_rows(transient))
        entries.refresh(transient.pk)
    return True


def _rows(transient: Transient) -> list[Brightness]:
    """Return a row for each audience of the light curves and each spectrum with a prediction."""
    curves = list(Photometry.objects.filter(transient=transient).select_related("group"))
    spectra = list(
        Spectrum.objects.filter(transient=transient, current_prediction__isnull=False).select_related(
            "current_prediction"
        )
    )
    rows = []
    for group in {curve.group for curve in curves}:
        try:
            seen = _Seen(transient, [curve for curve in curves if curve.group in (None, group)], group)
            rows += [seen.row(one, one.current_prediction) for one in spectra if one.current_prediction]
        except (ValueError, TypeError, ArithmeticError, LookupError):
            # A light curve of one group must not take the answer from the others.
            log.exception("the brightness of %s could not be computed for %s", transient, group or "everybody")
    return rows


class _Seen:
    """The light curves of a transient as one audience sees them.

    transient: the transient.
    curves: its light curves.
    group: the audience.
    """

    def __init__(self, transient: Transient, curves: Sequence[Photometry], group: Group | None) -> None:
        self.transient, self.group = transient, group
        points, limits = _in_magnitudes(curves)
        self.points = len(points)
        self.filters: list[FilterCurve] = filter_curves(points, limits)
        self.without_zero_point = all(curve.unit == "flux" for curve in curves)

    def row(self, spectrum: Spectrum, prediction: Prediction) -> Brightness:
        """Return the row, not yet saved, for a spectrum and its current prediction."""
        row = Brightness(prediction=prediction, group=self.group, points=self.points, table=load_table().version)
        redshift, observed = prediction.redshift_used, _mjd(spectrum)
        if redshift is None or redshift <= NEAREST:
            row.problem = NoBrightness.NO_REDSHIFT if redshift is None else NoBrightness.TOO_NEAR
            return row
        top = maximum(self.filters, redshift, observed)
        if top is None:
            row.problem = NoBrightness.NO_ZERO_POINT if self.without_zero_point else NoBrightness.NO_MEASUREMENT
            return row
        self._fill(row, top, redshift, observed)
        if observed is not None and top.mjd_error is not None:
            row.phase = (observed - top.mjd) / (1 + redshift)
            row.phase_error = top.mjd_error / (1 + redshift)
        return row

    def _fill(self, row: Brightness, top: Maximum, redshift: float, observed: float | None) -> None:
        """Write what a maximum gives at a known redshift, or why it gives nothing.

        observed: time of the spectrum (MJD), or None if it is unknown.
        """
        known = self.transient
        redshift_error = known.redshift_error if known.redshift == redshift else None
        bright = luminosity(top, redshift, redshift_error, known.ebv)
        if bright.error > LARGEST_ERROR:
            row.problem = NoBrightness.TOO_UNCERTAIN
            return
        row.filter, row.mjd, row.covered = top.filter, top.mjd, top.covered
        row.magnitude, row.error = top.magnitude, top.error
        row.distance_modulus, row.k_correction = bright.distance_modulus, bright.k_correction
        row.extinction = bright.extinction
        row.absolute, row.absolute_error = bright.magnitude, bright.error
        row.probabilities = combined(row.prediction.probabilities, bright, covered=top.covered)
        row.class_name = max(row.probabilities, key=lambda name: row.probabilities[name])
        row.surprise = surprise(row.prediction.probabilities, bright, covered=top.covered)
        curve = next(curve for curve in self.filters if curve.filter == top.filter)
        then = None if observed is None else magnitude_at(curve, observed, redshift)
        if then is not None:
            at_spectrum = luminosity(then, redshift, redshift_error, known.ebv)
            row.absolute_then, row.absolute_then_error = at_spectrum.magnitude, at_spectrum.error


def _in_magnitudes(curves: Sequence[Photometry]) -> tuple[list[Point], list[Limit]]:
    """Return the measurements and limits of light curves whose level is known, as magnitudes."""
    points: list[Point] = []
    limits: list[Limit] = []
    for curve in curves:
        if curve.unit == "flux":
            continue
        as_magnitudes = (
            (curve.points, curve.limits) if curve.unit == "mag" else in_magnitudes(curve.points, curve.limits)
        )
        points += as_magnitudes[0]
        limits += as_magnitudes[1]
    return points, limits


def _mjd(spectrum: Spectrum) -> float | None:
    return None if spectrum.observed_at is None else mjd_of(spectrum.observed_at)
