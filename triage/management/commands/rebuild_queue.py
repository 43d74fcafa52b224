"""Rebuild the entries of the queue from spectra and decisions. The desk may work meanwhile."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from triage.queue.entries import rebuild


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{rebuild()} entries")
