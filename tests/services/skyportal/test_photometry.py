"""Light curves are imported with the spectra of their source and stay private to its group."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from tests.factories import classify_all
from tests.fakes.server import HTML
from tests.fakes.skyportal import PRIVATE, TOKEN, FakeSkyPortal
from tests.fakes.skyportal_rounds import connect, run
from triage.inference.brightness import measure_due
from triage.models import Brightness, BrightnessDue, Photometry, RunState, SkyPortalInstance, Transient
from triage.services.skyportal.photometry import RemotePhotometry, read_photometry, store_photometry

NAME = "ZTF26aaa"


def seen(mjd: object = 61000.5, **fields: object) -> dict[str, object]:
    row = {"mjd": mjd, "filter": "ztfr", "mag": 18.2, "magerr": 0.05, "limiting_mag": 20.5, "magsys": "ab"}
    return {**row, "instrument_name": "ZTF", **fields}


def test_a_nondetection_is_an_upper_limit() -> None:
    found = read_photometry([seen(61001), seen(61000, mag=None, magerr=None)])
    assert found.points == [(61001.0, "ztfr", 18.2, 0.05)]
    assert found.limits == [(61000.0, "ztfr", 20.5)]


@pytest.mark.parametrize(
    "row",
    [
        {},
        seen(None),
        seen("soon"),
        seen(float("nan")),
        seen(-3.0),
        seen(filter=None),
        seen(filter=["r"]),
        seen(mag=None, limiting_mag=None),
        seen(mag="NaN", limiting_mag=float("inf")),
        seen(magsys="vega"),
    ],
)
def test_invalid_rows_are_left_out(row: dict[str, object]) -> None:
    found = read_photometry([row, seen(magerr=None, instrument_name=None)])
    assert (found.points, found.limits) == ([(61000.5, "ztfr", 18.2, None)], [])


def test_one_filter_of_several_instruments_is_kept_apart_and_repeated_points_kept_once() -> None:
    rows = [
        seen(),
        seen(),
        seen(filter="sdssg", instrument_name="SEDM"),
        seen(filter="sdssg", instrument_name="ALFOSC"),
    ]
    bands = [band for _, band, _, _ in read_photometry(rows).points]
    assert bands == ["ALFOSC sdssg", "SEDM sdssg", "ztfr"]


def fill(fritz: FakeSkyPortal) -> int:
    number = fritz.add_spectrum(NAME)
    fritz.observe(NAME, 61000.5, None, magerr=None)
    fritz.observe(NAME, 61003.5, 18.4)
    return number


@pytest.mark.django_db
def test_a_light_curve_comes_with_its_source_and_is_replaced_with_a_changed_spectrum(fritz: FakeSkyPortal) -> None:
    number = fill(fritz)
    fritz.add_spectrum(NAME)
    instance = connect(fritz)
    run(instance)
    row = Photometry.objects.get()
    assert (row.transient.name, row.unit, row.remote_name, row.group) == (NAME, "mag", NAME, None)
    assert (row.points, row.limits) == ([[61003.5, "ztfr", 18.4, 0.05]], [[61000.5, "ztfr", 20.5]])
    # Two spectra of one source take one request for its light curve.
    assert fritz.count("GET", f"/api/sources/{NAME}/photometry") == 1
    fritz.observe(NAME, 61005.5, 18.1)
    run(instance)
    fritz.change_spectrum(number, label="only a label")
    run(instance)
    assert fritz.count("GET", f"/api/sources/{NAME}/photometry") == 1
    fritz.change_spectrum(number, fluxes=[2 * f + 1e-17 for f in fritz.spectra[number]["fluxes"]])
    run(instance)
    again = Photometry.objects.get()
    assert (again.pk, len(again.points)) == (row.pk, 2)
    assert again.fetched_at is not None
    assert row.fetched_at is not None
    assert again.fetched_at > row.fetched_at


@pytest.mark.django_db
def test_a_fetched_light_curve_speaks_about_its_transient_until_it_leaves(fritz: FakeSkyPortal) -> None:
    fill(fritz)
    instance = connect(fritz)
    run(instance)
    classify_all()
    measure_due(60)
    first, other = Transient.objects.get(), Transient.objects.create(name="other")
    assert Brightness.objects.get().points == 1
    curve = RemotePhotometry([(61003.5, "ztfr", 18.4, 0.05)], [])
    store_photometry(instance, NAME, first, curve)
    assert Brightness.objects.exists()
    store_photometry(instance, NAME, other, curve)
    assert not Brightness.objects.exists()
    assert set(BrightnessDue.objects.values_list("transient", flat=True)) == {first.pk, other.pk}
    BrightnessDue.objects.all().delete()
    store_photometry(instance, NAME, other, RemotePhotometry([], []))
    assert BrightnessDue.objects.get().transient == other


@pytest.mark.django_db
def test_an_error_of_the_redshift_that_changes_alone_gives_a_new_brightness(fritz: FakeSkyPortal) -> None:
    fill(fritz)
    fritz.sources[NAME] |= {"redshift": 0.05, "redshift_error": 0.001, "modified": fritz.now()}
    instance = connect(fritz)
    run(instance)
    classify_all()
    measure_due(60)
    fritz.sources[NAME] |= {"redshift_error": 0.01, "modified": fritz.now()}
    run(instance)
    assert Transient.objects.get().redshift_error == 0.01
    assert BrightnessDue.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "body"),
    [(403, {"status": "error", "message": "no"}), (500, HTML), (200, {"status": "success", "data": 7})],
)
def test_a_missing_light_curve_does_not_hold_up_its_spectra(fritz: FakeSkyPortal, status: int, body: object) -> None:
    for number in range(4):
        fritz.add_spectrum(f"ZTF{number}")
    fritz.photometry_error = (status, body)
    done = run(connect(fritz))
    assert (done.state, done.new, done.errors) == (RunState.DONE, 4, 0)
    assert not Photometry.objects.exists()


@pytest.mark.django_db
def test_a_groups_light_curve_is_private_and_shown_with_its_origin(
    fritz: FakeSkyPortal, make_user: Callable[..., User], client: Client
) -> None:
    member, stranger = make_user("member", "inner"), make_user("stranger")
    fritz.tokens = {TOKEN: {1, PRIVATE}}
    fill(fritz)
    run(connect(fritz))
    private = SkyPortalInstance(name="Fritz of inner", url=fritz.url, group=Group.objects.get(name="inner"))
    private.token = TOKEN
    private.save()
    fritz.observe(NAME, 61009.5, 17.0, filter="clandestine")
    run(private)
    assert Photometry.objects.count() == 2
    assert Transient.objects.count() == 1
    client.force_login(stranger)
    assert "clandestine" not in client.get(reverse("photometry-plot", args=[NAME])).content.decode()
    client.force_login(member)
    plot = client.get(reverse("photometry-plot", args=[NAME]))
    assert "clandestine" in json.dumps(plot.json()["item"])
    page = client.get(reverse("photometry", args=[NAME])).content.decode()
    assert "Fritz of inner" in page
    assert "fetched" in page
    private.delete()
    assert Photometry.objects.count() == 1
