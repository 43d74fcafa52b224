"""Many files in one request: each gets its receipt, as soon as it is stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from rest_framework.test import APIClient

from tests.api_client import API, client_of
from tests.factories import spectrum_file
from triage.intake import new_files, submit
from triage.intake.duplicates import DuplicateSearch
from triage.intake.naming import ReadPart
from triage.models import Spectrum

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(reviewer: User) -> APIClient:
    return client_of(reviewer)


def send(api: APIClient, files: dict[str, bytes], **fields: Any) -> Any:
    sent = [SimpleUploadedFile(name, content) for name, content in files.items()]
    return api.post(f"{API}/spectra/batch/", {"file": sent, **fields}, format="multipart")


def lines_of(answer: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def test_each_file_of_a_batch_gets_a_line_with_what_a_single_upload_would_answer(api: APIClient) -> None:
    files = {"SN2026aaa.txt": spectrum_file(seed=1), "notes.txt": b"no numbers here", "empty.txt": b""}
    send_again = {"copy.txt": spectrum_file(seed=1)}
    answer = send(api, files | send_again, instrument="SEDM")
    assert answer.headers["Content-Type"] == "application/x-ndjson; charset=utf-8"
    new, unreadable, empty, known = lines_of(answer)
    assert (new["file"], new["status"], new["state"], new["transient"]) == ("SN2026aaa.txt", 202, "queued", "SN2026aaa")
    assert new["receipt"]["name"] == "SN2026aaa.txt"
    assert (unreadable["status"], unreadable["state"]) == (400, "quarantined")
    assert (empty["status"], empty["code"]) == (400, "invalid_upload")
    assert (known["status"], known["id"]) == (200, new["id"])
    assert Spectrum.objects.get(pk=new["id"]).instrument == "SEDM"


def test_lines_are_sent_as_soon_as_their_files_are_stored_together(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit, "CHUNK_FILES", 2)
    answer = send(api, {f"{seed}.txt": spectrum_file(seed=seed) for seed in range(3)})
    stored = [Spectrum.objects.count() for _ in answer.streaming_content]
    assert stored == [2, 2, 3]


def test_the_row_of_a_manifest_counts_before_what_is_stated_for_the_batch(api: APIClient) -> None:
    manifest = SimpleUploadedFile("manifest.csv", b"file,redshift\na.txt,0.1\n")
    files = {"a.txt": spectrum_file(seed=1), "b.txt": spectrum_file(seed=2)}
    first, second = lines_of(send(api, files, manifest=manifest, redshift="0.2"))
    redshifts = dict(Spectrum.objects.values_list("pk", "stated_redshift"))
    assert (redshifts[first["id"]], redshifts[second["id"]]) == (0.1, 0.2)


def test_a_database_that_fails_at_one_file_costs_only_that_file(api: APIClient) -> None:
    files = {f"{seed}.txt": spectrum_file(seed=seed) for seed in range(3)}
    original = new_files.store_parts

    def store(parts: Sequence[ReadPart], duplicates: DuplicateSearch) -> None:
        if any(part.spectrum.filename == "1.txt" for part in parts):
            raise OperationalError("the server closed the connection")
        original(parts, duplicates)

    with mock.patch.object(new_files, "store_parts", store):
        lines = lines_of(send(api, files))
    assert [line["status"] for line in lines] == [202, 503, 202]
    assert lines[1]["code"] == "database_unavailable"


def test_a_batch_without_files_or_for_a_group_of_others_stores_nothing(api: APIClient) -> None:
    assert send(api, {}).json()["fields"].keys() == {"file"}
    answer = send(api, {"a.txt": spectrum_file()}, group="not mine")
    assert (answer.status_code, answer.json()["fields"].keys()) == (400, {"group"})
    assert not Spectrum.objects.exists()


def test_more_files_than_a_request_may_have_are_refused_in_json(api: APIClient) -> None:
    most = settings.DATA_UPLOAD_MAX_NUMBER_FILES
    answer = send(api, {f"{number}.txt": b"1 2\n" for number in range(most + 1)})
    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_files")
    assert not Spectrum.objects.exists()


def test_the_files_of_a_batch_can_belong_to_an_upload(api: APIClient) -> None:
    upload = api.post(f"{API}/uploads/").json()["id"]
    lines_of(send(api, {"a.txt": spectrum_file(seed=1), "bad.txt": b"words"}, upload=str(upload)))
    entries = api.get(f"{API}/uploads/{upload}/").json()["results"]
    assert [(entry["filename"], entry["code"]) for entry in entries] == [("a.txt", ""), ("bad.txt", "no_table")]
    assert send(api, {"a.txt": spectrum_file()}, upload="999").status_code == 404
