"""Write every case that can be made to tests/corpora/generated.jsonl.xz."""

from __future__ import annotations

import argparse
import importlib
import json
import lzma
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.corpora.generate.case import Case, hide_torchvision

PARTS = ("diffusers_models", "encoders", "peft_loras", "kohya_loras", "lycoris_loras", "upscalers", "native")
OUT = Path(__file__).resolve().parent.parent / "generated.jsonl.xz"
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 27}]


def cases(parts: tuple[str, ...]) -> Iterator[Case]:
    for part in parts:
        began = time.monotonic()
        made = list(importlib.import_module(f"tests.corpora.generate.{part}").cases())
        sys.stderr.write(f"{part}: {len(made)} cases in {time.monotonic() - began:.0f} s\n")
        yield from made


def write(found: list[Case], out: Path) -> None:
    """Write the cases sorted by layout, so that the compressor sees its like next to each other."""
    names = Counter(case.file for case in found)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ValueError(f"two cases of one name: {twice}")
    lines = [json.dumps(case.record(), separators=(",", ":"), ensure_ascii=False) + "\n" for case in found]
    whole = "".join(lines).encode()
    out.write_bytes(lzma.compress(whole, format=lzma.FORMAT_XZ, filters=FILTERS))
    sys.stderr.write(f"{len(lines)} cases, {len(whole):,} bytes, compressed {out.stat().st_size:,}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    hide_torchvision()
    write(list(cases(tuple(given.parts))), given.out)


if __name__ == "__main__":
    main()
