"""Trigger words that somebody wrote down in the metadata, and those inside a sentence of a comment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from hubman.core.general_words import is_general, is_never, is_sentence
from hubman.core.triggers.words import NOTHING, clean, distinct, is_word, plain_text, split_words
from hubman.core.types import Trigger

PHRASE = 0.9
EMBEDDED = 0.88
COMMENT = 0.8
DESCRIPTION_STEP = 0.1
"""What a declared word loses when it describes any picture and another one of the same field does not."""

KEYS = frozenset(
    [
        *("triggerphrase", "triggerphrases", "triggerword", "triggerwords", "trigger", "triggers"),
        *("trainedword", "trainedwords", "activationtext", "activationword", "activationwords", "activationphrase"),
        *("instanceprompt", "instancetoken", "instancetokens", "ssmdkeywords"),
    ]
)
"""Metadata keys without their prefix, underscores and case. `modelspec.trigger_phrase` is ModelSpec 1.0.1's;
`trained_words` SimpleTuner's (bghira/SimpleTuner #2222); `ssmd_keywords` the additional-networks extension's; the
others are those that single trainers, hubs and people with a metadata editor write."""

TEXTS = (
    "ss_training_comment",
    "modelspec.usage_hint",
    "modelspec.comment",
    "ssmd_description",
    "modelspec.description",
)

_KEYWORD = (
    r"(?:trigger(?:ing)?|activation|activating|instance|key)[\s_-]?(?:word|phrase|tag|token|prompt|text|keyword)?s?"
)
_IS = r"(?:\(s\))?(?:\s+(?:for|of)\s+(?:this|the)\s+\w+)?\s*(?:\bis\b|\bare\b|\bwas\b|[:=：]|->|=>|\s[-–—]\s)\s*:?\s*"
_STATED = re.compile(
    rf"\b{_KEYWORD}{_IS}(?P<words>[^\n。]{{1,200}})"
    r"|(?:触发词|触发提示词|触发关键词|激活词|激活提示词|关键词|トリガーワード|トリガー|트리거\s?워드)"
    r"\s*(?:是|为|は|:|：|=)?\s*(?P<asian>[^\n。；]{1,200})"
    r"|\b(?:triggered|activated)\s+(?:by|with)\s+(?P<by>[^\n。]{1,120})"
    r"|\buse\s+(?:the\s+)?(?:\w+\s+)?(?:key|trigger|activation)?\s*(?:word|token|tag|phrase|keyword)?s?\s*[:=]?\s*"
    r"[\"'“‘`](?P<quoted>[^\"'“”‘’`\n]{1,80})[\"'”’`]"
    r"|\btrigger\s?(?:word|phrase|tag|token)s?\s+(?P<next>[\w-]{2,40})\s*(?:[.,;]|\Z)",
    re.IGNORECASE,
)
_NONE_NEEDED = re.compile(
    r"\b(?:no|without(?:\s+any)?|not?\s+need(?:ed|s)?(?:\s+(?:a|any))?|n't\s+(?:need|require|have)(?:\s+(?:a|any))?)\s+"
    r"(?:\w+\s+)?(?:trigger|activation|key)\b"
    r"|(?:trigger|activation|key)[\s_-]?(?:word|phrase|tag|token)?s?\s+(?:is\s+|are\s+)?(?:not|un)\s?(?:needed|required|"
    r"necessary|used)|(?:无|没有|不需要)触发词",
    re.IGNORECASE,
)
_END = re.compile(
    r"[.!;]\s|[.!;]\Z|https?:|\s[-–—]\s|\(?\b(?:recommended|suggested|optimal|weights?|strength|multiplier|works?|trained|"
    r"training|base\s?model|clip\s?skip|steps|sampler|cfg|epochs?|version|in\s+(?:the|your|a)\s+prompt|to\s+activate|"
    r"for\s+best|for\s+the|use\s|negative|lora)\b|权重|建议|推荐|强度",
    re.IGNORECASE,
)
_EITHER = re.compile(r"\s+or\s+|\s*/\s+|\s+/\s*", re.IGNORECASE)
_EMPTY = frozenset({*NOTHING, "not needed", "not required", "nothing", "optional", "not", "needed", "required", "in"})


def words_as_triggers(words: tuple[str, ...], source: str, score: float) -> Iterator[Trigger]:
    """Yield declared words in their order, descriptions of any picture (`blue eyes`) behind the telling ones."""
    step = DESCRIPTION_STEP if any(not is_general(word) for word in words) else 0.0
    for word in words:
        yield Trigger(word, source, None, round(score - step, 3) if is_general(word) else score)


def declared(metadata: Mapping[str, object]) -> Iterator[Trigger]:
    """Yield the words of the keys that are there for nothing else."""
    for key, value in metadata.items():
        folded = "".join(letter for letter in key.casefold() if letter.isalnum())
        modelspec = folded.startswith("modelspec")
        if folded.removeprefix("modelspec").removeprefix("ss") in KEYS or folded in KEYS:
            words = distinct(word for text in texts_of(value) for word in split_words(text))
            yield from words_as_triggers(words, "modelspec" if modelspec else "header", PHRASE)


def texts_of(value: object) -> list[str]:
    """Read a text, a list of texts, or a list of texts written as JSON."""
    if isinstance(value, str):
        plain = value.strip()
        if plain.startswith(("[", '"', "{")) and plain.endswith(("]", '"', "}")):
            try:
                parsed = json.loads(plain)
            except (ValueError, RecursionError):
                return [plain]
            return texts_of(parsed) if isinstance(parsed, str | list) else [plain]
        return [] if plain.lower() in NOTHING else [plain]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def from_comments(metadata: Mapping[str, object]) -> Iterator[Trigger]:
    """Yield the words after "trigger word is", "use the keyword", "触发词：" and the like."""
    for key in TEXTS:
        value = metadata.get(key)
        if isinstance(value, str) and value.strip().lower() not in NOTHING:
            for word in stated(value):
                yield Trigger(word, "header", None, COMMENT)


def stated(text: str) -> tuple[str, ...]:
    """Return the trigger words that a text states, in its order."""
    plain = plain_text(text[:4000])
    if _NONE_NEEDED.search(plain):
        return ()
    found: list[str] = []
    for match in _STATED.finditer(plain):
        group = next(part for part in match.groups() if part is not None)
        end = _END.search(f"{group} ")
        listed = group[: end.start()] if end and not match["quoted"] else group
        for part in _EITHER.split(listed):
            found.extend(word.rstrip(".:") for word in split_words(part) if _is_stated(word))
    return distinct(found)


def _is_stated(word: str) -> bool:
    return word.casefold().rstrip(".") not in _EMPTY and not is_sentence(word) and not is_general(word)


def bare_comment(metadata: Mapping[str, object]) -> str | None:
    """Return a training comment that is nothing but a few words: with something to support it, it is the trigger."""
    value = metadata.get("ss_training_comment")
    if not isinstance(value, str) or len(value) > 60 or "\n" in value.strip():
        return None
    word = clean(value)
    return word if is_word(word) and len(word.split()) <= 4 and not is_never(word) else None
