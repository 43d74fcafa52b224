"""The review page without a browser: bars of the classes, noise, redshifts, and who may decide."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from tests.factories import classified, classify_all, override, queries, send, spectrum_file
from triage.figures.light_curve import colour_of
from triage.intake import submit
from triage.intake.facts import correct_spectrum
from triage.intake.reread import read_again
from triage.models import Claim, Decision, NamedMatches, Prediction, ReviewPolicy, Spectrum, Transient
from triage.queue.priority import match_words
from triage.review import claims
from triage.views.network_answer import class_bars, exception_to_the_order

pytestmark = pytest.mark.django_db

NAMES = ("SN Ia", "SN Ib", "SN Ic", "SN II", "SN IIn", "SN IIb", "TDE", "AGN")


def predicted(*probabilities: float, members: tuple[str, ...]) -> Prediction:
    """Return a prediction with the probabilities of NAMES, in this order; members is its conformal set."""
    return Prediction(probabilities=dict(zip(NAMES, probabilities, strict=False)), conformal_set=list(members))


def test_every_class_of_the_conformal_set_has_a_bar_however_small() -> None:
    bars = class_bars(predicted(0.4, 0.2, 0.15, 0.1, 0.06, 0.05, 0.03, 0.01, members=("SN Ia", "AGN")))
    assert [bar.name for bar in bars] == ["SN Ia", "SN Ib", "SN Ic", "SN II", "SN IIn", "SN IIb", "AGN"]
    assert [bar.name for bar in bars if bar.in_set] == ["SN Ia", "AGN"]


def test_a_class_that_was_ruled_out_is_named_if_it_is_likelier_than_one_that_was_not() -> None:
    pair = exception_to_the_order(predicted(0.4, 0.21, 0.2, 0.05, members=("SN Ia", "SN Ic", "SN II")))
    assert pair is not None
    assert [(share.name, share.probability) for share in pair] == [("SN Ib", 0.21), ("SN II", 0.05)]
    assert exception_to_the_order(predicted(0.4, 0.3, 0.2, members=("SN Ia", "SN Ib"))) is None


def test_the_senders_comment_stands_under_the_spectrum_but_not_while_a_blind_vote_is_wanted(
    page: Callable[[str], str], reviewer: User, make_user: Callable[..., User]
) -> None:
    transient = classified(reviewer, comment="second outburst")
    said = 'The sender says: <span class="typed">second outburst</span>'
    assert said in page("X")
    claims.release(reviewer, transient)
    ReviewPolicy.objects.create(class_names=["TDE"])
    override(make_user("other"), transient, "TDE")
    assert said not in page("X")


@pytest.mark.parametrize(("score", "words"), [(9, "weak"), (12, "fair"), (14.9, "fair"), (15, "strong")])
def test_a_template_score_is_described_by_a_word(score: float, words: str) -> None:
    assert match_words(score) == words


@pytest.fixture
def page(client: Client, reviewer: User) -> Callable[[str], str]:
    """Return a function that fetches a transient's page, with all white space collapsed."""
    client.force_login(reviewer)

    def get(name: str) -> str:
        return re.sub(r"\s+", " ", client.get(reverse("review", args=[name])).content.decode())

    return get


def test_classes_of_the_conformal_set_are_marked_in_words_too(page: Callable[[str], str], reviewer: User) -> None:
    send(reviewer, "T0")
    classify_all()
    prediction = Prediction.objects.get()
    content = page("T0")
    table = content[content.index('<table class="bars">') : content.index("More from the network")]
    # The predicted class stands above the table.
    others = set(prediction.conformal_set) - {prediction.class_name}
    assert table.count("cannot be ruled out</span>") == len(others)
    assert "Nine times in ten" not in content
    legend = "✓ cannot be ruled out at 90 % confidence."
    Prediction.objects.update(conformal_set=[prediction.class_name, "SN Ib"])
    assert legend in page("T0")
    Prediction.objects.update(conformal_set=[prediction.class_name])
    assert legend not in page("T0")


def test_a_tick_behind_a_smaller_share_than_that_of_a_class_without_one_is_explained_on_demand(
    page: Callable[[str], str], reviewer: User
) -> None:
    send(reviewer, "T0")
    classify_all()
    shares = dict.fromkeys(Prediction.objects.get().probabilities, 0.0) | {"SN Ia": 0.73, "SN II": 0.25, "SN Ib": 0.02}
    Prediction.objects.update(probabilities=shares, class_name="SN Ia", conformal_set=["SN Ia", "SN Ib"])
    shown = page("T0")
    start = shown.index('<details class="set-words muted"><summary>✓ cannot be ruled out at 90 % confidence.</summary>')
    legend = shown[start : shown.index("</details>", start)]
    assert "SN II (25 %) is below its threshold, SN Ib (2 %) is above its own." in legend
    Prediction.objects.update(conformal_set=["SN Ia", "SN II"])
    assert "has its own threshold" not in page("T0")


def test_the_redshift_of_the_network_is_said_once_and_never_as_a_known_one(
    page: Callable[[str], str], reviewer: User
) -> None:
    send(reviewer, "T0")
    classify_all()
    Prediction.objects.update(redshift=0.0132, redshift_error=0.0027)
    shown = page("T0")
    assert "no known redshift</span>" in shown
    assert shown.count("0.0132 ± 0.0027") == 1
    Prediction.objects.update(redshift=None, redshift_error=None)
    assert "z unknown" in page("T0")


def test_a_redshift_far_from_the_known_one_is_said_where_the_class_is_decided(
    page: Callable[[str], str], reviewer: User
) -> None:
    send(reviewer, "T0")
    classify_all()
    Prediction.objects.update(redshift=0.05, redshift_error=0.0031, redshift_used=0.3)
    words = "It looks like z = 0.0500 ± 0.0031, but z = 0.3 is known. Is it the right transient?"
    assert words in page("T0")
    Prediction.objects.update(redshift_used=0.051)
    assert "Is it the right transient?" not in page("T0")


def test_noise_is_called_noise_and_a_spectrum_has_its_signal_to_noise_ratio(
    page: Callable[[str], str], reviewer: User
) -> None:
    wavelength = np.arange(3800.0, 9000.0, 8.0)
    flux = np.random.default_rng(5).normal(size=wavelength.size)
    content = "\n".join(f"{at:.1f} {value:.5f}" for at, value in zip(wavelength, flux, strict=True)).encode()
    submit.submit_spectrum(reviewer, content, "noise.txt", submit.Given(transient="nothing"))
    send(reviewer, "T0")
    classify_all()
    assert "Mostly noise:</b> S/N 0." in page("nothing")
    content_of_spectrum = page("T0")
    assert "Mostly noise" not in content_of_spectrum
    ratio = re.search(r">S/N ([\d.]+)</span>", content_of_spectrum)
    assert ratio is not None
    assert float(ratio[1]) > 2


def test_a_class_that_noise_around_a_continuum_got_is_not_to_be_trusted(
    page: Callable[[str], str], client: Client, reviewer: User
) -> None:
    wavelength = np.arange(3800.0, 9000.0, 2.0)
    flux = 1.5 + np.random.default_rng(5).normal(size=wavelength.size)
    content = "\n".join(f"{at:.1f} {value:.5f}" for at, value in zip(wavelength, flux, strict=True)).encode()
    submit.submit_spectrum(reviewer, content, "flat.txt", submit.Given(transient="flat"))
    send(reviewer, "T0")
    classify_all()
    shown = page("flat")
    assert re.search(r"No feature stands out of the noise:</b> S/N 3\.\d in bins", shown)
    assert "do not trust</span>" in shown
    assert "No feature stands out of the noise: do not trust the class." in shown
    assert "do not trust" not in page("T0")
    queue = client.get(reverse("queue")).content.decode()
    assert queue.count("do not trust</span>") == 1
    rows = {row["transient"]: row for row in client.get(reverse("api-queue")).json()["results"]}
    assert [warning["code"] for warning in rows["flat"]["warnings"]] == ["featureless"]
    assert rows["flat"]["reason"].startswith("no feature stands out of the noise: do not trust the class · waits")
    assert rows["T0"]["warnings"] == []


def test_a_flattened_spectrum_has_no_ratio_and_is_called_noise_only_where_nothing_stands_out(
    page: Callable[[str], str], reviewer: User
) -> None:
    wavelength = np.geomspace(3500.0, 9500.0, 900)
    noise = np.random.default_rng(5).normal(size=wavelength.size)
    as_flat = submit.Given(transient="good", corrections={"flux_kind": "flattened"})
    for name, flux in (("good", np.sin(wavelength / 60) + 0.02 * noise), ("bad", noise)):
        content = "\n".join(f"{at:.2f} {value:.5f}" for at, value in zip(wavelength, flux, strict=True)).encode()
        given = dataclasses.replace(as_flat, transient=name)
        submit.submit_spectrum(reviewer, content, f"{name}.txt", given)
    assert "Mostly noise" not in page("good")
    assert "Mostly noise:</b> Do not rely" in page("bad")
    assert "S/N" not in page("good") + page("bad")


def test_the_set_of_the_predicted_class_has_its_lines(
    page: Callable[[str], str], client: Client, reviewer: User
) -> None:
    send(reviewer, "T0")
    classify_all()
    Prediction.objects.update(class_name="SN Ia")
    assert "> of SN Ia</label>" in page("T0")
    sets = client.get(reverse("plot", args=["T0"])).json()["about"]["sets"]
    assert "Si II" in sets["class"]
    assert "H" not in sets["class"]


def test_what_changes_the_meaning_of_a_spectrum_stands_in_sight_and_the_rest_is_folded(
    page: Callable[[str], str], reviewer: User
) -> None:
    send(reviewer, "T0")
    Spectrum.objects.update(
        receipt=Spectrum.objects.get().receipt
        | {
            "warnings": [
                {"code": "looks_rest_frame", "message": "perhaps at rest"},
                {"code": "telluric_uncorrected", "message": "telluric bands"},
            ],
            "guesses": [
                {"what": "wavelength_unit", "value": "um", "evidence": "median 0.6", "confidence": 0.8},
                {"what": "frame", "value": "rest", "evidence": "the file says so", "confidence": 0.95},
            ],
        }
    )
    shown = page("T0")
    in_sight, folded = shown.split('<details class="receipt">')
    assert "⚠ Perhaps at rest." in in_sight
    assert "⚠ The wavelength unit was guessed: µm (median 0.6)." in in_sight
    assert "elluric bands" not in in_sight.split('class="under-plot')[1]
    assert "the file says so" not in in_sight
    assert "Telluric bands" in folded


def test_a_date_is_called_guessed_until_somebody_states_one(page: Callable[[str], str], reviewer: User) -> None:
    def sent(name: str, **given: Any) -> Spectrum:
        content = spectrum_file(seed=len(name))
        return submit.submit_spectrum(
            reviewer, content, f"{name}_20260304.txt", submit.Given(transient=name, **given)
        ).spectrum

    stated_date = datetime(2026, 3, 4, tzinfo=UTC)
    guessed, stated = sent("guessed"), sent("stated", observed_at=stated_date)
    assert guessed.observed_at == stated.observed_at == stated_date
    assert "(guessed)" in page("guessed")
    assert "⚠" not in page("guessed")
    assert "(guessed)" not in page("stated")
    for spectrum in (guessed, stated):
        read_again(reviewer, spectrum, {"medium": "vacuum"})
    assert "(guessed)" in page("guessed")
    assert "(guessed)" not in page("stated")
    correct_spectrum(reviewer, Spectrum.objects.get(pk=guessed.pk), {"observed_at": datetime(2026, 3, 5, tzinfo=UTC)})
    assert "(guessed)" not in page("guessed")


@pytest.mark.parametrize(("days", "nebular"), [(99.0, False), (101.0, True)])
def test_only_a_late_spectrum_has_nebular_lines_by_itself(
    page: Callable[[str], str], reviewer: User, days: float, nebular: bool
) -> None:
    send(reviewer, "T0")
    classify_all()
    assert 'data-nebular=""' in page("T0")
    matches = {"matches": [], "library": "x", "phase": days, "phase_error": 5.0}
    NamedMatches.objects.update_or_create(prediction=Prediction.objects.get(), defaults=matches)
    assert ('data-nebular="1"' in page("T0")) is nebular


def test_the_place_on_the_sky_is_shown_in_both_forms_with_links(page: Callable[[str], str], reviewer: User) -> None:
    send(reviewer, "T0")
    assert "place-degrees" not in page("T0")
    Transient.objects.update(ra=187.5, dec=-1.0)
    shown = page("T0")
    assert ">12:30:00.000 -01:00:00.00</span>" in shown
    assert ">187.500000 -1.000000</span>" in shown
    assert "https://www.legacysurvey.org/viewer?ra=187.500000&amp;dec=-1.000000" in shown
    Transient.objects.update(dec=1.0)
    assert "dec=%2B1.000000" in page("T0")


def test_a_review_page_takes_the_same_few_queries_for_any_number_of_epochs(client: Client, reviewer: User) -> None:
    send(reviewer, "T0")
    classify_all()
    client.force_login(reviewer)
    address = reverse("review", args=["T0"])
    queries(client, address)
    first = queries(client, address)
    for seed in range(2, 5):
        send(reviewer, "T0", seed)
    classify_all()
    assert (first, queries(client, address)) == (27, 27)


def test_only_the_epochs_next_in_time_are_drawn_and_only_if_asked_for(
    client: Client, reviewer: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(14):
        given = submit.Given(transient="T0", observed_at=datetime(2026, 1, 1 + number, tzinfo=UTC))
        submit.submit_spectrum(reviewer, spectrum_file(seed=number), f"{number}.txt", given)
    client.force_login(reviewer)
    middle = Spectrum.objects.order_by("observed_at")[7]
    address = reverse("plot", args=["T0"])
    alone = client.get(address, {"spectrum": middle.pk})
    assert (alone.json()["about"]["ranks"], alone.json()["about"]["epochs"]) == ([], 13)
    with django_assert_max_num_queries(12):
        beside = client.get(address, {"spectrum": middle.pk, "epochs": 1})
    assert beside.json()["about"]["ranks"] == [-4, -3, -2, -1, 1, 2, 3, 4]
    first = Spectrum.objects.order_by("observed_at")[0]
    ranks = client.get(address, {"spectrum": first.pk, "epochs": 1}).json()["about"]["ranks"]
    assert ranks == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_transient_that_somebody_else_claimed_cannot_be_decided_on_until_it_is_taken_over(
    page: Callable[[str], str], client: Client, reviewer: User, make_user: Any
) -> None:
    send(reviewer, "T0")
    classify_all()
    claims.claim(make_user("ada"), Transient.objects.get())
    content = page("T0")
    assert '<fieldset class="verdicts" disabled>' in content
    assert "To decide yourself, choose “Take over” at the top of the page." in content
    client.post(reverse("claim", args=["T0"]), {"act": "take"})
    content = page("T0")
    assert '<fieldset class="verdicts">' in content
    assert '<p class="held-words warn" role="status" hidden>' in content


def test_who_has_voted_does_not_hold_up_the_second_opinion(client: Client, reviewer: User, make_user: Any) -> None:
    ReviewPolicy.objects.create(class_names=["TDE"])
    override(reviewer, classified(reviewer, "T0"), "TDE")
    address, ben = reverse("review", args=["T0"]), make_user("ben")
    for user, holders in ((reviewer, []), (ben, [ben])):
        client.force_login(user)
        page = client.get(address).content.decode()
        assert [claim.reviewer for claim in Claim.objects.all()] == holders
        assert (" data-done" in page) is not bool(holders)
    client.force_login(reviewer)
    for act, holder in (("open", ben), ("take", reviewer), ("claim", reviewer)):
        notice = client.post(reverse("claim", args=["T0"]), {"act": act}, headers={"X-Fragment": "1"}).content.decode()
        assert Claim.objects.get().reviewer == holder
        assert ("Take over" in notice, " data-done" in notice) == (holder == ben, holder == ben)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("3", "overridden to TDE at z = 3; z = 0.03 was known, which is far from it<"),
        ("0,031", "overridden to TDE at z = 0.031<"),
        ("", "overridden to TDE<"),
    ],
)
def test_the_message_has_the_decided_redshift_and_says_if_it_is_far_from_the_known_one(
    client: Client, reviewer: User, typed: str, said: str
) -> None:
    classified(reviewer, "T0")
    Transient.objects.update(redshift=0.03)
    client.force_login(reviewer)
    verdict = {"verdict": "override", "class_name": "TDE", "redshift": typed}
    answer = client.post(reverse("decide", args=["T0"]), verdict, follow=True).content.decode()
    assert f"T0: {said}" in answer


@pytest.mark.parametrize(
    ("typed", "recorded"), [("0,031", 0.031), ("0.031", 0.031), ("0.0345(12)", None), ("0.0.5", None), ("abc", None)]
)
def test_a_redshift_is_recorded_as_it_was_typed_or_refused(
    client: Client, reviewer: User, typed: str, recorded: float | None
) -> None:
    classified(reviewer, "T0")
    client.force_login(reviewer)
    verdict = {"verdict": "override", "class_name": "TDE", "redshift": typed}
    answer = client.post(reverse("decide", args=["T0"]), verdict)
    assert list(Decision.objects.values_list("redshift", flat=True)) == ([] if recorded is None else [recorded])
    assert recorded is not None or "A redshift is a number such as 0.034." in answer.content.decode()


@pytest.mark.parametrize("typed", ["09/02/2010", "03/04/2010 05:00", "2131-01-01"])
def test_a_date_that_is_not_written_year_first_or_lies_in_the_future_is_refused(
    client: Client, reviewer: User, typed: str
) -> None:
    classified(reviewer, "T0")
    before = Spectrum.objects.get()
    client.force_login(reviewer)
    address = reverse("spectrum-facts", args=[before.pk])
    answer = client.post(address, {"observed_at": typed, "initial-observed_at": "", "group": "everybody"}, follow=True)
    assert "A date is written" in answer.content.decode() or "lies in the future" in answer.content.decode()
    assert Spectrum.objects.get().observed_at == before.observed_at


def test_after_a_light_curve_is_added_its_plot_is_shown(client: Client, reviewer: User) -> None:
    client.force_login(reviewer)
    send(reviewer, "T0")
    file = SimpleUploadedFile("curve.csv", b"mjd,filter,mag,error\n60000,g,18.1,0.1\n60001,r,18.0,0.1\n")
    answer = client.post(reverse("photometry", args=["T0"]), {"file": file, "group": ""})
    assert answer["Location"] == reverse("review", args=["T0"]) + "#light-curve"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_g_is_green_and_r_is_red(theme: str) -> None:
    def channels(name: str) -> list[int]:
        return [int(colour_of(name, theme)[i : i + 2], 16) for i in (1, 3, 5)]

    for name in ("g", "ztfg", "sdss::g'"):
        assert max(channels(name)) == channels(name)[1]
    for name in ("r", "ztfr"):
        assert max(channels(name)) == channels(name)[0]
    assert colour_of("clear", theme) != colour_of("g", theme)


def test_epochs_of_different_dates_are_drawn_over_time(page: Callable[[str], str], reviewer: User) -> None:
    for day in (1, 11):
        given = submit.Given(transient="T0", observed_at=datetime(2026, 11, day, tzinfo=UTC))
        submit.submit_spectrum(reviewer, spectrum_file(seed=day), f"{day}.txt", given)
    classify_all()
    shown = page("T0")
    assert re.search(r"How probable [^<]+ is in each epoch, over 10 days", shown)
    assert shown.count('<circle class="epoch') == 2
    assert "uses 2 of 2 spectra" in shown
    Spectrum.objects.update(observed_at=datetime(2026, 11, 1, tzinfo=UTC))
    assert "in each epoch" not in page("T0")
