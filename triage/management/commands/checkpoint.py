"""Checkpoints of the network: list them, compare one with the current one, train, promote and roll back."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.checkpoint import pick_device
from classifier.errors import CheckpointError
from classifier.predict import Classifier
from classifier.training.config import TrainConfig
from triage.errors import InvalidActionError
from triage.inference import checkpoints, retraining, shadow
from triage.models import Checkpoint


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="act", required=True, parser_class=argparse.ArgumentParser)
        commands.add_parser("list", help="all checkpoints, the newest first")
        comparing = commands.add_parser("shadow", help="run a candidate on vetted spectra and list what would flip")
        comparing.add_argument("folder", type=Path)
        promote = commands.add_parser("promote", help="make a candidate the current checkpoint")
        promote.add_argument("folder", type=Path)
        promote.add_argument("--by", required=True, metavar="USER")
        promote.add_argument("--without-shadow", action="store_true", help="promote it without a shadow run")
        promote.add_argument(
            "--even-if-worse",
            action="store_true",
            help="promote it even if it scores worse or was measured on other data",
        )
        rollback = commands.add_parser("rollback", help="go back to the checkpoint before")
        rollback.add_argument("--by", required=True, metavar="USER")
        train = commands.add_parser("train", help="train a candidate with vetted decisions added")
        train.add_argument("--data", type=Path, required=True, action="append", help="Parquet file of labelled spectra")
        train.add_argument("--out", type=Path, required=True, help="folder to write the candidate to")
        train.add_argument("--minutes", type=float, help="for each member at most")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["act"])(options)
        except (CheckpointError, InvalidActionError) as error:
            raise CommandError(str(error)) from error

    def list(self, options: dict[str, Any]) -> None:
        for checkpoint in Checkpoint.objects.select_related("promoted_by").order_by("-created_at"):
            by = f" by {checkpoint.promoted_by.get_username()}" if checkpoint.promoted_by else ""
            when = f"{checkpoint.promoted_at:%Y-%m-%d %H:%M}{by}" if checkpoint.promoted_at else "never promoted"
            kept = "kept" if checkpoint.files.exists() else "of the settings"
            score = f"macro-F1 {checkpoints.macro_f1(checkpoint.metrics):.3f}"
            mark = "*" if checkpoint.current else " "
            self.stdout.write(f"{mark} {checkpoint.hash[:12]} {checkpoint.name}  {score}  {when}  {kept}")

    def shadow(self, options: dict[str, Any]) -> None:
        candidate = Classifier.load(options["folder"], settings.CLASSIFIER_DEVICE)
        result = shadow.run(candidate, checkpoints.store(options["folder"]))
        for flip in result.flips:
            self.stdout.write(
                f"{flip.transient} (spectrum {flip.spectrum}): {flip.before or 'nothing'} → {flip.after or 'nothing'}, "
                f"vetted {flip.vetted}"
            )
        self.stdout.write(
            f"{len(result.flips)} of {result.spectra} vetted spectra would flip; "
            f"{result.right_before} agree with the reviewers now, {result.right_after} would"
        )

    def promote(self, options: dict[str, Any]) -> None:
        candidate = checkpoints.store(options["folder"])
        if candidate.shadow is None and not options["without_shadow"]:
            raise CommandError("see what would flip first: manage.py checkpoint shadow (or --without-shadow)")
        if not options["even_if_worse"]:
            checkpoints.refuse_worse(candidate)
        checkpoints.promote(candidate, _user(options["by"]))
        self.stdout.write(f"{candidate} is current; the queue is predicted again in the background")

    def rollback(self, options: dict[str, Any]) -> None:
        promotion = checkpoints.rollback(_user(options["by"]))
        self.stdout.write(f"{promotion.checkpoint} is current again; its predictions of the queue follow soon")

    def train(self, options: dict[str, Any]) -> None:
        recipe = TrainConfig(minutes=options["minutes"])
        device = pick_device(settings.CLASSIFIER_DEVICE)
        trained, added = retraining.retrain(options["data"], options["out"], recipe, device)
        self.stdout.write(f"{added} vetted spectra added; macro-F1 {checkpoints.macro_f1(trained.metrics):.3f}")
        candidate = checkpoints.store(options["out"])
        try:
            checkpoints.refuse_worse(candidate)
        except InvalidActionError as error:
            raise CommandError(f"{candidate} is not to be promoted: {error}") from error
        self.stdout.write(f"next: manage.py checkpoint shadow {options['out']}")


def _user(name: str) -> User:
    try:
        return User.objects.get(username=name)
    except User.DoesNotExist:
        raise CommandError(f"there is no user {name}") from None
