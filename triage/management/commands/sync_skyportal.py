"""Fetch new and changed spectra from SkyPortal now, whether or not the next run is due."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from triage.errors import TriageError
from triage.models import RunState, SkyPortalInstance, SkyPortalRun
from triage.services.skyportal import sync
from triage.services.skyportal.errors import SkyPortalError

WAIT_SECONDS = 1.0


def _moment(text: str) -> datetime:
    """Read a date or time; without a time zone it is UTC."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--instance", help="this one alone, by name")
        parser.add_argument("--since", type=_moment, metavar="TIME", help="spectra changed since then (ISO 8601, UTC)")
        parser.add_argument("--full", action="store_true", help="list everything, to find what was shared late")
        parser.add_argument("--dry-run", action="store_true", help="list alone; nothing is fetched or stored")
        parser.add_argument("--wait", action="store_true", help="where another process is at it, wait for it")

    def handle(self, *args: Any, **options: Any) -> None:
        instances = SkyPortalInstance.objects.filter(enabled=True)
        if options["instance"]:
            instances = instances.filter(name=options["instance"])
        if not instances:
            raise CommandError("there is no such SkyPortal; add one on the SkyPortal page")
        failed = [instance.name for instance in instances if not self._one(instance, options)]
        if failed:
            raise CommandError(f"not finished: {', '.join(failed)}")

    def _one(self, instance: SkyPortalInstance, options: dict[str, Any]) -> bool:
        since, full = options["since"], options["full"]
        if options["dry_run"]:
            try:
                counts = sync.preview(instance, since, full=full)
            except (SkyPortalError, TriageError) as error:
                self.stderr.write(f"{instance}: {error.detail}")
                return False
            self.stdout.write(f"{instance}: " + ", ".join(f"{number} {what}" for what, number in counts.items()))
            return True
        run = sync.sync(instance, since=since, full=full)
        while run is None and options["wait"]:
            time.sleep(WAIT_SECONDS)
            run = sync.sync(instance, since=since, full=full)
        if run is None:
            self.stderr.write(f"{instance}: another process is syncing it")
            return False
        self._report(instance, run)
        return run.state == RunState.DONE

    def _report(self, instance: SkyPortalInstance, run: SkyPortalRun) -> None:
        skipped = ", ".join(f"{reason} {number}" for reason, number in sorted(run.skipped.items()))
        self.stdout.write(
            f"{instance}: {run.listed} listed, {run.new} new, {run.changed} changed, {run.unchanged} unchanged, "
            f"{run.skipped_total} skipped{f' ({skipped})' if skipped else ''}, {run.errors} errors"
        )
        for problem in run.problems:
            self.stderr.write("  {name} #{spectrum}: {reason}: {detail}".format(**problem))
        if run.message:
            self.stderr.write(f"{instance}: {run.message}")
