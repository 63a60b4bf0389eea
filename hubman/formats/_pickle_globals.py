"""Which names a pickle may mention, and what mentioning another one means.

A pickle names Python objects as (module, name) and asks the loader to call them. What a Stable Diffusion file needs is
a short list (facts: torch/_weights_only_unpickler.py, AUTOMATIC1111 modules/safe.py, and the files of the corpora); the
match is exact, because `torch.serialization` + `os.system` is how dotted names reach what a prefix rule would let pass.
"""

from __future__ import annotations

import sys
from _compat_pickle import IMPORT_MAPPING
from enum import IntEnum

STORAGE_DTYPES = {
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "DoubleStorage": "F64",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "ComplexFloatStorage": "C64",
    "ComplexDoubleStorage": "C128",
    "UntypedStorage": "U8",
    "QInt8Storage": "I8",
    "QUInt8Storage": "U8",
    "QInt32Storage": "I32",
}
"""Storage class of torch -> dtype in safetensors' spelling."""

TORCH_DTYPES = {
    "float32": "F32",
    "float": "F32",
    "float16": "F16",
    "half": "F16",
    "bfloat16": "BF16",
    "float64": "F64",
    "double": "F64",
    "int64": "I64",
    "long": "I64",
    "int32": "I32",
    "int": "I32",
    "int16": "I16",
    "short": "I16",
    "int8": "I8",
    "uint8": "U8",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "bool": "BOOL",
    "complex64": "C64",
    "complex128": "C128",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
}

NUMPY_DTYPES = {
    "f2": "F16",
    "f4": "F32",
    "f8": "F64",
    "i1": "I8",
    "i2": "I16",
    "i4": "I32",
    "i8": "I64",
    "u1": "U8",
    "u2": "U16",
    "u4": "U32",
    "u8": "U64",
    "b1": "BOOL",
    "c8": "C64",
    "c16": "C128",
}

ITEM_SIZES = {
    **dict.fromkeys(("U8", "I8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0"), 1),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 8),
    "C128": 16,
}
"""Bytes of one element."""

BUILTINS = ("builtins", "__builtin__")

REBUILDERS = frozenset(
    ("torch._utils", name)
    for name in (
        "_rebuild_tensor",
        "_rebuild_tensor_v2",
        "_rebuild_tensor_v3",
        "_rebuild_parameter",
        "_rebuild_parameter_with_state",
        "_rebuild_qtensor",
        "_rebuild_nested_tensor",
        "_rebuild_wrapper_subclass",
        "_rebuild_sparse_tensor",
        "_rebuild_meta_tensor_no_storage",
        "_rebuild_device_tensor_from_numpy",
        "_rebuild_device_tensor_from_cpu_tensor",
    )
) | {("torch._tensor", "_rebuild_from_type_v2"), ("torch.storage", "_load_from_bytes")}

NUMPY = frozenset(
    [(f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")]
    + [(f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")]
    + [("numpy", "dtype"), ("numpy", "ndarray"), ("_codecs", "encode")]
)

_PLAIN_TYPES = (
    *("set", "frozenset", "list", "dict", "tuple", "int", "float", "complex", "bool", "str", "unicode", "long"),
    *("bytearray", "bytes", "object", "slice"),
)

CONTAINERS = frozenset(
    [
        ("collections", "OrderedDict"),
        ("collections", "defaultdict"),
        ("torch", "Size"),
        ("torch", "device"),
        ("torch", "Tensor"),
        ("torch.nn.parameter", "Parameter"),
        ("torch.nn.modules.container", "ParameterDict"),
        ("torch.nn.modules.container", "ParameterList"),
        ("collections", "Counter"),
        ("torch.torch_version", "TorchVersion"),
        ("torch.serialization", "_get_layout"),
        ("typing", "Any"),
        ("copyreg", "_reconstructor"),
        ("copy_reg", "_reconstructor"),
    ]
    + [(module, name) for module in BUILTINS for name in _PLAIN_TYPES]
)
"""Plain values. `_reconstructor` is checked again at the call: it may make only classes of this list."""

ALLOWED = (
    CONTAINERS
    | REBUILDERS
    | NUMPY
    | {("torch", name) for name in STORAGE_DTYPES}
    | {("torch.storage", "UntypedStorage"), ("torch.storage", "TypedStorage")}
    | {("torch", name) for name in TORCH_DTYPES}
    | {
        ("torch", f"per_{what}")
        for what in (
            *("tensor_affine", "tensor_symmetric", "channel_affine", "channel_symmetric"),
            "channel_affine_float_qparams",
        )
    }
)

FUNCTIONS = (
    REBUILDERS
    | {("copyreg", "_reconstructor"), ("copy_reg", "_reconstructor"), ("_codecs", "encode")}
    | {name for name in NUMPY if name[1] not in ("dtype", "ndarray")}
)
"""Allowed names that do something when they are called: torch never stores one where a later instruction may call it
(`{"__setstate__": torch.storage._load_from_bytes}` and then BUILD with a whole pickle as the state)."""

_PATHS = ("Path", "PurePath", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")

HARMLESS = frozenset(
    [("datetime", name) for name in ("datetime", "date", "time", "timedelta", "timezone")]
    + [(module, name) for module in ("pathlib", "pathlib._local") for name in _PATHS]
    + [("collections", name) for name in ("deque", "ChainMap", "UserDict", "UserList", "UserString")]
    + [("ipaddress", f"IPv{version}{what}") for version in (4, 6) for what in ("Address", "Network", "Interface")]
    + [(module, "range") for module in BUILTINS]
    + [
        ("argparse", "Namespace"),
        ("types", "SimpleNamespace"),
        ("fractions", "Fraction"),
        ("decimal", "Decimal"),
        ("uuid", "UUID"),
        ("uuid", "SafeUUID"),
        ("time", "struct_time"),
        ("array", "array"),
        ("array", "_array_reconstructor"),
        ("random", "Random"),
    ]
)
"""Names of Python's own library that no model needs and that can only make a value: they read, write and call nothing
(Lib/datetime.py, pathlib.py, fractions.py, ... of CPython 3.11 to 3.14). A file with one is suspicious and no more."""

PYTHON_2 = frozenset({"commands", "__builtin__", "exceptions", "popen2", "imp", "distutils", "asyncore", "asynchat"})
STANDARD_LIBRARY = frozenset(sys.stdlib_module_names) | PYTHON_2 | {name.partition(".")[0] for name in IMPORT_MAPPING}
"""The standard library holds nothing that a model needs and everything that an attacker does, so what of it is not on
the list above is taken as an attack. Names that Python 2 used are mapped by the loader, so they count too."""

ATTACK_TOOLS = frozenset({"pip", "setuptools", "pkg_resources", "_distutils_hack", "IPython", "cloudpickle", "dill"})


class Standing(IntEnum):
    """How much trust a name deserves."""

    ALLOWED = 0
    HARMLESS = 1
    UNKNOWN = 2
    DANGEROUS = 3


def standing(module: str, name: str) -> Standing:
    """Judge one (module, name) pair; everything but an exact match of the list is at least unknown."""
    if (module, name) in ALLOWED:
        return Standing.ALLOWED
    if (module, name) in HARMLESS:
        return Standing.HARMLESS
    root = module.partition(".")[0]
    if root in STANDARD_LIBRARY or root in ATTACK_TOOLS or "." in name:
        return Standing.DANGEROUS
    return Standing.UNKNOWN
