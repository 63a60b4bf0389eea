"""A hub's example pictures as a source of a preview's prompt: which one is fit, and what of its text is taken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hubman.core.hub import RemoteImage
from hubman.core.plan.explicit import SAFE_LEVELS, is_explicit, is_refused, level_of
from hubman.core.prompt import extract_tags, split_words
from hubman.core.types import Kind

MOST_PROMPT = 2000
"""Letters of an example that is followed; a longer one is a novel, or a workflow pasted as text."""

_COMFY_EMBEDDING = re.compile(r"\(?\bembedding:[^\s,()]+(?::[\d.]+)?\)?")
_WILDCARD = re.compile(r"__[\w/*-]+__|\{[^{}]*\|[^{}]*\}")
_COMMAS = re.compile(r"[ \t]*,(?:\s*,)+[ \t]*")


@dataclass(frozen=True, slots=True)
class Example:
    """An example picture's texts without adapter tags. `size`: of the picture, pixels, None where unknown."""

    prompt: str
    negative: str = ""
    size: tuple[int, int] | None = None


def choose_example(
    images: Sequence[tuple[RemoteImage, int | None]],
    names: Sequence[str],
    words: Sequence[str],
    kind: Kind,
    *,
    explicit: bool = False,
) -> Example | None:
    """Return the example that a preview follows: the first fit one with the fewest other adapters, None for none.

    Fit is a picture with a prompt, of a level that anybody may see, whose prompt says nothing explicit (`explicit`
    lifts both, not what is never drawn). One that names this adapter comes before one that does not: many galleries
    hold pictures of other versions. Tags of all adapters go, for the preview is made with this one alone at its own
    weight; so do wildcards and other programs' embedding syntax, which would be read as words.

    Args:
        images: pictures with the level of their listing, in the hub's order. A video's prompt is no worse.
        names: stems by which prompts may call the adapter: its file's here, its file's on the hub.
        words: its trigger words. kind: an embedding is called by a word, not by a tag.
    """
    wanted = {name.casefold() for name in names}
    best: tuple[tuple[bool, bool, bool, int, int], Example] | None = None
    for place, (image, listing) in enumerate(images):
        text = image.prompt or ""
        if not text.strip() or len(text) > MOST_PROMPT or not _fit(image, listing, explicit=explicit):
            continue
        plain, tags = extract_tags(text)
        others = sum(tag.name.casefold() not in wanted for tag in tags)
        called = _calls(text, names) if kind is Kind.EMBEDDING else len(tags) > others
        spoken = not words or _calls(plain, words)
        prompt = _clean(plain, names)
        if not prompt:
            continue
        size = (image.width, image.height) if image.width and image.height else None
        example = Example(prompt, _clean(extract_tags(image.negative or "")[0], names), size)
        unrated = level_of(image.nsfw, listing) is None
        rank = (not called, not spoken, unrated, others, place)
        if best is None or rank < best[0]:
            best = rank, example
    return best[1] if best else None


def _fit(image: RemoteImage, listing: int | None, *, explicit: bool) -> bool:
    text = image.prompt or ""
    if explicit:
        return not is_refused(text)
    return level_of(image.nsfw, listing) in SAFE_LEVELS and not is_explicit(text)


def _calls(text: str, names: Sequence[str]) -> bool:
    return any(name is not None for _, name in split_words(text, list(names)))


def _clean(text: str, names: Sequence[str]) -> str:
    """Take out what is no text for our renderer; the lines stay lines."""
    own = {f"embedding:{name.casefold()}" for name in names}

    def keep(found: re.Match[str]) -> str:
        name = found[0].strip("()").casefold()
        return found[0].replace("embedding:", "") if name.rsplit(":", 1)[0] in own or name in own else ""

    text = _WILDCARD.sub("", _COMFY_EMBEDDING.sub(keep, text))
    lines = [" ".join(_COMMAS.sub(", ", line).split()).strip(" ,") for line in text.splitlines()]
    return ", ".join(line for line in lines if line)


def images_in_sidecar(record: Mapping[str, object]) -> list[RemoteImage]:
    """Return the example pictures that a card of Civitai's form (`.civitai.info`, Lora-Manager's) keeps with prompts.

    Only what a prompt needs is read; a field of another type counts as missing. Their levels: Civitai's bits (PG 1,
    PG13 2, R 4, X 8, ...) or words, as hubs/_civitai_shape.py reads them.
    """
    inner = record.get("civitai")
    listed = (inner if isinstance(inner, dict) else record).get("images")
    found = []
    for entry in listed if isinstance(listed, list) else ():
        meta = entry.get("meta") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(meta, dict):
            continue
        prompt = meta.get("prompt")
        if not isinstance(prompt, str) or not prompt.strip():
            continue
        negative = meta.get("negativePrompt")
        found.append(
            RemoteImage(
                url="",
                width=_whole(entry.get("width")),
                height=_whole(entry.get("height")),
                nsfw=_level(entry.get("browsingLevel"), entry.get("nsfwLevel"), entry.get("nsfw")),
                prompt=prompt,
                negative=negative if isinstance(negative, str) else None,
            )
        )
    return found


_WORDS = {"none": 0, "soft": 1, "mature": 2, "x": 3}


def _level(*said: object) -> int | None:
    for value in said:
        if isinstance(value, bool):
            return 2 if value else 0
        if isinstance(value, int) and value > 0:
            return min(value.bit_length() - 1, 3)
        if isinstance(value, str) and value.strip().lower() in _WORDS:
            return _WORDS[value.strip().lower()]
    return None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


_NOTED = re.compile(
    r"^\s*(?:preview|example|sample)\s+prompt\s*[:：=]\s*(?P<text>.+)$|^\s*(?:预览|示例|例图)?提示词\s*[:：]\s*(?P<zh>.+)$",
    re.IGNORECASE | re.MULTILINE,
)


def noted_prompt(notes: Iterable[object]) -> str | None:
    """Return the prompt that a note states: a line "preview prompt: ..." (example, sample; 预览提示词：), else None.

    No WebUI has a field for it, so people write it into the notes of a card.
    """
    for note in notes:
        found = _NOTED.search(note) if isinstance(note, str) else None
        if found:
            text = extract_tags((found["text"] or found["zh"]).strip())[0].strip(" ,")
            if text:
                return text
    return None
