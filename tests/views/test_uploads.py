"""An upload has an address of its own, keeps what came of each file, and is reviewed by itself."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from tests.api_client import API, session_client, upload
from tests.factories import classified, classify_all, override, queries, reviewed, send, spectrum_file
from triage.intake.reread import read_again
from triage.models import ReviewPolicy, Spectrum, Transient, Upload
from triage.queue.filters import QueueFilter
from triage.views import upload_results

pytestmark = pytest.mark.django_db


def file(name: str, seed: int = 1) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, spectrum_file(seed=seed))


def send_page(browser: Client, *files: SimpleUploadedFile, **fields: str) -> str:
    """Send files by the form and return the address of their upload."""
    answer = browser.post(reverse("upload"), {"spectra": list(files), **fields})
    assert answer.status_code == 302
    return str(answer["Location"])


def send_api(user: User, batch: int | str, content: bytes, name: str, **fields: Any) -> Any:
    return upload(session_client(user), content, name, upload=batch, **fields)


def begin(user: User) -> int:
    answer = session_client(user).post(f"{API}/uploads/")
    assert answer.status_code == 201
    return int(answer.json()["id"])


def reviewed_in_order(user: User, chosen: QueueFilter) -> list[str]:
    """Return the transients in the order in which the key n leads through them."""
    name, names = chosen.rows(user).first_name(), []
    while name is not None:
        names.append(name)
        name = chosen.neighbours(user, reviewed(user, name))[1]
    return names


def test_an_upload_shows_the_state_of_each_file_and_survives_a_reload(browser: Client) -> None:
    bad = SimpleUploadedFile("bad.txt", b"clouds\n")
    address = send_page(
        browser, file("SN2026aa.txt", 1), file("nameless.txt", 2), bad, SimpleUploadedFile("no.txt", b"")
    )
    assert address == f"/upload/{Upload.objects.get().pk}/"
    page = browser.get(address).content.decode()
    assert "2 spectra accepted, 2 files refused" in page
    assert "0 classified, 2 with the network, 1 without a name" in page
    assert page.count('<span class="tag bad"') == 3
    assert "The file is empty." in page
    assert "data-busy" in page
    classify_all()
    fragment = browser.get(address, headers={"X-Fragment": "1"}).content.decode()
    assert "<html" not in fragment
    assert "2 classified, 1 without a name" in fragment
    assert "data-busy" not in fragment
    assert fragment.count('class="chip') == 2


def test_a_file_that_is_corrected_later_is_no_longer_shown_as_refused(browser: Client, ben: User) -> None:
    address = send_page(browser, SimpleUploadedFile("bad.txt", b"# clouds\n" + spectrum_file()), transient="X")
    Spectrum.objects.update(state="quarantined", failure_code="x", failure_reason="no columns")
    assert "No columns." in browser.get(address).content.decode()
    read_again(ben, Spectrum.objects.get(), {"frame": "rest"})
    assert "1 spectrum accepted:" in " ".join(browser.get(address).content.decode().split())


def test_a_file_that_was_sent_before_says_so_and_what_differs(browser: Client) -> None:
    send_page(browser, file("a.txt"), transient="X", redshift="0.03")
    page = browser.get(send_page(browser, file("a.txt"), transient="X", redshift="0.04")).content.decode()
    assert "known already" in page
    assert "0.03 was recorded, you sent 0.04" in page


def test_the_upload_of_another_user_does_not_exist(browser: Client, ada: User) -> None:
    batch = begin(ada)
    send_api(ada, batch, spectrum_file(), "a.txt", transient="X")
    assert browser.get(reverse("upload-results", args=[batch])).status_code == 404
    assert browser.get(f"{API}/uploads/{batch}/").status_code == 404
    answer = send_api(User.objects.get(username="ben"), batch, spectrum_file(seed=2), "b.txt")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert Spectrum.objects.count() == 1
    assert not QueueFilter(state="all", upload=str(batch)).rows(User.objects.get(username="ben")).exists()


def test_a_spectrum_that_the_sender_may_not_see_any_more_is_not_shown(browser: Client, ben: User) -> None:
    ben.groups.add(Group.objects.create(name="a"))
    address = send_page(browser, file("a.txt"), transient="secret", group="a")
    assert "secret" in browser.get(address).content.decode()
    ben.groups.clear()
    page = browser.get(address).content.decode()
    assert "secret" not in page
    assert "You may not see this spectrum any more." in page
    (entry,) = browser.get(f"{API}{address.replace('upload', 'uploads')}").json()["results"]
    assert entry["spectrum"] is None


def test_the_numbers_of_an_upload_leave_out_what_the_sender_may_not_see_any_more(browser: Client, ben: User) -> None:
    ours = Group.objects.create(name="a")
    ben.groups.add(ours)
    others = Group.objects.create(name="b")
    address = send_page(browser, *(file(f"SN2026a{letter}.txt", ord(letter)) for letter in "abcd"), group="a")
    classify_all()
    for state, name in (("failed", "SN2026ab"), ("quarantined", "SN2026ac"), ("queued", "SN2026ad")):
        Spectrum.objects.filter(filename=f"{name}.txt").update(state=state, group=others)
    response = browser.get(address)
    counts = response.context["counts"]
    assert {name: count for name, count in counts.items() if count} == {"taken": 1, "classified": 1}
    names = [result.entry.filename for result in response.context["results"]]
    assert names == [f"SN2026a{letter}.txt" for letter in "abcd"]
    (listed,) = browser.get(f"{API}/uploads/").json()["results"]
    assert (listed["taken"], listed["refused"]) == (1, 0)
    assert "and 3 more" in browser.get(reverse("upload")).content.decode()
    ben.groups.add(others)
    counts = browser.get(address).context["counts"]
    assert (counts["taken"], counts["refused"], counts["queued"], counts["failed"]) == (3, 1, 1, 1)


def test_review_these_does_not_tell_where_others_moved_a_spectrum(browser: Client, ada: User, ben: User) -> None:
    public = classified(ada, "Y", seed=9)
    address = send_page(browser, file("SN2026aa.txt", 1), file("SN2026ab.txt", 2))
    classify_all()
    hidden = Group.objects.create(name="b")
    Spectrum.objects.filter(filename="SN2026aa.txt").update(group=hidden, transient=public)
    chosen = QueueFilter(state="all", upload=address.split("/")[2])
    assert list(chosen.rows(ben).values_list("name", flat=True)) == ["SN2026ab"]


def test_review_these_opens_exactly_these_in_the_order_of_their_files(browser: Client, ada: User, ben: User) -> None:
    classified(ada, "known", seed=1)
    for seed, name in enumerate(("of ada", "mine of today"), start=20):
        send(ada if "ada" in name else ben, name, seed)
    batch = begin(ben)
    for seed, name in ((4, "C"), (1, "known"), (3, "A"), (5, "C"), (2, "B")):
        send_api(ben, batch, spectrum_file(seed=seed), f"{seed}.txt", transient=name)
    send_api(ben, batch, b"clouds\n", "bad.txt")
    page = browser.get(reverse("upload-results", args=[batch])).content.decode()
    address = f"/?state=all&upload={batch}"
    assert f'href="{address.replace("&", "&amp;")}">Review these' in page
    rows = browser.get(address).context["rows"]
    assert [row.transient.name for row in rows] == ["C", "known", "A", "B"]
    chosen = QueueFilter(state="all", upload=str(batch))
    assert reviewed_in_order(ben, chosen) == ["C", "known", "A", "B"]
    classify_all()
    override(ben, Transient.objects.get(name="A"), "TDE")
    assert reviewed_in_order(ben, chosen) == ["C", "known", "A", "B"]
    transient = Transient.objects.for_review(ben).get(name="A")
    assert chosen.neighbours(ben, transient) == ("known", "B")
    # The pending ones alone come in the order of the queue.
    waiting = list(QueueFilter(upload=str(batch)).rows(ben))
    assert {transient.name for transient in waiting} == {"B", "C", "known"}
    assert [t.priority for t in waiting] == sorted((t.priority for t in waiting), reverse=True)


def test_a_verdict_leads_to_the_next_transient_of_the_upload(browser: Client, ben: User) -> None:
    classified(ben, "elsewhere", seed=9)
    send_page(browser, file("SN2026aa.txt", 1), file("SN2026bb.txt", 2))
    classify_all()
    query = f"?state=all&upload={Upload.objects.get().pk}"
    sent = {"verdict": "override", "class_name": "TDE"}
    first = browser.post(reverse("decide", args=["SN2026aa"]) + query, sent)
    assert first["Location"] == reverse("review", args=["SN2026bb"]) + query
    last = browser.post(reverse("decide", args=["SN2026bb"]) + query, sent)
    assert last["Location"] == reverse("queue") + query


def test_every_spectrum_of_an_archive_belongs_to_the_upload(browser: Client) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for seed, name in ((1, "SN2026aa.txt"), (2, "SN2026bb.txt")):
            archive.writestr(name, spectrum_file(seed=seed))
        archive.writestr("finder.pdf", b"%PDF")
    address = send_page(browser, SimpleUploadedFile("night.zip", packed.getvalue()))
    page = browser.get(address).content.decode()
    assert "2 spectra accepted" in page
    assert "<p>Left out of the archive, as no spectra: finder.pdf.</p>" in page.replace(' class="muted"', "")
    rows = browser.get(f"/?state=all&upload={Upload.objects.get().pk}").context["rows"]
    assert {row.transient.name for row in rows} == {"SN2026aa", "SN2026bb"}


def test_a_manifest_that_cannot_be_read_is_noted(browser: Client, ben: User) -> None:
    broken = SimpleUploadedFile("manifest.csv", b"nothing\n1\n")
    assert "manifest.<wbr>csv" in browser.get(send_page(browser, file("a.txt"), broken)).content.decode()
    broken.seek(0)
    batch = begin(ben)
    assert send_api(ben, batch, spectrum_file(), "a.txt", manifest=broken).status_code == 400
    (entry,) = session_client(ben).get(f"{API}/uploads/{batch}/").json()["results"]
    assert (entry["filename"], entry["code"], entry["spectrum"]) == ("manifest.csv", "invalid_upload", None)


def test_the_prediction_is_hidden_from_a_sender_who_owes_a_blind_vote(browser: Client, ada: User) -> None:
    ReviewPolicy.objects.create(class_names=["TDE"])
    address = send_page(browser, file("a.txt"), transient="X")
    classify_all()
    assert 'class="chip' in browser.get(address).content.decode()
    override(ada, Transient.objects.get(), "TDE")
    assert 'class="chip' not in browser.get(address).content.decode()
    (entry,) = browser.get(f"{API}{address.replace('upload', 'uploads')}").json()["results"]
    assert entry["spectrum"]["prediction"] is None


def test_the_last_ten_uploads_are_listed_under_the_form(browser: Client, ada: User, ben: User) -> None:
    send_api(ada, begin(ada), spectrum_file(seed=99), "foreign.txt")
    begin(ben)
    for seed in range(12):
        send_page(browser, file(f"file{seed}.txt", seed), SimpleUploadedFile("bad.txt", b"clouds\n"))
    page = browser.get(reverse("upload")).content.decode()
    listed = [upload.pk for upload in browser.get(reverse("upload")).context["latest"]]
    assert listed == sorted(listed, reverse=True)
    assert len(listed) == 10
    assert "file11.<wbr>txt" in page
    assert "file1.<wbr>txt" not in page
    assert "foreign" not in page
    assert page.count("and 1 more") == page.count("1 refused") == 10
    rows = session_client(ben).get(f"{API}/uploads/").json()["results"]
    assert [row["taken"] for row in rows] == [1] * 12


def test_an_upload_takes_the_same_number_of_queries_at_any_length(browser: Client) -> None:
    few = send_page(browser, file("a.txt", 1), SimpleUploadedFile("bad.txt", b"clouds\n"))
    many = send_page(browser, *(file(f"SN2026a{seed}.txt", seed) for seed in range(2, 9)))
    classify_all()
    for address in (few, many):
        browser.get(address)
    assert queries(browser, few) == queries(browser, many)
    assert queries(browser, f"{API}{few.replace('upload', 'uploads')}") == queries(
        browser, f"{API}{many.replace('upload', 'uploads')}"
    )
    assert queries(browser, f"/?state=all&upload={many.split('/')[2]}") == queries(
        browser, f"/?state=all&upload={few.split('/')[2]}"
    )


def test_a_long_upload_comes_page_by_page_with_what_failed_first(
    browser: Client, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_results, "PAGE", 3)
    batch = begin(ben)
    for seed, name in enumerate(("a.txt", "b.txt", "c.txt", "d.txt")):
        send_api(ben, batch, spectrum_file(seed=seed), name, transient=name)
    send_api(ben, batch, b"clouds\n", "bad.txt")
    Spectrum.objects.filter(filename="c.txt").update(state="failed", failure_code="x", failure_reason="too little")
    address = reverse("upload-results", args=[batch])
    first = browser.get(address)
    assert [result.entry.filename for result in first.context["results"]] == ["bad.txt", "c.txt", "a.txt"]
    assert "?page=2" in first.content.decode()
    second = browser.get(address, {"page": 2})
    assert [result.entry.filename for result in second.context["results"]] == ["b.txt", "d.txt"]
    page = browser.get(f"{API}/uploads/{batch}/", {"page_size": 2}).json()
    names = [entry["filename"] for entry in page["results"]]
    while page["next"]:
        page = browser.get(page["next"]).json()
        names += [entry["filename"] for entry in page["results"]]
    assert names == ["a.txt", "b.txt", "c.txt", "d.txt", "bad.txt"]
    (row, *_) = browser.get(f"{API}/uploads/{batch}/", {"fields": "filename,code"}).json()["results"]
    assert row == {"filename": "a.txt", "code": ""}


@pytest.mark.parametrize("value", ["0", "-1", "1e3", "abc", "9" * 30, "１"])
def test_an_upload_that_is_no_number_does_not_filter(value: str) -> None:
    assert QueueFilter.read({"upload": value}).upload == ""


def test_the_filter_by_upload_is_kept_in_saved_views(ben: User) -> None:
    api = session_client(ben)
    made = api.post(f"{API}/queue/views/", {"name": "mine", "filter": {"upload": 12}}, format="json").json()
    assert made["query"] == "?upload=12"
    assert made["filter"] == {"upload": "12"}


def test_a_file_whose_header_calls_the_object_otherwise_says_so(browser: Client) -> None:
    content = b"# OBJECT = ATLAS18zpz\n" + spectrum_file()
    address = send_page(browser, SimpleUploadedFile("tns_2018jha_SCAT.txt", content))
    page = browser.get(address).content.decode()
    assert "The header calls the object ATLAS18zpz, and the file's name says 2018jha." in page.replace("&#x27;", "'")
    assert ">ATLAS18zpz</a>" in page


def test_facts_that_were_stated_are_told_apart_from_those_of_the_file(browser: Client) -> None:
    facts = {"redshift": "0.0312", "instrument": "EFOSC2", "observed_at": "2026-11-03T04:12", "transient": "SN 2026abc"}
    with_header = SimpleUploadedFile("b.txt", spectrum_file(seed=2, **{"DATE-OBS": "2026-11-03T04:12:00"}))
    address = send_page(browser, file("a.txt"), with_header, **facts, ra="187.5", dec="-12.25")
    page = browser.get(address).content.decode()
    names = "Stated, not read from the file: transient SN 2026abc; redshift 0.0312; "
    rest = "instrument EFOSC2; place 12:30:00.000 -12:15:00.00."
    assert f"{names}observed 2026-11-03 04:12 UTC; {rest}" in page
    assert f"{names}{rest}" in page
    spectrum = Spectrum.objects.get(filename="b.txt")
    assert f"{names}{rest}" in browser.get(reverse("receipt", args=[spectrum.pk])).content.decode()
    address = send_page(browser, file("SN2026xyz.txt", 3))
    assert "Stated, not read" not in browser.get(address).content.decode()


def test_rows_of_a_manifest_without_a_file_are_counted_and_the_first_ones_named(browser: Client, ben: User) -> None:
    rows = "".join(f"gone{number}.txt,0.1\n" for number in range(7))
    text = f"file,redshift\na.txt,0.03\n{rows}".encode()
    said = "7 rows describe files that are not here: gone0.txt, gone1.txt, gone2.txt, gone3.txt, gone4.txt and 2 more"
    page = browser.get(send_page(browser, file("a.txt"), SimpleUploadedFile("manifest.csv", text))).content.decode()
    assert f"{said}." in page
    assert "1 spectrum accepted:" in " ".join(page.split())
    batch = begin(ben)
    sent = {"manifest": SimpleUploadedFile("manifest.csv", text), "file": ["a.txt"], "upload": batch}
    assert session_client(ben).post(f"{API}/manifests/", sent, format="multipart").json()["rows_without_file"] == said
    assert [row["id"] for row in session_client(ben).get(f"{API}/uploads/").json()["results"]] == [batch - 1]
    send_api(ben, batch, spectrum_file(), "a.txt")
    row = session_client(ben).get(f"{API}/uploads/").json()["results"][0]
    assert (row["id"], row["first_file"], row["taken"], row["refused"]) == (batch, "a.txt", 1, 0)
    entries = session_client(ben).get(f"{API}/uploads/{batch}/").json()["results"]
    assert [(entry["code"], entry["detail"]) for entry in entries] == [("rows_without_file", said), ("", "")]


@pytest.mark.parametrize("packed", [False, True])
def test_what_a_manifest_and_its_files_do_not_match_is_said_once_for_the_upload(browser: Client, packed: bool) -> None:
    text = b"file,redshift,colour\na.txt,0.03,red\ngone.txt,0.1,red\n"
    members = {"manifest.csv": text, "a.txt": spectrum_file(seed=1), "b.txt": spectrum_file(seed=2)}
    files = [SimpleUploadedFile(name, content) for name, content in members.items()]
    if packed:
        bundle = io.BytesIO()
        with zipfile.ZipFile(bundle, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        files = [SimpleUploadedFile("night.zip", bundle.getvalue())]
    page = browser.get(send_page(browser, *files))
    words = " ".join(page.content.decode().split())
    shown = words.replace("<details", "</details><details").split("</details>")
    outside = "".join(part for part in shown if not part.startswith("<details"))
    for said in ("not in the manifest: b.txt", "row describes a file that is not here: gone.txt", "have: colour"):
        assert outside.count(said) == 1
    remarks = [result.entry.filename for result in page.context["results"] if result.remark]
    assert remarks == ["night.zip" if packed else "manifest.csv"]
    assert "2 spectra accepted" in words


def test_a_manifest_that_is_sent_again_adds_no_second_remark(ben: User) -> None:
    batch = begin(ben)
    for _ in range(2):
        manifest = SimpleUploadedFile("manifest.csv", b"file,redshift\ngone.txt,0.1\n")
        sent = {"manifest": manifest, "file": ["a.txt"], "upload": batch}
        session_client(ben).post(f"{API}/manifests/", sent, format="multipart")
    entries = session_client(ben).get(f"{API}/uploads/{batch}/").json()["results"]
    assert [entry["code"] for entry in entries] == ["rows_without_file"]


def test_nobody_adds_remarks_to_the_upload_of_somebody_else(ada: User, ben: User) -> None:
    sent = {"manifest": SimpleUploadedFile("manifest.csv", b"file,redshift\na.txt,0.1\n"), "upload": begin(ada)}
    assert session_client(ben).post(f"{API}/manifests/", sent, format="multipart").status_code == 404


def test_what_an_upload_says_of_a_spectrum_is_the_same_at_once_and_after_a_reload(browser: Client) -> None:
    content = b"# OBJECT = ATLAS18zpz\n# WAVELENGTH FRAME = restframe?\n" + spectrum_file(redshift=0.0)
    address = send_page(browser, SimpleUploadedFile("tns_2018jha.txt", content), redshift="0.4", comment="thin clouds")
    at_once = browser.get(f"/spectra/{Spectrum.objects.get().pk}/", headers={"X-Fragment": "1"}).content.decode()
    assert "<html" not in at_once
    assert "Stated, not read from the file: redshift 0.4." in at_once
    assert "“thin clouds”" in at_once
    assert "The header calls the object ATLAS18zpz" in at_once
    assert at_once.strip() in browser.get(address).content.decode()


def test_the_results_lead_from_a_copy_to_the_original(browser: Client, ben: User) -> None:
    send_page(browser, file("a.txt"), transient="X")
    original = Spectrum.objects.get()
    answer = send_api(ben, begin(ben), b"# again\n" + spectrum_file(), "copy.txt", transient="X").json()
    assert answer["likely_duplicate_of"] == original.pk
    address = send_page(browser, SimpleUploadedFile("again.txt", b"# more\n" + spectrum_file()), transient="X")
    assert 'href="/transients/X/">' in browser.get(address).content.decode()
    classify_all()
    assert browser.get("/transients/X/").context["page"].spectrum == original
    address = send_page(browser, SimpleUploadedFile("other.txt", b"# other\n" + spectrum_file()), transient="Y")
    other = Spectrum.objects.get(transient__name="Y")
    assert f'href="/transients/Y/?spectrum={other.pk}">' in browser.get(address).content.decode()


def test_a_redshift_in_a_file_is_shown_as_not_used_until_it_is_stated(browser: Client) -> None:
    content = spectrum_file(REDSHIFT="0.03")
    first = browser.get(send_page(browser, SimpleUploadedFile("a.txt", content))).content.decode()
    assert "the file’s z&nbsp;=&nbsp;0.03 is not used" in first
    stated = browser.get(send_page(browser, SimpleUploadedFile("a.txt", content), redshift="0.03")).content.decode()
    assert "Stated, not read from the file: redshift 0.03." in stated
    assert "is not used" not in stated
