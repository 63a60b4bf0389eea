"""What the files beside a model say about it: pure parsers, bytes or text -> Sidecar. Limits on size are the caller's.

The families are those of A1111, its Civitai extensions, ComfyUI-Lora-Manager, Stability Matrix, SwarmUI, SD.Next and
ComfyUI-Model-Manager. Nothing here raises: what cannot be understood becomes a finding, and the file stays where it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from html import unescape

from hubman.core.beside import Family, family_of
from hubman.core.triggers import split_words
from hubman.core.types import Finding, Sidecar

LARGEST_SIDECAR = 4 << 20
"""Bytes of a sidecar that are read; a real one is a few kilobytes, Civitai's with all image prompts under 1 MB."""

MOST_TEXT = 100_000
"""Letters of a description or a note that are kept."""

Parsed = tuple[Sidecar, tuple[Finding, ...]]
Record = Mapping[str, object]


def parse(name: str, text: str, stem: str = "") -> Sidecar | None:
    """Read one sidecar by its file name; None when it says nothing that can be used."""
    family = family_of(name)
    found = parse_family(family, text, stem)[0] if family else Sidecar()
    return None if found == Sidecar() else found


def read(name: str, data: bytes, stem: str = "") -> Parsed:
    """Read one sidecar as it lies on the disk, by its file name.

    Returns:
        What it says, empty where it says nothing, and what a careful person would want to know about the file.
    """
    family = family_of(name)
    if family is None:
        return Sidecar(), ()
    if len(data) > LARGEST_SIDECAR:
        return Sidecar(), (Finding("sidecar-too-large", f"the {family} file beside the model is too large to be one"),)
    text, encoding = decode(data)
    if text is None:
        return Sidecar(), (Finding("sidecar-unreadable", f"the {family} file beside the model is not text in UTF-8"),)
    found, findings = parse_family(family, text, stem)
    if encoding != "utf-8" and found != Sidecar():
        note = Finding("sidecar-encoding", f"the {family} file beside the model is written in {encoding}, not in UTF-8")
        findings = (*findings, note)
    return found, findings


def decode(data: bytes) -> tuple[str | None, str]:
    """Decode a text file: UTF-8, UTF-16 where a mark says so, else GB18030, in which Chinese Windows programs write."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8", "gb18030"]
    for encoding in encodings:
        try:
            text = data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8" or (_is_readable(text) and (encoding == "utf-16" or _is_chinese(text))):
            return text, encoding
    return None, ""


def _is_readable(text: str) -> bool:
    return not any(letter < " " and letter not in "\t\n\r\f\b" for letter in text[:4000])


def _is_chinese(text: str) -> bool:
    """Almost any bytes are some letters of GB18030; a text has the common ones."""
    strange = [letter for letter in text[:20_000] if letter > "\x7f"]
    common = sum(
        "\u3000" <= letter <= "\u303f" or "\u4e00" <= letter <= "\u9fff" or letter > "\uff00" for letter in strange
    )
    return bool(strange) and common >= 0.9 * len(strange)


def parse_family(family: Family, text: str, stem: str = "") -> Parsed:
    """Read one sidecar of a family; what is odd about it comes back as findings.

    Args:
        stem: the model's stem; SD.Next's file lists all versions of a model, and the stem tells which is meant.
    """
    if family is Family.TEXT:
        plain = _cut(text.lstrip("\ufeff").replace("\0", "").strip())
        return (Sidecar(description=plain, sources=(family.value,)) if plain else Sidecar()), ()
    if family is Family.MODEL_MANAGER:
        return _model_manager(text.lstrip("\ufeff")), ()
    try:
        record = json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return Sidecar(), (Finding("sidecar-unreadable", f"the {family} file beside the model is not valid JSON"),)
    if not isinstance(record, dict):
        return Sidecar(), (Finding("sidecar-unreadable", f"the {family} file beside the model is not a JSON object"),)
    if family is Family.A1111 and isinstance(record.get("modelVersions"), list):
        family = Family.SDNEXT
    found, odd = _PARSERS[family](record, stem)
    empty = found == Sidecar()
    named = found if empty else _with_source(found, family)
    return named, tuple(Finding("sidecar-odd", f"the {family} file has no usable {field}") for field in odd)


def _with_source(sidecar: Sidecar, family: Family) -> Sidecar:
    return replace(sidecar, sources=(family.value,))


def _cut(text: str | None) -> str | None:
    return text[:MOST_TEXT] or None if text else None


_BLOCK = re.compile(r"<(?:/(?:p|div|li|ul|ol|h[1-6]|tr|pre|blockquote)|br|hr)\b[^>]*>", re.IGNORECASE)
_SILENT = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_ANY_TAG = re.compile(r"</?[a-z][^<>]{0,2000}>|<!--.*?-->", re.IGNORECASE | re.DOTALL)


def plain_text(html: str | None) -> str | None:
    """Turn a hub's description into text: it is HTML of strangers, and nothing here may show it as such."""
    if not html or ("<" not in html and "&" not in html):
        return _cut(html)
    text = unescape(_ANY_TAG.sub("", _BLOCK.sub("\n", _SILENT.sub("", html[: 2 * MOST_TEXT]))))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return _cut(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip())


def merge(sidecars: Iterable[Sidecar]) -> Sidecar:
    """Merge sidecars, the most trusted first: a single value is the first one set, words and tags are all of them."""
    parts = list(sidecars)
    merged: dict[str, object] = {}
    for field in fields(Sidecar):
        values = [getattr(part, field.name) for part in parts]
        if field.name in ("trigger_words", "tags", "hashes", "sources", "warnings"):
            merged[field.name] = tuple(dict.fromkeys(word for value in values for word in value))
        else:
            merged[field.name] = next((value for value in values if value is not None), None)
    return Sidecar(**merged)  # type: ignore[arg-type]


# --- reading values ------------------------------------------------------------------------------------------------
class _Reader:
    """Takes typed values out of a JSON object and remembers the fields that were of another type."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.odd: list[str] = []

    def text(self, *keys: str) -> str | None:
        for key in keys:
            value = self.record.get(key)
            if isinstance(value, str) and value.strip():
                return value.strip()[: 2 * MOST_TEXT]
            if value is not None and not isinstance(value, str):
                self.odd.append(key)
        return None

    def words(self, key: str) -> tuple[str, ...]:
        """Trigger words: a list of texts or one text; each may hold several words."""
        value = self.record.get(key)
        if isinstance(value, list):
            texts = [part.get("word") if isinstance(part, dict) else part for part in value]
            return tuple(dict.fromkeys(word for part in texts if isinstance(part, str) for word in split_words(part)))
        return split_words(self.text(key) or "")

    def tags(self, key: str) -> tuple[str, ...]:
        value = self.record.get(key)
        if isinstance(value, list):
            return tuple(dict.fromkeys(part.strip() for part in value if isinstance(part, str) and part.strip()))
        return tuple(part.strip() for part in (self.text(key) or "").split(",") if part.strip())

    def weight(self, key: str) -> float | None:
        """A preferred weight; 0 means "not set" in A1111, and a text with a number is taken as one."""
        value = self.record.get(key)
        try:
            number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None
        except (ValueError, OverflowError):
            number = _middle(value)
        if number is None and value not in (None, ""):
            self.odd.append(key)
        return number if number is not None and number == number and 0 < abs(number) <= 10 else None

    def yes(self, key: str) -> bool | None:
        """True where it says so; no and nothing are the same, for these files are full of defaults."""
        return True if self.record.get(key) is True else None

    def level(self, *keys: str) -> str | None:
        """A rating of what pictures show: a word, a number above 0, or yes."""
        for key in keys:
            value = self.record.get(key)
            if isinstance(value, str | int) and value not in (0, "", "0", "None", "none", "false"):
                return "yes" if value is True else str(value)[:40]
        return None

    def hashes(self, **kinds: str) -> tuple[tuple[str, str], ...]:
        """Claimed hashes, kind=key: hex digits of a fitting number, and not the hash of nothing."""
        found = [(kind, _hex(self.record.get(key), kind)) for kind, key in kinds.items()]
        return tuple((kind, value) for kind, value in found if value)

    def object(self, key: str) -> Record:
        value = self.record.get(key)
        return value if isinstance(value, dict) else {}


DIGITS = {"sha256": 64, "autov1": 8, "autov2": 10, "autov3": 12, "crc32": 8, "blake3": 64, "tensors": 64}
"""Hex digits of each kind of hash; "tensors" is the sha256 of all tensors, of which AutoV3 is the beginning."""

HASH_OF_NOTHING = "e3b0c442"
"""sha256 of no bytes begins so: programs wrote it where they had read nothing."""


def _hex(value: object, kind: str) -> str | None:
    if not isinstance(value, str):
        return None
    text = value.strip().lower().removeprefix("0x")
    fits = len(text) == DIGITS[kind] and set(text) <= set("0123456789abcdef")
    return text if fits and not text.startswith(HASH_OF_NOTHING) else None


def _middle(value: object) -> float | None:
    """`0.6-0.8` is what people write where one number is asked for."""
    match = (
        re.fullmatch(r"\s*(\d(?:\.\d+)?)\s*(?:-|~|–|—|to)\s*(\d(?:\.\d+)?)\s*", value)
        if isinstance(value, str)
        else None
    )
    return round((float(match[1]) + float(match[2])) / 2, 3) if match else None


# --- families ------------------------------------------------------------------------------------------------------
_Result = tuple[Sidecar, list[str]]

SD_VERSIONS = {"sd1": "SD 1.5", "sd2": "SD 2.1", "sdxl": "SDXL", "sd3": "SD 3", "flux": "Flux.1"}


def _a1111(record: Record, _: str) -> _Result:
    """ui_extra_networks_user_metadata.py: `activation text`, `preferred weight`, `negative text`, `sd version`."""
    reader = _Reader(record)
    version = reader.text("sd version", "sd_version_str")
    found = Sidecar(
        trigger_words=reader.words("activation text"),
        negative=reader.text("negative text"),
        weight=reader.weight("preferred weight"),
        description=_cut(reader.text("description")),
        notes=_cut(reader.text("notes")),
        base_model=SD_VERSIONS.get((version or "").removeprefix("SdVersion.").lower()),
        hashes=reader.hashes(sha256="sha256"),
    )
    return found, reader.odd


def _civitai(record: Record, stem: str) -> _Result:
    """A model version of Civitai's API, as Civitai-Helper keeps it; `{}` means "not found there"."""
    reader, model = _Reader(record), _Reader(_Reader(record).object("model"))
    creator = _Reader(reader.object("creator"))
    found = Sidecar(
        trigger_words=reader.words("trainedWords"),
        description=plain_text(reader.text("description") or model.text("description")),
        author=creator.text("username"),
        base_model=reader.text("baseModel"),
        name=model.text("name") or reader.text("name"),
        tags=reader.tags("tags") or model.tags("tags"),
        nsfw=model.level("nsfw", "nsfwLevel") or reader.level("nsfwLevel"),
        hashes=_file_hashes(record, stem),
    )
    return found, reader.odd


def _file_hashes(record: Record, stem: str) -> tuple[tuple[str, str], ...]:
    """Return what Civitai says of the file with our stem, or of the only one."""
    listed = record.get("files")
    files = [file for file in listed if isinstance(file, dict)] if isinstance(listed, list) else []
    ours = [file for file in files if stem and str(file.get("name", "")).rpartition(".")[0] == stem] or files
    if len(ours) != 1:
        return ()
    claimed = _Reader(_Reader(ours[0]).object("hashes"))
    return claimed.hashes(
        sha256="SHA256", autov1="AutoV1", autov2="AutoV2", autov3="AutoV3", crc32="CRC32", blake3="BLAKE3"
    )


def _sdnext(record: Record, stem: str) -> _Result:
    """A whole model of Civitai's API with all versions; the one that has a file of our name, or the only one."""
    reader = _Reader(record)
    listed = record.get("modelVersions")
    versions = [version for version in listed if isinstance(version, dict)] if isinstance(listed, list) else []
    ours = [version for version in versions if stem and stem in _file_stems(version)] or versions
    found, odd = _civitai(ours[0], stem) if len(ours) == 1 else (Sidecar(), [])
    creator = _Reader(reader.object("creator"))
    model = Sidecar(
        description=plain_text(reader.text("description")),
        author=creator.text("username"),
        name=reader.text("name"),
        tags=reader.tags("tags"),
    )
    return merge(
        [Sidecar(trigger_words=found.trigger_words, base_model=found.base_model), model, found]
    ), reader.odd + odd


def _file_stems(version: Record) -> set[str]:
    files = version.get("files")
    names = [file.get("name") for file in files if isinstance(file, dict)] if isinstance(files, list) else []
    return {name.rpartition(".")[0] for name in names if isinstance(name, str)}


def _lora_manager(record: Record, stem: str) -> _Result:
    """ComfyUI-Lora-Manager, schema 1.1; `usage_tips` is JSON inside a string."""
    reader = _Reader(record)
    inner, odd = _civitai(reader.object("civitai"), stem)
    tips = _Reader(_object_of(reader.text("usage_tips")))
    found = Sidecar(
        trigger_words=inner.trigger_words,
        weight=_strength(tips),
        description=plain_text(reader.text("modelDescription")) or inner.description,
        notes=reader.text("notes"),
        author=inner.author,
        base_model=reader.text("base_model") or inner.base_model,
        name=reader.text("model_name") or inner.name,
        tags=reader.tags("tags") or inner.tags,
        favourite=reader.yes("favorite"),
        hidden=reader.yes("exclude"),
        nsfw=reader.level("preview_nsfw_level") or inner.nsfw,
        hashes=reader.hashes(sha256="sha256", autov3="autov3") or inner.hashes,
    )
    return found, reader.odd + odd


def _strength(tips: _Reader) -> float | None:
    """The strength that somebody noted, else the middle of the range."""
    one = tips.weight("strength") or tips.weight("strength_range")
    low, high = tips.weight("strength_min"), tips.weight("strength_max")
    return one if one is not None or low is None or high is None else round((low + high) / 2, 3)


def _object_of(text: str | None) -> Record:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _stability_matrix(record: Record, _: str) -> _Result:
    reader = _Reader(record)
    found = Sidecar(
        trigger_words=reader.words("TrainedWords"),
        description=plain_text(reader.text("ModelDescription", "VersionDescription")),
        author=reader.text("AuthorUsername"),
        base_model=reader.text("BaseModel"),
        name=reader.text("UserTitle", "ModelName"),
        tags=reader.tags("Tags"),
        nsfw=reader.level("Nsfw"),
        hashes=_Reader(reader.object("Hashes")).hashes(sha256="SHA256", crc32="CRC32", blake3="BLAKE3"),
    )
    return found, reader.odd


def _swarm(record: Record, _: str) -> _Result:
    """SwarmUI writes ModelSpec keys, with and without their prefix."""
    plain = {key.removeprefix("modelspec."): value for key, value in record.items()}
    reader = _Reader(plain)
    found = Sidecar(
        trigger_words=reader.words("trigger_phrase"),
        weight=reader.weight("lora_default_weight"),
        description=plain_text(reader.text("description")),
        notes=reader.text("usage_hint"),
        author=reader.text("author"),
        base_model=reader.text("architecture"),
        name=reader.text("title"),
        tags=reader.tags("tags"),
        hashes=reader.hashes(tensors="hash_sha256") or reader.hashes(tensors="hash"),
    )
    return found, reader.odd


_FRONT = re.compile(r"---\s*\n(?P<front>.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"(author|baseModel)\s*:\s*[\"']?(?P<value>[^\"'\n]+?)[\"']?\s*\Z")
_HEADING = re.compile(r"^#{1,3}\s+(?P<title>.+?)\s*$", re.MULTILINE)


def _model_manager(text: str) -> Sidecar:
    """ComfyUI-Model-Manager: Markdown with a YAML head and a chapter "Trigger Words"."""
    text = text[:MOST_TEXT].replace("\r\n", "\n")
    front = _FRONT.match(text)
    head = {}
    for line in front["front"].splitlines() if front else ():
        if match := _FIELD.match(line):
            head[match[1]] = match["value"]
    body = text[front.end() :] if front else text
    chapters = _HEADING.split(body)
    words: tuple[str, ...] = ()
    rest = [chapters[0]]
    for title, chapter in zip(chapters[1::2], chapters[2::2], strict=False):
        if title.casefold().strip(" :") in ("trigger words", "trigger word"):
            words = split_words(chapter)
        else:
            rest += [title, chapter]
    note = _cut("\n".join(part.strip() for part in rest if part.strip()).strip())
    if not words and not head:
        return Sidecar(description=note, sources=(Family.MODEL_MANAGER.value,)) if note else Sidecar()
    return Sidecar(
        trigger_words=words,
        description=note,
        author=head.get("author"),
        base_model=head.get("baseModel"),
        sources=(Family.MODEL_MANAGER.value,),
    )


_PARSERS: Mapping[Family, Callable[[Record, str], _Result]] = {
    Family.A1111: _a1111,
    Family.SWARM: _swarm,
    Family.LORA_MANAGER: _lora_manager,
    Family.CIVITAI: _civitai,
    Family.STABILITY_MATRIX: _stability_matrix,
    Family.SDNEXT: _sdnext,
}
