"""What came from elsewhere is looked at before it gets a model's name: container, kind, what opening it would do."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hubman import formats
from hubman.core.identify import identify
from hubman.core.types import Facts, Format, Header, Kind, Safety
from hubman.disk import relocate
from hubman.disk.place import write_new
from hubman.errors import N_, HubmanError, IntegrityError, Phrase, UnsafeError
from hubman.formats.values import read_values

ENDINGS = {
    Format.SAFETENSORS: (".safetensors", ".sft"),
    Format.GGUF: (".gguf",),
    Format.PICKLE: (".pt", ".ckpt", ".pth", ".bin", ".pkl", ".pt2"),
}
"""Container -> the endings by which programs load it as that, what it gets where its own is none of them first."""

QUARANTINED = ".quarantined"
"""Ending of what is set aside: no program and no scan takes it for a model."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at the bytes gave."""

    header: Header
    facts: Facts

    @property
    def kind(self) -> Kind:
        return self.facts.kind

    @property
    def suspicious(self) -> bool:
        """Whether nothing shows that it is harmless, and nothing that it is not."""
        return self.header.safety is Safety.SUSPICIOUS


def check_file(path: str, name: str, *, quarantine: Path | None = None) -> Checked:
    """Look at a file (or model folder) that has no model's name yet.

    Args:
        name: what it is to be called; some programs load by the ending, so that the verdict depends on it.
        quarantine: the folder to which an unsafe file is moved; None leaves it where it is.

    Raises:
        IntegrityError: `not-a-model`, `web-page`, `html-page` and the other references of `formats.read_header`.
        UnsafeError: `download-unsafe`. OSError.
    """
    with _under_its_name(path, name) as named:
        header = formats.read_header(named)
        if header.safety is Safety.UNSAFE:
            raise _unsafe(path, name, header, quarantine)
        if header.format not in ENDINGS and header.format is not Format.FOLDER:
            raise _no_model(name, header)
        facts = identify(header, name=os.path.splitext(name)[0], values=partial(read_values, named))
    return Checked(header, facts)


@contextmanager
def _under_its_name(path: str, name: str) -> Iterator[str]:
    """Give a path that ends with the name that the file is going to have; nobody else sees it."""
    if os.path.isdir(path) or os.path.basename(path) == name:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="hubman-check-") as folder:
        link = os.path.join(folder, name)
        try:
            os.symlink(os.path.abspath(path), link)
        except OSError:  # Windows, without the right to make links
            link = os.path.join(os.path.dirname(path), f".tmp-hubman-{secrets.token_hex(4)}-{name}")
            os.link(path, link)
        try:
            yield link
        finally:
            os.unlink(link)


def _no_model(name: str, header: Header) -> IntegrityError:
    why = header.findings[0].message if header.findings else Phrase(N_("it is no container of weights that is known"))
    return IntegrityError(
        "not-a-model",
        N_("{name} is no model: {why}"),
        hint=N_("Open the page of the model and look what its file is."),
        name=name,
        why=why,
    )


def _unsafe(path: str, name: str, header: Header, quarantine: Path | None) -> UnsafeError:
    why = "; ".join(str(finding.message) for finding in header.findings[:3]) or "it would run code"
    kept = path if quarantine is None else set_aside(path, name, quarantine, why)
    return UnsafeError(
        "download-unsafe",
        N_("{name} would run code when a program opens it: {why}. It is in {kept} and got no model's name."),
        hint=N_("Look for a safetensors file of the same model, and delete this one."),
        name=name,
        why=why,
        kept=kept,
    )


def set_aside(path: str, name: str, quarantine: Path, why: str) -> str:
    """Move a file to the quarantine, with a text beside it that says why; return where it is now."""
    quarantine.mkdir(parents=True, exist_ok=True)
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
    target = quarantine / (stem + QUARANTINED)
    relocate.move(path, str(target), str(target) + ".part")
    with contextlib.suppress(HubmanError, OSError):
        write_new(quarantine / f"{stem}.txt", f"{name}\n{why}\n".encode("utf-8", "replace"))
    return str(target)


def ending_for(found: Format, name: str) -> str:
    """Return the ending that a file should have: its own when programs load its container by that."""
    own = os.path.splitext(name)[1].lower()
    known = ENDINGS.get(found, (own,))
    return own if own in known else known[0]
