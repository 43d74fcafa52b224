"""Figures of a checkpoint as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def text_report(figures: Mapping[str, dict[str, Any]]) -> str:
    """Return figures of ``score`` as text: a headline, a line for each class, and the confusion matrix."""
    return "\n\n".join(_mode_text(mode, scored) for mode, scored in figures.items())


def ratio(value: float | None) -> str:
    """Return a ratio with three decimals, or a dash if there is none."""
    return "-" if value is None else f"{value:.3f}"


def interval(value: float, limits: Sequence[float] | None) -> str:
    """Return a figure with its 95 % interval, if it has one."""
    return f"{value:.3f}" + (f" ({limits[0]:.3f}-{limits[1]:.3f})" if limits else "")


def redshift_text(figures: Mapping[str, Any]) -> str:
    """Return figures of ``redshift_figures`` in one line."""
    pulls = "" if figures["pull_width"] is None else f", pull width {figures['pull_width']:.2f}"
    return (
        f"redshift found: given for {figures['given']:.1%}, bias {figures['bias']:+.4f}, "
        f"σ_NMAD {figures['sigma_nmad']:.4f}, outliers {figures['outliers']:.1%}, RMS {figures['rms']:.4f}{pulls}"
    )


def _line(name: str, figures: dict[str, Any], limits: Mapping[str, Sequence[float]]) -> str:
    accuracy, macro = (interval(figures[key], limits.get(key)) for key in ("accuracy", "macro_f1"))
    return f"{name}: accuracy {accuracy}   macro-F1 {macro}   ECE {figures['ece']:.3f}"


def _mode_text(mode: str, scored: dict[str, Any]) -> str:
    z = scored["redshift"]
    lines = [
        f"redshift {mode}: {scored['spectra']} spectra of {scored['objects']} objects",
        _line("each object once", scored, scored["intervals"]),
        _line("each spectrum once", scored["by_spectrum"], {}),
    ]
    if z["given"]:
        lines.append(redshift_text(z))
    lines.append(f"\n{'class':12} {'objects':>8} {'spectra':>8} {'recall':>8} {'precision':>10} {'F1':>6}")
    for name, row in scored["classes"].items():
        counts, precision = f"{row['objects']:8.0f} {row['spectra']:8}", ratio(row["precision"])
        lines.append(f"{name:12} {counts} {row['recall']:8.3f} {precision:>10} {row['f1']:6.3f}")
    lines.append("\nconfusion in objects (rows true, columns predicted)")
    width = max(len(name) for name in scored["names"]) + 1
    lines.append(" " * width + " ".join(f"{name[-7:]:>7}" for name in scored["names"]))
    for name, counts in zip(scored["names"], scored["confusion"], strict=True):
        lines.append(f"{name:{width}}" + " ".join(f"{round(count) or '.':>7}" for count in counts))
    return "\n".join(lines)
