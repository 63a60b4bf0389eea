"""Module graphs: where an adapter fits. Each module that it changes is looked up by name and width in every network.

An architecture is a bit; what fits a module is a set of bits, kept for the names that come back in file after file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from math import prod
from typing import NamedTuple

from hubman.core.identify import names, unets
from hubman.core.identify.declare import Graph
from hubman.core.identify.match import all_families

KIN = {"kolors": "sdxl"}


class Place(NamedTuple):
    """A line of a graph: a module, or the same module in a row of blocks.

    Attributes:
        ranges: first and last number at each `#` of the folded name.
        out, into: the widths of its weight; `into` is 0 where it has one axis.
        kernel: taps of the convolution, 1 for 1x1, 0 for a matrix.
    """

    bit: int
    ranges: tuple[tuple[int, int], ...]
    out: int
    into: int
    kernel: int


@dataclass(frozen=True, slots=True)
class Net:
    """One architecture under one naming; `last` is the highest number of each row of blocks, by folded name.

    The bit is what makes it the same: two threads that ask first may each make an atlas.
    """

    graph: Graph = field(compare=False)
    bit: int
    last: Mapping[str, tuple[int, ...]] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Atlas:
    """All nets, and the places of every folded module name."""

    nets: tuple[Net, ...]
    places: Mapping[str, tuple[Place, ...]]

    def of(self, mask: int) -> list[Net]:
        """Return the nets whose bits are set."""
        return [net for net in self.nets if mask & net.bit]


@cache
def atlas() -> Atlas:
    """Read every graph of every family, and the U-Nets."""
    graphs = [*_unet_graphs(), *(graph for family in all_families().values() for graph in family.graphs)]
    places: dict[str, list[Place]] = {}
    nets = []
    for number, graph in enumerate(graphs):
        last: dict[str, tuple[int, ...]] = {}
        for line in graph.modules.strip().splitlines():
            name, place = _place(line, 1 << number)
            places.setdefault(name, []).append(place)
            ends = tuple(end for _, end in place.ranges)
            last[name] = tuple(map(max, last[name], ends)) if name in last else ends
        nets.append(Net(graph, 1 << number, last))
    return Atlas(tuple(nets), {name: tuple(found) for name, found in places.items()})


def _place(line: str, bit: int) -> tuple[str, Place]:
    name, *numbers = line.split()
    taps = _taps(numbers.pop()) if "x" in numbers[-1] else 0
    plain, ranges = _row(name)
    return plain, Place(bit, ranges, int(numbers[0]), int(numbers[1]) if len(numbers) > 1 else 0, taps)


@cache
def _taps(kernel: str) -> int:
    return prod(map(int, kernel.split("x")))


@cache
def _row(name: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return the folded name with `#` for its numbers, and the range of each."""
    ranges = []
    parts = name.replace(".", "_").split("_")
    for place, part in enumerate(parts):
        if part.isdigit():
            ranges.append((int(part), int(part)))
            parts[place] = "#"
        elif part.startswith("{"):
            first, last = part[1:-1].split("-")
            ranges.append((int(first), int(last)))
            parts[place] = "#"
    return "_".join(parts), tuple(ranges)


def _unet_graphs() -> Iterable[Graph]:
    """The U-Nets are measured, not listed: their modules follow from widths and depths."""
    for unet in unets.FAMILY:
        for layout in unets.LAYOUTS:
            if unet is not unets.KOLORS or layout == "diffusers":
                lines = "\n".join(unets.lines(unet, layout))
                yield Graph(
                    unet.id, layout, lines, rare=unet is unets.REFINER, kin=KIN.get(unet.id, ""), dotted=unet.id in KIN
                )


# --- looking up ----------------------------------------------------------------------------------------------------
@lru_cache(names.KEPT)
def named(module: str) -> int:
    """Return the bits of the nets that have a module of this name (dots or underscores)."""
    name, numbers = names.folded(module)
    mask = 0
    for place in atlas().places.get(name, ()):
        if all(first <= number <= last for number, (first, last) in zip(numbers, place.ranges, strict=True)):
            mask |= place.bit
    return mask


@lru_cache(names.KEPT)
def fitting(module: str, out: int | None, into: int | None, convolution: bool | None) -> int:
    """Return the bits of the nets that have this module with these widths; None is a width that the file hides.

    `into` counts once for every tap where the factors flatten a kernel (kohya, LyCORIS LoHa and LoKr).
    """
    name, numbers = names.folded(module)
    mask = 0
    for place in atlas().places.get(name, ()):
        if all(first <= number <= last for number, (first, last) in zip(numbers, place.ranges, strict=True)) and _wide(
            place, out, into, convolution
        ):
            mask |= place.bit
    return mask


def place(net: Net, module: str) -> Place | None:
    """Return the place of a module in one net, at whatever width, or None."""
    name, numbers = names.folded(module)
    for found in atlas().places.get(name, ()):
        if found.bit == net.bit and all(
            first <= number <= last for number, (first, last) in zip(numbers, found.ranges, strict=True)
        ):
            return found
    return None


def _wide(place: Place, out: int | None, into: int | None, convolution: bool | None) -> bool:
    if out not in (None, place.out):
        return False
    if place.into and into not in (None, place.into, place.into * place.kernel):
        return False
    return convolution is None or not place.into or convolution == (place.kernel > 0)
