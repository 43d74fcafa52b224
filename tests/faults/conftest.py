"""A table of the faults and their outcome, printed after the fault tests."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = []
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            if "tests/faults/" in report.nodeid and (report.when == "call" or outcome != "passed"):
                facts = dict(report.user_properties).get("facts") or {}
                said = ", ".join(f"{name} {value}" for name, value in facts.items())
                name = report.nodeid.split("::")[-1].removeprefix("test_").replace("_", " ")
                rows.append(f"| {name} | {outcome} | {report.duration:.0f} s | {said} |")
    if rows:
        terminalreporter.section("faults")
        terminalreporter.write_line("| fault, and what is expected of it | outcome | took | counted afterwards |")
        terminalreporter.write_line("| --- | --- | --- | --- |")
        for row in sorted(rows):
            terminalreporter.write_line(row)
