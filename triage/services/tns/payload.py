"""Building and checking the classification report that the TNS takes. Nothing is sent from here."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db.models import F

from classifier.spectrum import PLAUSIBLE_REDSHIFTS, is_plausible_redshift
from classifier.taxonomy import load_taxonomy
from triage.errors import NotFoundError
from triage.models import Classification, Decision, Spectrum, Transient
from triage.services.tns.from_file import FromFile
from triage.services.tns.spectrum_files import obsdate, text_file
from triage.services.tns.tables import Tables, current_tables

_NAME = re.compile(r"^(?:AT|SN|TDE)?\s*((?:19|20)\d\d[A-Za-z]{1,7})$", re.I)
_BARE_NAME = re.compile(r"^(19|20)\d\d[A-Za-z]{1,7}$")
_REPORT_KEYS = {"name", "classifier", "objtypeid", "redshift", "groupid", "remarks", "spectra"}
_SPECTRUM_KEYS = {
    "obsdate",
    "instrumentid",
    "exptime",
    "observer",
    "reducer",
    "spectypeid",
    "ascii_file",
    "fits_file",
    "remarks",
}


@dataclasses.dataclass(frozen=True)
class Options:
    """Fields of a report that a person adds. Unknown values are "" or None; then the file of each spectrum is asked.

    name: TNS name, or "" to take it from the transient's names.
    classifier, observer, reducer: people, as the TNS shows them.
    instrument, group, spectrum_type: ids of the TNS.
    exposure_s: exposure time in seconds.
    proprietary_period: days during which the TNS hides the spectrum.
    remarks: free text.
    spectra: ids of the spectra to send, or () to choose one.
    """

    name: str = ""
    classifier: str = ""
    observer: str = ""
    reducer: str = ""
    instrument: int | None = None
    exposure_s: float | None = None
    group: int | None = None
    spectrum_type: int = 1
    proprietary_period: int | None = None
    remarks: str = ""
    spectra: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Report:
    """A report that could be sent.

    decision: the decision it reports.
    group: the group that the decision is private to, or None.
    tns_name: name without prefix, or "".
    payload: JSON that the TNS takes.
    files: name and content of each spectrum as a text file, in the order of the report.
    problems: what keeps the report from being sent.
    warnings: what the user should consider before.
    """

    decision: Decision
    group: Group | None
    tns_name: str
    payload: dict[str, Any]
    files: list[tuple[str, str]]
    problems: list[str]
    warnings: list[str]

    @property
    def json(self) -> str:
        return json.dumps(self.payload, indent=2, ensure_ascii=False)


def build_report(user: User, transient: Transient, options: Options) -> Report:
    """Build the report of the vetted classification that the user sees for a transient.

    Raises NotFoundError if there is none.
    """
    rows = Classification.objects.standing_before(user).filter(transient=transient)
    standing = rows.select_related("decision__reviewer", "decision__prediction", "group").first()
    if standing is None:
        raise NotFoundError("this transient has no vetted classification yet; decide on it first")
    decision = standing.decision
    spectra = _spectra(user, standing, options.spectra)
    others = transient.other_names.visible_to(user).values_list("name", flat=True)
    tns_name = find_name(options.name, [transient.name, *others])
    tables = current_tables()
    files = [text_file(tns_name or transient.name, spectrum) for spectrum in spectra]
    payload = _payload(transient, decision, spectra, options, tns_name, tables)
    name_files(payload, [name for name, _ in files])
    problems = [*_problems_of_records(transient, spectra), *check(payload, tables)]
    warnings = []
    if standing.group is not None:
        warnings.append(f"This classification is private to {standing.group.name}; a report makes it public.")
    if transient.tns and transient.tns.class_name:
        warnings.append(f"It is {transient.tns.summary} already.")
    if left := len(set(options.spectra) - {spectrum.pk for spectrum in spectra}):
        warnings.append(
            f"{left} of the chosen spectra cannot be sent: a public report has public, readable spectra only."
        )
    if not options.spectra and spectra and decision.spectrum_id not in (None, spectra[0].pk):
        warnings.append(
            "The spectrum of the decision has no date, so the newest dated one that its reviewer saw is taken."
        )
    if any(spectrum.at_rest for spectrum in spectra):
        warnings.append("The wavelengths of a spectrum are in the rest frame.")
    if any(spectrum.receipt.get("host_light") for spectrum in spectra):
        warnings.append("The host's light was taken off a spectrum. Its file says so.")
    warnings += _guesses([FromFile.of(spectrum, tables) for spectrum in spectra], options)
    if options.instrument is not None and len({spectrum.instrument for spectrum in spectra}) > 1:
        warnings.append("The spectra come from different instruments, and the report names one for all.")
    return Report(decision, standing.group, tns_name, payload, files, problems, warnings)


def _guesses(from_files: Sequence[FromFile], options: Options) -> list[str]:
    """Return what of a report is guessed and was not entered by a person, as sentences."""
    dates = [from_file.date_guess for from_file in from_files]
    instruments = [from_file.instrument_guess for from_file in from_files if options.instrument is None]
    return [*filter(None, dict.fromkeys([*dates, *instruments]))]


def find_name(given: str, names: Iterable[str]) -> str:
    """Return a TNS name without its prefix.

    given: name that a person entered; used alone unless it is "".
    names: names of the transient.

    Returns the entered text as it is if it is not a TNS name, and "" if no name is one.
    """
    for name in [given] if given else names:
        match = _NAME.match(str(name).strip())
        if match:
            return match[1]
    return given.strip()


def _spectra(user: User, standing: Classification, wanted: Sequence[int]) -> list[Spectrum]:
    """Return the spectra to report, the earliest first.

    They are those that were asked for. If none were, it is the one that the decision rests on if that is dated, else
    the newest dated one that the reviewer saw, else an undated one. A public classification is never reported with a
    private spectrum.
    """
    rows = Spectrum.objects.visible_to(user).filter(transient=standing.transient_id, arrays__isnull=False)
    if standing.group_id is None:
        rows = rows.filter(group__isnull=True)
    if wanted:
        return list(rows.filter(pk__in=wanted).order_by(F("observed_at").asc(nulls_last=True), "id"))
    decision = standing.decision
    of_decision = list(rows.filter(pk__in=[decision.spectrum_id]))
    if decision.spectrum_id is not None and (not of_decision or of_decision[0].observed_at is not None):
        return of_decision
    seen = rows.filter(pk__in=decision.spectra_seen, rejected=False)
    dated = list(seen.filter(observed_at__isnull=False).order_by("-observed_at", "-id")[:1])
    return dated or of_decision or list(seen.order_by("-id")[:1])


def _payload(
    transient: Transient,
    decision: Decision,
    spectra: Sequence[Spectrum],
    options: Options,
    name: str,
    tables: Tables,
) -> dict[str, Any]:
    entry = load_taxonomy().find(decision.class_name)
    # The network's own redshift is not reported, because no person stands behind it.
    redshift = decision.redshift if decision.redshift is not None else transient.redshift
    object_type = tables.type_number(decision.class_name, entry.tns if entry else None)
    contents = [_content(spectrum, options, decision, FromFile.of(spectrum, tables)) for spectrum in spectra]
    # A report without a spectrum keeps its form, so that the preview shows what is missing.
    contents = contents or [_content(None, options, decision, FromFile())]
    report = {
        "name": name,
        "classifier": options.classifier or decision.reviewer.get_full_name() or decision.reviewer.get_username(),
        "objtypeid": _or_empty(object_type),
        "redshift": _or_empty(redshift),
        "groupid": _or_empty(options.group),
        "remarks": options.remarks,
        "spectra": {"spectra-group": {str(number): content for number, content in enumerate(contents)}},
    }
    return {"classification_report": {"0": report}}


def _content(spectrum: Spectrum | None, options: Options, decision: Decision, from_file: FromFile) -> dict[str, Any]:
    observed_at = spectrum.observed_at if spectrum else None
    return {
        "obsdate": "" if observed_at is None else obsdate(observed_at),
        "instrumentid": _or_empty(from_file.instrument if options.instrument is None else options.instrument),
        "exptime": _or_empty(from_file.exposure_s if options.exposure_s is None else options.exposure_s),
        "observer": options.observer or from_file.observer,
        "reducer": options.reducer or from_file.reducer,
        "spectypeid": options.spectrum_type,
        "ascii_file": "",
        "fits_file": "",
        "remarks": _phase(spectrum, decision),
        **_proprietary_period(options.proprietary_period),
    }


def _phase(spectrum: Spectrum | None, decision: Decision) -> str:
    """Return the phase of a spectrum in words, or "" if its reviewer saw none. The TNS has no field for it."""
    seen, phase = decision.prediction, decision.phase
    if spectrum is None or seen is None or seen.spectrum_id != spectrum.pk or phase is None:
        return ""
    return f"phase {round(phase.days):+d} +/- {max(round(phase.error), 1)} d from maximum light, from {phase.origin}"


def _proprietary_period(days: int | None) -> dict[str, Any]:
    """Return the fields of the proprietary period, of which servers take one number or a value with its unit."""
    if settings.TNS_PROPRIETARY_PERIOD == "value_and_units":
        return {"spec_proprietary_period_value": _or_empty(days), "spec_proprietary_period_units": "days"}
    return {"spec_proprietary_period": _or_empty(days)}


def _contents(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a report says of each spectrum."""
    return list(payload["classification_report"]["0"]["spectra"]["spectra-group"].values())


def name_files(payload: dict[str, Any], names: Sequence[str]) -> None:
    """Write the names of the spectra's files into a report, in its order."""
    for content, name in zip(_contents(payload), names, strict=False):
        content["ascii_file"] = name


def _or_empty(value: Any) -> Any:
    """Return "" for an unknown value, as the TNS wants it; 0 is a value."""
    return "" if value is None else value


def _problems_of_records(transient: Transient, spectra: Sequence[Spectrum]) -> list[str]:
    problems = []
    if transient.simulated or any(spectrum.simulated for spectrum in spectra):
        problems.append("This transient is simulated, so it is not reported.")
    if not spectra:
        problems.append("The decision rests on no readable spectrum; choose one.")
    return problems


def check(payload: dict[str, Any], tables: Tables) -> list[str]:
    """Return what the TNS would refuse, as sentences for people; empty if nothing."""
    return [complaint for _, complaint in faults(payload, tables)]


def faults(payload: dict[str, Any], tables: Tables) -> list[tuple[str, str]]:
    """Return what the TNS would refuse, as pairs of a field of Options that would cure it (or "") and a sentence."""
    report = payload.get("classification_report", {}).get("0", {})
    spectra = list(report.get("spectra", {}).get("spectra-group", {}).values())
    fields = _SPECTRUM_KEYS | set(_proprietary_period(None))
    if set(report) != _REPORT_KEYS or not spectra or any(set(spectrum) != fields for spectrum in spectra):
        return [("", "The report lacks fields that the TNS asks for, or has others.")]
    rules = (
        (
            "name",
            bool(_BARE_NAME.match(str(report["name"]))),
            "Give the TNS name without AT or SN, such as 2026abc.",
        ),
        ("classifier", bool(report["classifier"]), "Say who classified it."),
        (
            "",
            report["objtypeid"] in tables.object_types,
            "The TNS has no object type for this class; decide for a class that it has.",
        ),
        (
            "",
            report["redshift"] == "" or is_plausible_redshift(float(report["redshift"])),
            f"The redshift is not {PLAUSIBLE_REDSHIFTS}; correct it in the decision or the transient.",
        ),
        (
            "",
            all(_is_obsdate(spectrum["obsdate"]) for spectrum in spectra),
            "State the time of observation among the facts of the spectrum.",
        ),
        (
            "instrument",
            all(isinstance(spectrum["instrumentid"], int) for spectrum in spectra),
            "Give the instrument's name or number at the TNS.",
        ),
        ("observer", all(spectrum["observer"] for spectrum in spectra), "Say who observed it."),
        ("spectra", all(spectrum["ascii_file"] for spectrum in spectra), "Choose a spectrum."),
    )
    return [(field, complaint) for field, holds, complaint in rules if not holds]


def _is_obsdate(text: Any) -> bool:
    try:
        datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return False
    return True
