"""Tables tell a stranger what each column holds."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from astropy.io.votable import parse_single_table
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.api_client import API, client_of
from tests.factories import classified, classified_transients, override
from triage.export import classifications
from triage.export.classifications import CHANGE_COLUMNS, Wanted, all_rows, as_row, vetted
from triage.export.tables import votable_lines
from triage.models import Spectrum, Transient


def test_every_column_of_a_votable_is_described() -> None:
    row = dict.fromkeys(CHANGE_COLUMNS)
    table = parse_single_table(io.BytesIO("".join(votable_lines([row], CHANGE_COLUMNS)).encode()))
    assert [field.name for field in table.fields] == list(CHANGE_COLUMNS)
    assert all(field.description for field in table.fields)


@pytest.mark.django_db
def test_every_format_tells_when_and_with_what_the_spectrum_was_taken(reviewer: User) -> None:
    taken = {"observed_at": datetime(2026, 11, 22, 4, 12, tzinfo=UTC), "instrument": "EFOSC2"}
    override(reviewer, classified(reviewer, "dated", **taken), "TDE")
    override(reviewer, classified(reviewer, "undated", seed=2), "TDE")
    columns = "transient,observed_at,date_guessed,instrument"
    api = client_of(reviewer)

    def get(form: str) -> bytes:
        answer = api.get(f"{API}/classifications/", {"format": form, "fields": columns})
        return b"".join(answer.streaming_content) if answer.streaming else answer.content

    known = ("2026-11-22T04:12:00Z", False, "EFOSC2")
    rows = {row["transient"]: row for row in json.loads(get("json"))["results"]}
    assert tuple(rows["dated"].values())[1:] == known
    assert tuple(rows["undated"].values())[1:] == (None, False, None)
    assert {b"dated,2026-11-22T04:12:00Z,False,EFOSC2", b"undated,,False,"} < set(get("csv").splitlines())
    table = parse_single_table(io.BytesIO(get("votable"))).to_table()
    assert [tuple(row)[1:] for row in table if row["transient"] == "dated"] == [known]


@pytest.mark.django_db
def test_a_spectrum_that_became_private_tells_neither_date_nor_instrument_in_a_public_row(
    reviewer: User, make_user: Callable[..., User]
) -> None:
    override(reviewer, classified(reviewer, "X", instrument="hidden one"), "TDE")
    make_user("ben", "a")
    row = next(map(as_row, vetted(reviewer, Wanted())))
    assert row["instrument"] == "hidden one"
    Spectrum.objects.update(group=Group.objects.get(name="a"))
    row = next(map(as_row, vetted(reviewer, Wanted())))
    assert (row["instrument"], row["observed_at"]) == (None, None)


@pytest.mark.django_db
def test_a_table_takes_as_many_queries_for_eight_rows_as_for_one(reviewer: User) -> None:
    transients = classified_transients(reviewer, 8)
    override(reviewer, transients[0], "TDE")
    with CaptureQueriesContext(connection) as few:
        assert len(list(all_rows(vetted(reviewer, Wanted())))) == 1
    for transient in transients[1:]:
        override(reviewer, transient, "TDE")
    with CaptureQueriesContext(connection) as many:
        assert len(list(all_rows(vetted(reviewer, Wanted())))) == 8
    assert len(many) == len(few)


@pytest.mark.django_db
def test_lists_tell_simulated_rows_and_filter_by_them(reviewer: User) -> None:
    for seed, name in enumerate(("SN2026abc", "SIM26aa")):
        override(reviewer, classified(reviewer, name, seed=seed), "TDE")
    Transient.objects.filter(name="SIM26aa").update(simulated=True)
    api = client_of(reviewer)
    for wanted, name in ((True, "SIM26aa"), (False, "SN2026abc")):
        rows = api.get(f"{API}/transients/", {"simulated": wanted}).json()["results"]
        assert [(row["name"], row["simulated"]) for row in rows] == [(name, wanted)]
    assert len(api.get(f"{API}/transients/").json()["results"]) == 2
    assert api.get(f"{API}/spectra/", {"simulated": "perhaps"}).status_code == 400


@pytest.mark.django_db
def test_rows_tell_a_guessed_date_without_reading_the_long_columns_of_a_spectrum(reviewer: User) -> None:
    override(reviewer, classified(reviewer), "TDE")
    guess = {"what": "observed_at", "value": "2026-11-22T00:00:00+00:00"}
    date = datetime(2026, 11, 22, tzinfo=UTC)
    Spectrum.objects.update(observed_at=date, receipt={"guesses": [guess]})
    wanted = classifications.Wanted()
    for entry in (
        *classifications.vetted(reviewer, wanted),
        *classifications.changes_after(reviewer, 0, wanted),
    ):
        assert classifications.as_row(entry)["date_guessed"]
        spectrum = entry.decision.spectrum
        assert spectrum is not None
        assert spectrum.get_deferred_fields() == {"corrections", "receipt", "outline"}
