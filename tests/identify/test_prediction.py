"""SD 2 says nothing about its prediction type but in the numbers of one bias: read from a real file."""

from __future__ import annotations

import json
import struct
from functools import partial
from pathlib import Path

import pytest
from corpus import unet_tensors

from hubman.core.identify import identify, unets
from hubman.formats import read_header
from hubman.formats.values import read_values

NORM = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"


def written(path: Path, values: tuple[float, ...], dtype: str) -> None:
    """Write SD 2's U-Net as a sparse file in which only one bias has numbers."""
    shapes = {**unet_tensors(unets.SD2), NORM: (len(values),)}
    size = {"F16": 2, "F32": 4, "BF16": 2}[dtype]
    header, place, where = {}, 0, 0
    for name, shape in shapes.items():
        length = size
        for axis in shape:
            length *= axis
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [place, place + length]}
        where = place if name == NORM else where
        place += length
    text = json.dumps(header).encode()
    if dtype == "BF16":
        raw = b"".join(struct.pack("<f", value)[2:] for value in values)
    else:
        raw = struct.pack(f"<{len(values)}{'e' if dtype == 'F16' else 'f'}", *values)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + place)
        file.seek(8 + len(text) + where)
        file.write(raw)


@pytest.mark.parametrize("dtype", ["F16", "F32", "BF16"])
@pytest.mark.parametrize(("spread", "kind"), [(0.25, "v"), (0.03125, "epsilon")])
def test_the_spread_of_one_bias_tells(tmp_path: Path, dtype: str, spread: float, kind: str) -> None:
    path = tmp_path / "unnamed.safetensors"
    written(path, (spread, -spread) * 160, dtype)
    assert read_values(path, NORM) == (spread, -spread) * 160
    facts = identify(read_header(path), values=partial(read_values, path))
    assert (facts.architecture, facts.prediction_type) == ("sd2", kind)
    assert facts.variant == ("v-pred" if kind == "v" else None)


def test_without_the_numbers_nothing_is_claimed(tmp_path: Path) -> None:
    path = tmp_path / "unnamed.safetensors"
    written(path, (0.25, -0.25) * 160, "F16")
    assert identify(read_header(path)).prediction_type is None


def test_a_file_that_shrank_gives_nothing(tmp_path: Path) -> None:
    path = tmp_path / "unnamed.safetensors"
    written(path, (0.25, -0.25) * 160, "F16")
    with path.open("r+b") as file:
        file.truncate(4000)
    assert read_values(path, NORM) is None
    assert read_values(tmp_path / "nowhere", NORM) is None
