#!/usr/bin/env python3
"""Owns the documents that show a run's results: writes them, or checks that they are what the results give.

Must not know what stands in them.

Usage: bench/publish.py [--results build/bench/results.json]    (make page)
       bench/publish.py --check                                 (a test does)

Copies the results to docs/benchmarks/results.json and makes from them docs/benchmarks.md, the pictures in
docs/benchmarks, and the figures in README.md between its two markers.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import page
from results import Results

PROJECT = Path(__file__).resolve().parent.parent
_RESULTS = "docs/benchmarks/results.json"
_DOCUMENT = "docs/benchmarks.md"
_README_PICTURE = "docs/benchmarks/faults_and_memory.png"


def texts(results: Results) -> dict[str, str]:
    """Return the documents by their path in the project; README keeps what is outside its markers."""
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    before, begin, rest = readme.partition(page.README_BEGIN)
    _, end, after = rest.partition(page.README_END)
    if not begin or not end:
        raise SystemExit(f"README.md lacks a marker: '{page.README_BEGIN}' ... '{page.README_END}'")
    figures = page.readme_figures(results, _README_PICTURE, _DOCUMENT)
    return {_DOCUMENT: page.document(results, "benchmarks"), "README.md": before + figures + after}


def check() -> int:
    """Return 1 and say so if a document is not what the committed results give."""
    made = texts(Results.read(PROJECT / _RESULTS))
    stale = [path for path, text in made.items() if (PROJECT / path).read_text(encoding="utf-8") != text]
    for path in stale:
        print(
            f"{path} is not what {_RESULTS} gives; run bench/publish.py --results {_RESULTS}", file=sys.stderr
        )
    return 1 if stale else 0


def main() -> int:
    """Write the documents, or check them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--results", type=Path, default=PROJECT / "build/bench/results.json")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a document is out of date")
    options = parser.parse_args()
    if options.check:
        return check()
    import plots  # matplotlib takes its time, and a check draws nothing

    results = Results.read(options.results)
    (PROJECT / _RESULTS).parent.mkdir(parents=True, exist_ok=True)
    kept = json.dumps(results.told, separators=(",", ":"))
    (PROJECT / _RESULTS).write_text(kept + "\n", encoding="utf-8")
    for path, text in texts(results).items():
        (PROJECT / path).write_text(text, encoding="utf-8")
    drawn = plots.draw(results, (PROJECT / _RESULTS).parent)
    print("written:", _RESULTS, _DOCUMENT, "README.md", *(str(path.relative_to(PROJECT)) for path in drawn))
    return 0


if __name__ == "__main__":
    sys.exit(main())
