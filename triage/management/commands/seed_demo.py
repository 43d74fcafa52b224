"""Fill an empty desk with a night of simulated spectra."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand

from triage.operations import demo


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        demo.demo_login(demo.login_file())
        count = demo.seed(User.objects.get(username=demo.USER))
        self.stdout.write(f"{count} simulated spectra" if count else "the desk is not empty; nothing was added")
