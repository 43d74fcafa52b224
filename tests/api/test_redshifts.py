"""A redshift is read over REST as on the pages and in manifests."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.api_client import API, client_of, upload
from tests.factories import spectrum_file
from triage.models import Decision, Spectrum, Transient

pytestmark = pytest.mark.django_db


def decide(user: User, redshift: Any) -> Any:
    sent = {"verdict": "override", "class_name": "TDE", "redshift": redshift}
    return client_of(user).post(f"{API}/transients/SN2026abc/decisions/", sent, format="json")


def test_a_redshift_may_have_a_decimal_comma(reviewer: User) -> None:
    api = client_of(reviewer)
    assert upload(api, spectrum_file(), "a.txt", transient="SN2026abc", redshift="0,03").status_code == 202
    assert Spectrum.objects.get().stated_redshift == 0.03
    assert decide(reviewer, "0,05").status_code == 201
    assert Decision.objects.get().redshift == 0.05
    assert api.patch(f"{API}/transients/SN2026abc/", {"redshift": "0,06"}, format="json").status_code == 200
    assert Transient.objects.get().redshift == 0.06


@pytest.mark.parametrize("redshift", ["0,05 or so", "0,0,5", "high"])
def test_what_is_no_redshift_is_refused_with_an_example(reviewer: User, redshift: str) -> None:
    upload(client_of(reviewer), spectrum_file(), "a.txt", transient="SN2026abc")
    answer = decide(reviewer, redshift)
    assert answer.status_code == 400
    said = {key: answer.json()[key] for key in ("code", "detail")}
    assert said == {"code": "invalid", "detail": "redshift: A redshift is a number such as 0.034."}
    assert not Decision.objects.exists()
