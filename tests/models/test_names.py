"""One transient has one record, whatever the spelling of its name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command

from classifier.names import name_key
from tests.at_once import at_once, needs_threads
from tests.factories import spectrum_file
from triage.intake.naming import known_transient
from triage.intake.submit import Given, submit_spectrum
from triage.models import OtherName, Transient

CASES = json.loads((Path(__file__).parents[1] / "cases" / "names.json").read_text(encoding="utf-8"))

# Each line holds spellings of one name; no two lines mean the same transient.
SPELLINGS = [
    ["SN2021zzx", "AT2021zzx\u200b", "at2021zzx", "SN_2021zzx", "AT 2021 zzx", "2021zzx", "TDE2021zzx", "sn-2021zzx"],
    ["SN 1994D", "1994D", "SN1994D", "sn94D", "SN 94D", "sn_94d"],
    ["SN2005cs", "sn05cs", "SN 05cs", "AT2005cs"],
    ["SN 1937C", "sn37C", "SN 37C"],
    ["SN1987A", "SN 1987A", "sn1987a", "1987A"],
    ["ZTF18aabcdef", "ztf18aabcdef", "ZTF 18aabcdef", "ZTF_18AABCDEF"],
    ["LSST-P-DO-313761043604045880", "313761043604045880", "lsst_p_do_313761043604045880", "LSST 313761043604045880"],
    ["ATLAS21abc", "ATLAS 21abc", "atlas_21abc"],
    ["Gaia21abc", "GAIA 21abc", "gaia21abc"],
    ["PS21abc", "ps21abc"],
    ["PS1-13arp", "PS1 13arp", "ps1_13arp"],
    ["GOTO23abc", "goto 23abc"],
    ["ASASSN-15lh", "ASASSN15lh", "asassn 15LH"],
    ["MASTER OT J120451.50+265946.6", "MASTER_OT_J120451.50+265946.6", "master ot j120451.50+265946.6"],
    ["MASTER OT J120451.50-265946.6"],
    ["PSN J12045150+2659466", "PSN_J12045150+2659466", "psnj12045150+2659466"],
    ["PSN J12045150-2659466"],
    ["OGLE-2014-SN-021", "OGLE 2014 SN 021"],
    ["SN2021zzy"],
    ["ZTF18aabcdeg"],
]


@pytest.mark.parametrize("spellings", SPELLINGS, ids=lambda spellings: spellings[0])
def test_every_spelling_of_a_name_has_one_key(spellings: list[str]) -> None:
    assert {name_key(spelling) for spelling in spellings} == {name_key(spellings[0])}


def test_different_names_have_different_keys() -> None:
    assert len({name_key(spellings[0]) for spellings in SPELLINGS}) == len(SPELLINGS)


def test_a_short_year_is_one_of_this_century_up_to_the_next_year() -> None:
    year = datetime.now(UTC).year
    for full in (year - 1, year, year + 1, year - 98):
        assert name_key(f"sn{full % 100:02}C") == f"{full}c"


@pytest.mark.django_db
def test_a_name_in_another_spelling_joins_its_transient_and_is_found(reviewer: User) -> None:
    for number, name in enumerate(CASES["upload_with_transient"]):
        submit_spectrum(reviewer, spectrum_file(seed=number), f"{number}.txt", Given(transient=name))
    transient = Transient.objects.get()
    for part in CASES["then_search"]:
        assert list(Transient.objects.visible_to(reviewer).with_part_of_name(reviewer, part)) == [transient]
        assert Transient.objects.visible_to(reviewer).called(reviewer, part) == transient


@pytest.mark.django_db
def test_a_private_name_is_neither_joined_nor_betrayed_by_strangers(reviewer: User) -> None:
    group = Group.objects.create(name="theirs")
    other = User.objects.create_user("other")
    other.groups.add(group)
    submit_spectrum(other, spectrum_file(seed=1), "a.txt", Given(transient="SN2021zzx", group=group))
    submit_spectrum(other, spectrum_file(seed=2), "b.txt", Given(transient="ZTF21abcdefg"))
    OtherName.objects.create(transient=Transient.objects.get(name="ZTF21abcdefg"), group=group, name="AT2021yyy")
    for name in ("at2021zzx", "2021yyy"):
        assert known_transient(name, None) is None
        assert known_transient(name, group) is not None
        assert Transient.objects.visible_to(reviewer).called(reviewer, name) is None
        assert Transient.objects.visible_to(other).called(other, name) is not None


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["___", "\ufdfa" * 120])
def test_a_name_without_a_usual_key_has_one_transient_too(reviewer: User, name: str) -> None:
    group = Group.objects.create(name="theirs")
    reviewer.groups.add(group)
    Transient.objects.create(name="- -")
    submit_spectrum(reviewer, spectrum_file(seed=1), "a.txt", Given(transient=name, group=group))
    submit_spectrum(reviewer, spectrum_file(seed=2), "b.txt", Given(transient=name))
    assert Transient.objects.get(name=name).spectra.count() == 2


@needs_threads
@pytest.mark.django_db(transaction=True)
def test_spellings_sent_at_once_make_one_transient(reviewer: User) -> None:
    names = ["SN2021zzx", "at2021zzx", "SN_2021zzx", "AT 2021 zzx", "2021zzx", "SN 2021ZZX"]
    at_once(
        [
            partial(submit_spectrum, reviewer, spectrum_file(seed=number), f"{number}.txt", Given(transient=name))
            for number, name in enumerate(names)
        ]
    )
    assert Transient.objects.get().spectra.count() == len(names)


@pytest.mark.django_db(transaction=True)
def test_a_name_with_a_short_year_gets_the_key_of_the_long_one_unless_that_is_taken() -> None:
    group = Group.objects.create(name="theirs")
    records = [Transient.objects.create(name=name) for name in ("sn94D", "sn05cs")]
    other = OtherName.objects.create(transient=records[0], group=group, name="SN 98bw")
    call_command("migrate", "triage", "0198", verbosity=0)
    for record in (*records, other):
        type(record).objects.filter(pk=record.pk).update(key=record.name.casefold().replace(" ", ""))
    Transient.objects.create(name="SN 2005cs")
    call_command("migrate", "triage", verbosity=0)
    assert dict(Transient.objects.values_list("name", "key")) == {
        "sn94D": "1994d",
        "sn05cs": "sn05cs",
        "SN 2005cs": "2005cs",
    }
    assert OtherName.objects.get().key == "1998bw"
