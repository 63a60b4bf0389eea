"""Nothing that a pickle names is ever imported or called, and whoever would execute is never called safe."""

from __future__ import annotations

import argparse
import codecs
import collections
import datetime
import decimal
import fractions
import io
import pathlib
import pickle
import struct
import subprocess
import sys
import time
import types
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from crafted_pickles import (
    CONTAINERS,
    NEVER_RUN_HERE,
    TENSORS,
    as_legacy,
    as_tar,
    as_two_directories,
    as_zip,
    more_payloads,
    payloads,
)

from hubman.app import reading
from hubman.core.types import Header, Safety
from hubman.errors import IntegrityError
from hubman.formats import read_header, sandbox

NAMES = sorted(payloads("marker"))
BROKEN = {"payload-then-broken", "payload-then-cut"}
FORBIDDEN = (
    "os.system",
    "subprocess.Popen",
    "exec",
    "import",
    "os.posix_spawn",
    "os.fork",
    "os.exec",
    "pickle.find_class",
)

_watching: list[list[str]] = []


def _audit(event: str, args: tuple[object, ...]) -> None:
    if _watching and event in FORBIDDEN:
        _watching[-1].append(f"{event} {args[0]!r}"[:200])


sys.addaudithook(_audit)


@pytest.fixture
def executed() -> Iterator[list[str]]:
    """Events of the interpreter that a reader must never cause."""
    events: list[str] = []
    _watching.append(events)
    yield events
    _watching.pop()


def read(path: Path, isolate: bool = False) -> Header | IntegrityError:
    try:
        return read_header(path, isolate=isolate)
    except IntegrityError as error:
        return error


def verdict(found: Header | IntegrityError) -> Safety:
    """A file that cannot be read at all has not been called safe."""
    return found.safety if isinstance(found, Header) else Safety.SUSPICIOUS


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_runs_and_nothing_is_called_safe(
    tmp_path: Path, name: str, container: str, executed: list[str]
) -> None:
    marker = tmp_path / "marker"
    path = tmp_path / "model.pt"
    path.write_bytes(CONTAINERS[container](payloads(str(marker))[name]))
    read_header(_benign(tmp_path), isolate=False)  # what the reader imports for itself, it imports before
    codecs.lookup("raw_unicode_escape")
    executed.clear()
    found = read(path)
    assert executed == []
    assert not marker.exists()
    expected = {Safety.UNSAFE} if name != "second-stream" else {Safety.UNSAFE, Safety.SUSPICIOUS}
    assert verdict(found) in expected, found


@pytest.mark.parametrize("name", sorted(more_payloads("marker")))
def test_no_other_way_runs_either(tmp_path: Path, name: str, executed: list[str]) -> None:
    """Each of these does run in a real loader: see the next test but one."""
    marker, path = tmp_path / "marker", tmp_path / "model.ckpt"
    path.write_bytes(more_payloads(str(marker))[name])
    read_header(_benign(tmp_path), isolate=False)
    codecs.lookup("raw_unicode_escape")
    executed.clear()
    header = read_header(path, isolate=False)
    assert executed == []
    assert header.safety is Safety.UNSAFE
    assert header == read_header(path)
    assert not marker.exists()


def test_what_a_program_would_do_is_said_in_plain_words(tmp_path: Path) -> None:
    crafted = {**payloads("M"), **more_payloads("M")}
    expected = {
        "reduce-os-system": "would run the shell command 'touch M'",
        "getattr": "would run the shell command 'touch M'",
        "pkgutil": "would run the shell command 'touch M'",
        "functools-partial": "would run the shell command 'touch M'",
        "dotted-name": "would run the shell command 'touch M'",
        "subprocess": "would start a program: ['touch', 'M']",
        "eval": "would evaluate Python code: \"open('M', 'w')\"",
        "unknown-library": "would import and call friendly.helpers.run('touch M')",
        "torch-hub": "would open a network connection: torch.hub.load('a/b', 'c')",
        "open-for-writing": "would open the file 'M', 'w'",
        "mkdir": "would change or move files: os.mkdir('M')",
        "pip": "would install software: pip.main(['install', 'x'])",
        "ctypes": "would load native code: ctypes.CDLL(None)",
        "extension-1": "would import whatever Python's registry has under number 1",
        "setstate-load-from-bytes": "would replace a method, for its next step to call",
        "gif": "would run the shell command 'touch M'",
    }
    for name, words in expected.items():
        path = tmp_path / f"{name}.pt"
        path.write_bytes(crafted[name])
        said = [finding.message for finding in read_header(path, isolate=False).findings]
        assert any(words in text for text in said), (name, said)


def test_what_is_said_is_short_and_printable(tmp_path: Path) -> None:
    evil = "\x1b[31m\u202e\n" + "x" * 100_000
    stream = b"\x80\x02cos\nsystem\nX" + struct.pack("<I", len(evil.encode())) + evil.encode() + b"\x85R."
    path = tmp_path / "model.pt"
    path.write_bytes(stream)
    (finding,) = read_header(path, isolate=False).findings
    assert finding.message.isprintable()
    assert len(finding.message) < 400


@pytest.mark.render
def test_the_samples_really_run(tmp_path: Path) -> None:
    """They are no straw men: Python's own loader (and torch's) makes the marker of every one of them."""
    pytest.importorskip("torch")
    names = sorted(set(more_payloads("x")) - NEVER_RUN_HERE)
    for name in names:
        (tmp_path / f"{name}.ckpt").write_bytes(more_payloads(str(tmp_path / f"{name}.marker"))[name])
    program = """
import pickle, sys, torch
for path in sys.argv[1:]:
    for load in (lambda: pickle.load(open(path, "rb")), lambda: torch.load(path, weights_only=False)):
        try:
            load()
        except BaseException:
            pass
"""
    command = [sys.executable, "-c", program, *(str(tmp_path / f"{name}.ckpt") for name in names)]
    subprocess.run(command, cwd=tmp_path, timeout=300, capture_output=True, check=False)
    assert [name for name in names if not (tmp_path / f"{name}.marker").exists()] == []


def _benign(folder: Path) -> Path:
    path = folder / "benign.pt"
    path.write_bytes(as_zip(TENSORS))
    return path


@pytest.mark.parametrize("name", ["reduce-os-system", "second-stream", "payload-then-broken", "nested-load-from-bytes"])
def test_the_child_process_says_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.ckpt"
    path.write_bytes(payloads(str(tmp_path / "marker"))[name])
    found = read_header(path)
    assert found == read_header(path, isolate=False)
    assert found.safety is Safety.UNSAFE
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("extension", ["safetensors", "SafeTensors", "png", "txt", "gguf"])
def test_the_extension_hides_nothing(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"model.{extension}"
    path.write_bytes(payloads(str(tmp_path / "marker"))["reduce-os-system"])
    assert read_header(path, isolate=False).safety is Safety.UNSAFE


# --- zip tricks ------------------------------------------------------------------------------------------------------
def _zip_of(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def _bad(tmp_path: Path) -> bytes:
    return payloads(str(tmp_path / "marker"))["reduce-os-system"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second_name", ["a/data.pkl", "b/data.pkl", "a/DATA.PKL", "a/other.pkl"])
def test_every_pickle_of_a_zip_is_read(tmp_path: Path, first: bool, second_name: str) -> None:
    members = [("a/data.pkl", _bad(tmp_path)), (second_name, TENSORS)]
    if not first:
        members = [("a/data.pkl", TENSORS), (second_name, _bad(tmp_path))]
    path = tmp_path / "model.pt"
    path.write_bytes(_zip_of(*members))
    assert read_header(path, isolate=False).safety is Safety.UNSAFE


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_harmless_pickles_are_suspicious(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(_zip_of(("a/data.pkl", TENSORS), ("a/data.pkl", TENSORS)))
    header = read_header(path, isolate=False)
    assert header.safety is Safety.SUSPICIOUS
    assert {"zip-duplicate", "zip-several-pickles"} <= {finding.reference for finding in header.findings}


def _patched(data: bytes, magic: bytes, offset: int, value: bytes) -> bytes:
    at = data.index(magic) + offset
    return data[:at] + value + data[at + len(value) :]


@pytest.mark.parametrize(
    ("magic", "offset", "value", "reference"),
    [
        (b"PK\x03\x04", 6, b"\x01\x00", "zip-header-mismatch"),  # encrypted, says the local header (CVE-2025-1945)
        (b"PK\x01\x02", 8, b"\x01\x00", "zip-header-mismatch"),  # ... and the central one
        (b"PK\x03\x04", 30, b"b", "zip-header-mismatch"),  # another name (CVE-2025-1944)
        (b"PK\x03\x04", 22, b"\x01\x00\x00\x00", "zip-header-mismatch"),  # another size
        (b"PK\x01\x02", 16, b"\x00\x00\x00\x00", "zip-checksum"),  # a wrong CRC (CVE-2025-10156)
    ],
)
def test_contradictions_in_a_zip_are_suspicious(
    tmp_path: Path, magic: bytes, offset: int, value: bytes, reference: str
) -> None:
    path = tmp_path / "model.pt"
    for stream, least in ((TENSORS, Safety.SUSPICIOUS), (_bad(tmp_path), Safety.UNSAFE)):
        path.write_bytes(_patched(as_zip(stream, root="a"), magic, offset, value))
        header = read_header(path, isolate=False)
        assert header.safety is least
        assert reference in {finding.reference for finding in header.findings}


def test_a_deflated_payload_is_found(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(as_zip(_bad(tmp_path), method=zipfile.ZIP_DEFLATED))
    assert read_header(path, isolate=False).safety is Safety.UNSAFE


def test_bytes_after_the_pickle_in_a_zip_are_suspicious(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(as_zip(TENSORS + b"\0\0\0"))
    assert read_header(path, isolate=False).safety is Safety.SUSPICIOUS


def test_bytes_after_the_zip_are_suspicious(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(as_zip(TENSORS) + b"tail")
    assert read_header(path, isolate=False).safety is Safety.SUSPICIOUS


def test_a_torchscript_program_is_suspicious(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(_zip_of(("m/data.pkl", TENSORS), ("m/constants.pkl", b"\x80\x02)."), ("m/code/x.py", b"")))
    assert read_header(path, isolate=False).safety is Safety.SUSPICIOUS


def test_a_legacy_tail_that_no_storage_accounts_for_is_suspicious(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(as_legacy(TENSORS) + _bad(tmp_path))
    assert read_header(path, isolate=False).safety is not Safety.SAFE


def test_junk_before_a_zip_hides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    for stream, least in ((TENSORS, Safety.SUSPICIOUS), (_bad(tmp_path), Safety.UNSAFE)):
        path.write_bytes(b"junk!" * 3 + as_zip(stream))
        assert read_header(path, isolate=False).safety is least


@pytest.mark.parametrize("in_comment", [False, True])
def test_a_zip_with_two_directories_is_refused(tmp_path: Path, in_comment: bool) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(as_two_directories(b"\x80\x02}.", _bad(tmp_path), in_comment=in_comment))
    with zipfile.ZipFile(path) as archive:
        assert archive.read("m/data.pkl") == b"\x80\x02}."  # what torch reads is not what zipfile shows
    with pytest.raises(IntegrityError) as caught:
        read_header(path, isolate=False)
    assert caught.value.reference == "pickle-unreadable"
    assert reading.safety_of(caught.value.reference) is Safety.SUSPICIOUS


@pytest.mark.parametrize(
    "head",
    [
        b"GIF89a\0\0\0" + b"0" + b"N0" * 600_000,
        b"BM\0\0\0" + bytes(0x4D) + b"Nr\0\0\x10\0",
        b"V" + b"a" * 99 + b"\n" + b"20" * 600_000,
    ],
)
@pytest.mark.parametrize("isolate", [False, True])
def test_what_outlasts_the_reader_is_no_picture(tmp_path: Path, head: bytes, isolate: bool) -> None:
    """A loader goes on where the limits of the reader end: then the first bytes say nothing of what the file is."""
    for name in ("model.ckpt", "model.bin"):
        path = tmp_path / name
        path.write_bytes(head + _bad(tmp_path)[2:])
        found = read(path, isolate)
        assert isinstance(found, IntegrityError)
        assert found.reference == "pickle-hostile"
        assert reading.safety_of(found.reference) is Safety.SUSPICIOUS


def test_a_hundred_harmless_oddities_do_not_crowd_out_the_worst(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    odd = b"".join(b"cunknown_%d\nname\n0" % number for number in range(200))
    path.write_bytes(b"\x80\x02" + odd + _bad(tmp_path)[2:])
    assert read_header(path, isolate=False).safety is Safety.UNSAFE


# --- bombs -----------------------------------------------------------------------------------------------------------
def _bombs() -> dict[str, bytes]:
    lists = b"\x80\x02]q\x00" + b"".join(
        b"(" + b"h" + bytes([n]) + b"h" + bytes([n]) + b"lq" + bytes([n + 1]) for n in range(60)
    )
    return {
        "deflated": as_zip(b"\x80\x02" + b"N0" * 3_000_000 + b"N.", method=zipfile.ZIP_DEFLATED),
        "huge-deflated": as_zip(b"N0" * (40 << 20), method=zipfile.ZIP_DEFLATED),
        "billion-laughs": lists + b".",
        "deep-tuples": b"\x80\x02)" + b"\x85" * 500_000 + b".",
        "deep-key": b"\x80\x02}(" + b")" + b"\x85" * 200_000 + b"NsN.",
        "long-binput": b"\x80\x02Nr" + struct.pack("<I", 1 << 29) + b".",
        "binbytes8": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"x.",
        "frame": b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b"N.",
        "long4": b"\x80\x02\x8b" + struct.pack("<i", 1 << 30) + b".",
        "negative-long4": b"\x80\x02\x8b" + struct.pack("<i", -5) + b".",
        "long-binput-max": b"\x80\x02Nr\xff\xff\xff\xff.",
        "real-long4": b"\x80\x02\x8b" + struct.pack("<i", 1 << 20) + b"\x01" * (1 << 20) + b".",
        "many-pickles": _zip_of(*((f"a/{number}.pkl", b"N0" * 400_000 + b"N.") for number in range(100))),
        "ten-million-entries": as_zip(
            b"\x80\x02}(" + b"".join(b"J" + struct.pack("<i", number) + b"N" for number in range(2_000_000)) + b"u.",
            method=zipfile.ZIP_DEFLATED,
        ),
        "memo": b"\x80\x04" + b"N\x94" * 1_000_000 + b".",
        "unknown-names": b"\x80\x02" + b"".join(b"cu%d\nx\n0" % number for number in range(300_000)) + b"N.",
        "shell-commands": b"\x80\x02cos\nsystem\nq\x010" + b"h\x01Vx\n\x85R0" * 200_000 + b"N.",
        "digits": b"I" + b"9" * 1_000_000 + b"\n.",
        "self-reference": b"\x80\x02]q\x00h\x00a.",
        "marks": b"\x80\x02" + b"(" * 1_000_000 + b".",
    }


@pytest.mark.parametrize("name", sorted(_bombs()))
def test_bombs_end_soon_in_the_child(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bomb.ckpt"
    path.write_bytes(_bombs()[name])
    started = time.monotonic()
    found = read(path, isolate=True)
    reference = found.reference if isinstance(found, IntegrityError) else ""
    assert reference in ("", "pickle-unreadable", "pickle-hostile", "not-a-model")
    assert time.monotonic() - started < 15  # 3 seconds of processor; how long that takes is the machine's matter
    if name in ("long-binput", "long-binput-max", "frame", "binbytes8", "long4"):
        assert isinstance(found, IntegrityError)  # a real loader would ask for gigabytes
    assert read_header(_benign(tmp_path)).safety is Safety.SAFE


def test_a_child_that_dies_or_hangs_is_replaced(tmp_path: Path) -> None:
    box = sandbox.Sandbox(seconds=0.3)
    bomb = tmp_path / "bomb.pt"
    bomb.write_bytes(as_zip(b"\x80\x02" + b"N0" * 1_900_000 + b"N."))
    with pytest.raises(IntegrityError) as caught:
        box.read(bomb)
    assert caught.value.reference == "pickle-hostile"
    box.seconds = 20
    assert box.read(_benign(tmp_path)).safety is Safety.SAFE
    assert box._child is not None
    box._child.kill()
    box._child.wait()
    assert box.read(_benign(tmp_path)).safety is Safety.SAFE
    box.close()
    box.close()


def test_the_child_passes_on_what_the_system_says(tmp_path: Path) -> None:
    box = sandbox.Sandbox()
    with pytest.raises(FileNotFoundError):
        box.read(tmp_path / "absent.pt")
    box.close()


# --- names -----------------------------------------------------------------------------------------------------------
def test_a_class_of_an_unknown_library_is_suspicious_and_its_shapes_still_show(tmp_path: Path) -> None:
    """Lightning checkpoints name their callbacks; nothing of it is called."""
    named = b"cpytorch_lightning.callbacks.model_checkpoint\nModelCheckpoint\n"
    stream = b"\x80\x02}(X\x01\x00\x00\x00a" + named + b"X\x01\x00\x00\x00bK\x07u."
    path = tmp_path / "model.ckpt"
    path.write_bytes(stream)
    header = read_header(path, isolate=False)
    assert header.safety is Safety.SUSPICIOUS
    assert header.tree["b"] == 7  # type: ignore[index]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (datetime.date(2026, 1, 2), "datetime.date("),
        (datetime.timedelta(3), "datetime.timedelta(3"),
        (fractions.Fraction(1, 3), "fractions.Fraction("),
        (decimal.Decimal("1.5"), "decimal.Decimal('1.5')"),
        (argparse.Namespace(a=1), "argparse.Namespace()"),
        (types.SimpleNamespace(a=1), "types.SimpleNamespace("),
        (pathlib.PurePosixPath("a/b"), "pathlib.PurePosixPath('a', 'b')"),
        (uuid.UUID(int=5), "uuid.UUID()"),
        (collections.deque([1]), "collections.deque("),
    ],
)
def test_what_can_only_hold_values_is_suspicious_and_no_more(tmp_path: Path, value: object, words: str) -> None:
    path = tmp_path / "model.ckpt"
    for protocol in (2, 4):
        path.write_bytes(pickle.dumps({"a": value, "step": 3}, protocol))
        header = read_header(path, isolate=False)
        assert header.safety is Safety.SUSPICIOUS, header.findings
        assert any(words in finding.message for finding in header.findings), header.findings
        assert header.tree["step"] == 3  # type: ignore[index]


@pytest.mark.parametrize("stream", [b"\x80\x02cargparse\nNamespace\n.", b"\x80\x02cpathlib\nPath\nq\x00."])
def test_a_harmless_name_alone_is_suspicious(tmp_path: Path, stream: bytes) -> None:
    path = tmp_path / "model.ckpt"
    path.write_bytes(stream)
    header = read_header(path, isolate=False)
    assert header.safety is Safety.SUSPICIOUS
    assert "can do no harm" in header.findings[0].message


@pytest.mark.parametrize("dangerous", [True, False])
def test_torchs_first_format_is_walked(tmp_path: Path, dangerous: bool) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(as_tar(_bad(tmp_path) if dangerous else b"\x80\x02K\x00."))
    header = read_header(path)
    assert header.safety is (Safety.UNSAFE if dangerous else Safety.SUSPICIOUS)
    assert "pickle-tar" in {finding.reference for finding in header.findings}


@pytest.mark.parametrize("head", [b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08", b"Rar!\x1a\x07"])
def test_other_archives_are_errors_and_never_safe(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(head + bytes(1000))
    with pytest.raises(IntegrityError) as caught:
        read_header(path)
    assert caught.value.reference == "archive"
    assert reading.safety_of("archive") is Safety.SUSPICIOUS


def test_native_code_in_a_zip_is_unsafe(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(_zip_of(("m/data.pkl", TENSORS), ("m/data/aotinductor/model.so", b"\x7fELF")))
    assert read_header(path, isolate=False).safety is Safety.UNSAFE


def test_the_guarded_child_dies_before_it_does_anything(tmp_path: Path) -> None:
    """The second wall: were the reader ever led to run something, its process ends first."""
    for attempt in (
        "os.system('touch M')",
        "open('M', 'w')",
        "__import__('antigravity')",
        "socket.socket()",
        "eval('1')",
    ):
        program = (
            "import os, sys, socket; sys.path.insert(0, sys.argv[1]); from hubman.formats import sandbox\n"
            f"sys.addaudithook(sandbox._guard)\n{attempt}\nprint('alive')"
        )
        command = [sys.executable, "-I", "-S", "-c", program, str(Path(__file__).parents[2])]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (70, b""), attempt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, True, ("x", b"y")]}, [1, 2], "text", {1: 2, "k": {3, 4}}])
@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_are_safe(tmp_path: Path, value: object, protocol: int) -> None:
    path = tmp_path / "values.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    assert read_header(path, isolate=False).safety is Safety.SAFE
