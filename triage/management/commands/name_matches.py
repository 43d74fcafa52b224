"""Compare classified spectra with the library of named spectra now, such as after a library was installed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from classifier.errors import CheckpointError
from triage.inference.missing_matches import BATCH, compare
from triage.inference.named_library import desk_library
from triage.models import Spectrum


class Command(BaseCommand):
    """Fills the named matches of spectra that have none from the present library, the newest first."""

    help = "Compare classified spectra with the library; those that were compared with it before are left out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--limit", type=int, help="number of spectra; default: all")

    def handle(self, *args: Any, **options: Any) -> None:
        loaded = desk_library()
        if loaded is None:
            raise CommandError("there is no library; “make library” installs one (docs/library.md)")
        rows = Spectrum.objects.filter(current_prediction__isnull=False).order_by("-pk")
        rows = rows.exclude(current_prediction__named_matches__library=loaded.hash)
        ids = list(rows.values_list("pk", flat=True)[: options["limit"]])
        done = 0
        try:
            for start in tqdm(range(0, len(ids), BATCH), unit="batch", disable=not self.stderr.isatty()):
                done += compare(ids[start : start + BATCH])
        except CheckpointError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{done} of {len(ids)} spectra were compared with {len(loaded.library)} named ones")
