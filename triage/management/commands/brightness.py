"""Compute what the light curves say about classes, such as after an upgrade with another table of luminosities."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from triage.inference.brightness import measure_due
from triage.models import BrightnessDue, Photometry


class Command(BaseCommand):
    """Marks the transients that have a light curve, and computes their brightness now."""

    help = "Compute the brightness of all transients that have a light curve."

    def handle(self, *args: Any, **options: Any) -> None:
        measured = Photometry.objects.order_by().values_list("transient", flat=True).distinct()
        for transient_id in list(measured):
            BrightnessDue.objects.mark(transient_id)
        done = 0
        while (count := measure_due(seconds=60)) > 0:
            done += count
        self.stdout.write(f"{done} transients were computed")
