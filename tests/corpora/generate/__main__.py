"""Write every case that can be made to tests/corpora/generated.jsonl.xz.

All parts take about a quarter of an hour. `--parts X --reuse` makes only those anew and keeps the others of the file.
"""

from __future__ import annotations

import argparse
import importlib
import json
import lzma
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.corpora.generate.case import hide_torchvision

PARTS = {
    # module -> the folder that its cases are named after
    "diffusers_models": "diffusers",
    "encoders": "transformers",
    "peft_loras": "peft",
    "kohya_loras": "kohya",
    "lycoris_loras": "lycoris",
    "upscalers": "spandrel",
    "native": "native",
}
OUT = Path(__file__).resolve().parent.parent / "generated.jsonl.xz"
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 27}]
Record = dict[str, Any]


def made(part: str) -> list[Record]:
    began = time.monotonic()
    found = [case.record() for case in importlib.import_module(f"tests.corpora.generate.{part}").cases()]
    sys.stderr.write(f"{part}: {len(found)} cases in {time.monotonic() - began:.0f} s\n")
    return found


def kept(path: Path, part: str) -> Iterator[Record]:
    """The cases of a part as they are in the file."""
    if path.exists():
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                if record["file"].split("/")[1] == PARTS[part]:
                    yield record


def tell_twins(records: list[Record]) -> None:
    """Where one header is that of several bases, say so in each: `ambiguous_base` is then all of them."""
    twins: dict[Any, list[Record]] = defaultdict(list)
    for record in records:
        shapes = frozenset((name, tuple(value["shape"])) for name, value in record["tensors"].items())
        twins[record["expected_type"], shapes].append(record)
    for same in twins.values():
        bases = {base for one in same for base in (one["expected_base"], *one.get("ambiguous_base", ()))} - {"any"}
        if len(bases) > 1:
            for one in same:
                one["ambiguous_base"] = sorted(bases)


def write(records: list[Record], out: Path) -> None:
    names = Counter(record["file"] for record in records)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ValueError(f"two cases of one name: {twice}")
    tell_twins(records)
    ordered = [{key: record[key] for key in sorted(record, key=_place)} for record in records]
    whole = "".join(json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n" for record in ordered).encode()
    out.write_bytes(lzma.compress(whole, format=lzma.FORMAT_XZ, filters=FILTERS))
    sys.stderr.write(f"{len(records)} cases, {len(whole):,} bytes, compressed {out.stat().st_size:,}\n")


def _place(key: str) -> tuple[bool, bool, str]:
    """Labels first by name, the tensors last."""
    return key == "tensors", key != "file", key


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--reuse", action="store_true", help="keep the cases of the other parts")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    hide_torchvision()
    records: list[Record] = []
    for part in PARTS:
        if part in given.parts:
            records += made(part)
        elif given.reuse:
            records += kept(given.out, part)
    write(records, given.out)


if __name__ == "__main__":
    main()
