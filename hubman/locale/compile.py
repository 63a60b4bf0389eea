"""`python -m hubman.locale.compile`: extract, merge and compile the catalogues (needs the extra `dev` for Babel).

`--check` changes nothing and fails when the source holds texts that the catalogues do not, or when a .mo is stale.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
SOURCE = FOLDER.parent
KEYWORDS: dict[str, Any] = {"_": None, "N_": None, "plural": (1, 2), "C_": ((1, "c"), 2)}


def extract() -> Any:
    """Return a Babel catalogue of every marked text in hubman's source."""
    from babel.messages.catalog import Catalog
    from babel.messages.extract import extract_from_dir

    catalog = Catalog(project="hubman", charset="utf-8")
    found = extract_from_dir(SOURCE, method_map=[("**.py", "python")], keywords=KEYWORDS)
    for filename, _line, message, comments, context in sorted(found, key=lambda entry: (entry[0], entry[1])):
        if message:
            catalog.add(message, None, [(Path(filename).as_posix(), 1)], auto_comments=comments, context=context)
    return catalog


def catalogues() -> list[Path]:
    """Return the .po files."""
    return sorted(FOLDER.glob("*/LC_MESSAGES/hubman.po"))


def read(path: Path) -> Any:
    """Read a .po file."""
    from babel.messages.pofile import read_po

    with open(path, "rb") as file:
        return read_po(file, locale=path.parent.parent.name, domain="hubman")


def compiled(catalog: Any) -> bytes:
    """Return the .mo bytes of a catalogue."""
    from babel.messages.mofile import write_mo

    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def update() -> None:
    """Merge new texts into every .po and compile it."""
    from babel.messages.pofile import write_po

    template = extract()
    for path in catalogues():
        catalog = read(path)
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        with open(path, "wb") as file:
            write_po(file, catalog, width=0, include_lineno=False, omit_header=False)
        path.with_suffix(".mo").write_bytes(compiled(read(path)))


def problems() -> list[str]:
    """Return what is out of step, in words."""
    wanted = {(message.context or "", message.id) for message in extract() if message.id}
    found = []
    for path in catalogues():
        catalog = read(path)
        missing = wanted - {(message.context or "", message.id) for message in catalog if message.id}
        found += [f"{path.parent.parent.name}: not in the catalogue: {text!r}" for _, text in sorted(missing, key=str)]
        for message in catalog:
            found += [f"{path.parent.parent.name}: {error}" for error in message.check()]
            texts = message.string if isinstance(message.string, tuple) else (message.string,)
            if message.id and not all(texts):
                found.append(f"{path.parent.parent.name}: not translated: {message.id!r}")
        binary = path.with_suffix(".mo")
        if not binary.exists() or binary.read_bytes() != compiled(catalog):
            found.append(f"{binary.name} of {path.parent.parent.name} is stale")
    return found


def main() -> int:
    """Update the catalogues, or check them."""
    if "--check" not in sys.argv:
        update()
        return 0
    found = problems()
    for line in found:
        sys.stderr.write(line + "\n")
    if found:
        sys.stderr.write("run: make messages\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
