"""The words in which a family says what its files look like: data, no code. docs/identify.md shows them step by step.

A **Signature** tells a kind of file by the names that its tensors have and the shapes of a few of them. A **Graph**
lists the modules of a network with their widths, so that an adapter, which names a few of them, is known by its fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hubman.core.types import Confidence, Kind
from hubman.errors import N_

Dimension = int | tuple[int, ...] | None
"""One axis: a number, one of several numbers, or None for any."""

Form = tuple[Dimension, ...]
"""The shape that a tensor must have; its length is the number of axes."""

NOTHING: Mapping[str, Form] = MappingProxyType({})

DEFAULT = N_("it has {key}, as {title} does")
"""The reason where a signature gives none of its own; `{key}` is the first name it asks for."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A special form of an architecture, told by names or shapes inside the same part of the file.

    Attributes:
        name: the spelling in Facts.variant, or in Facts.prediction_type where `fact` says so.
        has, lacks, shapes: as in Signature; all must hold.
        because: the reason, marked by N_.
    """

    name: str
    because: str
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    shapes: Mapping[str, Form] = field(default_factory=lambda: NOTHING)
    fact: str = "variant"


@dataclass(frozen=True, slots=True)
class Signature:
    """What the tensors of one kind of file look like, after the prefix is taken off.

    Attributes:
        architectures: what it is. Several, where nothing in the file can tell them apart (the likeliest first). Empty
            where the kind says all (text encoders, upscalers).
        has: names that must be there. `a|b` is one of both; `#` stands for any whole number and `*` at the end of a
            name for any ending. The first is the anchor: it must be a whole name or alternatives of whole names.
        lacks: names that must not be there, written alike.
        shapes: name -> shape that it must have.
        because: the reason, marked by N_; the default names the anchor.
        kind: of the file when this part is alone in it.
        variant: of every file with this signature.
        title: what people call it; the family's where empty.
        sure: how sure that makes us.
        prefixes: prefixes under which this part occurs besides the common ones.
    """

    architectures: tuple[str, ...]
    has: tuple[str, ...]
    lacks: tuple[str, ...] = ()
    shapes: Mapping[str, Form] = field(default_factory=lambda: NOTHING)
    because: str = ""
    kind: Kind = Kind.DIFFUSION_MODEL
    variant: str | None = None
    title: str = ""
    sure: Confidence = Confidence.CERTAIN
    prefixes: tuple[str, ...] = ()

    @property
    def conditions(self) -> frozenset[object]:
        """Everything it asks for, so that one signature can be seen to be a special case of another."""
        return frozenset((*self.has, *(("lacks", name) for name in self.lacks), *self.shapes.items()))


@dataclass(frozen=True, slots=True)
class Graph:
    """The modules of one network under one naming, one a line: `name out in [kernel]`.

    `{0-18}` in a name counts blocks, both ends included. `in` is left out for what has one axis (norms). The kernel, as
    in `3x3` or `1x1`, marks a convolution. Attributes:

        architecture: one id; layout: whose naming it is (`bfl`, `diffusers`, `comfy`, ...).
        rare: an adapter that also fits a common architecture is not taken for one of this.
        kin: the architecture it descends from and shares its attention with. An adapter that fits both and changes more
            than attention is taken for the parent's, which is far commoner; one on attention alone stays the set.
        dotted: whether tensors are named with dots only (PEFT), so that kohya's underscores speak against it.
    """

    architecture: str
    layout: str
    modules: str
    rare: bool = False
    kin: str = ""
    dotted: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """One file of this package: what belongs together, and where each fact was read.

    Attributes:
        title: what people call it, as in "as {title} does".
        sources: repository and file, or paper, or "measured on ...".
        signatures, variants, graphs: see there. Variants are asked for every signature of the family, in order, and of
            those for the same fact the first that holds counts.
        classes: `_class_name` or `architectures` in a config.json -> (kind, architectures): a folder without weights.
    """

    title: str
    sources: tuple[str, ...]
    signatures: tuple[Signature, ...] = ()
    variants: tuple[Variant, ...] = ()
    graphs: tuple[Graph, ...] = ()
    classes: Mapping[str, tuple[Kind, tuple[str, ...]]] = field(default_factory=lambda: MappingProxyType({}))
