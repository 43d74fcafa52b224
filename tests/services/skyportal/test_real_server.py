"""Behaviour of a real SkyPortal 1.4 that once led to lost or wrong records."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.fakes.skyportal import PRIVATE, PUBLIC, FakeSkyPortal, stamp
from tests.fakes.skyportal_rounds import connect, decide, deliver, other_names, run, synced, there
from triage.inference import worker
from triage.models import (
    Photometry,
    PostState,
    RemoteClassification,
    RemoteSpectrum,
    SkyPortalPost,
    Spectrum,
    SpectrumAct,
    Transient,
)
from triage.review import decisions
from triage.services.skyportal import client as client_module
from triage.services.skyportal import pages
from triage.services.skyportal.classifications import class_of

pytestmark = pytest.mark.django_db


def test_a_spectrum_follows_when_the_server_moves_it_to_another_source(fritz: FakeSkyPortal) -> None:
    number = fritz.add_spectrum("ZTF26old")
    fritz.add_spectrum("ZTF26old")
    instance = connect(fritz)
    run(instance)
    fritz.add_source("ZTF26new", redshift=0.08, alias=["AT2026new"])
    fritz.move_spectrum(number, "ZTF26new")
    done = run(instance)
    assert (done.changed, done.errors, done.skipped) == (1, 0, {})
    old, new = Transient.objects.order_by("-name")
    assert (old.name, old.spectra.count(), old.redshift) == ("ZTF26old", 1, None)
    assert (new.name, new.spectra.count(), new.redshift) == ("ZTF26new", 1, 0.08)
    assert (other_names(old), other_names(new)) == (set(), {("AT2026new", None)})
    assert SpectrumAct.objects.get().detail == {"from": "ZTF26old", "to": "ZTF26new"}


def test_a_moved_spectrum_that_was_decided_on_stays_until_the_decision_is_taken_back(
    fritz: FakeSkyPortal, reviewer: User
) -> None:
    instance = synced(fritz, "ZTF26old", decisions="always")
    number = RemoteSpectrum.objects.get().remote_id
    decision = decide(reviewer, "ZTF26old", "TDE")
    fritz.add_source("ZTF26new", redshift=0.08)
    fritz.move_spectrum(number, "ZTF26new")
    done = run(instance)
    assert done.skipped == {"moved_there": 1}
    assert "ZTF26old was decided on with this spectrum" in done.problems[0]["detail"]
    transient = Transient.objects.get()
    assert (transient.name, transient.redshift, other_names(transient)) == ("ZTF26old", None, set())
    deliver()
    assert there(fritz) == [("ZTF26old", "Tidal Disruption Event", False)]
    decisions.undo(reviewer, decision.pk)
    run(instance, full=True)
    spectrum = Spectrum.objects.get()
    assert spectrum.transient is not None
    assert (spectrum.transient.name, spectrum.transient.redshift) == ("ZTF26new", 0.08)


def test_a_classification_is_withdrawn_by_its_number_where_the_token_may_not_read_it(
    fritz: FakeSkyPortal, reviewer: User
) -> None:
    synced(fritz, "ZTF1", decisions="always")
    decision = decide(reviewer, "ZTF1", "TDE")
    deliver()
    (row,) = fritz.classifications.values()
    row["group_ids"] = [PRIVATE]
    decisions.undo(reviewer, decision.pk)
    deliver()
    assert fritz.classifications == {}
    assert SkyPortalPost.objects.get().state == PostState.WITHDRAWN


def test_what_the_server_does_not_delete_is_not_called_withdrawn(fritz: FakeSkyPortal, reviewer: User) -> None:
    synced(fritz, "ZTF1", decisions="always")
    decision = decide(reviewer, "ZTF1", "TDE")
    deliver()
    fritz.kept = set(fritz.classifications)
    decisions.undo(reviewer, decision.pk)
    deliver()
    post = SkyPortalPost.objects.get()
    assert post.state == PostState.WITHDRAWING
    assert "it is still there" in post.last_error
    fritz.kept = set()
    deliver()
    post.refresh_from_db()
    assert (post.state, fritz.classifications) == (PostState.WITHDRAWN, {})


def test_every_copy_of_a_post_is_withdrawn(fritz: FakeSkyPortal, reviewer: User) -> None:
    synced(fritz, "ZTF1", decisions="always")
    decision = decide(reviewer, "ZTF1", "TDE")
    deliver()
    (row,) = fritz.classifications.values()
    fritz.classify("ZTF1", "Tidal Disruption Event", origin=row["origin"])
    decisions.undo(reviewer, decision.pk)
    deliver()
    assert fritz.classifications == {}


def test_nothing_is_posted_to_a_group_where_the_token_could_not_find_it_again(
    fritz: FakeSkyPortal, reviewer: User
) -> None:
    synced(fritz, "ZTF1", decisions="always", share_with=[PUBLIC, 7])
    decide(reviewer, "ZTF1", "TDE")
    deliver()
    post = SkyPortalPost.objects.get()
    assert (post.state, there(fritz)) == (PostState.GIVEN_UP, [])
    assert "does not belong to group 7" in post.last_error


def test_a_first_run_after_an_outage_that_lists_everything_brings_redshifts_and_classifications(
    fritz: FakeSkyPortal,
) -> None:
    fritz.add_spectrum("ZTF1")
    instance = connect(fritz)
    run(instance)
    fritz.sources["ZTF1"] |= {"redshift": 0.05, "modified": fritz.now()}
    fritz.classify("ZTF1", "Ia")
    run(instance, full=True)
    assert Transient.objects.get().redshift == 0.05
    assert RemoteClassification.objects.get().class_name == "SN Ia"


def test_edited_and_deleted_classifications_are_compared_now_and_then(fritz: FakeSkyPortal) -> None:
    fritz.add_spectrum("ZTF1")
    edited, deleted = fritz.classify("ZTF1", "Ia"), fritz.classify("ZTF1", "Ib")
    instance = connect(fritz, only_unclassified=False)
    run(instance)
    long_ago = "2020-01-01T00:00:00"
    fritz.classifications[edited] |= {"classification": "IIb", "created_at": long_ago}
    del fritz.classifications[deleted]
    run(instance, full=True)
    assert RemoteClassification.objects.get().class_name == "SN IIb"


def test_predictions_from_before_they_were_switched_on_are_not_posted(fritz: FakeSkyPortal) -> None:
    instance = synced(fritz, "ZTF1", decisions="always", predictions="never")
    instance.predictions, instance.predictions_since = "always", timezone.now()
    instance.posting_since = timezone.now() - timedelta(days=30)
    instance.save()
    deliver()
    assert there(fritz) == []


def test_a_name_with_a_plus_sign_is_asked_for_as_it_is(fritz: FakeSkyPortal) -> None:
    fritz.add_spectrum("GRB 260801+12 a")
    assert run(connect(fritz)).new == 1
    asked = [path for _, path in fritz.requests if "/sources/" in path]
    assert asked
    assert all("%2B" not in path and "+12" in path for path in asked)


def test_a_source_whose_name_is_not_plain_has_a_light_curve_and_takes_posts(
    fritz: FakeSkyPortal, reviewer: User
) -> None:
    name = "GRB260801:12"
    fritz.add_source(name)
    fritz.observe(name, 61000.5, 18.2)
    synced(fritz, name, decisions="always")
    assert [point[0] for point in Photometry.objects.get().points] == [61000.5]
    decision = decide(reviewer, name, "TDE")
    deliver()
    assert there(fritz) == [(name, "Tidal Disruption Event", False)]
    decisions.undo(reviewer, decision.pk)
    deliver()
    assert (there(fritz), SkyPortalPost.objects.get().state) == ([], PostState.WITHDRAWN)


def test_another_address_of_the_same_server_changes_nothing(fritz: FakeSkyPortal) -> None:
    fritz.add_spectrum("ZTF1")
    instance = connect(fritz)
    run(instance)
    instance.url = fritz.url.replace("127.0.0.1", "localhost")
    instance.save(update_fields=["url"])
    fritz.change_spectrum(1)
    done = run(instance, full=True)
    assert (done.new, done.changed, done.unchanged) == (0, 0, 1)
    assert Spectrum.objects.get().reading == 1


def test_a_listing_that_takes_too_long_is_asked_for_in_halves(
    fritz: FakeSkyPortal, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SKYPORTAL_TIMEOUT_SECONDS = 1
    monkeypatch.setattr(client_module, "PATIENCE_SECONDS", 0.0)
    fritz.longest_window = 150
    fritz.add_spectrum("ZTF1", modified=stamp(timezone.now() - timedelta(days=170)))
    fritz.add_spectrum("ZTF2")
    instance = connect(fritz, cursor=timezone.now() - timedelta(days=200), reconciled_at=timezone.now())
    assert run(instance).new == 2


def test_a_class_without_a_name_there_is_not_an_error(fritz: FakeSkyPortal, reviewer: User) -> None:
    synced(fritz, "ZTF1", decisions="always")
    decide(reviewer, "ZTF1", "Star")
    deliver()
    post = SkyPortalPost.objects.get()
    assert (post.state, post.attempts) == (PostState.NO_NAME, 1)


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ("Ia-pec", "SN Ia-pec"),
        ("Ib/c", "SN Ib/c"),
        ("ILRT", "ILRT"),
        ("Supernova", "Supernova"),
        ("S Doradus", "LBV"),
        ("Type II", "SN II"),
        ("Something new", ""),
    ],
)
def test_every_name_of_the_servers_taxonomy_that_the_desk_has_is_understood(said: str, ours: str) -> None:
    assert class_of(said) == ours


def test_points_of_other_groups_are_left_out_where_the_connection_names_its_groups(fritz: FakeSkyPortal) -> None:
    fritz.add_spectrum("ZTF1")
    fritz.observe("ZTF1", 61000.5, 18.2, groups=[{"id": PUBLIC}])
    fritz.observe("ZTF1", 61001.5, 18.0, groups=[{"id": PRIVATE}])
    run(connect(fritz, remote_groups=[PUBLIC]))
    assert [point[0] for point in Photometry.objects.get().points] == [61000.5]


def test_what_the_server_states_is_not_called_a_statement_of_the_user(fritz: FakeSkyPortal) -> None:
    fritz.add_spectrum("ZTF1")
    run(connect(fritz))
    spectrum = Spectrum.objects.get()
    assert spectrum.corrections == {}
    assert {guess["evidence"] for guess in spectrum.receipt["guesses"]} >= {"the file states it"}
    assert all("user" not in guess["evidence"] for guess in spectrum.receipt["guesses"])


def test_a_posted_prediction_moves_with_its_spectrum(fritz: FakeSkyPortal) -> None:
    instance = synced(fritz, "ZTF26old", predictions="always")
    deliver()
    fritz.move_spectrum(RemoteSpectrum.objects.get().remote_id, "ZTF26new")
    run(instance)
    worker.process_backlog()
    for _ in range(3):
        deliver()
    assert [(name, ml) for name, _, ml in there(fritz)] == [("ZTF26new", True)]


def test_a_spectrum_follows_to_a_source_that_people_have_classified(fritz: FakeSkyPortal) -> None:
    number = fritz.add_spectrum("ZTF26twin")
    instance = connect(fritz, only_unclassified=True)
    run(instance)
    fritz.add_source("ZTF26first")
    fritz.classify("ZTF26first", "Ia")
    fritz.move_spectrum(number, "ZTF26first")
    run(instance)
    spectrum = Spectrum.objects.get()
    assert spectrum.transient is not None
    assert spectrum.transient.name == "ZTF26first"


def test_pages_that_overlap_delete_no_classification(fritz: FakeSkyPortal, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        fritz.add_spectrum(f"ZTF{number}")
        fritz.classify(f"ZTF{number}", "Ia")
    instance = connect(fritz, only_unclassified=False)
    run(instance)
    monkeypatch.setattr(pages, "ROWS_PER_PAGE", 2)
    ordered = fritz._page

    def overlapping(rows: list[dict[str, Any]], key: str, query: dict[str, str]) -> dict[str, Any]:
        """Answer each page after the first with the first one, as a server without an order may."""
        shown = {**query, "pageNumber": "1"} if key == "classifications" else query
        return ordered(rows, key, shown)

    monkeypatch.setattr(fritz, "_page", overlapping)
    run(instance, full=True)
    assert RemoteClassification.objects.count() == 4
    monkeypatch.setattr(fritz, "_page", ordered)
    fritz.classifications.popitem()
    run(instance, full=True)
    assert RemoteClassification.objects.count() == 3


def test_classifications_of_a_source_that_is_not_listed_are_kept(fritz: FakeSkyPortal) -> None:
    fritz.add_spectrum("ZTF1")
    fritz.classify("ZTF1", "Ia")
    instance = connect(fritz, only_unclassified=False)
    listed = fritz._list_sources
    fritz._list_sources = lambda query, groups: listed({**query, "group_ids": "99"}, {99})  # type: ignore[method-assign]
    run(instance)
    run(instance, full=True)
    assert RemoteClassification.objects.get().class_name == "SN Ia"


def test_a_refused_post_that_was_never_sent_needs_no_withdrawal(fritz: FakeSkyPortal, reviewer: User) -> None:
    synced(fritz, "ZTF1", decisions="always", share_with=[PUBLIC, 7])
    decision = decide(reviewer, "ZTF1", "TDE")
    deliver()
    decisions.undo(reviewer, decision.pk)
    deliver()
    assert SkyPortalPost.objects.get().state == PostState.WITHDRAWN
