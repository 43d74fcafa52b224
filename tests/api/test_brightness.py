"""Brightness over REST."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User

from tests.api_client import API, session_client
from tests.factories import override
from tests.light_curves import with_brightness
from triage.inference.brightness import measure_due
from triage.models import Brightness, Transient

pytestmark = pytest.mark.django_db


@pytest.fixture
def transient(ada: User) -> Transient:
    return with_brightness(ada)


def test_the_brightness_stands_beside_the_prediction_in_every_answer(ben: User, transient: Transient) -> None:
    client = session_client(ben)
    (spectrum,) = client.get(f"{API}/transients/X/").json()["spectra"]
    bright = spectrum["prediction"]["brightness"]
    row = Brightness.objects.get()
    assert (bright["absolute"], bright["class_name"], bright["covered"]) == (row.absolute, row.class_name, True)
    assert bright["probability"] == max(bright["probabilities"].values())
    assert (bright["phase"], bright["problem"], bright["table"]) == (pytest.approx(10.0), "", row.table)
    assert bright["absolute_then"] == row.absolute_then == pytest.approx(-19.98, abs=0.02)
    assert bright["surprise"] == row.surprise
    assert client.get(f"{API}/spectra/{spectrum['id']}/").json()["prediction"]["brightness"] == bright
    assert client.get(f"{API}/queue/").json()["results"][0]["prediction"]["brightness"] == bright


def test_a_groups_brightness_is_null_for_others(ada: User, ben: User, transient: Transient) -> None:
    group = Group.objects.create(name="theirs")
    ada.groups.add(group)
    Brightness.objects.update(group=group)
    for address in ("transients/X/", "queue/", "spectra/"):
        assert "absolute_error" not in session_client(ben).get(f"{API}/{address}").content.decode()
        assert "absolute_error" in session_client(ada).get(f"{API}/{address}").content.decode()


def test_reddening_is_a_fact_of_a_transient(ada: User, transient: Transient) -> None:
    client = session_client(ada)
    assert client.get(f"{API}/transients/X/").json()["ebv"] is None
    assert client.patch(f"{API}/transients/X/", {"ebv": 0.05}, format="json").json()["ebv"] == 0.05
    assert client.patch(f"{API}/transients/X/", {"ebv": -1}, format="json").status_code == 400
    measure_due(60)
    assert Brightness.objects.get().extinction == pytest.approx(0.114, abs=1e-3)


def test_a_classification_carries_the_magnitude_and_the_phase_of_the_light_curve(
    ada: User, transient: Transient
) -> None:
    override(ada, transient, "Nova")
    (row,) = session_client(ada).get(f"{API}/classifications/").json()["results"]
    assert (row["absolute_magnitude"], row["absolute_magnitude_filter"]) == (pytest.approx(-20.28, abs=0.02), "ztfr")
    # The phase of a light curve holds for any class.
    assert (row["phase"], row["phase_error"]) == (pytest.approx(10.0), pytest.approx(8.18, abs=0.01))
    Brightness.objects.update(covered=False, phase=None, phase_error=None)
    override(ada, transient, "TDE")
    (row,) = session_client(ada).get(f"{API}/classifications/").json()["results"]
    assert (row["absolute_magnitude"], row["absolute_magnitude_filter"], row["phase"]) == (None, None, None)
