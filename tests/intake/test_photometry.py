"""Light curves: which files are read, which are refused, and who sees them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from tests.api_client import API, client_of
from tests.factories import send
from triage.errors import UnreadableLightCurveError
from triage.intake import light_curve_identity, photometry
from triage.intake.light_curve_table import read_light_curve
from triage.models import OtherName, Photometry, Spectrum, Transient

PLAIN = b"mjd,filter,mag,error\n60001.5,r,18.2,0.05\n60000.5,g,18.4,0.06\n60002,r,,\n"


def table(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def test_upper_limits_are_marked_by_a_sign_a_column_or_a_missing_error() -> None:
    curve = read_light_curve(
        table(
            "mjd,filter,mag,error,limiting_mag",
            "60000,r,,,20.5",
            "60001,r,> 20.1,,",
            "60002,r,19.9,,",
            "60003,r,18.5,0.1,20.5",
            "60004,g,,,",
        )
    )
    assert curve.limits == [(60000.0, "r", 20.5), (60001.0, "r", 20.1), (60002.0, "r", 19.9)]
    assert curve.points == [(60003.0, "r", 18.5, 0.1)]
    assert curve.skipped == 1


def test_a_detection_without_an_error_but_with_its_own_limit_stays_a_point() -> None:
    head = "mjd,filter,mag,magerr,diffmaglim"
    curve = read_light_curve(table(head, "59000,r,18,0.1,20", "59001,r,17.9,,20.1", "59002,r,20.2,,20.2"))
    assert curve.points == [(59000.0, "r", 18.0, 0.1), (59001.0, "r", 17.9, None)]
    assert curve.limits == [(59002.0, "r", 20.2)]


@pytest.mark.parametrize("name", ["upper_limit", "upperlimit"])
@pytest.mark.parametrize(("yes", "no"), [("1", "0"), ("True", "False"), ("1.0", ""), ("true", "")])
def test_a_flag_column_marks_upper_limits(name: str, yes: str, no: str) -> None:
    curve = read_light_curve(
        table(
            f"mjd,filter,mag,error,{name}",
            f"59000,r,18,0.1,{no}",
            f"59001,r,20.5,,{yes}",
            f"59002,r,20.6,0.2,{yes}",
            f"59003,r,,,{yes}",
        )
    )
    assert curve.points == [(59000.0, "r", 18.0, 0.1)]
    assert curve.limits == [(59001.0, "r", 20.5), (59002.0, "r", 20.6)]
    assert curve.skipped == 1


def test_a_flag_column_overrides_a_column_of_limits() -> None:
    head = "mjd,filter,mag,error,upper_limit,limiting_mag"
    curve = read_light_curve(table(head, "59000,r,18,0.1,0,20", "59001,r,18.2,,0,", "59002,r,20.4,,1,20.6"))
    assert curve.points == [(59000.0, "r", 18.0, 0.1), (59001.0, "r", 18.2, None)]
    assert curve.limits == [(59002.0, "r", 20.4)]


def test_a_numeric_column_of_upper_limits_is_read_as_limits() -> None:
    curve = read_light_curve(table("mjd,filter,mag,error,upper_limit", "59000,r,18,0.1,", "59001,r,,,20.5"))
    assert curve.limits == [(59001.0, "r", 20.5)]


def test_a_negative_flux_is_a_point_and_never_a_limit() -> None:
    curve = read_light_curve(
        table("mjd,filter,uJy,duJy", "59000,o,40,5", "59001,o,-12,", "59002,o,0,", "59003,o,<-3,", "59004,o,30,")
    )
    assert curve.points == [(59000.0, "o", 40.0, 5.0), (59001.0, "o", -12.0, None), (59002.0, "o", 0.0, None)]
    assert curve.limits == [(59004.0, "o", 30.0)]
    assert curve.skipped == 1


def test_a_table_without_errors_still_has_points() -> None:
    assert len(read_light_curve(table("mjd,filter,mag,error", "60000,r,18,", "60001,r,18.1,")).points) == 2


def test_a_light_curve_may_consist_of_limits_only() -> None:
    curve = read_light_curve(table("mjd filter mag", "60000 r >20.5"))
    assert (curve.points, curve.limits) == ([], [(60000.0, "r", 20.5)])


@pytest.mark.parametrize(
    ("header", "unit", "first"),
    [
        ("mjd,filter,flux_jy,error", "uJy", (60000.0, "r", 2e6, 1e6)),
        ("mjd,filter,uJy,duJy", "uJy", (60000.0, "r", 2.0, 1.0)),
        ("mjd,filter,flux,fluxerr", "flux", (60000.0, "r", 2.0, 1.0)),
    ],
)
def test_fluxes_are_converted_only_where_their_unit_is_known(header: str, unit: str, first: tuple[object]) -> None:
    curve = read_light_curve(table(header, "60000,r,2,1"))
    assert (curve.unit, curve.points[0]) == (unit, first)


def test_points_are_sorted_by_time_and_rows_without_a_brightness_are_counted() -> None:
    curve = read_light_curve(PLAIN)
    assert curve.unit == "mag"
    assert curve.points == [(60000.5, "g", 18.4, 0.06), (60001.5, "r", 18.2, 0.05)]
    assert curve.skipped == 1


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("JD;Band;Magnitude;MagErr\n2460000.5;ZTF g;18;0.1", (60000.0, "ZTF g", 18.0, 0.1)),
        ("# MJD filter flux fluxerr\n60000 o -3.5 1.2\n# a comment", (60000.0, "o", -3.5, 1.2)),
        ("mjd\tflt\tmag\n60000\tV\t17", (60000.0, "V", 17.0, None)),
        ("\ufeffmjd, filter, mag, mag_err\r\n60000, 'r', 18, nan\r\n", (60000.0, "'r'", 18.0, None)),
    ],
    ids=["semicolons and JD", "blanks and flux", "tabs without errors", "byte-order mark"],
)
def test_common_table_formats_are_read(text: str, first: tuple[object, ...]) -> None:
    assert read_light_curve(text.encode()).points[0] == first


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no header"),
        (b"mjd,filter,mag,error\n", "no header with lines"),
        (b"a,b\n1,2\n", "no column for time and filter and mag or flux"),
        (b"mjd,filter,mag\n60000,r,bright\n", "line 2: \u201cbright\u201d is not a number for the brightness"),
        (b"mjd,filter,mag\n60000,r\n", "line 2 has 2 columns, the header has 3"),
        (b"mjd,filter,mag\n\n2020-01-01,r,18\n", "line 3: \u201c2020-01-01\u201d is not a number for the time"),
        (b"mjd,filter,mag\n-5,r,18\n", "-5 is no MJD"),
        (b"mjd,filter,mag\n60000,r,\n", "no line of the table has a brightness"),
        (b"\x89PNG\r\n\x1a\n\0\0", "this file is not text"),
    ],
)
def test_an_error_is_reported_with_its_line(content: bytes, words: str) -> None:
    with pytest.raises(UnreadableLightCurveError) as refused:
        read_light_curve(content)
    assert words in refused.value.detail


@given(st.one_of(st.binary(max_size=200), st.text('mjd,filter mag\n0189.-"\t;#', max_size=200).map(str.encode)))
def test_any_light_curve_file_is_read_or_refused(content: bytes) -> None:
    try:
        curve = read_light_curve(content)
    except UnreadableLightCurveError:
        return
    assert curve.points


@pytest.fixture
def sent(db: None, make_user: Callable[..., User]) -> tuple[User, User]:
    member, stranger = make_user("member", "inner"), make_user("stranger")
    send(member, "T0")
    return member, stranger


def upload(client: Client, content: bytes = PLAIN, group: str = "") -> Any:
    file = SimpleUploadedFile("curve.csv", content)
    return client.post(reverse("photometry", args=["T0"]), {"file": file, "group": group})


def test_a_light_curve_is_drawn_with_the_epochs_of_the_spectra(client: Client, sent: tuple[User, User]) -> None:
    client.force_login(sent[0])
    assert client.get(reverse("photometry-plot", args=["T0"])).status_code == 404
    assert upload(client).status_code == 302
    Spectrum.objects.update(observed_at="2023-02-25T12:00:00Z", instrument="SPRAT")
    answer = client.get(reverse("photometry-plot", args=["T0"]))
    assert "SPRAT" in json.dumps(answer.json()["item"])
    assert "60000.5" in answer.content.decode()
    assert "inverted_triangle" not in answer.content.decode()
    assert 'id="photometry"' in client.get(reverse("review", args=["T0"])).content.decode()


def test_upper_limits_are_drawn_as_triangles_that_point_down(client: Client, sent: tuple[User, User]) -> None:
    client.force_login(sent[0])
    upload(client, table("mjd,filter,mag,error", "60000.5,r,18,0.1", "60001.5,r,>20.5,", "60002.5,i,>21,"))
    item = json.dumps(client.get(reverse("photometry-plot", args=["T0"])).json()["item"])
    assert '"inverted_triangle"' in item
    assert '"upper limit"' in item
    assert "2 upper limits" in client.get(reverse("photometry", args=["T0"])).content.decode()


def test_a_light_curve_sent_twice_is_stored_once(client: Client, sent: tuple[User, User]) -> None:
    client.force_login(sent[0])
    upload(client)
    upload(client)
    assert Photometry.objects.count() == 1


def test_a_file_that_cannot_be_read_is_refused_on_the_page(client: Client, sent: tuple[User, User]) -> None:
    client.force_login(sent[0])
    answer = upload(client, b"mjd,filter,mag\n60000,r,bright\n")
    assert answer.status_code == 400
    assert "curve.csv: line 2" in answer.content.decode()
    assert not Photometry.objects.exists()


def test_a_private_light_curve_is_visible_to_its_group_only(client: Client, sent: tuple[User, User]) -> None:
    member, stranger = sent
    client.force_login(member)
    assert upload(client, group="inner").status_code == 302
    client = Client()
    client.force_login(stranger)
    assert client.get(reverse("photometry-plot", args=["T0"])).status_code == 404
    assert "curve.csv" not in client.get(reverse("photometry", args=["T0"])).content.decode()
    assert upload(client, group="inner").status_code == 400
    # The same file sent for everybody is another record.
    assert upload(client).status_code == 302
    assert Photometry.objects.count() == 2


ROW = "60000,r,18,0.1"
ZTF_FORCED = table("# Requested input R.A. = 187.6000 degrees", "# Requested input Dec. = 12.5 degrees")


@pytest.mark.parametrize(
    ("content", "name", "code", "said"),
    [
        (table("mjd,filter,mag,error,ra,dec", f"{ROW},187.6,12.5"), "a.csv", "place_differs", "lie 5.9′ from T0"),
        (ZTF_FORCED + b"\n" + table("mjd,filter,mag,error", ROW), "a.csv", "place_differs", "lie 5.9′ from T0"),
        (table("# RA: 12:30:00", "# DEC: -12:30:00", "mjd,filter,mag,error", ROW), "a.csv", "place_differs", "25.0°"),
        (table("mjd,filter,mag,error,objectId", f"{ROW},ZTF21abcdefg"), "a.csv", "names_differ", "known name of T0"),
        (table("# object: T1", "mjd,filter,mag,error", ROW), "a.csv", "names_differ", "T1, which is another transient"),
        (table("mjd,filter,mag,error", ROW), "SN2021abc_lc.csv", "names_differ", "is of SN2021abc"),
        (
            table("SNID: 2021abc", "VARLIST: MJD FLT MAG MAGERR", f"OBS: {ROW.replace(',', ' ')}"),
            "a.dat",
            "names_differ",
            "2021abc",
        ),
    ],
)
def test_a_light_curve_of_another_place_or_object_is_taken_with_a_warning(
    client: Client, sent: tuple[User, User], content: bytes, name: str, code: str, said: str
) -> None:
    member, _ = sent
    send(member, "T1", 2)
    Transient.objects.filter(name="T0").update(ra=187.5, dec=12.5)
    answer = client_of(member).post(
        f"{API}/transients/T0/photometry/", {"file": SimpleUploadedFile(name, content)}, format="multipart"
    )
    assert answer.status_code == 201
    (warning,) = answer.json()["warnings"]
    assert warning["code"] == code
    assert said in warning["message"]
    client.force_login(member)
    page = client.post(reverse("photometry", args=["T0"]), {"file": SimpleUploadedFile(name, content)}, follow=True)
    assert said in page.content.decode()
    assert "Is it the light curve of T0?" in page.content.decode()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        # The place is the transient's, whatever survey names it.
        (table("mjd,filter,mag,error,ra,dec,objectId", f"{ROW},187.501,12.5,ZTF21abcdefg"), "ZTF21abcdefg.csv"),
        (table("mjd,filter,mag,error,object", f"{ROW},t-0"), "t0.csv"),
        (table("mjd,filter,mag,error,object", f"{ROW},ZTF26known"), "forced.csv"),
        (PLAIN, "lightcurve.csv"),
    ],
)
def test_a_light_curve_of_the_same_place_or_name_gets_no_warning(
    sent: tuple[User, User], content: bytes, name: str
) -> None:
    transient = Transient.objects.get(name="T0")
    Transient.objects.update(ra=187.5, dec=12.5)
    OtherName.objects.create(transient=transient, name="ZTF26known")
    transient.refresh_from_db()
    assert light_curve_identity.doubts(sent[0], transient, content, name) == []


def test_only_its_uploader_can_remove_a_light_curve(client: Client, sent: tuple[User, User]) -> None:
    member, stranger = sent
    curve, _ = photometry.add(member, Spectrum.objects.get().transient, PLAIN, "c.csv", None)
    client.force_login(stranger)
    client.post(reverse("remove-photometry", args=[curve.pk]))
    assert Photometry.objects.exists()
    client.force_login(member)
    client.post(reverse("remove-photometry", args=[curve.pk]))
    assert not Photometry.objects.exists()
    assert Group.objects.filter(name="inner").exists()
