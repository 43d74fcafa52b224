"""The digest of a night holds what a user may see, and no more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories import classified, classified_transients, override
from triage.export.digest import HIDDEN, Digest
from triage.export.digest_text import as_text
from triage.export.draft_table import Draft
from triage.export.night import Night
from triage.models import Prediction, ReviewPolicy, Spectrum, Transient
from triage.review import decisions
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db


def tonight() -> Night:
    return Night((timezone.now() - timedelta(hours=12)).date())


def digest_of(user: User, **options: Any) -> Digest:
    return Digest.of(user, tonight(), **options)


def said(transient: Transient, class_name: str, novelty: float = 0.1) -> None:
    """Let the network have said this about a transient."""
    Prediction.objects.filter(spectrum__transient=transient).update(class_name=class_name, novelty=novelty)


@pytest.fixture
def ada(make_user: Callable[..., User]) -> User:
    return make_user("ada", "a")


@pytest.fixture
def ben(make_user: Callable[..., User]) -> User:
    return make_user("ben")


def test_a_digest_counts_what_arrived_in_its_night_by_class(ada: User) -> None:
    first, second, third, fourth = classified_transients(ada, 4)
    said(first, "SN Ia")
    said(second, "SN Ia")
    said(third, "SN II")
    Spectrum.objects.filter(transient=fourth).update(created_at=tonight().start - timedelta(seconds=1))
    Spectrum.objects.filter(transient=third).update(
        current_prediction=None, state="quarantined", created_at=tonight().start
    )
    digest = digest_of(ada)
    assert digest.arrived == [("SN Ia", 2), ("could not be read", 1)]
    assert digest.count == 3
    assert Digest.of(ada, Night(tonight().before)).count == 1


def test_a_digest_lists_vetted_transients_with_redshift_reviewer_and_instrument(ada: User) -> None:
    transient = classified(ada, "SN 2026abc", redshift=0.0312, ra=10.5, dec=-20.25, instrument="EFOSC2")
    override(ada, transient, "SN Ic")
    (row,) = digest_of(ada).vetted
    assert (row["transient"], row["class_name"], row["reviewer"]) == ("SN 2026abc", "SN Ic", "ada")
    assert (row["redshift"], row["instrument"], bool(row["outline"])) == (0.0312, "EFOSC2", True)
    assert Digest.of(ada, Night(tonight().before)).vetted == []


def test_rare_and_novel_transients_are_listed_once_with_the_reason(ada: User) -> None:
    rare, novel, usual, vetted = classified_transients(ada, 4)
    said(rare, "SLSN-II")
    said(novel, "SN Ia", novelty=0.99)
    said(usual, "SN Ia")
    said(vetted, "TDE")
    override(ada, vetted, "AGN")
    rows = {row.transient: (row.reason, row.vetted_class) for row in digest_of(ada).rare}
    assert rows == {
        "T0": ("SLSN-II is rare", ""),
        "T1": ("unlike anything the network knows", ""),
        "T3": ("TDE is rare", "AGN"),
    }


def test_a_digest_tells_nothing_of_a_vote_or_a_prediction_that_is_hidden_from_its_reader(ada: User, ben: User) -> None:
    ReviewPolicy.objects.create(group=None, class_names=["TDE"])
    (transient,) = classified_transients(ada, 1)
    said(transient, "SLSN-I", novelty=0.99)
    override(ada, transient, "TDE")
    digest = digest_of(ben)
    assert (digest.arrived, digest.rare, digest.vetted) == ([(HIDDEN, 1)], [], [])
    assert [(row.transient, row.yours) for row in digest.waiting] == [("T0", True)]
    assert "TDE" not in as_text(digest)
    assert "SLSN" not in as_text(digest)
    assert [row.yours for row in digest_of(ada).waiting] == [False]
    override(ben, transient, "AGN")
    assert [row.state for row in digest_of(ben).waiting] == ["disputed"]
    assert digest_of(ben).arrived == [("SLSN-I", 1)]


def test_a_digest_leaves_out_what_belongs_to_other_groups(ada: User, ben: User) -> None:
    group = Group.objects.get(name="a")
    ReviewPolicy.objects.create(group=group, class_names=["TDE"])
    secret = classified(ada, "secret", group=group)
    said(secret, "SLSN-I")
    other = classified(ada, "secret too", seed=2, group=group)
    override(ada, other, "SN Ia")
    override(ada, secret, "TDE")
    assert "secret" in as_text(digest_of(ada))
    digest = digest_of(ben)
    assert (digest.count, digest.vetted, digest.waiting, digest.rare) == (0, [], [], [])


def test_the_instrument_of_a_spectrum_that_became_private_is_left_out(ada: User, ben: User) -> None:
    transient = classified(ada, "X", instrument="hidden one")
    override(ada, transient, "SN Ia")
    Spectrum.objects.update(group=Group.objects.get(name="a"))
    assert [row["instrument"] for row in digest_of(ada).vetted] == ["hidden one"]
    assert [(row["instrument"], row["outline"]) for row in digest_of(ben).vetted] == [("", [])]


def test_simulated_spectra_are_left_out_if_observed_ones_are_asked_for(ada: User) -> None:
    override(ada, classified(ada, "SIM", simulated=True), "TDE")
    classified(ada, "real", seed=2)
    observed, both = digest_of(ada, simulated=False), digest_of(ada)
    assert (observed.count, observed.vetted) == (1, [])
    assert (both.count, len(both.vetted)) == (2, 1)


def test_a_digest_takes_as_many_queries_for_ten_transients_as_for_two(ada: User, ben: User) -> None:
    ReviewPolicy.objects.create(group=None, class_names=["TDE"])

    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            as_text(digest_of(User.objects.get(pk=ben.pk)))
        return len(captured)

    def fill(transients: list[Transient]) -> None:
        for number, transient in enumerate(transients):
            said(transient, "SLSN-I", novelty=0.99)
            decisions.record_decision(ada, transient, Proposal("override", class_name=("TDE", "SN Ia")[number % 2]))

    transients = classified_transients(ada, 10)
    fill(transients[:2])
    few = count()
    fill(transients[2:])
    assert count() == few <= 11


def test_an_empty_night_has_a_digest_that_says_so(ada: User) -> None:
    text = as_text(digest_of(ada))
    assert text.startswith(f"Night of {tonight()} (noon to noon, UTC)\n\nArrived: none\n\nNew and rare: none\n")


def test_a_draft_table_holds_the_chosen_vetted_transients_alone(ada: User) -> None:
    place: dict[str, Any] = {"ra": 187.70593, "dec": 12.39112, "observed_at": timezone.now().replace(microsecond=0)}
    one = classified(ada, "SN 2026abc", redshift=0.0312, instrument="EFOSC2", **place)
    override(ada, one, "SN Ic")
    override(ada, classified(ada, "other", seed=2), "SN Ia")
    pending = classified(ada, "pending", seed=3)
    draft = Draft.of(digest_of(ada).vetted, {str(one.pk), str(pending.pk), "nonsense"})
    assert draft is not None
    header, line = draft.text.splitlines()
    assert header.split("  ")[0] == "Name"
    assert line.startswith("SN 2026abc  12:30:49.423  +12:23:28.03  SN Ic")
    assert line.index("EFOSC2") == header.index("Instrument")
    columns, values = draft.csv.splitlines()
    assert columns == "name,ra_deg,dec_deg,class,z,phase_days,date,instrument,reviewer"
    assert values.startswith("SN 2026abc,187.70593,12.39112,SN Ic,0.0312,,20")
    assert draft.warnings == []
    assert Draft.of(digest_of(ada).vetted, {str(pending.pk)}) is None


def test_a_draft_table_warns_of_simulated_private_and_placeless_transients(ada: User) -> None:
    group = Group.objects.get(name="a")
    transients = [
        classified(ada, "SIM", simulated=True),
        classified(ada, "secret", seed=2, group=group),
    ]
    Transient.objects.filter(name="secret").update(ra=1.0, dec=2.0)
    for transient in transients:
        override(ada, transient, "SN Ia")
    draft = Draft.of(digest_of(ada).vetted, {str(transient.pk) for transient in transients})
    assert draft is not None
    assert draft.warnings == [
        "Simulated, not observed: SIM.",
        "Only a group may see: secret (a).",
        "Without coordinates: SIM.",
        "The redshift is the network's or a template's: secret, SIM.",
    ]


def test_a_draft_table_shows_estimates_and_guesses_as_such(ada: User) -> None:
    transient = classified(ada, "T0")
    Prediction.objects.update(class_name="TDE", redshift=0.48475, redshift_error=0.0094)
    spectrum = transient.spectra.get()
    observed_at = datetime(2016, 6, 14, tzinfo=UTC)
    guess = {"what": "observed_at", "value": observed_at.isoformat(), "confidence": 0.5, "evidence": "the file's name"}
    spectrum.observed_at, spectrum.receipt = observed_at, {**spectrum.receipt, "guesses": [guess]}
    spectrum.save()
    decisions.record_decision(ada, transient, Proposal("confirm"))
    draft = Draft.of(digest_of(ada).vetted, {str(transient.pk)})
    assert draft is not None
    assert "2016-06-14 " in draft.text
    assert "00:00" not in draft.text
    assert "0.4848 ± 0.0094" in draft.text
    assert "The redshift is the network's or a template's: T0." in draft.warnings
    assert "The date is a guess from the file: T0." in draft.warnings
