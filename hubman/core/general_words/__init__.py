"""Words that describe any picture: a training tag made only of these is no trigger word.

Hand-made for hubman from what image taggers (WD14, DeepDanbooru) and captioners (BLIP, Joy Caption, Florence) say about
most pictures; one module per group. A tag is general when every word of it is here, so `hair bow` and `black bowtie`
are, and `smart falcon` is not. Known limit: a trigger made of everyday words (`red shirt`) is taken for a description.
"""

from __future__ import annotations

import re
from functools import lru_cache

from hubman.core.general_words import chinese, clothes, people, picture, scene

_GROUPS = (
    *(people.PEOPLE, people.HAIR, people.FACE, people.BODY, people.ACTION),
    *(clothes.CLOTHES, clothes.DETAILS, clothes.ACCESSORIES, clothes.COLOURS),
    *(scene.PLACES, scene.SKY, scene.THINGS, scene.LIFE),
    *(picture.CAMERA, picture.MEDIUM, picture.QUALITY, picture.META, picture.SMALL),
)

GENERAL = frozenset(word for group in _GROUPS for word in group.split())

SYMBOLS = frozenset(picture.SYMBOLS.split())

NAMES = frozenset(picture.NAMES.split())
"""General in company (`amber eyes`), a name when alone: a character called Iris is on every picture of her."""

PROPER = frozenset(name.strip() for name in picture.PROPER.split(","))
"""Names that are made of everyday words."""

ALWAYS = re.compile(
    r"(\d\+?\s?(girl|boy|other|woman|man|women|men|person|people)s?|(one|two|three|a)\s(girl|boy|woman|man|person)s?|"
    r"solo( focus)?|no humans|masterpiece|"
    r"(the |very )?((best|good|great|high|highest|top|amazing|ultra|worst|low|lowest|bad|normal|average)[\s_-]?)+"
    r"(quality|res|resolution|details?|detailed)|"
    r"(absurd|high|low|hi|incredibly absurd)res|score_\d+(_up)?|(rating|source)[_:]\s?\w+|(rating[_:])?[sqeg]|"
    r"nsfw|sfw|very (awa|aesthetic)|(dis)?pleasing|newest|recent|uncensored|censored|explicit|questionable|"
    r"\d{3,4}\s?x\s?\d{3,4}|\d{1,2}k( (resolution|uhd|wallpaper))?|u?hd|year \d{4}|\d{4}s?|"
    r"looking at viewer|(simple|white|black|grey|gray|transparent|blurry) background)\Z",
    re.IGNORECASE,
)
"""Never a trigger word, whoever says so: how many people there are, how good the picture is, how it is rated."""

_CHINESE_NEVER = frozenset(chinese.NEVER.split())
_CHINESE_EXACT = frozenset(chinese.GENERAL.split()) | _CHINESE_NEVER
_CHINESE = re.compile(
    r"(?:[红黑白蓝绿黄紫粉金银灰橙棕彩]色?)?(?:{}|[的和与在有着了是、\s])".format(
        "|".join(sorted((re.escape(word) for word in _CHINESE_EXACT if len(word) > 1), key=len, reverse=True))
    )
)

_SPLIT = re.compile(r"[\s_/()\[\]{},!?;&|\"“”<>*~]+")
_SMILEY = re.compile(r"[:;x>^=@|][_\-<3ox.dp)(^o>|]{1,3}\Z", re.IGNORECASE)
_SHAPE = re.compile(r"\d+(st|nd|rd|th|s|d|k|yo|girls?|boys?|others?|koma)?|\d+x\d+|score|up", re.IGNORECASE)
_AFFIXES = re.compile(
    r"(holding|looking (at|to)|hands? (on|in|over)|arms? around|(standing|sitting|lying|leaning) (on|in|against))\s.+|"
    r".+\s(background|footwear|headwear|eyewear|legwear|neckwear|sclera|bangs|pupils)"
)
_ARTICLE = re.compile(r"(a|an|the|there|this|these|his|her|its|two|three|several|in|on|with|she|he|they|it)\s", re.I)
_VERB = re.compile(
    r"\s(is|are|was|has|wearing|standing|sitting|holding|looking|lying|posing|walking|smiling|with|and her|and his|"
    r"in front of|on top of|next to|while)\s",
    re.I,
)
_HAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_HAN_GRAMMAR = re.compile(r"[的了着在是有位名穿个]|です|ます|ている")


@lru_cache(maxsize=4096)
def is_general(tag: str) -> bool:
    """Whether a tag describes any picture: each of its words does, or it is a count, a grade or a smiley."""
    plain = tag.strip().lower().replace("\\", "")
    if is_never(plain) or plain in SYMBOLS or _SMILEY.match(plain):
        return True
    if plain in PROPER:
        return False
    if not plain.isascii() and _HAN.search(plain):
        return plain in _CHINESE_EXACT or not _CHINESE.sub("", plain)
    words = [word for word in _SPLIT.split(plain.replace("_", " ")) if word.strip(".:-'+")]
    if len(words) > 1 and _AFFIXES.fullmatch(" ".join(words)):
        return True
    return all(map(_is_general_word, words)) and not (len(words) == 1 and words[0] in NAMES)


def is_never(word: str) -> bool:
    """Whether a word is no trigger word, whoever says so."""
    plain = word.strip().replace("\\", "").lower()
    return not plain or bool(ALWAYS.match(plain.replace("_", " ")) or ALWAYS.match(plain)) or plain in _CHINESE_NEVER


def _is_general_word(word: str) -> bool:
    plain = word.strip(".:'").removesuffix("'s")
    if plain in GENERAL or (plain.endswith("s") and plain[:-1] in GENERAL) or _SHAPE.fullmatch(plain):
        return True
    return "-" in plain and all(
        part in GENERAL or part[:-1] in GENERAL or part.isdigit() for part in plain.split("-") if part
    )


def is_sentence(tag: str) -> bool:
    """Whether a tag is a caption in words, as BLIP and other captioners write it."""
    plain = tag.strip()
    if not plain.isascii() and _HAN.search(plain):
        count = len(_HAN.findall(plain))
        return count >= 12 or (count >= 6 and bool(_HAN_GRAMMAR.search(plain))) or plain.endswith("。")
    words = plain.split()
    if len(words) > 6 or (len(words) > 3 and bool(_ARTICLE.match(plain))):
        return True
    return len(words) > 3 and (plain.endswith((".", "!")) or bool(_VERB.search(f" {plain} ")))
