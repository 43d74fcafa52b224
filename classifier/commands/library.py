"""``library``: named spectra to compare with, their import, what their matches are worth, and a match of one file."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TypeAlias

from classifier.commands.options import plausible_redshift
from classifier.errors import CheckpointError, SpectrumError
from classifier.evaluation.pictures import draw_trust
from classifier.library.importers import import_library
from classifier.library.library import Library
from classifier.library.matching import SHOWN, Matcher
from classifier.library.measure import measure
from classifier.library.trust import phase_of, trust_of
from classifier.readers import read_spectrum
from classifier.taxonomy import load_taxonomy

Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    importing = _action(actions, "import", "make one library of named spectra; objects that share a name become one")
    importing.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="folder or file: SNID templates (.lnw), SNID-SAGE's HDF5 files or wheel, a bank of NGSF or Superfit, or a "
        "folder with a table library.csv",
    )
    importing.add_argument("--out", type=Path, required=True, metavar="FILE", help="library to write")
    measuring = _action(actions, "measure", "measure what matches are worth, and write the figures into the library")
    measuring.add_argument("library", type=Path, metavar="LIBRARY", help="library that “import” wrote")
    measuring.add_argument("--picture", type=Path, metavar="FILE", help="also draw the trust that was measured (PNG)")
    matching = _action(actions, "match", "name the five objects of a library that a spectrum looks most like")
    matching.add_argument("file", type=Path, metavar="FILE", help="spectrum, in any format that the desk reads")
    matching.add_argument("--library", type=Path, required=True, metavar="LIBRARY", help="library to compare with")
    known = "known redshift; it does not count if the file says that its wavelengths are at rest"
    matching.add_argument("--redshift", type=plausible_redshift, required=True, metavar="Z", help=known)


def _action(actions: Actions, name: str, words: str) -> argparse.ArgumentParser:
    return actions.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")


def run(options: argparse.Namespace) -> int:
    """Carry out the action; print what was found."""
    try:
        return {"import": _import, "measure": _measure, "match": _match}[options.action](options)
    except (CheckpointError, SpectrumError) as error:
        print(f"classifier: {error}", file=sys.stderr)
        return 1


def _import(options: argparse.Namespace) -> int:
    library, summary = import_library(options.paths, load_taxonomy())
    library.save(options.out)
    print(summary.text())
    print(f"{len(library)} spectra of {len(library.objects)} objects in {options.out}")
    return 0


def _measure(options: argparse.Namespace) -> int:
    library = measure(Library.load(options.library))
    library.save(options.library)
    if options.picture:
        draw_trust(library.trust["measured"]["by_trust"], options.picture)
    print(json.dumps(library.trust, indent=1))
    return 0


def _match(options: argparse.Namespace) -> int:
    library = Library.load(options.library)
    spectrum = read_spectrum(options.file, options.file.name).spectrum
    redshift = 0.0 if spectrum.frame == "rest" else options.redshift
    (matches,) = Matcher(library).match_spectra([spectrum], [[redshift]])
    if isinstance(matches, SpectrumError):
        raise matches
    for match in matches[:SHOWN]:
        entry, phase = library.objects[match.object], library.phase[match.spectrum]
        age = "        " if math.isnan(phase) else f"{phase:+6.1f} d"
        print(f"{entry.name:20} {entry.type:12} {age}  z {match.redshift:.4f}  score {match.score:5.1f}")
    if matches:
        class_name = library.objects[matches[0].object].class_name
        trust, told = trust_of(matches, library, "known"), phase_of(matches, library, class_name, "known")
        if trust is not None:
            print(f"{class_name} is right with a probability of {trust:.0%}")
        if told is not None:
            print(f"phase {told.days:+.0f} ± {told.error:.0f} d")
    return 0
