"""``classify``: one line for each file, as a table or as JSON."""

from __future__ import annotations

import argparse
import io
import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from classifier.commands.options import add_checkpoint_options, plausible_redshift
from classifier.errors import SpectrumError
from classifier.input_files import Manifest, find_files
from classifier.predict import Classifier, SpectrumPrediction
from classifier.readers import Folder, Reading, read_spectra

FILES_AT_ONCE = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders; links are followed")
    parser.add_argument("--redshift", type=plausible_redshift, metavar="Z", help="known redshift of all the files")
    parser.add_argument("--manifest", type=Path, metavar="CSV", help="known redshifts: columns file,redshift")
    parser.add_argument("--jsonl", action="store_true", help="one JSON object a file instead of a table")
    add_checkpoint_options(parser)


def run(options: argparse.Namespace) -> int:
    """Classify the files and print a line for each."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # The name of a file need not be UTF-8; escaped, the line stays valid JSON.
        sys.stdout.reconfigure(errors="backslashreplace")
    manifest = Manifest.open(options.manifest, needed=("redshift",)) if options.manifest else None
    for row in manifest.rows.values() if manifest else ():
        # A redshift that cannot be read ends the command before anything is classified.
        row.redshift()
    classifier = Classifier.load(options.checkpoint, options.device)
    files = find_files(options.paths, leave_out=options.manifest)
    for answer in classify_files(classifier, files, manifest, options.redshift):
        line = json.dumps(answer, ensure_ascii=False, allow_nan=False) if options.jsonl else _table_line(answer)
        print(line, flush=True)
    return 0


def classify_files(
    classifier: Classifier,
    files: Iterable[tuple[Path, Path]],
    manifest: Manifest | None,
    redshift: float | None,
) -> Iterator[dict[str, Any]]:
    """Yield one answer, ready for JSON, for each file. Only a few files are in memory at a time.

    files: pairs of a file and its name relative to the path that it was found under.
    manifest: known redshifts of single files.
    redshift: known redshift of the files that the manifest does not name, or None to classify those blind. A redshift
        that a header states goes into the receipt only.
    """
    neighbours = Folder(leave_out=manifest.path if manifest else None)
    iterator = iter(files)
    while batch := tuple(itertools.islice(iterator, FILES_AT_ONCE)):
        yield from _classify_batch(classifier, batch, manifest, redshift, neighbours)


def _classify_batch(
    classifier: Classifier,
    batch: Iterable[tuple[Path, Path]],
    manifest: Manifest | None,
    redshift: float | None,
    neighbours: Folder,
) -> Iterator[dict[str, Any]]:
    results: list[tuple[Path, float | None, list[Reading] | SpectrumError]] = []
    for file, relative in batch:
        row = manifest.row_of_path(file, relative) if manifest else None
        stated = row.redshift() if row else None
        results.append((file, redshift if stated is None else stated, _read(file, neighbours)))
    items = [
        (reading.spectrum, known)
        for _, known, readings in results
        if not isinstance(readings, SpectrumError)
        for reading in readings
    ]
    predictions = iter(classifier.predict(items))
    for file, known, readings in results:
        if isinstance(readings, SpectrumError):
            yield {"file": str(file), **_answer(readings, readings.receipt, known), "spectra": []}
        else:
            answers = [_answer(next(predictions), reading.receipt, known) for reading in readings]
            yield {"file": str(file), **answers[0], "spectra": answers[1:]}


def _read(file: Path, neighbours: Folder) -> list[Reading] | SpectrumError:
    try:
        return read_spectra(file, file.name, beside=neighbours.of(file))
    except SpectrumError as error:
        return error
    except OSError as error:
        return SpectrumError("unreadable_file", str(error))


def _answer(
    result: SpectrumPrediction | SpectrumError, receipt: dict[str, Any], redshift: float | None
) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "ok": False,
        "class": None,
        "probabilities": {},
        "parents": {},
        "set": [],
        "novelty": None,
        "redshift": None,
        "redshift_error": None,
        "redshift_used": redshift,
        "crosscheck": None,
        "receipt": receipt,
        "error": None,
    }
    if isinstance(result, SpectrumError):
        return answer | {"error": {"code": result.code, "message": result.message}}
    return answer | {
        "ok": True,
        "class": result.class_name,
        "probabilities": result.probabilities,
        "parents": result.parents,
        "set": result.conformal_set,
        "novelty": result.novelty,
        "redshift": result.redshift,
        "redshift_error": result.redshift_error,
        "redshift_used": result.redshift_used,
        "crosscheck": result.crosscheck,
    }


def _table_line(answer: dict[str, Any]) -> str:
    name = Path(answer["file"]).name
    if not answer["ok"]:
        return f"{name:40.40}  {answer['error']['code']}: {answer['error']['message']}"
    redshift = "z unknown"
    if answer["redshift"] is not None:
        redshift = f"z = {answer['redshift']:.4f} ± {answer['redshift_error']:.4f}"
    probability = answer["probabilities"][answer["class"]]
    return f"{name:40.40}  {answer['class']:12} {probability:4.0%}  {redshift:22}  {' or '.join(answer['set'])}"
