"""Make an API token for a user; prints the key, which is kept nowhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from triage.models import ApiToken, Scope


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--label", default="command line")
        parser.add_argument(
            "--scope", action="append", choices=list(Scope), help="beside reading; all of them if never given"
        )
        parser.add_argument("--read-only", action="store_true")
        parser.add_argument("--days", type=int, help="until it expires; never if not given")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"there is no user “{options['username']}”")
        scopes = [] if options["read_only"] else options["scope"] or tuple(Scope)
        expires_at = timezone.now() + timedelta(days=options["days"]) if options["days"] else None
        self.stdout.write(ApiToken.issue(user, options["label"], scopes, expires_at)[1])
