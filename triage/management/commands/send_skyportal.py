"""Post and withdraw now what SkyPortals are to hold, as the worker does by itself."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from triage.models import PostState, SkyPortalPost
from triage.services.skyportal import outbox


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seconds", type=float, default=600, help="stop after that long (600)")

    def handle(self, *args: Any, **options: Any) -> None:
        done = outbox.run(options["seconds"])
        given_up = SkyPortalPost.objects.filter(state=PostState.GIVEN_UP).count()
        left = SkyPortalPost.objects.filter(state__in=outbox.UNFINISHED_POSTS).count()
        self.stdout.write(f"{done} carried out, {left} to be tried again, {given_up} given up")
