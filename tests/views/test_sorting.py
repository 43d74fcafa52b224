"""Lists of several pages are sorted by the server, by the column that the address names."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from triage.errors import TriageError
from triage.intake.submit import Given, submit_spectrum
from triage.views import lists, skyportal, tns

pytestmark = pytest.mark.django_db


def refused(user: User, filename: str) -> None:
    with contextlib.suppress(TriageError):
        submit_spectrum(user, f"clouds over {filename}".encode(), filename, Given())


def files(browser: Client, sort: str) -> list[str]:
    shown = browser.get(reverse("quarantine"), {"sort": sort}).content.decode()
    return re.findall(r'<td>\s*<a href="/spectra/\d+/">([a-c])\b', shown)


def test_a_column_sorts_the_quarantine_both_ways_and_anything_else_leaves_the_newest_first(
    browser: Client, ada: User
) -> None:
    for name in ("b.txt", "c.txt", "a.txt"):
        refused(ada, name)
    assert files(browser, "file") == ["a", "b", "c"]
    assert files(browser, "-file") == ["c", "b", "a"]
    assert files(browser, "password") == files(browser, "") == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("page", "columns"),
    [
        ("quarantine", lists.QUARANTINED_BY),
        ("vetted", lists.VETTED_BY),
        ("skyportal", skyportal.RUNS_BY),
        ("skyportal-outbox", skyportal.POSTS_BY),
        ("tns-reports", tns.SORTED_BY),
    ],
)
def test_a_list_can_be_sorted_by_each_of_its_columns(browser: Client, page: str, columns: Mapping[str, str]) -> None:
    for name in columns:
        assert browser.get(reverse(page), {"sort": f"-{name}"}).status_code == 200, name
