"""The classification report that the TNS takes: built from what is vetted, and checked. Nothing is sent here."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import F

from classifier.taxonomy import load_taxonomy
from triage.arrays import unpack
from triage.errors import NotFoundError
from triage.models import Classification, Decision, Spectrum, SpectrumArrays, Transient

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
# Ids of the TNS's object types, as they were last known; before sending, the TNS's own table is asked.
OBJECT_TYPES = {*range(15), 18, 19, 24, 25, 26, 27, 29, 30, 31, 99, 100, 103, 104, 105, 106, 120}


@dataclasses.dataclass(frozen=True)
class Options:
    """What a person adds to a report; "" or None where nothing is known. Ids are the TNS's."""

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
    """payload: the JSON. problems: what keeps it from being sent. warnings: what to think about before."""

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
    """The report of the classification that stands before the user. Raises NotFoundError where none is vetted."""
    rows = Classification.objects.standing_before(user).filter(transient=transient)
    standing = rows.select_related("decision__reviewer", "group").first()
    if standing is None:
        raise NotFoundError("no vetted classification of this transient stands")
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
    """The TNS's name without its prefix, from what was given, else from the transient's names; "" if there is none."""
    for name in [given] if given else names:
        match = _NAME.match(str(name).strip())
        if match:
            return match[1]
    return given.strip()


def _spectrum(user: User, standing: Classification, wanted: int | None) -> Spectrum | None:
    """The one asked for, else the one the decision rests on, else the latest that was seen; never one that others may
    see less of."""
    rows = Spectrum.objects.visible_to(user).filter(transient=standing.transient_id, arrays__isnull=False)
    if standing.group_id is None:
        rows = rows.filter(group__isnull=True)
    chosen = wanted or standing.decision.spectrum_id
    if chosen is None:
        rows = rows.filter(pk__in=standing.decision.spectra_seen, rejected=False)
        return next(iter(rows.order_by(F("observed_at").desc(nulls_last=True), "-id")), None)
    found: Spectrum | None = rows.filter(pk=chosen).first()
    return found


def _payload(
    transient: Transient, decision: Decision, spectrum: Spectrum | None, options: Options, name: str, ascii_name: str
) -> dict[str, Any]:
    entry = load_taxonomy().find(decision.class_name)
    # The network's own estimate is nobody's claim; it is not reported.
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
    """The TNS writes what is unknown as an empty text; 0 is a value."""
    return "" if value is None else value


def obsdate(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _ascii(name: str, spectrum: Spectrum | None) -> tuple[str, str]:
    """Wavelength (Å), flux and, where known, its 1σ error."""
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
        problems.append("This transient is simulated.")
    if spectrum is None:
        problems.append("The decision rests on no spectrum that could be read; choose one.")
    entry = load_taxonomy().find(decision.class_name)
    if entry is None or entry.tns is None:
        problems.append(f"The TNS has no object type for “{decision.class_name}”.")
    return problems


def check(payload: dict[str, Any]) -> list[str]:
    """What the TNS would not take, in words for people; [] if nothing."""
    return [complaint for _, complaint in faults(payload)]


def faults(payload: dict[str, Any]) -> list[tuple[str, str]]:
    """The same, each with the field of Options that mends it; "" where none does."""
    report = payload.get("classification_report", {}).get("0", {})
    spectrum = report.get("spectra", {}).get("spectra-group", {}).get("0", {})
    if set(report) != _REPORT_KEYS or set(spectrum) != _SPECTRUM_KEYS:
        return [("", "The report has not the fields that the TNS asks for.")]
    rules = (
        (
            "name",
            bool(_BARE_NAME.match(str(report["name"]))),
            "A TNS name such as 2026abc is needed, without AT or SN.",
        ),
        ("classifier", bool(report["classifier"]), "Say who classified it."),
        ("", report["objtypeid"] in OBJECT_TYPES, "An object type of the TNS is needed."),
        ("", report["redshift"] == "" or -0.1 < float(report["redshift"]) < 10, "The redshift is out of range."),
        ("", _is_obsdate(spectrum["obsdate"]), "The time of observation is not known, and the TNS needs it."),
        ("instrument", isinstance(spectrum["instrumentid"], int), "Give the TNS's number of the instrument."),
        ("observer", bool(spectrum["observer"]), "Say who observed it."),
        ("spectrum", bool(spectrum["ascii_file"]), "A spectrum is needed."),
    )
    return [(field, complaint) for field, holds, complaint in rules if not holds]


def _is_obsdate(text: Any) -> bool:
    try:
        datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return False
    return True
