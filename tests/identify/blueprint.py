"""Print the lines of a `declare.Graph` for a model: `python tests/identify/blueprint.py FILE [--prefix P]`.

FILE is a model, a JSON with `tensors` (name -> `shape`), or a part of a labelled case's name in tests/corpora.
The lines are what a family file under hubman/core/identify/families holds: one line a module, rows of equal blocks
folded into `{first-last}`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[2])]

from corpus import cases, generated, header_of  # noqa: E402

from hubman.formats import read_header  # noqa: E402

Shape = tuple[int, ...]
ROW = re.compile(r"(?<![^.])\d+(?![^.])")


def modules(shapes: Mapping[str, Shape]) -> dict[str, str]:
    """Return module -> its widths as a Graph writes them; parameters that are no module's weight are left out."""
    found = {}
    for name, shape in shapes.items():
        if not name.endswith(".weight") or not shape:
            continue
        kernel = " " + "x".join(map(str, shape[2:])) if len(shape) > 2 else ""
        found[name.removesuffix(".weight")] = " ".join(map(str, shape[:2])) + kernel
    return found


def lines(shapes: Mapping[str, Shape]) -> Iterator[str]:
    """Fold modules of equal widths in a row of blocks into one line."""
    groups: dict[tuple[str, str], list[tuple[int, ...]]] = {}
    for name, widths in modules(shapes).items():
        numbers = tuple(map(int, ROW.findall(name)))
        groups.setdefault((ROW.sub("#", name), widths), []).append(numbers)
    for (name, widths), rows in groups.items():
        for spans in _boxes(sorted(rows)):
            filled = iter(spans)
            yield f"{ROW_HASH.sub(lambda _: _span(next(filled)), name)} {widths}"  # noqa: B023


ROW_HASH = re.compile(r"(?<![^.])#(?![^.])")


def _span(span: tuple[int, int]) -> str:
    return str(span[0]) if span[0] == span[1] else f"{{{span[0]}-{span[1]}}}"


def _boxes(rows: list[tuple[int, ...]]) -> Iterator[list[tuple[int, int]]]:
    """One box of ranges where the rows fill it, else one box for each value of the first number, and so on."""
    if not rows[0]:
        yield []
        return
    spans = [(min(column), max(column)) for column in zip(*rows, strict=True)]
    size = 1
    for first, last in spans:
        size *= last - first + 1
    if size == len(rows):
        yield spans
        return
    for value, group in itertools.groupby(rows, key=lambda row: row[0]):
        for rest in _boxes([row[1:] for row in group]):
            yield [(value, value), *rest]


def main() -> None:
    """Find the case and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--prefix", default="", help="what stands before every name")
    given = parser.parse_args()
    path = Path(given.file)
    if path.suffix == ".json" and path.is_file():
        tensors = json.loads(path.read_text("utf-8"))["tensors"]
        shapes = {name: tuple(raw["shape"]) for name, raw in tensors.items()}
    elif path.exists():
        shapes = {name: info.shape for name, info in read_header(path).tensors.items()}
    else:
        found = [case for case in (*cases(), *generated()) if given.file in case["file"]]
        found = [case for case in found if case["file"].removesuffix(".json") == given.file] or found
        if len(found) != 1:
            parser.error(f"{len(found)} cases are named like that: {', '.join(case['file'] for case in found)}")
        shapes = {name: info.shape for name, info in header_of(found[0]).tensors.items()}
    cut = len(given.prefix)
    inside = {name[cut:]: shape for name, shape in shapes.items() if name.startswith(given.prefix)}
    sys.stdout.write("\n".join(lines(inside)) + "\n")


if __name__ == "__main__":
    main()
