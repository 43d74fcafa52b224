"""Uploads, decisions and exports over REST."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from tests.api_client import API, address, client_of, text_of, upload, vet
from tests.factories import spectrum_file
from triage.inference import worker
from triage.intake.submit import Given, submit_spectrum
from triage.models import Decision, QueueEntry, Spectrum

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(reviewer: User) -> APIClient:
    return client_of(reviewer)


def test_an_upload_is_accepted_classified_and_vetted(api: APIClient) -> None:
    sent = upload(api, transient="SN 2026abc", redshift="0.03", instrument="SEDM", observed_at="2026-11-20T03:04:05Z")
    assert sent.status_code == 202
    assert set(sent.json()) == {"id", "state", "transient", "naming", "receipt", "likely_duplicate_of", "others"}
    assert sent.json()["others"] == []
    assert (sent.json()["state"], sent.json()["transient"]) == ("queued", "SN 2026abc")
    worker.process_backlog()
    spectrum = api.get(f"{API}/spectra/{sent.json()['id']}/").json()
    assert spectrum["state"] == "classified"
    assert spectrum["prediction"]["redshift_used"] == 0.03
    assert spectrum["observed_at"] == "2026-11-20T03:04:05.000000Z"
    verdict = {"verdict": "confirm", "prediction": spectrum["prediction"]["id"]}
    decided = api.post(f"{address('SN 2026abc')}decisions/", verdict)
    assert decided.status_code == 201
    (row,) = api.get(f"{API}/classifications/").json()["results"]
    assert row["transient"] == "SN 2026abc"
    assert row["class_name"] == spectrum["prediction"]["class_name"]
    assert (row["redshift"], row["redshift_origin"], row["reviewer"]) == (0.03, "upload", "reviewer")
    assert (row["redshift_source"], row["redshift_error"]) == ("given", None)
    assert row["checkpoint"] == spectrum["prediction"]["checkpoint"]
    assert row["spectra"] == [spectrum["id"]]
    undone = api.delete(f"{API}/decisions/{decided.json()['id']}/")
    assert undone.status_code == 200
    assert api.get(f"{API}/classifications/").json()["results"] == []


def test_the_same_file_sent_again_returns_200_and_the_first_id(api: APIClient) -> None:
    first, second = upload(api), upload(api, name="b.txt")
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["id"] == second.json()["id"]


def test_the_answer_to_an_upload_of_several_spectra_lists_each(api: APIClient, reviewer: User) -> None:
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as archive:
        for number, name in enumerate(("SN2026a.txt", "SN2026b.txt", "SN2026c.txt")):
            archive.writestr(name, spectrum_file(seed=number))
    for status in (202, 200):
        sent = upload(api, bundle.getvalue(), name="night.zip")
        assert sent.status_code == status
        assert sent.json()["transient"] == "SN2026A"
        others = [(part["transient"], part["part"], part["state"]) for part in sent.json()["others"]]
        assert others == [("SN2026B", "SN2026b.txt", "queued"), ("SN2026C", "SN2026c.txt", "queued")]
    names = {row["filename"] for row in api.get(f"{API}/spectra/").json()["results"]}
    assert names == {f"night.zip: {name}" for name in ("SN2026a.txt", "SN2026b.txt", "SN2026c.txt")}
    number, pages = sent.json()["others"][0]["id"], Client()
    pages.force_login(reviewer)
    for page in (f"/spectra/{number}/", "/transients/SN2026B/"):
        assert "night.zip: SN2026b.txt" in pages.get(page).content.decode()
    assert 'filename="night.zip"' in api.get(f"{API}/spectra/{number}/original/")["Content-Disposition"]


def test_an_unreadable_file_returns_400_with_code_and_receipt_and_stays_in_quarantine(api: APIClient) -> None:
    sent = upload(api, b"what is this?")
    assert sent.status_code == 400
    body = sent.json()
    assert body["code"] == "no_table"
    assert body["detail"]
    assert body["receipt"]["name"] == "a.txt"
    assert api.get(f"{API}/spectra/{body['id']}/").json()["state"] == "quarantined"
    assert api.get(f"{API}/spectra/{body['id']}/original/").content == b"what is this?"
    assert api.get(f"{API}/spectra/{body['id']}/arrays/").status_code == 404


def test_a_spectrum_with_too_little_coverage_returns_202_and_then_fails(api: APIClient) -> None:
    sent = upload(api, b"\n".join(b"%d %d" % (w, w % 17) for w in range(12_000, 24_000, 20)))
    assert sent.status_code == 202
    worker.process_backlog()
    spectrum = api.get(f"{API}/spectra/{sent.json()['id']}/").json()
    assert spectrum["state"] == "failed"
    assert spectrum["error"]["code"] == "insufficient_coverage"


def test_corrections_can_be_sent_with_the_file_or_later(api: APIClient) -> None:
    content = b"\n".join(b"%.3f %.4f" % (w / 10, 2 + np.sin(w / 50)) for w in np.linspace(4000, 9000, 400))
    sent = upload(api, content, wavelength_unit="angstrom")
    assert sent.json()["receipt"]["wavelength_range"] == [400.0, 900.0]
    again = api.post(f"{API}/spectra/{sent.json()['id']}/reread/", {"wavelength_unit": "nm"})
    assert again.status_code == 202
    assert again.json()["receipt"]["wavelength_range"] == [4000.0, 9000.0]


def test_arrays_are_returned_as_they_were_read(api: APIClient) -> None:
    rows = np.loadtxt(spectrum_file().decode().splitlines())
    arrays = api.get(f"{API}/spectra/{upload(api).json()['id']}/arrays/").json()
    np.testing.assert_allclose(arrays["wavelength"], rows[:, 0], rtol=1e-6)
    np.testing.assert_allclose(arrays["flux_error"], rows[:, 2], rtol=1e-6)


@pytest.mark.parametrize(
    "name", ["MASTER OT J120451.50+265946.6", "a?b#c%d", "SN 2026é", "ends.with.", 'it\'s "quoted" & <b>']
)
def test_a_transient_name_may_contain_anything_but_a_slash(api: APIClient, name: str) -> None:
    assert upload(api, transient=name).json()["transient"] == name
    worker.process_backlog()
    assert api.get(address(name)).json()["name"] == name
    assert api.post(f"{address(name)}decisions/", {"verdict": "override", "class_name": "TDE"}).status_code == 201


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"redshift": "high"}, "redshift"),
        ({"redshift": "99"}, "redshift"),
        ({"observed_at": "yesterday"}, "observed_at"),
        ({"group": "nobody"}, "group"),
        ({"frame": "sideways"}, "frame"),
        ({"transient": "a/b"}, "transient"),
    ],
)
def test_invalid_fields_return_400_with_a_code(api: APIClient, fields: dict[str, str], field: str) -> None:
    answer = upload(api, **fields)
    assert answer.status_code == 400
    assert set(answer.json()) >= {"code", "detail"}
    assert field in answer.json()["detail"]
    assert not Spectrum.objects.exists()


def test_a_decision_on_a_stale_prediction_returns_409(api: APIClient) -> None:
    sent = upload(api, transient="X")
    worker.process_backlog()
    seen = api.get(f"{API}/spectra/{sent.json()['id']}/").json()["prediction"]["id"]
    api.post(f"{API}/spectra/{sent.json()['id']}/reread/", {"frame": "rest"})
    worker.process_backlog()
    answer = api.post(f"{address('X')}decisions/", {"verdict": "confirm", "prediction": seen})
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_prediction")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"verdict": "override", "class_name": "SN Iz"}, "unknown_class"),
        ({"verdict": "override"}, "invalid_decision"),
        ({"verdict": "undo"}, "invalid"),
        ({}, "invalid"),
        ({"verdict": "confirm", "prediction": 999}, "invalid_decision"),
    ],
)
def test_an_invalid_decision_returns_400_with_a_code(api: APIClient, body: dict[str, Any], code: str) -> None:
    upload(api, transient="X")
    worker.process_backlog()
    answer = api.post(f"{address('X')}decisions/", body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert not Decision.objects.exists()


def test_the_queue_is_listed_in_order_with_reasons(
    api: APIClient, reviewer: User, django_assert_num_queries: Any
) -> None:
    for seed, name in enumerate(("SN Ia", "SN Ib", "SN Ic", "AGN", "SN II")):
        submit_spectrum(reviewer, spectrum_file(name, seed), f"{seed}.txt", Given(transient=f"T{seed}"))
    worker.process_backlog()
    api.get(f"{API}/queue/")
    with django_assert_num_queries(5):  # token, groups, page, its predictions, what light curves say
        rows = api.get(f"{API}/queue/").json()["results"]
    entries = QueueEntry.objects.order_by("-priority").values_list("transient__name", flat=True)
    assert [row["transient"] for row in rows] == list(entries)
    assert all(row["reason"] for row in rows)
    paged, url = [], f"{API}/queue/?page_size=2"
    while url:
        page = api.get(url).json()
        paged += [row["transient"] for row in page["results"]]
        url = page["next"]
    assert paged == [row["transient"] for row in rows]


def test_classifications_are_exported_as_json_csv_and_votable(api: APIClient) -> None:
    vet(api, 3)
    listed = api.get(f"{API}/classifications/").json()["results"]
    answer = api.get(f"{API}/classifications/?format=csv", HTTP_ACCEPT="application/json")
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(text_of(answer))))
    assert [row["transient"] for row in rows] == ["'" + entry["transient"] for entry in listed]  # no formulas
    table = Table.read(
        io.BytesIO(text_of(api.get(f"{API}/classifications/?format=votable")).encode()), format="votable"
    )
    assert list(table["transient"]) == [entry["transient"] for entry in listed]
    lines = text_of(api.get(f"{API}/classifications/?format=jsonl")).splitlines()
    assert [json.loads(line) for line in lines] == listed
    # Unknown coordinates are empty cells, never 0.
    assert np.isnan(np.ma.filled(np.ma.asarray(table["ra"], dtype=float), np.nan)).all()


def test_a_transient_is_found_by_every_spelling_of_its_designation(api: APIClient) -> None:
    upload(api, spectrum_file(), transient="AT2026abc")
    assert api.get(f"{API}/transients/SN 2026abc/").json()["name"] == "AT2026abc"
    assert api.get(f"{API}/transients/2026abd/").status_code == 404


def test_classifications_can_be_filtered(api: APIClient) -> None:
    vet(api, 3)
    now = timezone.now().isoformat()

    def names(query: dict[str, str]) -> list[str]:
        return [row["transient"] for row in api.get(f"{API}/classifications/", query).json()["results"]]

    assert names({"class_name": "AGN"}) == ["=T0"]
    assert names({"reviewer": "nobody"}) == []
    assert names({"since": now}) == []
    assert len(names({"since": "2020-01-01"})) == 3
    assert len(names({"since": "2020-01-01T00:00:00Z", "reviewer": "reviewer"})) == 3


def test_schema_and_docs_are_public(db: None) -> None:
    assert APIClient().get(f"{API}/schema/").status_code == 200
    assert APIClient().get("/api/docs/").status_code == 200


def test_records_of_a_private_spectrum_are_visible_to_its_group_only(make_user: Callable[..., User]) -> None:
    alice, bob = client_of(make_user("alice", "a")), client_of(make_user("bob"))
    sent = upload(alice, transient="secret", group="a").json()
    worker.process_backlog()
    decision = alice.post(f"{address('secret')}decisions/", {"verdict": "confirm"}).json()
    for path in (f"/spectra/{sent['id']}/", f"/spectra/{sent['id']}/arrays/", f"/spectra/{sent['id']}/original/"):
        assert alice.get(API + path).status_code == 200
        assert bob.get(API + path).status_code == 404
    assert bob.get(address("secret")).status_code == 404
    assert bob.post(f"{address('secret')}decisions/", {"verdict": "confirm"}).status_code == 404
    assert bob.delete(f"{API}/decisions/{decision['id']}/").status_code == 404
    for path in ("/spectra/", "/transients/", "/queue/", "/classifications/"):
        assert bob.get(API + path).json()["results"] == []
        assert "secret" not in text_of(bob.get(f"{API}/classifications/?format=csv"))
    assert len(alice.get(f"{API}/classifications/").json()["results"]) == 1


def test_lists_take_a_constant_number_of_queries(
    api: APIClient, reviewer: User, django_assert_max_num_queries: Any
) -> None:
    vet(api, 6)
    for path in ("/spectra/", "/transients/", "/queue/", "/classifications/"):
        with django_assert_max_num_queries(5):
            assert api.get(API + path).status_code == 200


def test_an_empty_comment_is_an_empty_cell_in_the_csv(api: APIClient) -> None:
    vet(api, 1)
    (row,) = csv.DictReader(io.StringIO(text_of(api.get(f"{API}/classifications/?format=csv"))))
    assert row["comment"] == ""
