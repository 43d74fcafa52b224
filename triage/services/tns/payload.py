"""Building and checking the classification report that the TNS takes. Nothing is sent from here."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import F

from classifier.spectrum import PLAUSIBLE_REDSHIFTS, is_plausible_redshift
from classifier.taxonomy import load_taxonomy
from triage.errors import NotFoundError
from triage.models import Classification, Decision, Spectrum, SpectrumArrays, Transient
from triage.models.arrays import unpack

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
    "spec_proprietary_period",
}
# Ids of the TNS's object types when this was written; the TNS's own table is asked before a report is sent.
OBJECT_TYPES = {*range(15), 18, 19, 24, 25, 26, 27, 29, 30, 31, 99, 100, 103, 104, 105, 106, 120}


@dataclasses.dataclass(frozen=True)
class Options:
    """Fields of a report that a person adds. Unknown values are "" or None.

    name: TNS name, or "" to take it from the transient's names.
    classifier, observer, reducer: people, as the TNS shows them.
    instrument, group, spectrum_type: ids of the TNS.
    exposure_s: exposure time in seconds.
    proprietary_period: days during which the TNS hides the spectrum.
    remarks: free text.
    spectrum: id of the spectrum to send, or None to choose one.
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
    spectrum: int | None = None


@dataclasses.dataclass(frozen=True)
class Report:
    """A report that could be sent.

    decision: the decision it reports.
    group: the group that the decision is private to, or None.
    tns_name: name without prefix, or "".
    payload: JSON that the TNS takes.
    ascii_name, ascii_file: the spectrum as a text file.
    problems: what keeps the report from being sent.
    warnings: what the user should consider before.
    """

    decision: Decision
    group: Group | None
    tns_name: str
    payload: dict[str, Any]
    ascii_name: str
    ascii_file: str
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
    standing = rows.select_related("decision__reviewer", "group").first()
    if standing is None:
        raise NotFoundError("this transient has no vetted classification yet; decide on it first")
    decision = standing.decision
    spectrum = _spectrum(user, standing, options.spectrum)
    others = transient.other_names.visible_to(user).values_list("name", flat=True)
    tns_name = find_name(options.name, [transient.name, *others])
    ascii_name, ascii_file = _ascii(tns_name or transient.name, spectrum)
    payload = _payload(transient, decision, spectrum, options, tns_name, ascii_name)
    problems = [*_problems_of_records(transient, decision, spectrum), *check(payload)]
    warnings = []
    if standing.group is not None:
        warnings.append(f"This classification is private to {standing.group.name}; a report makes it public.")
    if spectrum is not None and spectrum.corrections.get("frame") == "rest":
        warnings.append("The wavelengths of this spectrum are in the rest frame.")
    return Report(decision, standing.group, tns_name, payload, ascii_name, ascii_file, problems, warnings)


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


def _spectrum(user: User, standing: Classification, wanted: int | None) -> Spectrum | None:
    """Return the spectrum to report, or None.

    It is the one that was asked for, or the one the decision rests on, or the latest that the reviewer saw. A public
    classification is never reported with a private spectrum.
    """
    rows = Spectrum.objects.visible_to(user).filter(transient=standing.transient_id, arrays__isnull=False)
    if standing.group_id is None:
        rows = rows.filter(group__isnull=True)
    chosen = wanted or standing.decision.spectrum_id
    if chosen is None:
        rows = rows.filter(pk__in=standing.decision.spectra_seen, rejected=False)
        return next(iter(rows.order_by(F("observed_at").desc(nulls_last=True), "-id")), None)
    return rows.filter(pk=chosen).first()


def _payload(
    transient: Transient, decision: Decision, spectrum: Spectrum | None, options: Options, name: str, ascii_name: str
) -> dict[str, Any]:
    entry = load_taxonomy().find(decision.class_name)
    # The network's own redshift is not reported, because no person stands behind it.
    redshift = decision.redshift if decision.redshift is not None else transient.redshift
    observed_at = spectrum.observed_at if spectrum else None
    content = {
        "obsdate": "" if observed_at is None else obsdate(observed_at),
        "instrumentid": _or_empty(options.instrument),
        "exptime": _or_empty(options.exposure_s),
        "observer": options.observer,
        "reducer": options.reducer,
        "spectypeid": options.spectrum_type,
        "ascii_file": ascii_name if spectrum else "",
        "fits_file": "",
        "remarks": "",
        "spec_proprietary_period": _or_empty(options.proprietary_period),
    }
    report = {
        "name": name,
        "classifier": options.classifier or decision.reviewer.get_full_name() or decision.reviewer.get_username(),
        "objtypeid": _or_empty(entry.tns if entry else None),
        "redshift": _or_empty(redshift),
        "groupid": _or_empty(options.group),
        "remarks": options.remarks,
        "spectra": {"spectra-group": {"0": content}},
    }
    return {"classification_report": {"0": report}}


def _or_empty(value: Any) -> Any:
    """Return "" for an unknown value, as the TNS wants it; 0 is a value."""
    return "" if value is None else value


def obsdate(moment: datetime) -> str:
    """Return a time in UTC as the TNS writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _ascii(name: str, spectrum: Spectrum | None) -> tuple[str, str]:
    """Return name and content of a text file with wavelength (Å), flux and, if known, its 1σ error."""
    stem = re.sub(r"[^A-Za-z0-9.+-]", "_", name)[:60]
    if spectrum is None:
        return f"{stem}.txt", ""
    day = spectrum.observed_at.astimezone(UTC).strftime("_%Y%m%d") if spectrum.observed_at else ""
    stored = SpectrumArrays.objects.get(spectrum=spectrum)
    columns = [unpack(stored.wavelength), unpack(stored.flux)]
    if stored.flux_error is not None:
        columns.append(unpack(stored.flux_error))
    lines = [f"# {name}", f"# instrument: {spectrum.instrument}" if spectrum.instrument else ""]
    lines.append(f"# date-obs (UTC): {obsdate(spectrum.observed_at)}" if spectrum.observed_at else "")
    lines.append("# wavelength(Angstrom) flux" + (" flux_error" if len(columns) == 3 else ""))
    rows = (f"{row[0]:.3f} " + " ".join(f"{value:.6g}" for value in row[1:]) for row in zip(*columns, strict=True))
    return f"{stem}{day}_{spectrum.pk}.txt", "\n".join([*(line for line in lines if line), *rows]) + "\n"


def _problems_of_records(transient: Transient, decision: Decision, spectrum: Spectrum | None) -> list[str]:
    problems = []
    if transient.simulated or (spectrum is not None and spectrum.simulated):
        problems.append("This transient is simulated, so it is not reported.")
    if spectrum is None:
        problems.append("The decision rests on no readable spectrum; choose one.")
    entry = load_taxonomy().find(decision.class_name)
    if entry is None or entry.tns is None:
        problems.append(f"The TNS has no object type for “{decision.class_name}”; decide for a class that it has.")
    return problems


def check(payload: dict[str, Any]) -> list[str]:
    """Return what the TNS would refuse, as sentences for people; empty if nothing."""
    return [complaint for _, complaint in faults(payload)]


def faults(payload: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what the TNS would refuse, as pairs of a field of Options that would cure it (or "") and a sentence."""
    report = payload.get("classification_report", {}).get("0", {})
    spectrum = report.get("spectra", {}).get("spectra-group", {}).get("0", {})
    if set(report) != _REPORT_KEYS or set(spectrum) != _SPECTRUM_KEYS:
        return [("", "The report lacks fields that the TNS asks for, or has others.")]
    rules = (
        (
            "name",
            bool(_BARE_NAME.match(str(report["name"]))),
            "Give the TNS name without AT or SN, such as 2026abc.",
        ),
        ("classifier", bool(report["classifier"]), "Say who classified it."),
        ("", report["objtypeid"] in OBJECT_TYPES, "The class has no object type of the TNS; decide for one that has."),
        (
            "",
            report["redshift"] == "" or is_plausible_redshift(float(report["redshift"])),
            f"The redshift is not {PLAUSIBLE_REDSHIFTS}; correct it in the decision or the transient.",
        ),
        (
            "",
            _is_obsdate(spectrum["obsdate"]),
            "The TNS needs the time of observation, which is not known for this spectrum.",
        ),
        ("instrument", isinstance(spectrum["instrumentid"], int), "Give the TNS's number of the instrument."),
        ("observer", bool(spectrum["observer"]), "Say who observed it."),
        ("spectrum", bool(spectrum["ascii_file"]), "Choose a spectrum."),
    )
    return [(field, complaint) for field, holds, complaint in rules if not holds]


def _is_obsdate(text: Any) -> bool:
    try:
        datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return False
    return True
