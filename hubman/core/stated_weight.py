"""The weight that an author recommends, read from a description, only where it is said in so many words.

Civitai has no field for it. What is taken: a number or a range right at "weight" or "strength" (权重, 强度), once, or
once together with a word of recommendation. Two different statements, or a weight of something else (denoising,
ControlNet, weight decay, a mix of two models), are no answer.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MOST_LETTERS = 20_000
"""Letters of a description that are looked at."""
LARGEST = 2.0
"""Weights above it are not recommendations for an adapter."""

_NUMBER = r"(?<![\d.])(?P<{low}>[0-2]?\.\d{{1,2}}|[012])(?![\d%]|\.\d|\s*(?:steps?|k\b|x\b|gb\b|mb\b|步|倍))"
_RANGE = _NUMBER.format(low="low") + r"(?:\s*(?:-|–|—|~|～|〜|to|and|到|至)\s*" + _NUMBER.format(low="high") + r")?"
_WORDS = r"(?P<word>weights?|strengths?|权重|權重|强度|強度|weightings?)"
_BETWEEN = (
    r"(?:\s|[:：=＝,，]|\b(?:is|are|of|at|to|between|around|about|from|range|value|values|should|be|use|the|a|it|set|"
    r"lora|recommended|suggested|recommendation|best|works?|i|recommend|suggest)\b|推荐|建议|設為|设为|设置为|为|是|在|"
    r"约|大约|左右|范围|值|用|使用|最佳){0,8}?"
)
_AFTER = re.compile(_WORDS + _BETWEEN + _RANGE, re.IGNORECASE)
_BEFORE = re.compile(
    r"(?:\b(?:at|use|using|with|around|about|between|from|recommend|suggest)\s+(?:an?\s+)?|推荐|建议|使用|用)"
    + _RANGE
    + r"\s*(?:lora\s+|的\s*)?(?P<word>weights?|strengths?|权重|權重)(?![a-z])",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"denois\w*|hires\w*|control\s*-?net\w*|decay|clip|model|merge\w*|mix\w*|\bvae\b|ip-?adapter|noise|guidance|"
    r"重绘|去噪|降噪|噪|控制|合并|融合|衰减|negative|embedding|负面",
    re.IGNORECASE,
)
_ADVICE = re.compile(
    r"recommend|suggest|\bbest\b|optimal|ideal|sweet spot|推荐|推薦|建议|建議|最佳|最好", re.IGNORECASE
)
_CLAUSE = re.compile(r"[.!?。！？;；\n|•]+(?=\s|\D|$)")
"""Ends of clauses; a dot in a number is none."""


class StatedWeight(NamedTuple):
    """A recommended weight. `weight` is the middle where a range was given; `least` and `most` are None without one."""

    weight: float
    least: float | None = None
    most: float | None = None


def stated_weight(text: str) -> StatedWeight | None:
    """Return the weight that a plain text recommends; None where it says none, or more than one."""
    advised: set[StatedWeight] = set()
    said: set[StatedWeight] = set()
    for clause in _CLAUSE.split(text[:MOST_LETTERS]):
        for found in _of_clause(clause):
            said.add(found)
            if _ADVICE.search(clause):
                advised.add(found)
    chosen = advised or said
    return next(iter(chosen)) if len(chosen) == 1 else None


def _of_clause(clause: str) -> list[StatedWeight]:
    matches = list(_AFTER.finditer(clause)) or list(_BEFORE.finditer(clause))
    return [found for match in matches if not _of_something_else(clause, match) and (found := _weight(match))]


def _of_something_else(clause: str, match: re.Match[str]) -> bool:
    start, end = match.span("word")
    return bool(_OTHER.search(clause[max(0, start - 18) : start]) or _OTHER.match(clause[end:].lstrip()))


def _weight(match: re.Match[str]) -> StatedWeight | None:
    low = float(match["low"])
    high = float(match["high"]) if match["high"] else None
    if high is None:
        return StatedWeight(low) if 0 < low <= LARGEST else None
    if not 0 < low < high <= LARGEST:
        return None
    return StatedWeight(round((low + high) / 2, 2), low, high)
