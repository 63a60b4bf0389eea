"""Every reader, on files changed at random: a Header or an IntegrityError, soon, and nothing wrongly safe."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.oracle import NAMES, check
from tests.fuzz.seeds import seeds

FOUND = sorted(path for path in (Path(__file__).parent / "found").iterdir() if path.suffix != ".md")
SEEDS = seeds()


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_the_seeds_are_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(SEEDS[name])
    header = check(path)
    assert header is not None
    expected = {"gguf": 2, "gguf-2": 2, "nested": 2, "tensor-pickle": 2, "png-embedding": 1}
    if name.startswith(("safetensors", "torch")):
        expected[name] = 2
    assert len(header.tensors) == expected.get(name, 0)


@pytest.mark.parametrize("found", FOUND, ids=lambda path: path.name)
@pytest.mark.parametrize("name", NAMES)
def test_what_fuzzing_found_stays_fixed(tmp_path: Path, found: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(found.read_bytes())
    check(path)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("seed", sorted(SEEDS))
@given(data=st.data())
def test_changed_files(tmp_path: Path, seed: str, data: st.DataObject) -> None:
    content = bytearray(SEEDS[seed])
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, max(0, len(content) - 1)))
        match data.draw(st.sampled_from(["set", "cut", "insert", "copy", "number"])):
            case "set":
                content[at : at + 1] = bytes([data.draw(st.integers(0, 255))])
            case "cut":
                del content[at : at + data.draw(st.integers(1, 16))]
            case "insert":
                content[at:at] = data.draw(st.binary(min_size=1, max_size=6))
            case "copy":
                other = SEEDS[data.draw(st.sampled_from(sorted(SEEDS)))]
                start = data.draw(st.integers(0, len(other) - 1))
                content[at:at] = other[start : start + data.draw(st.integers(1, 40))]
            case _:
                number = data.draw(st.sampled_from([0, 1, 0x7F, 0xFF, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 64) - 1]))
                width = data.draw(st.sampled_from([2, 4, 8]))
                content[at : at + width] = (number % (1 << 8 * width)).to_bytes(width, "little")
    path = tmp_path / data.draw(st.sampled_from(NAMES))
    path.write_bytes(bytes(content) or b"x")
    check(path)


INSTRUCTIONS = (
    b"ccollections\nOrderedDict\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch.storage\n_load_from_bytes\n",
    b"ctorch._tensor\n_rebuild_from_type_v2\n",
    b"ccopyreg\n_reconstructor\n",
    b"c_codecs\nencode\n",
    b"cbuiltins\nlist\n",
    b"cos\nsystem\n",
    b"cfriendly\nrun\n",
    b"cargparse\nNamespace\n",
    b"ctorch\nFloatStorage\n",
    b"ctorch.nn.parameter\nParameter\n",
    b"X\x0c\0\0\0__setstate__",
    b"X\x06\0\0\0append",
    b"X\x02\0\0\0os",
    b"X\x06\0\0\0system",
    b"X\x01\0\0\0a",
    b"B\x02\0\0\0N.",
    b"(",
    b")",
    b"}",
    b"]",
    b"N",
    b"K\x01",
    b"\x88",
    b"R",
    b"\x81",
    b"b",
    b"s",
    b"u",
    b"a",
    b"e",
    b"t",
    b"\x85",
    b"\x86",
    b"\x87",
    b"\x93",
    b"0",
    b"1",
    b"2",
    b"q\0",
    b"h\0",
    b"q\1",
    b"h\1",
    b"\x94",
    b"Q",
    b"l",
    b"d",
    b"o",
    b"\x8f",
    b"\x90",
    b"\x91",
    b"\x92",
)


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.sampled_from(INSTRUCTIONS), min_size=2, max_size=40), protocol=st.integers(2, 5))
def test_programs_put_together_at_random(tmp_path: Path, parts: list[bytes], protocol: int) -> None:
    """Most are refused; what is called safe is understood by Python's own unpickler in the same way."""
    path = tmp_path / "x.ckpt"
    path.write_bytes(b"\x80" + bytes([protocol]) + b"".join(parts) + b".")
    check(path)
