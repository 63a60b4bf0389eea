"""The WebUI's prompt language: text to weighted spans and adapter tags, and back to the text to paste.

Pure functions on strings. The syntax is A1111's as its users know it (wiki page "Features": "Attention/emphasis",
"BREAK keyword", "Extra networks"); written from its documented behaviour, not from its code. No text raises.
Prompt editing `[a:b:0.5]`, alternation `[a|b]` and `AND` come before this: see `prompt_steps`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from hubman.core.types import Kind

ROUND_FACTOR = 1.1
"""What one pair of round brackets multiplies by; square ones divide by it (A1111 wiki, "Attention/emphasis")."""

_ESCAPABLE = "\\()[]"
_CLOSING_WEIGHT = re.compile(r":\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*\)")
_BREAK = re.compile(r"\s*\bBREAK\b\s*")
_TAG = re.compile(r"<(lora|lyco|hypernet):([^<>]+)>")
_OTHER_TAG = re.compile(r"<(\w+):[^<>]+>")
_FULL_WIDTH = re.compile(r"[（［【][^（［【）］】]*[）］】]|[:：]\s*\d*[.．。]?\d+\s*[）】］]")
_SPACED = r"[0-9A-Za-z_\u00c0-\u024f\u0370-\u052f]"  # scripts that put spaces between words: Latin, Greek, Cyrillic
_TRIM_COMMAS = re.compile(r"\s*,(?:\s*,)+\s*")


@dataclass(frozen=True, slots=True)
class Span:
    """Text with one weight, brackets and escapes resolved."""

    text: str
    weight: float = 1.0


Segment = tuple[Span, ...]
"""The spans between two BREAKs: each segment starts a new chunk of 75 tokens."""


@dataclass(frozen=True, slots=True)
class AdapterTag:
    """An adapter named in a prompt.

    Attributes:
        kind: Kind.LORA or Kind.HYPERNETWORK.
        name: the file's stem, as written.
        unet, te: weight for the diffusion model and for the text encoder; 1.0 when left out or unreadable.
        dyn: only so many of its ranks are used (`dyn=4`), None for all.
        unread: what stands in the tag and is no number where one belongs, as written.
    """

    kind: Kind
    name: str
    unet: float = 1.0
    te: float = 1.0
    dyn: int | None = None
    unread: tuple[str, ...] = field(default=(), compare=False)


class PromptStyle(StrEnum):
    """Whose prompt box the text is for."""

    A1111 = "a1111"
    COMFY = "comfy"
    DIFFUSERS = "diffusers"


@dataclass(frozen=True, slots=True)
class PromptAdapter:
    """An adapter to be named in a prompt.

    Attributes:
        stem: file name without extension.
        weight: strength in a tag; of an embedding the emphasis of its word.
        triggers: words to type with it, the most important first.
        negative: an embedding for the negative prompt.
    """

    kind: Kind
    stem: str
    weight: float = 1.0
    triggers: tuple[str, ...] = ()
    negative: bool = False


@dataclass(frozen=True, slots=True)
class BuiltPrompt:
    """A prompt to paste; `notes` are sentences for the person, `adapters` what has to be loaded by other means."""

    positive: str
    negative: str
    notes: tuple[str, ...] = ()
    adapters: tuple[PromptAdapter, ...] = ()


class _Reader:
    """One pass over the text with a stack of open brackets; positions index `spans`."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, float]] = []
        self.open: list[tuple[str, int]] = []

    def add(self, text: str) -> None:
        self.spans.append((text, 1.0))

    def close(self, bracket: str, factor: float) -> bool:
        """Multiply all since the innermost open `bracket`; False when none is open."""
        for index in range(len(self.open) - 1, -1, -1):
            kind, start = self.open[index]
            if kind == bracket:
                del self.open[index]
                self._scale(start, factor)
                return True
        return False

    def finish(self) -> list[tuple[str, float]]:
        for kind, start in self.open:
            self._scale(start, ROUND_FACTOR if kind == "(" else 1 / ROUND_FACTOR)
        return self.spans

    def _scale(self, start: int, factor: float) -> None:
        self.spans[start:] = [(text, weight * factor) for text, weight in self.spans[start:]]


def _read(text: str) -> list[tuple[str, float]]:
    reader = _Reader()
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text) and text[at + 1] in _ESCAPABLE:
            reader.add(text[at + 1])
            at += 2
        elif char == "\\":  # of a lone one the WebUI makes nothing; `\:` and `\|` keep prompt editing off
            at += 1
        elif char in "([":
            reader.open.append((char, len(reader.spans)))
            at += 1
        elif char == ":" and (found := _CLOSING_WEIGHT.match(text, at)) and reader.close("(", float(found[1])):
            at = found.end()
        elif (char == ")" and reader.close("(", ROUND_FACTOR)) or (char == "]" and reader.close("[", 1 / ROUND_FACTOR)):
            at += 1
        else:
            reader.add(char)
            at += 1
    return reader.finish()


def parse_spans(text: str) -> tuple[Segment, ...]:
    """Return the BREAK-separated segments of a prompt, at least one; never raises.

    >>> parse_spans("a (red:1.5) cat")
    ((Span(text='a ', weight=1.0), Span(text='red', weight=1.5), Span(text=' cat', weight=1.0)),)
    """
    runs: list[tuple[str, float]] = []
    for piece, weight in _read(text):
        if runs and runs[-1][1] == weight:
            runs[-1] = (runs[-1][0] + piece, weight)
        else:
            runs.append((piece, weight))
    segments: list[list[Span]] = [[]]
    for run, weight in runs:
        for index, part in enumerate(_BREAK.split(run)):
            if index:
                segments.append([])
            if part:
                segments[-1].append(Span(part, weight))
    return tuple(tuple(segment) for segment in segments)


def escape(text: str) -> str:
    """Return `text` so that the WebUI reads its brackets and backslashes literally."""
    return "".join("\\" + char if char in _ESCAPABLE else char for char in text)


def as_typed(word: str) -> str:
    """Return a word as it must be typed to be read literally; one that is escaped already (booru tags) stays."""
    return word if "\\" in word else escape(word)


def format_weight(weight: float) -> str:
    """Return a weight as people write it: at most four decimals, no trailing zeros, never scientific."""
    text = f"{weight:.4f}".rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text


def format_spans(segments: Sequence[Segment]) -> str:
    """Return prompt text that `parse_spans` reads as `segments` (weights to four decimals)."""
    return " BREAK ".join("".join(_format_span(span) for span in segment) for segment in segments)


def _format_span(span: Span) -> str:
    text = escape(span.text)
    return text if span.weight == 1.0 else f"({text}:{format_weight(span.weight)})"


def extract_tags(text: str) -> tuple[str, tuple[AdapterTag, ...]]:
    """Return the prompt without its `<lora:..>`, `<lyco:..>` and `<hypernet:..>` tags, and the tags in order."""
    tags: list[AdapterTag] = []

    def take(found: re.Match[str]) -> str:
        tag = _parse_tag(found[1], found[2])
        if tag is None:
            return found[0]
        tags.append(tag)
        return ""

    return _TAG.sub(take, text), tuple(tags)


def other_tags(text: str) -> tuple[str, ...]:
    """Return what looks like a tag of a kind that hubman does not know, as written: `<wildcard:...>`, `<Lora:...>`."""
    return tuple(found[0] for found in _OTHER_TAG.finditer(extract_tags(text)[0]))


def full_width_brackets(text: str) -> bool:
    """Say whether brackets or weights are typed in full width: the WebUI, and so hubman, reads them as plain text."""
    return _FULL_WIDTH.search(text) is not None


def _parse_tag(word: str, body: str) -> AdapterTag | None:
    """Read `name[:te[:unet[:dyn]]]`, `te=`, `unet=`, `dyn=` anywhere; one number serves both (A1111 wiki, "Lora")."""
    named: dict[str, str] = {}
    positional: list[str] = []
    for part in body.split(":"):
        key, equals, value = part.partition("=")
        if equals and positional and key.strip().isidentifier():
            named[key.strip()] = value
        else:
            positional.append(part)
    name = positional[0]
    if not name.strip():
        return None
    unread = [f"{key}={value}" for key, value in named.items() if key not in {"te", "unet", "dyn"}] + positional[4:]

    def number(index: int, key: str, default: float) -> float:
        for text in (named.get(key), positional[index] if len(positional) > index else None):
            value = _number(text)
            if value is not None:
                return value
            if text is not None:
                unread.append(text)
        return default

    te = number(1, "te", 1.0)
    unet = number(2, "unet", te)
    dyn = int(number(3, "dyn", 0.0))
    kind = Kind.HYPERNETWORK if word == "hypernet" else Kind.LORA
    return AdapterTag(kind, name, unet=unet, te=te, dyn=dyn if dyn > 0 else None, unread=tuple(unread))


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and abs(value) < 1e6 else None  # also refuses nan (comparison is False) and inf


def lora_tag(stem: str, weight: float, te: float | None = None) -> str:
    """Return `<lora:stem:weight>`, with a separate text encoder weight when `te` is given."""
    if te is None or te == weight:
        return f"<lora:{stem}:{format_weight(weight)}>"
    return f"<lora:{stem}:{format_weight(te)}:{format_weight(weight)}>"


def hypernet_tag(stem: str, weight: float) -> str:
    """Return `<hypernet:stem:weight>`."""
    return f"<hypernet:{stem}:{format_weight(weight)}>"


def embedding_word(stem: str, weight: float = 1.0, style: PromptStyle = PromptStyle.A1111) -> str:
    """Return the word that calls an embedding: its bare stem, `embedding:stem` in ComfyUI."""
    word = escape(stem) if style is not PromptStyle.DIFFUSERS else stem
    if style is PromptStyle.COMFY:
        word = f"embedding:{word}"
    if weight == 1.0 or style is PromptStyle.DIFFUSERS:
        return word
    return f"({word}:{format_weight(weight)})"


def adapter_tag(adapter: PromptAdapter, style: PromptStyle = PromptStyle.A1111) -> str:
    """Return what to type for one adapter in the WebUI (`style` matters for embeddings only)."""
    if adapter.kind is Kind.EMBEDDING:
        return embedding_word(adapter.stem, adapter.weight, style)
    if adapter.kind is Kind.HYPERNETWORK:
        return hypernet_tag(adapter.stem, adapter.weight)
    return lora_tag(adapter.stem, adapter.weight)


def build_prompt(
    adapters: Sequence[PromptAdapter],
    text: str = "",
    negative: str = "",
    style: PromptStyle = PromptStyle.A1111,
) -> BuiltPrompt:
    """Return a ready prompt: tags first, then trigger words not in `text` yet, then `text`.

    ComfyUI and diffusers load LoRAs and hypernetworks outside the prompt: those come back in `adapters` and, for a
    person, as `notes`.
    """
    tags: list[str] = []
    words: list[str] = []
    negatives: list[str] = []
    notes: list[str] = []
    loaded: list[PromptAdapter] = []
    for adapter in adapters:
        if adapter.kind is Kind.EMBEDDING:
            (negatives if adapter.negative else words).append(adapter_tag(adapter, style))
            if style is PromptStyle.DIFFUSERS:
                loaded.append(adapter)
                notes.append(f'load_textual_inversion("{adapter.stem}", token="{adapter.stem}")')
        elif style is PromptStyle.A1111:
            tags.append(adapter_tag(adapter, style))
        else:
            loaded.append(adapter)
            notes.append(_load_note(adapter, style))
        words.extend(adapter.triggers)
    return BuiltPrompt(
        positive=_join([" ".join(tags), *_missing(words, text), text]),
        negative=_join([*_missing(negatives, negative), negative]),
        notes=tuple(notes),
        adapters=tuple(loaded),
    )


def _load_note(adapter: PromptAdapter, style: PromptStyle) -> str:
    weight = format_weight(adapter.weight)
    if style is PromptStyle.COMFY:
        node = "HypernetworkLoader" if adapter.kind is Kind.HYPERNETWORK else "LoraLoader"
        return f"{node}: {adapter.stem}, strength {weight}"
    if adapter.kind is Kind.HYPERNETWORK:
        return f"diffusers has no hypernetworks: {adapter.stem} is left out"
    return f'load_lora_weights("{adapter.stem}"), weight {weight}'


def _missing(words: Iterable[str], text: str) -> list[str]:
    """Return words in order, each once, without those that `text` holds as whole words."""
    kept: list[str] = []
    for word in words:
        if word.strip() and word not in kept and not any(name for _, name in split_words(text, [word])):
            kept.append(word)
    return kept


def _join(parts: Iterable[str]) -> str:
    joined = ", ".join(part.strip().strip(",").strip() for part in parts if part.strip().strip(",").strip())
    return _TRIM_COMMAS.sub(", ", joined)


def split_words(text: str, names: Sequence[str]) -> list[tuple[str, str | None]]:
    """Cut `text` at whole-word occurrences of `names`: pieces of (text, matched name or None), in order.

    A name matches without regard to case, the longest name first, and only where it does not continue a word: `zz`
    is not in `fuzzy`. Scripts without spaces have no such border: a name with a Chinese edge matches anywhere.
    The pieces joined are `text`; a text without a match is one piece.
    """
    wanted = {name.casefold(): name for name in names if name}
    if not wanted:
        return [(text, None)]
    pattern = "|".join(_word_pattern(name) for name in sorted(wanted.values(), key=len, reverse=True))
    pieces: list[tuple[str, str | None]] = []
    at = 0
    for found in re.finditer(pattern, text, re.IGNORECASE):
        if found.start() > at:
            pieces.append((text[at : found.start()], None))
        pieces.append((found[0], wanted.get(found[0].casefold())))
        at = found.end()
    if at < len(text) or not pieces:
        pieces.append((text[at:], None))
    return pieces


def _word_pattern(name: str) -> str:
    before = f"(?<!{_SPACED})" if re.match(_SPACED, name[0]) else ""
    after = f"(?!{_SPACED})" if re.match(_SPACED, name[-1]) else ""
    return before + re.escape(name) + after
