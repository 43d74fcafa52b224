"""Command line: ``python -m classifier classify|data|train|evaluate|bench|statistics``."""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classifier.errors import CheckpointError, SpectrumError
from classifier.files import Manifest, ManifestError, find_files

if TYPE_CHECKING:
    from classifier.predict import Classifier, SpectrumPrediction
    from classifier.readers import Folder, Reading

FILES_AT_ONCE = 32


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, or 2 for a usage error or a broken checkpoint."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except (ManifestError, CheckpointError) as error:
        print(f"classifier: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output has gone, as with `| head`; leave without a second complaint at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m classifier", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    classify = commands.add_parser("classify", help="classify spectrum files")
    classify.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders; links are followed")
    classify.add_argument("--redshift", type=_redshift, metavar="Z", help="known redshift of all the files")
    classify.add_argument("--manifest", type=Path, metavar="CSV", help="known redshifts: columns file,redshift")
    classify.add_argument("--jsonl", action="store_true", help="one JSON object a file instead of a table")
    _checkpoint_options(classify)
    classify.set_defaults(run=_classify)

    data = commands.add_parser("data", help="labelled spectra to train on").add_subparsers(
        required=True, metavar="ACTION"
    )
    importing = data.add_parser(
        "import", help="public archives (Open Supernova Catalog, WISeREP, SNID templates) as one Parquet file"
    )
    importing.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="folders as the archives give them")
    importing.add_argument("--out", type=Path, required=True, metavar="FILE.parquet")
    importing.set_defaults(run=_data_import)

    train = commands.add_parser("train", help="train a checkpoint")
    train.add_argument("--data", type=Path, required=True, help="Parquet file of labelled spectra")
    train.add_argument("--preset", default="compact", choices=("compact",))
    train.add_argument("--out", type=Path, required=True, help="folder to write the checkpoint to")
    train.add_argument("--seed", type=int, default=1)
    train.add_argument("--epochs", type=int)
    train.add_argument("--minutes", type=float, help="finish within this many minutes")
    train.set_defaults(run=_train)

    evaluate = commands.add_parser("evaluate", help="measure a checkpoint on the objects held out of its training")
    evaluate.add_argument("--data", type=Path, required=True, help="Parquet file of labelled spectra")
    evaluate.add_argument("--part", default="test", choices=("train", "stop", "calibrate", "test"))
    evaluate.add_argument("--report", type=Path, metavar="FILE.md", help="write the model card and its pictures")
    _checkpoint_options(evaluate)
    evaluate.set_defaults(run=_evaluate)

    holding = commands.add_parser("hold-out", help="train without a class, for the model card: is it seen to be new?")
    holding.add_argument("--data", type=Path, required=True, help="Parquet file of labelled spectra")
    holding.add_argument("--classes", nargs="+", required=True, metavar="CLASS")
    holding.add_argument("--checkpoint", type=Path, help="folder the figures are written to; default: the shipped one")
    holding.set_defaults(run=_hold_out)

    bench = commands.add_parser("bench", help="measure the speed on this machine; prints JSON")
    bench.add_argument("--batch", type=int, default=32)
    _checkpoint_options(bench)
    bench.set_defaults(run=_bench)

    statistics = commands.add_parser("statistics", help="compute the class statistics that simulated spectra use")
    statistics.add_argument("--data", type=Path, required=True, help="Parquet file of labelled spectra")
    statistics.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    statistics.set_defaults(run=_statistics)
    return parser


def _redshift(text: str) -> float:
    value = float(text)
    if not -0.1 < value < 10:
        raise argparse.ArgumentTypeError(f"a redshift lies between -0.1 and 10, not {text}")
    return value


def _checkpoint_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, default=os.environ.get("CLASSIFIER_CHECKPOINT") or None)
    parser.add_argument(
        "--device", default=os.environ.get("CLASSIFIER_DEVICE") or "auto", choices=("auto", "cpu", "cuda")
    )


def _classify(options: argparse.Namespace) -> int:
    from classifier.predict import Classifier

    if isinstance(sys.stdout, io.TextIOWrapper):
        # The name of a file need not be UTF-8; escaped, the line stays valid JSON.
        sys.stdout.reconfigure(errors="backslashreplace")
    manifest = Manifest(options.manifest) if options.manifest else None
    classifier = Classifier.load(options.checkpoint, options.device)
    files = find_files(options.paths, leave_out=options.manifest)
    for line in classify_files(classifier, files, manifest, options.redshift):
        print(
            json.dumps(line, ensure_ascii=False, allow_nan=False) if options.jsonl else _table_line(line),
            flush=True,
        )
    return 0


def classify_files(
    classifier: Classifier,
    files: Iterable[tuple[Path, Path]],
    manifest: Manifest | None,
    redshift: float | None,
) -> Iterator[dict[str, Any]]:
    """Yield one JSON-able line for each (file, relative name), holding a few files in memory at a time.

    Blind unless ``redshift`` or the manifest gives one; what a header states stays in the receipt.
    """
    from classifier.readers import Folder

    beside = Folder(leave_out=manifest.path if manifest else None)
    for batch in _batched(files):
        yield from _classify_batch(classifier, batch, manifest, redshift, beside)


def _batched(files: Iterable[tuple[Path, Path]]) -> Iterator[tuple[tuple[Path, Path], ...]]:
    iterator = iter(files)
    while batch := tuple(itertools.islice(iterator, FILES_AT_ONCE)):
        yield batch


def _classify_batch(
    classifier: Classifier,
    batch: Iterable[tuple[Path, Path]],
    manifest: Manifest | None,
    redshift: float | None,
    beside: Folder,
) -> Iterator[dict[str, Any]]:
    from classifier.readers import read_spectra

    readings: list[tuple[Path, float | None, list[Reading] | SpectrumError]] = []
    for file, relative in batch:
        known = manifest.redshift_of(file, relative) if manifest else None
        known = redshift if known is None else known
        try:
            readings.append((file, known, read_spectra(file, file.name, beside=beside.of(file))))
        except SpectrumError as error:
            readings.append((file, known, error))
        except OSError as error:
            readings.append((file, known, SpectrumError("unreadable_file", str(error))))
    items = [
        (reading.spectrum, known)
        for _, known, found in readings
        if not isinstance(found, SpectrumError)
        for reading in found
    ]
    predictions = iter(classifier.predict(items))
    for file, known, found in readings:
        if isinstance(found, SpectrumError):
            yield {"file": str(file), **_answer(found, found.receipt, known), "spectra": []}
        else:
            answers = [_answer(next(predictions), reading.receipt, known) for reading in found]
            yield {"file": str(file), **answers[0], "spectra": answers[1:]}


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


def _table_line(line: dict[str, Any]) -> str:
    name = Path(line["file"]).name
    if not line["ok"]:
        return f"{name:40.40}  {line['error']['code']}: {line['error']['message']}"
    redshift = "z unknown"
    if line["redshift"] is not None:
        redshift = f"z = {line['redshift']:.4f} ± {line['redshift_error']:.4f}"
    probability = line["probabilities"][line["class"]]
    return f"{name:40.40}  {line['class']:12} {probability:4.0%}  {redshift:22}  {' or '.join(line['set'])}"


def _data_import(options: argparse.Namespace) -> int:
    from classifier.archives import import_archives
    from classifier.taxonomy import load_taxonomy

    print(import_archives(options.paths, options.out, load_taxonomy()).text())
    return 0


def _train(options: argparse.Namespace) -> int:
    from classifier.evaluate import text_report
    from classifier.train import TrainConfig, train

    chosen = {"epochs": options.epochs} if options.epochs else {}
    settings = TrainConfig(preset=options.preset, seed=options.seed, minutes=options.minutes, **chosen)
    checkpoint = train(options.data, options.out, settings)
    print(text_report(checkpoint.metrics["test"]))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from classifier.report import evaluate_checkpoint

    print(evaluate_checkpoint(options.checkpoint, options.data, options.part, options.report))
    return 0


def _hold_out(options: argparse.Namespace) -> int:
    from classifier.checkpoint import SHIPPED
    from classifier.dataset import read_labelled
    from classifier.hold_out import held_out_novelty, write_held_out
    from classifier.preprocess import PreprocessConfig
    from classifier.taxonomy import load_taxonomy
    from classifier.train import TrainConfig

    names, grid = load_taxonomy().trained, PreprocessConfig()
    if unknown := set(options.classes) - set(names):
        print(f"classifier: no such class: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    data = read_labelled(options.data, names, grid)
    found = held_out_novelty(data, options.classes, names, TrainConfig(), grid)
    write_held_out(found, options.checkpoint or SHIPPED)
    print(json.dumps(found, indent=1))
    return 0


def _bench(options: argparse.Namespace) -> int:
    from classifier.bench import bench

    print(json.dumps(bench(options.checkpoint, options.device, options.batch), indent=1))
    return 0


def _statistics(options: argparse.Namespace) -> int:
    from classifier.class_statistics import compute_statistics
    from classifier.dataset import read_labelled, split_by_object
    from classifier.preprocess import PreprocessConfig
    from classifier.taxonomy import load_taxonomy

    names = load_taxonomy().trained
    data = read_labelled(options.data, names, PreprocessConfig())
    # Of the training objects alone, so that nothing drawn resembles an object the checkpoint is tested on.
    for name, phase in compute_statistics(data.take(split_by_object(data)["train"]), names, options.out):
        print(f"{name}, phase bin {phase}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
