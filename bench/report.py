"""Owns how results look on a terminal.

Must not know how figures are taken, or what stands in a table.
"""

from __future__ import annotations

from typing import Any

import behind
import sections
import tables
from results import Results
from rich.console import Console
from rich.table import Table


def _drawn(table: tables.Table) -> Table:
    drawn = Table(title=table.title, title_justify="left")
    for number, heading in enumerate(table.headings):
        drawn.add_column(heading, justify="right" if number else "left")
    for row in table.rows:
        drawn.add_row(*row)
    return drawn


def python_table(rows: list[dict[str, Any]]) -> Table:
    """Return what bench/python_get_return.py measured, as a table to print."""
    return _drawn(tables.python_rows(rows))


def print_results(told: dict[str, Any], console: Console) -> None:
    """Print what was measured, where the pool is behind, and what was not measured."""
    results = Results(told)
    for section in sections.SECTIONS:
        for table in section.tables(results):
            console.print(_drawn(table))
    console.print(_drawn(behind.table(results)))
    for name, contestant in told["contestants"].items():
        if contestant["missing"]:
            console.print(f"[bold]missing[/]: {name}: {contestant['missing']}")
    for part, why in told["not_measured"].items():
        console.print(f"[bold]not measured[/]: {part}: {why}")
