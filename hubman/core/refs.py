"""Anything that a person may paste -> HubRef, or a refusal that says what works.

Links of the hubs' pages are read in core/ref_links.py; here are hubman's own spellings, AIR names, bare hashes and what
stands around a pasted text. Nothing of a query is kept but numbers and identifiers that are checked here or there: a
token that stands in a link is gone when `parse` returns, and is never repeated in an error.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from hubman.core.hub import CIVARCHIVE, CIVITAI, HASH_KINDS, HUGGINGFACE, LIBLIB, MODELSCOPE, OPENMODELDB, HubRef
from hubman.core.ref_links import read_link, site_of
from hubman.core.ref_parts import NoReferenceError, number, repository, uuid, word
from hubman.errors import N_, UsageError

LONGEST = 4096
"""Characters. A longer text is not a reference, whatever is in it."""

PREFIXES: Mapping[str, str] = MappingProxyType({
    "civitai": CIVITAI, "hf": HUGGINGFACE, "huggingface": HUGGINGFACE, "liblib": LIBLIB, "liblibai": LIBLIB,
    "modelscope": MODELSCOPE, "ms": MODELSCOPE, "civarchive": CIVARCHIVE, "civitaiarchive": CIVARCHIVE,
    "openmodeldb": OPENMODELDB,
})  # fmt: skip

_NO_HOSTS: Mapping[str, str] = MappingProxyType({})
_LINK = re.compile(r"https?://", re.IGNORECASE)
_LINK_ENDS = re.compile(r"[\s<>\"'`“”‘’「」『』《》【】，。、；：！？（）|\\^{}]")
_OPENING = "<>\"'`“”‘’「」『』《》【】[]({（"
_CLOSING = "<>\"'`“”‘’「」『』《》【】[({（,;:!?.。，、；：！？…"
_PAIRS = {")": "(", "]": "[", "}": "{", "）": "（"}
_HASH = re.compile(r"(?:(sha-?256|autov[123]|crc32|blake3|hash)[:=]\s?)?(?:0x)?([0-9a-f]+)", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_TOKEN = re.compile(r"(?:hf_|sk-|ms-|Bearer )\S{12,}")
_USER = re.compile(r"//[^/?#@\s]*@")
_VALUE = re.compile(r"([?&#;])([^=&#;?\s]*)=[^&#;\s]*")
_SAYABLE = frozenset({
    "modelversionid", "versionuuid", "type", "format", "size", "fp", "fileid", "file", "filepath",
    "revision", "download",
})  # fmt: skip
_SEPARATORS = re.compile(r"[\s,，、;；]+")
_AIR_TAIL = re.compile(r"([0-9]+(?:@[0-9]+)?)(?:[:.][A-Za-z0-9_.:-]*)?")


def forms() -> list[str]:
    """Return one example of everything that can be pasted, in the order of use."""
    return [
        "https://civitai.com/models/43331?modelVersionId=176425",
        "civitai:43331@176425",
        "urn:air:sdxl:lora:civitai:43331@176425",
        "https://huggingface.co/stabilityai/sdxl-turbo",
        "hf:stabilityai/sdxl-turbo/sd_xl_turbo_1.0_fp16.safetensors@main",
        "https://www.liblib.art/modelinfo/506c46c91b294710940bd4b183f3ecd7",
        "liblib:506c46c91b294710940bd4b183f3ecd7",
        "modelscope:AI-ModelScope/sdxl-turbo",
        "https://civarchive.com/models/43331",
        "https://openmodeldb.info/models/4x-UltraSharp",
        "a sha256, AutoV1, AutoV2, AutoV3 or CRC32 hash",
    ]


def split(text: str) -> list[str]:
    """Part a line with several references: at white space, commas and semicolons of both scripts."""
    return [piece for piece in _SEPARATORS.split(text) if piece.strip(_OPENING + _CLOSING)]


def parse(text: str, *, hosts: Mapping[str, str] = _NO_HOSTS) -> HubRef:
    """Read what a person pasted.

    Args:
        hosts: more hosts (`host` or `host:port`, lower case) -> hub: the configured base addresses and mirrors.

    Raises:
        UsageError: `ref-unknown`, nothing that leads to a model; `ref-no-model`, a page that is known and is none.
    """
    if len(text) > LONGEST:
        raise _unknown(text)
    try:
        return _read(_bare(text), hosts)
    except NoReferenceError as reason:
        if reason.reference == "ref-no-model":
            raise UsageError(
                "ref-no-model",
                N_("{text} is no model: {reason}"),
                hint=str(reason.hint),
                text=_shown(text),
                reason=reason.phrase,
            ) from None
        raise _unknown(text) from None
    except ValueError:  # a host, a port or percent-encoding that cannot be read
        raise _unknown(text) from None


def _unknown(text: str) -> UsageError:
    if _TOKEN.search(text) and not _LINK.search(text):
        return UsageError(
            "ref-unknown",
            N_("this looks like a secret token, not like a reference to a model"),
            hint=N_("a token is given with: hubman hubs login"),
        )
    if text.strip().isdecimal():
        return UsageError(
            "ref-unknown",
            N_("{text} is a number: of which hub?"),
            hint=N_("Of Civitai's model: civitai:{number}. Of one version: civitai:@{number}."),
            text=_shown(text),
            number=text.strip()[:20],
        )
    return UsageError(
        "ref-unknown",
        N_("{text} is not a reference to a model that hubman understands"),
        hint=N_("these work: {forms}; a file of this machine is filed with: hubman add FILE"),
        text=_shown(text),
        forms=", ".join(forms()),
    )


def without_secrets(text: str) -> str:
    """Return what may be shown and written down of a pasted text: values of a query only where they name a file."""
    text = _USER.sub("//", text)
    text = _VALUE.sub(lambda found: found[0] if found[2].lower() in _SAYABLE else f"{found[1]}{found[2]}=***", text)
    return _TOKEN.sub("***", text)


def _shown(text: str) -> str:
    """Return what an error may repeat: without query, fragment and user name, short, on one line, nothing invisible."""
    plain = re.split(r"[?#]", text, maxsplit=1)[0]
    plain = re.sub(r"//[^/\s]*@", "//", plain)
    plain = "".join(c for c in plain if not unicodedata.category(c).startswith("C")).strip()
    plain = _TOKEN.sub("***", plain)
    return f"'{plain}'" if len(plain) <= 100 else f"'{plain[:99]}…'"


def _bare(text: str) -> str:
    """Take away what a chat or a mark-up puts around a reference; of a sentence with one link, keep the link."""
    text = "".join(c for c in text if unicodedata.category(c) != "Cf").strip()
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\r\n" for c in text):
        raise NoReferenceError
    starts = [match.start() for match in _LINK.finditer(text)]
    if len(starts) > 1 and not _redirects(text, starts):
        raise NoReferenceError
    if starts:
        text = text[starts[0] :]
        end = _LINK_ENDS.search(text)
        text = text[: end.start()] if end else text
    return _trimmed(text)


def _redirects(text: str, starts: list[int]) -> bool:
    """Tell whether the further links are inside the first one's query (`?from=https://...`)."""
    between = text[starts[0] : starts[-1]]
    return not _LINK_ENDS.search(between) and "?" in between


def _trimmed(text: str) -> str:
    """Drop quotes and brackets around it and what ends a sentence after it; a bracket that has its partner stays."""
    text = text.strip().lstrip(_OPENING).strip()
    while text:
        last = text[-1]
        unpaired = last in _PAIRS and text.count(last) > text.count(_PAIRS[last])
        if not unpaired and last not in _CLOSING and not last.isspace():
            break
        text = text[:-1]
    return text


def _read(text: str, hosts: Mapping[str, str]) -> HubRef:
    if not text:
        raise NoReferenceError
    if _LINK.match(text) or text.startswith("//") or site_of(text.partition("/")[0], hosts):
        return read_link(text, hosts)
    return _hash(text) or _air(text) or _own(text) or _uuid(text) or _repository(text) or _nothing()


def _nothing() -> HubRef:
    raise NoReferenceError


def _hash(text: str) -> HubRef | None:
    match = _HASH.fullmatch(text)
    if match is None:
        return None
    kind, digits = (match[1] or "").lower().replace("-", ""), match[2].lower()
    kinds = HASH_KINDS.get(len(digits), ())
    if not kinds or (kind not in ("", "hash") and kind not in kinds):
        return None
    return HubRef(None, hash=digits)


def _air(text: str) -> HubRef | None:
    """Read Civitai's urn: `urn:air:<ecosystem>:<type>:<source>:<id>@<version>`, also without its first words."""
    parts = text.split(":")
    lower = [part.strip().casefold() for part in parts]
    start = 2 if lower[:2] == ["urn", "air"] else 1 if lower[0] == "air" else 0
    where = next((at for at in range(start, min(start + 3, len(parts) - 1)) if lower[at] in PREFIXES), None)
    if where is None or (start == 0 and where == 0):
        return None
    rest = ":".join(parts[where + 1 :])
    hub = PREFIXES[lower[where]]
    if hub in (CIVITAI, CIVARCHIVE):
        match = _AIR_TAIL.fullmatch(rest)
        if match is None:
            raise NoReferenceError
        rest = match[1]
    return _spelled(hub, rest)


def _own(text: str) -> HubRef | None:
    prefix, colon, rest = text.partition(":")
    hub = PREFIXES.get(prefix.strip().casefold()) if colon else None
    return None if hub is None else _spelled(hub, rest.strip())


def _spelled(hub: str, rest: str) -> HubRef:
    """Read what follows `hub:`."""
    rest = rest.removeprefix("//")
    digest = _hash(rest)
    if digest is not None and (len(digest.hash or "") == 64 or not rest[:1].isalnum() or ":" in rest):
        return HubRef(hub, hash=digest.hash)
    if hub in (HUGGINGFACE, MODELSCOPE):
        return repository(hub, rest)
    rest, _, file = rest.partition("#")
    model, at, version = rest.partition("@")
    if not model and not (at and hub in (CIVITAI, CIVARCHIVE, LIBLIB)):
        raise NoReferenceError
    check = {CIVITAI: number, CIVARCHIVE: number, LIBLIB: uuid, OPENMODELDB: word}[hub]
    return HubRef(
        hub, check(model) if model else None, check(version) if at else None, word(file, "=&") if file else None
    )


def _uuid(text: str) -> HubRef | None:
    """A bare UUID is LiblibAI's: no other hub names models so."""
    return HubRef(LIBLIB, uuid(text)) if _UUID.fullmatch(text) else None


def _repository(text: str) -> HubRef | None:
    """`org/repo` is Hugging Face's, as everybody there writes it: exactly one slash, and nothing like a file's name."""
    if text.count("/") != 1 or "@" in text:
        return None
    return repository(HUGGINGFACE, text, bare=True)
