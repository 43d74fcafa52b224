"""Exporting the classifications of a whole survey takes a bounded amount of memory."""

from __future__ import annotations

import io
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from astropy.table import Table
from django.contrib.auth.models import User

from tests.api_client import API, client_of
from triage.models import Classification, ClassificationChange, Decision, Transient

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

ROWS = 100_000
MOST_BYTES = 48 << 20


@pytest.fixture
def harvest(reviewer: User) -> User:
    """Store as many vetted transients as ROWS says."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    seen = {"class_name": "SN Ia", "probability": 0.9, "redshift": 0.05, "checkpoint": "c" * 64}
    for first in range(0, ROWS, 5000):
        numbers = range(first, first + 5000)
        transients = Transient.objects.bulk_create([Transient(name=f"SN {n}", ra=10.0, dec=-5.0) for n in numbers])
        decisions = Decision.objects.bulk_create(
            Decision(transient=t, reviewer=reviewer, verdict="confirm", class_name="SN Ia", prediction_seen=seen)
            for t in transients
        )
        Classification.objects.bulk_create(
            Classification(transient=d.transient, decision=d, vetted=True, decided_at=start + timedelta(seconds=d.pk))
            for d in decisions
        )
        ClassificationChange.objects.bulk_create(
            ClassificationChange(transient=d.transient, decision=d, withdrawn=False) for d in decisions
        )
    return reviewer


def test_a_hundred_thousand_rows_stream_in_bounded_memory(harvest: User, tmp_path: Path) -> None:
    api = client_of(harvest)
    api.get(f"{API}/classifications/?page_size=1")
    for query in ("format=csv", "format=votable", "format=csv&since=c0"):
        file = tmp_path / "table"
        tracemalloc.start()
        with file.open("wb") as opened:
            opened.writelines(api.get(f"{API}/classifications/?{query}").streaming_content)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        print(f"{query}: {file.stat().st_size / 1e6:.1f} MB, peak {peak / 1e6:.1f} MB")
        assert peak < MOST_BYTES
        if "votable" in query:
            table = Table.read(io.BytesIO(file.read_bytes()), format="votable")
            assert (len(table), len(set(table["transient"]))) == (ROWS, ROWS)
        else:
            assert file.read_text().count("\n") == ROWS + 1
