"""Tables tell a stranger what each column holds."""

from __future__ import annotations

import io

import pytest
from astropy.io.votable import parse_single_table
from django.contrib.auth.models import User

from tests.api_client import API, client_of
from tests.factories import classified, override
from triage.export.classifications import CHANGE_COLUMNS
from triage.export.tables import votable_lines
from triage.models import Transient


def test_every_column_of_a_votable_is_described() -> None:
    row = dict.fromkeys(CHANGE_COLUMNS)
    table = parse_single_table(io.BytesIO("".join(votable_lines([row], CHANGE_COLUMNS)).encode()))
    assert [field.name for field in table.fields] == list(CHANGE_COLUMNS)
    assert all(field.description for field in table.fields)


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
