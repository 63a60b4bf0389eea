"""Whether the tensors of one adapter module make up a change of weights, and of which size; shapes alone.

What is not consistent here would be an error of torch later: an up without its down, ranks that differ, a kernel on the
wrong factor, an alpha of several numbers. Shapes: KohakuBlueleaf/LyCORIS modules, kohya-ss/sd-scripts networks, PEFT.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
"""Role -> shape of the tensors of one module."""

Size = tuple[int, int]
"""(rows, columns) of a weight, a convolution's kernel in the columns."""

_NUMBERS = ("alpha", "scalar", "on_input")


def consistent(algorithm: str, shapes: Shapes) -> bool:
    """Say whether all partners are there and fit each other; always so for an algorithm that is not applied."""
    if any(prod(shapes[role]) != 1 for role in _NUMBERS if role in shapes):
        return False
    check = _CHECKS.get(algorithm)
    return check is None or check(shapes)


def implied_size(algorithm: str, shapes: Shapes) -> Size | None:
    """Return the size of the changed weight as consistent factors tell it, None where they leave it open."""
    match algorithm:
        case "lora":
            return shapes["up"][0], prod(shapes["down"][1:]) * prod(shapes["mid"][2:] if "mid" in shapes else ())
        case "loha" if "hada_t1" in shapes:
            return shapes["hada_w1_a"][1], shapes["hada_w1_b"][1] * prod(shapes["hada_t1"][2:])
        case "loha":
            return shapes["hada_w1_a"][0], prod(shapes["hada_w1_b"][1:])
        case "lokr":
            (a, b), (c, d) = _first(shapes), _second(shapes)
            return a * c, b * d
        case "full" if "diff" in shapes:
            return shapes["diff"][0], prod(shapes["diff"][1:])
        case _:
            return None


def fits(algorithm: str, shapes: Shapes, weight: Shape) -> bool:
    """Say whether consistent factors can change a weight of that shape (a 1x1 convolution equals a linear)."""
    if not weight or prod(weight) == 0:
        return False
    rows, columns = weight[0], prod(weight[1:])
    size = implied_size(algorithm, shapes)
    if size is not None and size != (rows, columns):
        return False
    if "dora" in shapes and not _is_magnitude(shapes["dora"], weight):
        return False
    if any(prod(shapes[role]) != rows for role in ("diff_b", "bias", "rescale", "magnitude") if role in shapes):
        return False
    match algorithm:
        case "glora":
            return glora_naming(shapes, weight) is not None
        case "ia3":
            return prod(shapes["ia3"]) in {rows, weight[1] if len(weight) > 1 else rows}
        case "ia3l":
            length = shapes["ia3"]
            return len(weight) > 1 and (length == (1, weight[1]) or length == (rows, 1))
        case "oft":
            return shapes["oft_blocks"][0] * shapes["oft_blocks"][1] == rows
        case "boft":
            stages, count, block = shapes["oft_blocks"][:3]
            return count * block == rows and rows % (2 ** (stages - 1) * block) == 0
        case _:
            return True


def _is_magnitude(shape: Shape, weight: Shape) -> bool:
    """One length per output, or per input (first axis 1, as `torch.norm(..., keepdim=True)` over the outputs)."""
    per_input = len(shape) > 1 and shape[0] == 1 and shape[1:2] == weight[1:2]
    return prod(shape) == (weight[1] if per_input else weight[0])


def glora_naming(shapes: Shapes, weight: Shape) -> str | None:
    """Return "lycoris" (W + b1 b2 + W a1 a2), "webui" (W + b2 b1 + W a2 a1), or None when neither multiplies out."""
    rows, columns, into = weight[0], prod(weight[1:]), weight[1] if len(weight) > 1 else 1
    a1, a2, b1, b2 = ((shapes[name][0], prod(shapes[name][1:])) for name in ("a1", "a2", "b1", "b2"))
    middle = shapes.get("bm")
    if middle is not None:
        kernel = middle[2:]
        whole = len(middle) == 4 and b1 == (rows, middle[0]) and b2 == (middle[1], into) and kernel == weight[2:]
        return "lycoris" if whole and a1 == (into, a2[0]) and a2[1] == into else None
    if b1[0] == rows and b2[1] == columns and b1[1] == b2[0] and a1 == (into, a2[0]) and a2[1] == into:
        return "lycoris"
    if b2[0] == rows and b1[1] == columns and b2[1] == b1[0] and a2 == (into, a1[0]) and a1[1] == into:
        return "webui"
    return None


def _plain(shape: Shape) -> bool:
    """A matrix, or a convolution of one tap."""
    return len(shape) >= 2 and prod(shape[2:]) == 1 and min(shape[:2]) > 0


def _matrix(shape: Shape) -> bool:
    return len(shape) >= 2 and min(shape) > 0


def _core(shape: Shape, first: int, second: int) -> bool:
    return len(shape) == 4 and shape[:2] == (first, second) and min(shape) > 0


def _lora(s: Shapes) -> bool:
    if "up" not in s or "down" not in s or not _plain(s["up"]) or not _matrix(s["down"]):
        return False
    if "mid" in s:
        return _plain(s["down"]) and _core(s["mid"], s["up"][1], s["down"][0])
    return s["up"][1] == s["down"][0]


def _loha(s: Shapes) -> bool:
    names = [f"hada_{which}" for which in ("w1_a", "w1_b", "w2_a", "w2_b")]
    if not all(name in s and _matrix(s[name]) for name in names):
        return False
    a1, b1, a2, b2 = (s[name] for name in names)
    cores = "hada_t1" in s, "hada_t2" in s
    if any(cores):
        flat = all(len(shape) == 2 for shape in (a1, b1, a2, b2))
        whole = all(cores) and flat and _core(s["hada_t1"], a1[0], b1[0]) and _core(s["hada_t2"], a2[0], b2[0])
        return whole and s["hada_t1"][2:] == s["hada_t2"][2:] and (a1[1], b1[1]) == (a2[1], b2[1])
    ranks = a1[1] == b1[0] and a2[1] == b2[0] and len(a1) == len(a2) == 2
    return ranks and (a1[0], prod(b1[1:])) == (a2[0], prod(b2[1:]))


def _lokr(s: Shapes) -> bool:
    pairs = ("lokr_w1_a", "lokr_w1_b"), ("lokr_w2_a", "lokr_w2_b")
    for whole, (a, b) in zip(("lokr_w1", "lokr_w2"), pairs, strict=True):
        if whole in s:
            if not _matrix(s[whole]) or (whole == "lokr_w1" and len(s[whole]) != 2):
                return False
        elif a not in s or b not in s or len(s[a]) != 2 or not _matrix(s[a]) or not _matrix(s[b]):
            return False
        elif whole == "lokr_w2" and "lokr_t2" in s:
            if len(s[b]) != 2 or not _core(s["lokr_t2"], s[a][0], s[b][0]):
                return False
        elif s[a][1] != s[b][0] or (whole == "lokr_w1" and len(s[b]) != 2):
            return False
    return True


def _first(s: Shapes) -> Size:
    return (s["lokr_w1"][0], s["lokr_w1"][1]) if "lokr_w1" in s else (s["lokr_w1_a"][0], s["lokr_w1_b"][1])


def _second(s: Shapes) -> Size:
    if "lokr_w2" in s:
        return s["lokr_w2"][0], prod(s["lokr_w2"][1:])
    if "lokr_t2" in s:
        return s["lokr_w2_a"][1], s["lokr_w2_b"][1] * prod(s["lokr_t2"][2:])
    return s["lokr_w2_a"][0], prod(s["lokr_w2_b"][1:])


def _glora(s: Shapes) -> bool:
    names = ("a1", "a2", "b1", "b2")
    return all(name in s and _matrix(s[name]) for name in names) and ("bm" not in s or _matrix(s["bm"]))


def _blocks(s: Shapes) -> bool:
    shape = s.get("oft_blocks", ())
    if len(shape) not in {3, 4} or min(shape) < 1 or shape[-1] != shape[-2]:
        return False
    return len(shape) == 3 or shape[-1] % 2 == 0


def _ia3(s: Shapes) -> bool:
    return "ia3" in s and "on_input" in s and prod(s["ia3"]) > 0


def _full(s: Shapes) -> bool:
    there = [s[role] for role in ("diff", "diff_b") if role in s]
    return bool(there) and all(shape and prod(shape) > 0 for shape in there)


_CHECKS: Mapping[str, Callable[[Shapes], bool]] = {
    "lora": _lora,
    "loha": _loha,
    "lokr": _lokr,
    "glora": _glora,
    "oft": _blocks,
    "boft": _blocks,
    "ia3": _ia3,
    "ia3l": lambda s: len(s["ia3"]) == 2,
    "full": _full,
}
