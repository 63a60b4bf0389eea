"""A pickle machine that only writes down: it calls nothing, imports nothing and makes no object that a file names.

It walks the opcodes (pickletools.genops is the lexer, standard library) over real lists, dicts and tuples, and puts a
placeholder wherever a real loader would import or call. The few calls that rebuild a tensor are known by name and give
its shape and dtype instead. What a call of another name means is written into `notes`.
"""

from __future__ import annotations

import io
import pickletools
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from hubman.core.types import Safety, TensorInfo
from hubman.errors import N_, Phrase
from hubman.formats._pickle_globals import (
    BUILTINS,
    FUNCTIONS,
    NUMPY_DTYPES,
    STORAGE_DTYPES,
    TORCH_DTYPES,
    Standing,
    standing,
)
from hubman.formats._pickle_values import (
    BrokenPickleError,
    Global,
    LimitError,
    Notes,
    NumpyArray,
    Opaque,
    Placed,
    Storage,
    Value,
)
from hubman.formats._pickle_words import literal, shown, would_call

MAX_OPCODES = 500_000
"""A full SDXL checkpoint with optimizer needs about 200,000; the rest is a bomb."""
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""First pickle of torch's old format (torch/serialization.py MAGIC_NUMBER)."""
MAX_FRAME = 64 << 20
MAX_NESTED = 4
MAX_KEY_DEPTH = 8
MAX_DIMENSIONS = 64
MAX_INT = 1 << 63
LARGEST_BUFFER = 1 << 24
"""Bytes that `bytearray(n)` may reserve without being told as odd."""

METHODS = frozenset({"append", "extend", "add", "update"})
"""Attributes that the instructions of a pickle call on an object, so one that the file puts there is called."""
MODULES = frozenset(("torch.nn.modules.container", name) for name in ("ParameterDict", "ParameterList"))
"""Containers whose items are attributes of theirs, and whose `__setstate__` takes all that `dict.update` takes."""
FROM_TYPE = ("torch._tensor", "_rebuild_from_type_v2")
CALLERS = frozenset({FROM_TYPE, ("torch.storage", "_load_from_bytes")})
"""Allowed names that call or load what they are given, so their arguments must be known."""
MAX_STATE_PARTS = 200
"""Of a state that is no dictionary; that alone makes it suspicious, and a function in it unsafe, wherever it lies."""


class Stream(Protocol):
    """What genops asks of a file."""

    def read(self, size: int = ..., /) -> bytes: ...
    def readline(self) -> bytes: ...
    def tell(self) -> int: ...


def run(stream: Stream, notes: Notes, depth: int = 0) -> Value:
    """Walk one pickle up to its STOP and return the object as values and placeholders.

    Raises:
        BrokenPickleError: the stream ends early or is malformed. `notes` holds what was seen up to there.
    """
    machine = _Machine(notes, depth)
    try:
        return machine.walk(stream)
    except BrokenPickleError:
        raise
    except Exception as error:  # a malformed stream may raise nearly anything out of the lexer
        what = shown(f"{type(error).__name__}: {error}")
        raise BrokenPickleError(N_("it is malformed: {what}"), what=what) from None


class _Machine:
    def __init__(self, notes: Notes, depth: int) -> None:
        self.notes = notes
        self.depth = depth
        self.stack: list[Value] = []
        self.outer: list[list[Value]] = []
        self.memo: dict[int, Value] = {}

    def walk(self, stream: Stream) -> Value:
        for count, (opcode, arg, _) in enumerate(pickletools.genops(stream)):  # type: ignore[arg-type]
            if count > MAX_OPCODES:
                raise LimitError(N_("more instructions than any model needs"))
            if opcode.name == "STOP":
                return self.pop()
            step = _STEPS.get(opcode.name)
            if step is None:
                raise BrokenPickleError(N_("instruction {name} is not known"), name=opcode.name)
            step(self, arg)
        raise BrokenPickleError(N_("the pickle has no end"))

    # --- stack ---------------------------------------------------------------------------------------------------
    def pop(self) -> Value:
        if not self.stack:
            raise BrokenPickleError(N_("an instruction takes more than there is"))
        return self.stack.pop()

    def top(self) -> Value:
        if not self.stack:
            raise BrokenPickleError(N_("an instruction takes more than there is"))
        return self.stack[-1]

    def push(self, value: Value) -> None:
        self.stack.append(value)

    def pop_mark(self) -> list[Value]:
        if not self.outer:
            raise BrokenPickleError(N_("an instruction takes more than there is"))
        items, self.stack = self.stack, self.outer.pop()
        return items

    def mark(self, _: Value) -> None:
        self.outer.append(self.stack)
        self.stack = []

    def pop_one(self, _: Value) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.pop_mark()

    # --- memo ----------------------------------------------------------------------------------------------------
    def put(self, index: int) -> None:
        number = int(index)
        if not 0 <= number <= MAX_OPCODES:  # a real loader reserves room for all below (python/cpython gh-115952)
            raise LimitError(N_("it reserves room for {count} values"), count=number)
        self.memo[number] = self.top()

    def frame(self, size: int) -> None:
        if size > MAX_FRAME:
            raise LimitError(N_("it announces a frame of {size} bytes"), size=size)

    def memoize(self, _: Value) -> None:
        self.memo[len(self.memo)] = self.top()

    def get(self, index: int) -> None:
        if int(index) not in self.memo:
            raise BrokenPickleError(N_("a value is used before it is stored"))
        self.push(self.memo[int(index)])

    # --- values --------------------------------------------------------------------------------------------------
    def literal(self, arg: Value) -> None:
        huge = isinstance(arg, int) and not -MAX_INT <= arg < MAX_INT and arg.bit_length() > 128
        self.push(Opaque("huge integer") if huge else arg)

    def tuple_of(self, count: int) -> None:
        items = [self.pop() for _ in range(count)]
        self.push(_tuple(items[::-1]))

    def make_list(self, items: list[Value]) -> None:
        self.all_stored(items)
        self.push(items)

    def make_dict(self, _: Value) -> None:
        items = self.pop_mark()
        made: dict[Value, Value] = {}
        self.fill(made, items)
        self.push(made)

    def append(self, items: list[Value]) -> None:
        target = self.top()
        self.all_stored(items)
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, Opaque):
            for item in items:
                target.items[len(target.items)] = item
        elif isinstance(target, Global):
            self.would_change(target)
        else:
            self.odd(N_("the pickle appends to something that is no list"))

    def setitems(self, items: list[Value]) -> None:
        target = self.top()
        if isinstance(target, dict):
            self.fill(target, items)
        elif isinstance(target, Opaque):
            self.fill(target.items, items)
            if _is_module(target):
                self.set_attributes(zip(items[::2], items[1::2], strict=True))
        elif isinstance(target, Global):
            self.would_change(target)
        else:
            self.odd(N_("the pickle stores items in something that is no dictionary"))

    def fill(self, target: dict[Value, Value], items: list[Value]) -> None:
        if len(items) % 2:
            raise BrokenPickleError(N_("a dictionary has a key without a value"))
        self.all_stored(items)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[checked_key(key)] = value

    def additems(self, _: Value) -> None:
        items = self.pop_mark()
        if isinstance(self.top(), (Opaque, list, Global)):
            self.append(items)
        else:
            self.odd(N_("the pickle adds to something that is no set"))

    def setitem(self, _: Value) -> None:
        value, key = self.pop(), self.pop()
        self.setitems([key, value])

    def buffer(self, _: Value) -> None:
        self.odd(N_("the pickle asks for data from outside of the file"))
        self.push(Opaque("buffer"))

    def make_set(self, items: list[Value]) -> None:
        self.all_stored(items)
        self.push(Opaque("set", items=dict(enumerate(items))))

    # --- names and calls -----------------------------------------------------------------------------------------
    def odd(self, template: str, **fields: object) -> None:
        self.notes.add(Safety.SUSPICIOUS, "pickle-odd", Phrase(template, **fields))

    def unsafe(self, reference: str, message: Phrase) -> None:
        self.notes.add(Safety.UNSAFE, reference, message)

    def name(self, module: str, name: str) -> Global:
        found = Global(module, name)
        judged = standing(module, name)
        if self.notes.full(Safety.UNSAFE if judged is Standing.DANGEROUS else Safety.SUSPICIOUS):
            return found
        if judged is Standing.DANGEROUS:
            text = Phrase(N_("opening this pickle would import {name}, which no model needs"), name=found)
            self.notes.add(Safety.UNSAFE, "pickle-dangerous-name", text, found)
        elif judged is Standing.HARMLESS:
            text = Phrase(N_("the pickle names {name}, which no model needs and which can do no harm"), name=found)
            self.notes.add(Safety.SUSPICIOUS, "pickle-harmless-name", text, found)
        elif judged is Standing.UNKNOWN:
            text = Phrase(
                N_("opening this pickle would import {name}, which is not one of the known names of models"), name=found
            )
            self.notes.add(Safety.SUSPICIOUS, "pickle-unknown-name", text, found)
        return found

    def named(self, arg: str) -> None:
        module, _, name = arg.partition(" ")
        self.push(self.name(module, name))

    def stack_named(self, _: Value) -> None:
        name, module = self.pop(), self.pop()
        if isinstance(module, str) and isinstance(name, str):
            self.push(self.name(module, name))
            return
        what = shown(f"{literal(module)}, {literal(name)}")
        text = Phrase(N_("opening this pickle would import something whose name it computes: {what}"), what=what)
        self.unsafe("pickle-computed-name", text)
        self.push(Opaque("computed name", (module, name)))

    def reduce(self, _: Value) -> None:
        args, function = self.pop(), self.pop()
        self.push(self.call(function, args))

    def call(self, function: Value, args: Value) -> Value:
        """Note what a call would do; the few calls that rebuild a tensor or a plain value give it."""
        if not isinstance(function, Global):
            if not self.notes.full(Safety.UNSAFE):
                self.unsafe("pickle-computed-call", would_call(function, args))
            return Opaque(function, args)
        judged = standing(function.module, function.name)
        self.given(function, args)
        if judged is Standing.ALLOWED:
            return self.known_call(function, args)
        if judged is Standing.HARMLESS:
            self.made(function, args)
        elif not self.notes.full(Safety.UNSAFE):
            self.notes.replace(function, Safety.UNSAFE, "pickle-would-call", would_call(function, args))
        return Opaque(function, args)

    def made(self, cls: Global, args: Value) -> None:
        """Note an object of a class that can only hold values. Its arguments were judged where they were made."""
        what = shown(f"{cls}({literal(args)[1:-1]})" if isinstance(args, tuple) else str(cls))
        text = Phrase(N_("the pickle makes an object that no model needs and that can do no harm: {what}"), what=what)
        self.notes.replace(cls, Safety.SUSPICIOUS, "pickle-harmless-name", text)

    def given(self, function: Global, args: Value) -> None:
        """Note a function among the arguments of a call; one call takes one, as its first, and judges it."""
        if isinstance(args, _Carrier):
            self.all_stored(args[1:] if (function.module, function.name) == FROM_TYPE else args)
        else:
            self.stored(args)

    def known_call(self, function: Global, args: Value) -> Value:
        rebuild = _CALLS.get((function.module, function.name))
        if rebuild is None:
            filled = bool(args) and (function.module, function.name) in MODULES
            if filled:
                self.set_attributes(_attributes(args))
            if filled or (function.module, function.name) not in _MAKE_VALUES:
                self.odd(N_("the pickle calls {name} in a way that torch never writes"), name=function)
            return Opaque(function, args)
        try:
            return rebuild(self, *args)
        except (TypeError, ValueError, IndexError, AttributeError, struct.error):
            if (function.module, function.name) in CALLERS:
                self.unsafe("pickle-computed-call", would_call(function, args))
            self.odd(N_("the pickle calls {name} in a way that torch never writes"), name=function)
            return Opaque(function, args)

    def instance(self, cls: Value, args: Value) -> Value:
        """NEWOBJ makes an object of a class without running its initialiser, so an unknown class is only suspicious."""
        if not isinstance(cls, Global):
            self.unsafe("pickle-computed-call", would_call(cls, args))
            return Opaque(cls, args)
        if standing(cls.module, cls.name) is Standing.UNKNOWN and args in ((), {}):
            text = Phrase(
                N_("opening this pickle would import {name} and make an object of it; hubman does not know that class"),
                name=cls,
            )
            self.notes.replace(cls, Safety.SUSPICIOUS, "pickle-unknown-class", text)
            return Opaque(cls, args)
        return self.call(cls, args)

    def newobj(self, _: Value) -> None:
        args, cls = self.pop(), self.pop()
        self.push(self.instance(cls, args))

    def newobj_ex(self, _: Value) -> None:
        keywords, args, cls = self.pop(), self.pop(), self.pop()
        self.odd(N_("the pickle uses an instruction that torch never writes (NEWOBJ_EX)"))
        self.push(self.instance(cls, args or keywords))

    def inst(self, arg: str) -> None:
        module, _, name = arg.partition(" ")
        self.old_instance(self.name(module, name), self.pop_mark())

    def obj(self, _: Value) -> None:
        items = self.pop_mark()
        if not items:
            raise BrokenPickleError(N_("an instruction takes more than there is"))
        self.old_instance(items[0], items[1:])

    def old_instance(self, cls: Value, args: list[Value]) -> None:
        self.odd(N_("the pickle uses an instruction that torch never writes (INST or OBJ)"))
        self.push(self.call(cls, tuple(args)))

    def extension(self, code: int) -> None:
        text = N_("opening this pickle would import whatever Python's registry has under number {code}")
        self.unsafe("pickle-extension", Phrase(text, code=code))
        self.push(Opaque("extension", (code,)))

    def build(self, _: Value) -> None:
        state, target = self.pop(), self.top()
        self.stored(state)
        if isinstance(target, Global):
            self.would_change(target)
        elif isinstance(target, NumpyArray):
            _build_numpy(target, state)
            return
        self.set_attributes(_attributes(state))
        if isinstance(target, Opaque):
            target.state = state
            self.usual_state(target, state)
        elif isinstance(target, dict):
            if not (isinstance(state, dict) and state.keys() <= {"_metadata"}):
                self.odd(N_("the pickle sets attributes of a dictionary that torch never sets"))
        else:
            self.odd(N_("the pickle sets the state of a plain value"))

    def usual_state(self, target: Opaque, state: Value) -> None:
        """A loader takes more for a state than the dictionary that torch writes: what hides in that is not seen here.

        `nn.Module.__setstate__` takes all that `dict.update` takes, and the others any subclass of a dictionary.
        """
        source = target.source
        if not isinstance(source, Global) or standing(source.module, source.name) is not Standing.ALLOWED:
            return
        slots = isinstance(state, tuple) and len(state) == 2 and not _is_module(target)
        if not all(part is None or isinstance(part, dict) for part in (state if slots else (state,))):
            self.odd(N_("the pickle calls {name} in a way that torch never writes"), name=f"{source}.__setstate__")

    def set_attributes(self, state: Iterable[tuple[Value, Value]]) -> None:
        """An attribute of an object hides the method of that name, and the next instruction may call it."""
        for key, value in state:
            hidden = isinstance(key, str) and (key in METHODS or (key.startswith("__") and key.endswith("__")))
            if hidden and isinstance(value, (Global, Opaque)):
                what = shown(f"{key} = {literal(value)}")
                text = N_("opening this pickle would replace a method, for its next step to call: {what}")
                self.unsafe("pickle-would-change", Phrase(text, what=what))
            elif hidden:
                self.odd(N_("the pickle sets the special attribute {name}"), name=shown(key))

    def would_change(self, target: Global) -> None:
        text = Phrase(N_("opening this pickle would change {name} itself, for the whole program"), name=target)
        self.unsafe("pickle-would-change", text)

    def stored(self, value: Value) -> None:
        """Note a function that is put where an instruction or the program may call it later."""
        function = _carried(value)
        if function is not None:
            text = Phrase(N_("the pickle stores the function {name} as if it were a value"), name=function)
            self.unsafe("pickle-stored-function", text)

    def all_stored(self, items: Iterable[Value]) -> None:
        for item in items:
            if isinstance(item, (Global, _Carrier)):
                self.stored(item)

    def persistent(self, pid: Value) -> None:
        self.stored(pid)
        self.push(self.storage(pid))

    def storage(self, pid: Value) -> Value:
        match pid:
            case ("storage", Global() as kind, str() as key, str() | Opaque(), int() as numel, *_):
                dtype = _storage_dtype(kind)
                if dtype is not None and 0 <= numel < MAX_INT:
                    found = Storage(dtype, key, numel)
                    self.notes.storages[key] = found
                    return found
            case ("module", Global() as kind, str(), str()):
                return kind  # torch's old format puts a module's source text beside its class and only compares it
        self.odd(N_("the pickle refers to outside data in a way that torch never writes"))
        return Opaque("persistent id", pid)


class _Carrier(tuple[Value, ...]):
    """A tuple with a function in it, at any depth: nothing but the arguments of a call may be one."""

    function: Global


def _tuple(items: Sequence[Value]) -> tuple[Value, ...]:
    for item in items:
        function = _carried(item)
        if function is not None:
            carrier = _Carrier(items)
            carrier.function = function
            return carrier
    return tuple(items)


def _carried(value: Value) -> Global | None:
    """Return the function that a value is or brings along."""
    if isinstance(value, Global):
        return value if (value.module, value.name) in FUNCTIONS else None
    return value.function if isinstance(value, _Carrier) else None


def _is_module(value: Opaque) -> bool:
    return isinstance(value.source, Global) and (value.source.module, value.source.name) in MODULES


def _attributes(state: Value) -> Iterator[tuple[Value, Value]]:
    """Yield (name, value) of what a loader may take for attributes: of a dictionary, however it is wrapped."""
    pending = [state]
    for _ in range(MAX_STATE_PARTS):
        if not pending:
            return
        part = pending.pop()
        if isinstance(part, dict):
            yield from part.items()
        elif isinstance(part, Opaque):
            yield from part.items.items()
            pending.append(part.args)
        elif isinstance(part, (list, tuple)):
            if len(part) == 2 and isinstance(part[0], str):
                yield part[0], part[1]
            wrapped = (inner for inner in part[:MAX_STATE_PARTS] if isinstance(inner, (dict, list, tuple, Opaque)))
            pending.extend(islice(wrapped, max(0, MAX_STATE_PARTS - len(pending))))


def checked_key(key: Value, depth: int = 0) -> Value:
    """Return a dictionary key that is safe to hash: a deep tuple would overflow the C stack."""
    if depth > MAX_KEY_DEPTH or isinstance(key, (list, dict, bytearray)):
        raise BrokenPickleError(N_("a dictionary key is not hashable"))
    if isinstance(key, tuple):
        for part in key:
            checked_key(part, depth + 1)
    return key


def _storage_dtype(kind: Global) -> str | None:
    return STORAGE_DTYPES.get(kind.name) if kind.module in ("torch", "torch.storage") else None


# --- the calls that rebuild values ---------------------------------------------------------------------------------
def _dimensions(size: Value) -> tuple[int, ...]:
    if isinstance(size, Opaque):
        size = size.args[0]
    dims = tuple(size)
    if len(dims) > MAX_DIMENSIONS or not all(type(dim) is int and 0 <= dim < MAX_INT for dim in dims):
        raise ValueError("no shape")
    return dims


def _fits(storage: Storage, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> bool:
    if 0 in shape:
        return True
    last = offset + sum((dim - 1) * step for dim, step in zip(shape, stride, strict=True))
    return offset >= 0 and last < storage.numel


def _tensor(
    machine: _Machine, storage: Value, offset: int, size: Value, stride: Value, *_: Value, dtype: str | None = None
) -> Value:
    shape = _dimensions(size)
    if not isinstance(storage, Storage):
        machine.odd(N_("the pickle makes a tensor of something that holds no tensor data"))
    elif dtype is None and not _fits(storage, offset, shape, _dimensions(stride)):
        machine.odd(N_("the pickle has a tensor that is larger than its data"))
    elif dtype is None:
        found = TensorInfo(shape, storage.dtype)
        if machine.notes.places is not None and _row_major(shape, _dimensions(stride)):
            machine.notes.places[id(found)] = Placed(found, storage, offset)
        return found
    return TensorInfo(shape, dtype or "U8")


def _row_major(shape: tuple[int, ...], stride: tuple[int, ...]) -> bool:
    step = 1
    for length, actual in zip(reversed(shape), reversed(stride), strict=True):
        if length != 1 and actual != step:
            return False
        step *= length
    return True


def _tensor_v3(
    machine: _Machine,
    storage: Value,
    offset: int,
    size: Value,
    stride: Value,
    grad: Value,
    hooks: Value,
    dtype: Value,
    *_: Value,
) -> Value:
    name = TORCH_DTYPES[dtype.name] if isinstance(dtype, Global) and dtype.name in TORCH_DTYPES else None
    return _tensor(machine, storage, offset, size, stride, dtype=name or "U8")


def _first(machine: _Machine, data: Value, *others: Value) -> Value:
    """A parameter is its data; what follows may hold attributes that are set on it."""
    machine.set_attributes(_attributes(others))
    return data


def _wrapper(_: _Machine, cls: Value, dtype: Value, size: Value, *__: Value) -> Value:
    """A subclass of Tensor that wraps others (torchao); the class was judged by its name."""
    if not isinstance(cls, Global):
        raise ValueError("no class")
    name = TORCH_DTYPES.get(dtype.name) if isinstance(dtype, Global) else None
    return TensorInfo(_dimensions(size), name or "U8")


def _qtensor(machine: _Machine, storage: Value, offset: int, size: Value, stride: Value, *_: Value) -> Value:
    return _tensor(machine, storage, offset, size, stride)


def _meta(_: _Machine, dtype: Value, size: Value, *__: Value) -> Value:
    name = TORCH_DTYPES.get(dtype.name) if isinstance(dtype, Global) else None
    return TensorInfo(_dimensions(size), name or "U8")


def _sparse(_: _Machine, layout: Value, data: Value) -> Value:
    """(indices, values, size, ...): shown as the dense tensor that it stands for."""
    size = next(part for part in data if isinstance(part, Opaque) or _is_shape(part))
    values = [part for part in data if isinstance(part, TensorInfo)]
    return TensorInfo(_dimensions(size), values[-1].dtype)


def _is_shape(value: Value) -> bool:
    return isinstance(value, tuple) and all(type(part) is int for part in value)


def _buffer(machine: _Machine, *args: Value) -> Value:
    size = args[0] if args else b""
    if isinstance(size, int) and not 0 <= size <= LARGEST_BUFFER:
        machine.odd(N_("the pickle reserves {size} bytes of memory"), size=size)
    return Opaque(Global("builtins", "bytearray"), args)


def _from_type(machine: _Machine, function: Value, kind: Value, args: Value, *others: Value) -> Value:
    """`_rebuild_from_type_v2` calls `function(*args)`, so the function is judged like any other call."""
    machine.set_attributes(_attributes(others))
    return machine.call(function, args)


def _from_numpy(_: _Machine, array: Value, dtype: Value, *__: Value) -> Value:
    if not isinstance(array, NumpyArray):
        raise ValueError("no array")
    name = TORCH_DTYPES.get(dtype.name) if isinstance(dtype, Global) else None
    return TensorInfo(array.shape, name or array.dtype)


def _nested(machine: _Machine, data: Value, *_: Value) -> Value:
    """`_load_from_bytes` is torch.load on a string inside the pickle, unrestricted: a whole file in the file.

    What torch writes there is its old format. Anything else (a zip, a broken stream) is somebody's hiding place.
    """
    if machine.depth >= MAX_NESTED or not isinstance(data, (bytes, bytearray)):
        machine.unsafe("pickle-nested", Phrase(N_("opening this pickle would load another pickle that it computes")))
        return Opaque("nested file")
    stream = io.BytesIO(bytes(data))
    try:
        values = [run(stream, machine.notes, machine.depth + 1) for _ in range(5)]
    except BrokenPickleError:
        values = []
    if not values or values[0] != LEGACY_MAGIC:
        text = N_("opening this pickle would load another file that is hidden in it and cannot be read")
        machine.unsafe("pickle-nested", Phrase(text))
        return Opaque("nested file")
    return values[3]


def _dict(_: _Machine, *args: Value) -> Value:
    pairs = args[0] if args else ()
    if isinstance(pairs, dict):
        return dict(pairs)
    return {checked_key(key): value for key, value in pairs}


def _default_dict(machine: _Machine, factory: Value = None, *args: Value) -> Value:
    if factory is not None and not (isinstance(factory, Global) and factory.module in BUILTINS):
        raise ValueError("a factory that is no plain type")
    return _dict(machine, *args)


def _list(_: _Machine, items: Value = ()) -> Value:
    return list(items) if isinstance(items, (list, tuple)) else Opaque("list", items)


def _reconstructor(machine: _Machine, cls: Value, base: Value, state: Value) -> Value:
    """Protocols 0 and 1 make every object through this; it is as safe as the class."""
    if not (isinstance(base, Global) and base.module in BUILTINS and isinstance(cls, Global)):
        raise ValueError("no plain base")
    return machine.instance(cls, ())


def _encode(_: _Machine, text: Value, encoding: Value = "utf-8") -> Value:
    if encoding not in ("latin1", "utf-8", "latin-1", "ascii"):
        raise ValueError("no text encoding")
    return str.encode(text, encoding)


def _numpy_dtype(_: _Machine, code: Value, *__: Value) -> Value:
    return NumpyArray(NUMPY_DTYPES.get(code.lstrip("<>|="), "U8"))


def _numpy_empty(*_: Value) -> Value:
    return NumpyArray("U8")


def _numpy_buffer(_: _Machine, data: Value, dtype: Value, shape: Value, *__: Value) -> Value:
    return NumpyArray(dtype.dtype, _dimensions(shape))


_SCALARS = {"F32": "<f", "F64": "<d", "I32": "<i", "I64": "<q", "I16": "<h", "U8": "<B", "BOOL": "<?", "F16": "<e"}


def _numpy_scalar(_: _Machine, dtype: Value, data: Value = b"", *__: Value) -> Value:
    return struct.unpack(_SCALARS[dtype.dtype], data)[0]


def _build_numpy(target: NumpyArray, state: Value) -> None:
    match state:
        case (int(), tuple() as shape, NumpyArray() as dtype, *_) if all(type(dim) is int for dim in shape):
            target.shape, target.dtype = shape, dtype.dtype


_CALLS: Mapping[tuple[str, str], Callable[..., Value]] = {
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _tensor_v3,
    ("torch._utils", "_rebuild_parameter"): _first,
    ("torch._utils", "_rebuild_parameter_with_state"): _first,
    ("torch._utils", "_rebuild_device_tensor_from_numpy"): _from_numpy,
    ("torch._utils", "_rebuild_device_tensor_from_cpu_tensor"): _first,
    ("torch._utils", "_rebuild_nested_tensor"): _first,
    ("torch._utils", "_rebuild_wrapper_subclass"): _wrapper,
    ("torch._utils", "_rebuild_qtensor"): _qtensor,
    ("torch._utils", "_rebuild_sparse_tensor"): _sparse,
    ("torch._utils", "_rebuild_meta_tensor_no_storage"): _meta,
    FROM_TYPE: _from_type,
    ("torch.storage", "_load_from_bytes"): _nested,
    ("collections", "OrderedDict"): _dict,
    ("collections", "defaultdict"): _default_dict,
    ("copyreg", "_reconstructor"): _reconstructor,
    ("copy_reg", "_reconstructor"): _reconstructor,
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): _numpy_dtype,
    **{("numpy." + core + ".multiarray", "_reconstruct"): _numpy_empty for core in ("core", "_core")},
    **{("numpy." + core + ".multiarray", "scalar"): _numpy_scalar for core in ("core", "_core")},
    **{("numpy." + core + ".numeric", "_frombuffer"): _numpy_buffer for core in ("core", "_core")},
    **{(module, name): _buffer for module in BUILTINS for name in ("bytes", "bytearray")},
    **{(module, "list"): _list for module in BUILTINS},
    **{(module, "dict"): _dict for module in BUILTINS},
}

_PLAIN = ("set", "frozenset", "tuple", "int", "float", "complex", "bool", "str", "slice")
_MAKE_VALUES = frozenset(
    [(module, name) for module in BUILTINS for name in _PLAIN]
    + [(module, name) for module in BUILTINS for name in ("object", "unicode", "long")]
    + [("torch", name) for name in ("Size", "device")]
    + [*MODULES]
    + [("torch.torch_version", "TorchVersion"), ("torch.serialization", "_get_layout"), ("collections", "Counter")]
)
"""Allowed names that are called to make a plain value and need no rebuilding here."""

_LITERALS = (
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE "
    "BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8"
)

_STEPS: Mapping[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(_LITERALS.split(), _Machine.literal),
    **dict.fromkeys(("PROTO", "READONLY_BUFFER"), lambda machine, arg: None),
    "FRAME": _Machine.frame,
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.put),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _Machine.extension),
    "NONE": lambda machine, arg: machine.push(None),
    "NEWTRUE": lambda machine, arg: machine.push(True),
    "NEWFALSE": lambda machine, arg: machine.push(False),
    "EMPTY_LIST": lambda machine, arg: machine.push([]),
    "EMPTY_DICT": lambda machine, arg: machine.push({}),
    "EMPTY_TUPLE": lambda machine, arg: machine.push(()),
    "EMPTY_SET": lambda machine, arg: machine.make_set([]),
    "TUPLE1": lambda machine, arg: machine.tuple_of(1),
    "TUPLE2": lambda machine, arg: machine.tuple_of(2),
    "TUPLE3": lambda machine, arg: machine.tuple_of(3),
    "TUPLE": lambda machine, arg: machine.push(_tuple(machine.pop_mark())),
    "LIST": lambda machine, arg: machine.make_list(machine.pop_mark()),
    "FROZENSET": lambda machine, arg: machine.make_set(machine.pop_mark()),
    "APPEND": lambda machine, arg: machine.append([machine.pop()]),
    "APPENDS": lambda machine, arg: machine.append(machine.pop_mark()),
    "SETITEMS": lambda machine, arg: machine.setitems(machine.pop_mark()),
    "DUP": lambda machine, arg: machine.push(machine.top()),
    "POP_MARK": lambda machine, arg: (machine.pop_mark(), None)[1],
    "PERSID": lambda machine, arg: machine.persistent(arg),
    "BINPERSID": lambda machine, arg: machine.persistent(machine.pop()),
    "NEXT_BUFFER": _Machine.buffer,
    "MARK": _Machine.mark,
    "POP": _Machine.pop_one,
    "MEMOIZE": _Machine.memoize,
    "DICT": _Machine.make_dict,
    "SETITEM": _Machine.setitem,
    "ADDITEMS": _Machine.additems,
    "GLOBAL": _Machine.named,
    "STACK_GLOBAL": _Machine.stack_named,
    "REDUCE": _Machine.reduce,
    "NEWOBJ": _Machine.newobj,
    "NEWOBJ_EX": _Machine.newobj_ex,
    "INST": _Machine.inst,
    "OBJ": _Machine.obj,
    "BUILD": _Machine.build,
}
