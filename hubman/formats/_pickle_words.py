"""What a call in a pickle would have done, in plain words, with the arguments that it would have been given.

The tables say which words fit a name; they decide nothing about safety (hubman/formats/_pickle_globals.py does). A name
that is in none of them is told as "import and call", which is always true.
"""

from __future__ import annotations

from collections.abc import Mapping

from hubman.core.types import TensorInfo
from hubman.errors import N_, Phrase
from hubman.formats._pickle_values import Global, NumpyArray, Opaque, Storage

LONGEST = 160
"""Letters of an argument or a name that are shown."""
DEEPEST = 4
MOST_PARTS = 6

SHELL = N_("opening it would run the shell command {what}")
PROGRAM = N_("opening it would start a program: {what}")
CODE = N_("opening it would evaluate Python code: {what}")
IMPORT = N_("opening it would import {what}")
LOOK_UP = N_("opening it would reach into Python to find something to call: {call}")
NETWORK = N_("opening it would open a network connection: {call}")
FILE = N_("opening it would open the file {what}")
DELETE = N_("opening it would delete {what}")
CHANGE = N_("opening it would change or move files: {call}")
NATIVE = N_("opening it would load native code: {call}")
PICKLE = N_("opening it would load another pickle, which may do anything: {call}")
INSTALL = N_("opening it would install software: {call}")
END = N_("opening it would end or disturb the program: {call}")
CALL = N_("opening it would import and call {call}")
COMPUTED = N_("opening it would call something that it computes: {call}")


def _under(module: str, names: str) -> tuple[str, ...]:
    return tuple(f"{module}.{name}" for name in names.split())


_NAMES: Mapping[str, tuple[str, ...]] = {
    SHELL: (
        *_under("os", "system popen startfile"),
        *_under("subprocess", "getoutput getstatusoutput"),
        *_under("asyncio", "create_subprocess_shell subprocess.create_subprocess_shell"),
        *_under("commands", "getoutput getstatusoutput"),
        *_under("popen2", "popen2 popen3 popen4"),
    ),
    PROGRAM: (
        *_under("subprocess", "Popen run call check_call check_output"),
        *_under("os", "execl execle execlp execv execve execvp execvpe posix_spawn posix_spawnp"),
        *_under("os", "spawnl spawnle spawnlp spawnv spawnve spawnvp spawnvpe fork forkpty"),
        *_under("asyncio", "create_subprocess_exec subprocess.create_subprocess_exec"),
        *("pty.spawn", "_posixsubprocess.fork_exec", "distutils.spawn.spawn", "distutils.file_util.write_file"),
    ),
    CODE: (
        *_under("builtins", "eval exec execfile compile"),
        *_under("runpy", "_run_code _run_module_code _run_module_as_main run_path run_module"),
        *_under("code", "interact InteractiveInterpreter.runcode InteractiveInterpreter.runsource"),
        *_under("timeit", "timeit repeat main Timer"),
        *_under("cProfile", "run runctx"),
        *_under("profile", "run runctx Profile.run Profile.runctx"),
        *_under("pdb", "run runeval runcall runctx"),
        *_under("trace", "Trace.run Trace.runctx"),
        *_under("doctest", "debug_script debug testsource script_from_examples"),
        *_under("types", "FunctionType CodeType"),
        *_under("marshal", "load loads"),
        *_under("numpy.testing._private.utils", "runstring"),
        *("bdb.Bdb.run", "numpy.f2py.crackfortran.myeval", "numpy.f2py.crackfortran.param_eval"),
        *("torch._dynamo.guards.GuardBuilder.get", "torch.jit.unsupported_tensor_ops.execWrapper"),
        *("torch.fx.experimental.symbolic_shapes.ShapeEnv.evaluate_guards_expression",),
    ),
    IMPORT: (
        *_under("builtins", "__import__"),
        *_under("importlib", "import_module __import__ reload _bootstrap._load _bootstrap_external.SourceFileLoader"),
        *_under("importlib.util", "spec_from_file_location module_from_spec"),
        *_under("imp", "load_module load_source load_compiled load_dynamic"),
        *_under("pkgutil", "resolve_name get_loader find_loader"),
        *_under("pydoc", "locate safeimport importfile"),
        *("zipimport.zipimporter", "logging.config._resolve", "torch.package.PackageImporter"),
    ),
    LOOK_UP: (
        *_under("builtins", "getattr setattr delattr vars globals locals dir type map filter property"),
        *_under("operator", "attrgetter methodcaller itemgetter"),
        *_under("functools", "partial partialmethod reduce"),
        *_under("types", "MethodType DynamicClassAttribute"),
        *_under("inspect", "getattr_static getmembers"),
        *("copyreg.add_extension", "copyreg.__newobj__", "weakref.finalize"),
    ),
    FILE: (
        *("builtins.open", "io.open", "io.FileIO", "_io.open", "_io.FileIO", "codecs.open", "os.open", "builtins.file"),
        *("tarfile.open", "zipfile.ZipFile", "tempfile.NamedTemporaryFile", "fileinput.input", "linecache.getlines"),
        *("logging.FileHandler", "logging.handlers.RotatingFileHandler", "sqlite3.connect", "numpy.memmap"),
    ),
    DELETE: (*_under("os", "remove unlink rmdir removedirs"), "shutil.rmtree", "pathlib.Path.unlink"),
    CHANGE: (
        *_under("os", "rename renames replace chmod chown link symlink truncate mkdir makedirs mknod utime"),
        *_under("shutil", "move copy copy2 copyfile copytree make_archive unpack_archive chown"),
        *_under("numpy", "save savez savez_compressed savetxt tofile"),
        "torch.save",
    ),
    PICKLE: (
        *_under("torch", "load jit.load storage._load_from_bytes serialization.load package.PackageImporter"),
        *("numpy.load", "joblib.load", "pandas.read_pickle", "shelve.open", "shelve.DbfilenameShelf"),
    ),
    END: (
        *_under("os", "_exit abort kill killpg"),
        *_under("builtins", "exit quit input breakpoint help"),
        *("sys.exit", "sys.settrace", "sys.setprofile", "faulthandler._sigsegv", "torch._C._abort"),
    ),
    NATIVE: ("torch.ops.load_library", "torch._ops._Ops.load_library", "torch.classes.load_library"),
}
_MODULES: Mapping[str, tuple[str, ...]] = {
    NETWORK: (
        *(
            "socket",
            "_socket",
            "ssl",
            "urllib",
            "urllib2",
            "http",
            "httplib",
            "ftplib",
            "smtplib",
            "smtpd",
            "telnetlib",
        ),
        *("poplib", "imaplib", "nntplib", "xmlrpc", "xmlrpclib", "webbrowser", "socketserver", "asyncio", "requests"),
        *("httpx", "aiohttp", "paramiko", "urllib3", "torch.hub", "huggingface_hub", "antigravity"),
    ),
    NATIVE: ("ctypes", "_ctypes", "cffi", "torch.utils.cpp_extension", "cppyy"),
    PICKLE: ("pickle", "_pickle", "cPickle", "dill", "cloudpickle", "jsonpickle", "marshal"),
    INSTALL: ("pip", "ensurepip", "setuptools", "pkg_resources", "conda", "venv"),
    PROGRAM: ("multiprocessing", "pty", "concurrent"),
    CODE: ("code", "codeop", "idlelib", "lib2to3", "IPython"),
    END: ("signal", "_thread", "threading", "atexit", "faulthandler"),
}
_BY_NAME = {name: template for template, names in _NAMES.items() for name in names}
_BY_MODULE = {module: template for template, modules in _MODULES.items() for module in modules}
_SAME = {"posix": "os", "nt": "os", "__builtin__": "builtins", "copy_reg": "copyreg", "os.path": "os"}
_IMPORTERS = ("builtins.__import__", "importlib.import_module", "importlib.__import__", "pkgutil.resolve_name")


def shown(text: str) -> str:
    """Make a text from an untrusted file fit for one line of a message."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in text[:LONGEST])
    return plain if len(text) <= LONGEST else plain + "…"


# --- what a value is called ----------------------------------------------------------------------------------------
def resolved(value: object, depth: int = 0) -> str:
    """Return the dotted name that a chain of look-ups ends at (`getattr(__import__("os"), "system")`), or ""."""
    if isinstance(value, Global):
        return f"{_SAME.get(value.module, value.module)}.{value.name}"
    if not isinstance(value, Opaque) or not isinstance(value.args, tuple) or depth > DEEPEST * 2:
        return ""
    args = value.args
    source = resolved(value.source, depth + 1)
    if source in _IMPORTERS and args and isinstance(args[0], str):
        return args[0].replace(":", ".")
    if source in ("builtins.getattr", "inspect.getattr_static") and len(args) > 1 and isinstance(args[1], str):
        return _joined(resolved(args[0], depth + 1), args[1])
    if source == "functools.partial" and args:
        return resolved(args[0], depth + 1)
    getter = value.source
    if isinstance(getter, Opaque) and args and isinstance(getter.args, tuple) and getter.args:
        attribute = getter.args[0]
        if resolved(getter.source, depth + 1) == "operator.attrgetter" and isinstance(attribute, str):
            return _joined(resolved(args[0], depth + 1), attribute)
    return ""


def _joined(base: str, name: str) -> str:
    return f"{_SAME.get(base, base)}.{name}" if base else ""


def _bound(function: object) -> tuple[object, ...]:
    """Return the arguments that a functools.partial brings along."""
    if isinstance(function, Opaque) and resolved(function.source) == "functools.partial":
        return tuple(function.args[1:]) if isinstance(function.args, tuple) else ()
    return ()


# --- sentences -----------------------------------------------------------------------------------------------------
def would_call(function: object, args: object) -> Phrase:
    """Say what calling `function` with `args` would do."""
    given = (*_bound(function), *args) if isinstance(args, tuple) else args
    name = resolved(function)
    if not name:
        return Phrase(COMPUTED, call=shown(literal(function) + _arguments(given)))
    call, what = shown(name + _arguments(given)), _what(given)
    template = _template(name)
    if "{what}" in template:
        return Phrase(template, what=what) if what else Phrase(CALL, call=call)
    return Phrase(template, call=call)


def _template(name: str) -> str:
    """Find the words for a dotted name; it may lead through another module (`torch.serialization.os.system`)."""
    parts = name.split(".")
    for start in range(len(parts) - 1):
        template = _BY_NAME.get(".".join(parts[start:]))
        if template:
            return template
    parts.pop()
    for length in range(len(parts), 0, -1):
        template = _BY_MODULE.get(".".join(parts[:length]))
        if template:
            return template
    return CALL


def _what(args: object) -> str:
    """The arguments alone: one as it is, several as a list; nothing when there are none."""
    if not isinstance(args, tuple):
        return shown(literal(args)) if args is not None else ""
    plain = [value for value in args if value not in (None, "", b"") and not isinstance(value, dict)]
    return shown(", ".join(literal(value) for value in plain[:MOST_PARTS]))


def _arguments(args: object) -> str:
    if not isinstance(args, tuple):
        return f"(*{literal(args)})"
    return "(" + ", ".join(literal(value) for value in args[:MOST_PARTS]) + (", …)" if len(args) > MOST_PARTS else ")")


def literal(value: object, depth: int = 0) -> str:
    """Write a value of the machine as Python would, shortened."""
    if isinstance(value, (str, bytes, bytearray)):
        return repr(value[:LONGEST]) + ("…" if len(value) > LONGEST else "")
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)[:LONGEST]
    if isinstance(value, Global):
        return str(value)
    if isinstance(value, (TensorInfo, Storage, NumpyArray)):
        return "<tensor>"
    if depth >= DEEPEST:
        return "…"
    if isinstance(value, (list, tuple)):
        return _sequence(value, depth)
    if isinstance(value, dict):
        pairs = list(value.items())[:MOST_PARTS]
        return "{" + ", ".join(f"{literal(key, depth + 1)}: {literal(item, depth + 1)}" for key, item in pairs) + "}"
    if isinstance(value, Opaque):
        if isinstance(value.source, str):
            return f"<{value.source}>"
        args = value.args if isinstance(value.args, (list, tuple)) else (value.args,)
        inner = ", ".join(literal(item, depth + 1) for item in args[:MOST_PARTS])
        return f"{literal(value.source, depth + 1)}({inner})"
    return "…"


def _sequence(value: list[object] | tuple[object, ...], depth: int) -> str:
    inner = ", ".join(literal(item, depth + 1) for item in value[:MOST_PARTS]) + (
        ", …" if len(value) > MOST_PARTS else ""
    )
    return f"[{inner}]" if isinstance(value, list) else f"({inner})"
