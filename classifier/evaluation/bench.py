"""Speed of the classifier on this machine, as ``python -m classifier bench`` prints it."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astropy.table import Table
from torch import Tensor, nn

from classifier.errors import SpectrumError
from classifier.library.library import Library
from classifier.library.matching import Matcher
from classifier.network import SpectraNet, SpectraNetConfig, Stage
from classifier.predict import Classifier, SpectrumPrediction
from classifier.readers import read_spectrum
from classifier.simulation.spectra import INSTRUMENTS, simulate, write_ascii
from classifier.spectrum import Spectrum

REPEATS = 3
# Number of spectra that the checkpoint classifies from file to prediction.
SPECTRA = 256


def bench(checkpoint: Path | None, device: str, batch: int, library: Path | None) -> dict[str, Any]:
    """Measure the network, the shipped checkpoint and the readers one after the other in this process.

    checkpoint: folder of the checkpoint, or None for the shipped one.
    device: "auto", "cpu" or "cuda", for the checkpoint.
    batch: number of spectra that the paper's network classifies at once.
    library: library of named spectra to compare with too, or None.
    Returns the measurements, ready for JSON.
    """
    result: dict[str, Any] = {
        "machine": {"processor": _processor(), "threads": torch.get_num_threads(), "torch": torch.__version__},
        "paper_forward": _paper(batch),
        "shipped": _shipped(checkpoint, device),
        "reading": _reading(),
        "load_s": _load_seconds(checkpoint),
    }
    if library is not None:
        result["named"] = _named(checkpoint, device, library)
    if torch.cuda.is_available():
        result["cuda"] = _paper_on_cuda(256)
    result["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return result


class DirectSpectraNet(nn.Module):
    """The textbook form of a SpectraNet with the same weights: one nn.Conv1d after the other, nothing cached."""

    def __init__(self, network: SpectraNet) -> None:
        super().__init__()
        self.network = network
        self.stages = [stage for stage in network.stages if isinstance(stage, Stage)]
        self.kernels: list[list[nn.Conv1d]] = []
        for stage in self.stages:
            row = []
            for branch in (b for b in stage.branches if isinstance(b, nn.Conv2d)):
                kernel = nn.Conv1d(branch.in_channels, branch.out_channels, branch.kernel_size[1], padding="same")
                kernel.weight.data = branch.weight.data[:, :, 0].contiguous()
                if branch.bias is not None and kernel.bias is not None:
                    kernel.bias.data = branch.bias.data
                row.append(kernel)
            self.kernels.append(row)

    def forward(self, x: Tensor) -> Tensor:
        # x: (batch, in_channels, samples)
        for stage, kernels in zip(self.stages, self.kernels, strict=True):
            x = torch.cat([kernel(x) for kernel in kernels], dim=1).transpose(1, 2)  # (batch, L, kernels x channels)
            x = nn.functional.gelu(stage.norm(x))
            if stage.project is not None:
                x = stage.project(x)
            x = x.transpose(1, 2)  # (batch, out_channels, L)
            if stage.pool > 1:
                x = nn.functional.max_pool1d(x, stage.pool)
        return self.network.answers(self.network.embedding(x))


def _reading(files: int = 200, rows: int = 2000) -> dict[str, Any]:
    """Read text files of three columns with our reader, with np.loadtxt and with Astropy's tables, in CPU time.

    Only ours writes a receipt.
    """
    random = np.random.default_rng(1)
    wavelength = np.linspace(3500, 9500, rows)
    head = "# OBJECT: SN2026abc\n# DATE-OBS: 2026-01-02T03:04:05\n# wavelength flux flux_err\n"
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.txt" for number in range(files)]
        for path in paths:
            flux = random.normal(2, 0.1, rows) * 1e-16
            lines = (f"{w:.3f} {f:.6e} {0.1e-16:.3e}\n" for w, f in zip(wavelength, flux, strict=True))
            path.write_text(head + "".join(lines))
        ours = _cpu_ms(read_spectrum, paths)
        loadtxt = _cpu_ms(np.loadtxt, paths)
        tables = _cpu_ms(lambda path: Table.read(path, format="ascii.no_header"), paths[:50])
    return {
        "rows": rows,
        "median_ms": round(ours, 2),
        "files_per_s_on_one_core": round(1000 / ours, 1),
        "over_loadtxt": round(ours / loadtxt, 2),
        "over_astropy_table": round(ours / tables, 2),
    }


def _cpu_ms(read: Callable[[Path], Any], paths: list[Path]) -> float:
    """Return the median CPU time a file in milliseconds."""
    read(paths[0])
    times = []
    for path in paths:
        started = time.process_time()
        read(path)
        times.append(time.process_time() - started)
    return 1e3 * float(np.median(times))


def _best(run: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the seconds of the quickest of a few runs, after one to warm up.

    clock: ``time.process_time`` for CPU time, which a busy machine changes less.
    """
    run()
    times = []
    for _ in range(REPEATS):
        started = clock()
        run()
        times.append(clock() - started)
    return min(times)


@torch.no_grad()
def _paper(batch: int) -> dict[str, Any]:
    """Time the paper's network beside textbook direct convolution with the same weights."""
    torch.manual_seed(0)
    network = SpectraNet(SpectraNetConfig.paper()).eval()
    direct = DirectSpectraNet(network).eval()
    x = torch.randn(batch, 1, network.config.samples)
    difference = float((direct(x) - network(x)).abs().max())
    seconds = {"direct": _best(lambda: direct(x)), "network": _best(lambda: network(x))}
    return {
        "batch": batch,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "direct_over_network": round(seconds["direct"] / seconds["network"], 2),
        "largest_difference": difference,
    }


def _shipped(checkpoint: Path | None, device: str) -> dict[str, Any]:
    """Measure the checkpoint: its network alone, and on SPECTRA spectra from their arrays and from their files."""
    classifier = Classifier.load(checkpoint, device)
    config = classifier.network.config
    x = torch.randn(64, config.in_channels, config.samples, device=classifier.device)
    with torch.inference_mode():
        network = _best(lambda: classifier.network(x))
    with tempfile.TemporaryDirectory() as folder:
        files = _supernovae(Path(folder), SPECTRA)
        whole = _best(lambda: classifier.predict([(read_spectrum(file, file.name).spectrum, None) for file in files]))
        read = [(read_spectrum(file, file.name).spectrum, None) for file in files]
    arrays = _best(lambda: classifier.predict(read))
    return {
        "device": str(classifier.device),
        "members": len(classifier.network.members),
        "network_spectra_per_s": round(64 / network, 1),
        "arrays_to_prediction_spectra_per_s": round(SPECTRA / arrays, 1),
        "file_to_prediction_spectra_per_s": round(SPECTRA / whole, 1),
    }


def _supernovae(folder: Path, count: int) -> list[Path]:
    """Write simulated spectra of SNe Ia into a folder, one a file, and return the files."""
    random = np.random.default_rng(1)
    files = [folder / f"{number}.txt" for number in range(count)]
    for number, file in enumerate(files):
        instrument = INSTRUMENTS[number % len(INSTRUMENTS)]
        drawn = simulate("SN Ia", random, redshift=0.05, instrument=instrument, signal_to_noise=20)
        file.write_bytes(write_ascii(drawn, {}))
    return files


def _named(checkpoint: Path | None, device: str, library: Path, batch: int = 32) -> dict[str, Any]:
    """Measure the CPU time from file to prediction and named matches, for a batch as a worker claims it.

    "blind" is without a redshift, where a spectrum is compared at that of the network and that of the templates.
    """
    classifier = Classifier.load(checkpoint, device)
    matcher = Matcher(Library.load(library), classifier.device)
    figures: dict[str, Any] = {"library_spectra": len(matcher.library)}
    with tempfile.TemporaryDirectory() as folder:
        files = _supernovae(Path(folder), batch)

        def read() -> list[Spectrum]:
            return [read_spectrum(file, file.name).spectrum for file in files]

        spectra = read()
        for mode, redshift in (("blind", None), ("known", 0.05)):
            items = [(spectrum, redshift) for spectrum in spectra]
            redshifts = [_compared_at(predicted) for predicted in classifier.predict(items)]
            parts = {
                "read_ms": _best(read, time.process_time),
                "predict_ms": _best(partial(classifier.predict, items), time.process_time),
                "match_ms": _best(partial(matcher.match_spectra, spectra, redshifts), time.process_time),
            }
            each = {name: round(1000 * seconds / batch, 2) for name, seconds in parts.items()}
            figures[mode] = each | {"spectra_per_s_on_one_core": round(batch / sum(parts.values()), 1)}
    return figures


def _compared_at(prediction: SpectrumPrediction | SpectrumError) -> list[float]:
    if isinstance(prediction, SpectrumError):
        return []
    if prediction.redshift_used is not None:
        return [prediction.redshift_used]
    return [z for z in (prediction.redshift, (prediction.crosscheck or {}).get("redshift")) if z is not None]


def _load_seconds(checkpoint: Path | None) -> float:
    """Return the seconds that a fresh process needs to load the checkpoint, without its imports."""
    script = (
        "import sys, time, pathlib; from classifier.predict import Classifier; t = time.perf_counter();"
        "Classifier.load(pathlib.Path(sys.argv[1]) if sys.argv[1] else None, 'cpu'); print(time.perf_counter() - t)"
    )
    command = [sys.executable, "-c", script, str(checkpoint or "")]
    return round(float(subprocess.run(command, capture_output=True, check=True, text=True).stdout), 3)  # noqa: S603


def _paper_on_cuda(batch: int) -> dict[str, Any]:
    """Time the paper's network in bfloat16, compiled, beside the rate of a large product of matrices on this card.

    "share_of_matrix_rate" is how much of that rate the network reaches, counting the direct sums of its kernels.
    """
    network = SpectraNet(SpectraNetConfig.paper()).eval().cuda().bfloat16()
    compiled = torch.compile(network)
    x = torch.randn(batch, 1, network.config.samples, device="cuda", dtype=torch.bfloat16)

    def run() -> None:
        with torch.inference_mode():
            compiled(x)
        torch.cuda.synchronize()

    seconds, rate = _best(run), _matrix_rate_on_cuda()
    share = 2 * batch * _products(network) / seconds / rate
    return {
        "batch": batch,
        "seconds": round(seconds, 4),
        "matrix_operations_per_s": rate,
        "share_of_matrix_rate": round(share, 3),
    }


def _matrix_rate_on_cuda(size: int = 8192) -> float:
    """Return the operations/s of the product of two large matrices in bfloat16."""
    one = torch.randn(size, size, device="cuda", dtype=torch.bfloat16)

    def run() -> None:
        torch.mm(one, one)
        torch.cuda.synchronize()

    return 2 * size**3 / _best(run)


def _products(network: SpectraNet) -> int:
    """Return the number of multiplications that one spectrum needs in the kernels."""
    samples, total = network.config.samples, 0
    for stage in (stage for stage in network.stages if isinstance(stage, Stage)):
        total += samples * sum(b.weight.numel() for b in stage.branches if isinstance(b, nn.Conv2d))
        samples //= stage.pool
    return total


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
