"""Take in spectrum files and folders, as the upload page does."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.input_files import COLUMNS, Manifest, ManifestError, ManifestRow, find_files
from classifier.readers import Folder
from triage.accounts.audiences import EVERYBODY, default_audience
from triage.accounts.machines import machine_user, user_called
from triage.errors import InvalidManifestRowError, TriageError
from triage.intake import submit
from triage.intake.statements import statements
from triage.models import Spectrum, SpectrumState

INGEST_USER = "ingest"


def _size(file: Path) -> int:
    """Return the size of a file in bytes, 0 if it cannot be read."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _manifest_in(paths: Sequence[Path]) -> Path | None:
    """Return the manifest.csv of the one folder that is given, or None."""
    path = paths[0] / "manifest.csv" if len(paths) == 1 else None
    return path if path is not None and path.is_file() else None


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument(
            "--manifest",
            type=Path,
            metavar="CSV",
            help="columns file and any of " + ", ".join(COLUMNS) + "; default: manifest.csv in a folder given",
        )
        parser.add_argument("--group", help="make the spectra visible to this group alone, or to everybody")
        parser.add_argument("--user", help="whose upload it is; made if it does not exist, and joins the group")
        parser.add_argument("--wait", action="store_true", help="until all are classified")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            path = options["manifest"] or _manifest_in(options["paths"])
            manifest = Manifest.open(path) if path else None
            files = list(find_files(options["paths"], leave_out=path))
            rows = {file: manifest.row_of_path(file, relative) if manifest else None for file, relative in files}
        except ManifestError as error:
            raise CommandError(str(error)) from error
        named = user_called(options["user"]) if options["user"] else machine_user(INGEST_USER, None)
        group = self._group(named, options["group"])
        user = named if options["user"] else machine_user(INGEST_USER, group)
        if group is not None:
            user.groups.add(group)
        counts = {"new": 0, "known": 0, "refused": 0}
        ids = []
        if manifest:
            self._preview(manifest, rows)
        beside = Folder(leave_out=path)
        done = 0
        for chunk in submit.in_chunks((file, _size(file)) for file, _ in files):
            given = {file: submit.Given(group=group, beside=beside.of(file)) for file in chunk}
            ids += self._take_in(user, given, rows, counts)
            done += len(chunk)
            self._progress(f"{done} of {len(files)} files")
        self._progress("")
        self.stdout.write(f"{counts['new']} new, {counts['known']} known already, {counts['refused']} refused")
        if options["wait"]:
            self._wait(ids)

    def _preview(self, manifest: Manifest, rows: dict[Path, ManifestRow | None]) -> None:
        used = {row.place: row for row in rows.values() if row is not None}
        self.stdout.write(
            f"{manifest.name}: {len(used)} of {len(manifest.rows)} rows belong to one of {len(rows)} files"
        )
        for name in manifest.rows_left(used.values()):
            self.stderr.write(f"{manifest.rows[name].place}: there is no file {name}")

    def _group(self, user: User, name: str | None) -> Group | None:
        if not name:
            return default_audience(user)
        if name == EVERYBODY:
            return None
        group = Group.objects.filter(name=name).first()
        if group is None:
            raise CommandError(f"there is no group “{name}”")
        return group

    def _take_in(
        self,
        user: User,
        given: dict[Path, submit.Given],
        rows: Mapping[Path, ManifestRow | None],
        counts: dict[str, int],
    ) -> list[int]:
        """Take in files and return the ids of their first spectra.

        given: what is stated about each file.
        rows: each file's row in the manifest, which counts first.
        """
        sent: dict[Path, submit.SentFile] = {}
        for file, others in given.items():
            try:
                stated = statements(rows[file], others)
                with file.open("rb") as opened:
                    sent[file] = submit.SentFile.read(opened, file.name, stated)
            except InvalidManifestRowError as error:
                self._refuse(file, error.code, error.detail, counts)
            except OSError as error:
                self._refuse(file, "unreadable_file", str(error), counts)
        ids = []
        for file, outcome in zip(sent, submit.submit_files(user, list(sent.values())), strict=True):
            try:
                submission = submit.taken(outcome)
            except TriageError as error:
                self._refuse(file, error.code, error.detail, counts)
                continue
            for note in submission.notes:
                self.stdout.write(f"{file}: {note}")
            counts["new" if submission.created else "known"] += 1
            ids.append(submission.spectrum.pk)
        return ids

    def _refuse(self, file: Path, code: str, detail: str, counts: dict[str, int]) -> None:
        counts["refused"] += 1
        self._progress("")
        self.stderr.write(f"{file}: {code}: {detail}")

    def _progress(self, text: str) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{text:40}", ending="")
            self.stderr.flush()

    def _wait(self, ids: list[int]) -> None:
        """Wait until the workers have handled every file's spectrum."""
        while left := Spectrum.objects.filter(pk__in=ids, state=SpectrumState.QUEUED).count():
            self._progress(f"{left} to be classified")
            time.sleep(0.5)
        self._progress("")
        classified = Spectrum.objects.filter(pk__in=ids, state=SpectrumState.CLASSIFIED).count()
        failed = Spectrum.objects.filter(pk__in=ids, state=SpectrumState.FAILED).count()
        self.stdout.write(f"{classified} classified, {failed} could not be")
