"""What hubman does not draw unasked: nudity, sex and gore, told by words of a prompt and by a hub's own levels.

The lists are hand-made from what the tags of these pages mean: Danbooru's tag groups "Nudity", "Sexual acts", "Sexual
attire", "Sex objects" and its ratings (general, sensitive, questionable, explicit), e621's ratings, and the words that
Civitai and LiblibAI put behind their switch; the Chinese words are those of the same groups as Chinese prompts write
them. A filter of words knows words only: it cannot see a picture, and somebody who hides the meaning gets through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from hubman.core.prompt import split_words

RATINGS = (
    "nsfw", "explicit", "questionable", "rating explicit", "rating questionable", "rating:explicit",
    "rating:questionable", "rating_explicit", "rating_questionable", "rating:e", "rating:q", "r18", "r-18", "r18g",
    "r-18g", "xxx", "x-rated", "adult only", "adults only", "18+", "uncensored", "censored", "decensored",
    "mosaic censoring", "bar censor", "convenient censoring",
)  # fmt: skip
NUDITY = (
    "nude", "nudes", "nudity", "naked", "nakedness", "completely nude", "topless", "bottomless", "unclothed",
    "undressed", "undressing", "nipple", "nipples", "areola", "areolae", "pussy", "vagina", "vaginal", "vulva", "labia",
    "clitoris", "penis", "penises", "cock", "cocks", "dick", "phallus", "erection", "testicles", "scrotum", "anus",
    "butthole", "genitals", "genitalia", "pubic hair", "cameltoe", "camel toe", "no panties", "no bra", "no underwear",
    "bare breasts", "bare breast", "breasts out", "breast out", "exposed breasts", "one breast out", "nipple slip",
    "areola slip", "wardrobe malfunction", "crotchless", "cupless bra", "pasties", "naked apron", "naked shirt",
    "spread legs", "spread pussy", "spread anus", "spread ass", "panty pull", "bra pull", "dick print", "nudist",
)  # fmt: skip
ACTS = (
    "sex", "sexual", "sexually", "sexy", "sex act", "intercourse", "porn", "porno", "pornography", "pornographic",
    "hentai", "ecchi", "erotic", "erotica", "eroticism", "lewd", "lewds", "horny", "orgasm", "masturbation",
    "masturbating", "fingering", "fellatio", "blowjob", "deepthroat", "irrumatio", "handjob", "footjob", "thighjob",
    "buttjob", "paizuri", "titjob", "titfuck", "cunnilingus", "anilingus", "rimming", "oral sex", "anal", "anal sex",
    "penetration", "vaginal penetration", "double penetration", "gangbang", "group sex", "orgy", "threesome",
    "creampie", "bukkake", "cum", "cumshot", "cumming", "facial cum", "semen", "ejaculation", "squirting",
    "female ejaculation", "after sex", "hetero sex", "doggystyle", "missionary position", "cowgirl position",
    "girl on top", "mating press", "reverse cowgirl", "sex from behind", "groping", "breast grab",
    "ass grab", "nipple tweak", "breast sucking", "ahegao", "futanari", "futa", "fuck", "fucked", "fucking", "slut",
    "whore", "bitchsuit", "rape", "raped", "molestation", "tentacle sex", "bestiality", "zoophilia", "incest",
    "voyeurism", "exhibitionism", "bdsm", "bondage", "shibari", "femdom", "gagged", "ball gag", "leash and collar",
    "dildo", "vibrator", "sex toy", "sex toys", "buttplug", "butt plug", "anal beads", "condom", "fetish", "striptease",
    "facesitting", "urination", "peeing", "scat", "watersports", "lactation", "impregnation", "pegging", "onahole",
)  # fmt: skip
GORE = (
    "gore", "guro", "dismemberment", "dismembered", "mutilation", "mutilated", "decapitation", "decapitated",
    "disembowelment", "intestines", "entrails", "snuff", "torture", "necrophilia", "amputee gore",
)  # fmt: skip
CHINESE = (
    "色情", "情色", "黄色图片", "裸体", "裸露", "裸女", "裸男", "全裸", "半裸", "裸身", "赤裸", "露点",
    "露出乳", "乳头", "乳首", "乳晕", "露乳", "裸胸", "阴部", "阴道", "阴茎", "阴毛", "阴唇", "私处", "下体",
    "生殖器", "肉棒", "龟头", "小穴", "蜜穴", "骆驼趾", "性交", "做爱", "性爱", "性行为", "性感", "口交",
    "肛交", "乳交", "足交", "手淫", "自慰", "高潮脸", "阿黑颜", "射精", "精液", "中出", "颜射", "潮吹",
    "强奸", "轮奸", "群交", "乱伦", "调教", "捆绑", "束缚", "龟甲缚", "情趣内衣", "真空上阵", "不穿内裤",
    "无内裤", "脱衣", "春宫", "淫", "巨根", "扶她", "成人内容", "限制级", "十八禁", "18禁", "无码", "血腥",
    "猎奇", "断肢", "肢解", "斩首", "内脏",
)  # fmt: skip

NEVER = (
    "loli", "lolis", "lolicon", "shota", "shotas", "shotacon", "toddlercon", "pedo", "pedophile", "pedophilia",
    "underage", "child porn", "cp porn", "jailbait", "萝莉控", "正太控", "炼铜", "恋童", "幼女", "未成年",
)  # fmt: skip
"""Left out always, whatever the user allows."""

MINORS = (
    *NEVER, "child", "children", "kid", "kids", "baby", "infant", "toddler", "little girl", "little boy", "young girl",
    "young boy", "schoolgirl", "schoolboy", "elementary school student", "preteen", "teen", "teenager", "teenage",
    "minor", "minors", "female child", "male child", "aged down", "萝莉", "正太", "儿童", "小孩", "小女孩", "小男孩",
    "孩子", "幼儿", "婴儿", "小学生", "初中生", "少女", "少年", "女童", "男童",
)  # fmt: skip
"""Beside one of these nothing explicit is drawn, whatever the user allows."""

ALWAYS_NEGATIVE = ("nsfw", "nude", "nudity")
"""What previews carry in the negative prompt unless explicit ones are allowed: words that the taggers of the common
training sets write, so that most checkpoints know them."""

_ALL = (*RATINGS, *NUDITY, *ACTS, *GORE, *CHINESE, *NEVER)
SAFE_LEVELS = (None, 0, 1)
"""Levels of a hub's picture (core/hub.py) whose prompt is followed: none, soft; unrated ones by their words."""


def _plain(text: str) -> str:
    return text.replace("\\", "").replace("_", " ")


def _holds(text: str, words: Iterable[str]) -> bool:
    return any(name is not None for _, name in split_words(_plain(text), list(words)))


def is_explicit(text: str) -> bool:
    """Say whether a text names something that is not drawn unasked: whole words, in English and Chinese.

    >>> is_explicit("1girl, completely_nude"), is_explicit("a cockpit in Essex"), is_explicit("一个裸体的女人")
    (True, False, True)
    """
    return _holds(text, _ALL)


def is_refused(text: str) -> bool:
    """Say whether a text asks for what is never drawn: a sexualised minor, in one word or in two."""
    return _holds(text, NEVER) or (_holds(text, MINORS) and is_explicit(text))


def without_explicit(words: Iterable[str], *, allowed: bool = False) -> tuple[list[str], list[str]]:
    """Return (words to draw, words left out). `allowed`: the user asked for explicit pictures.

    Words are tags or trigger words, judged one by one; allowed ones are judged together, for a minor may be another
    word of the same prompt.
    """
    words = list(words)
    if allowed and not is_refused(", ".join(words)):
        return words, []
    kept = [word for word in words if not is_explicit(word)]
    return kept, [word for word in words if is_explicit(word)]


def level_of(nsfw: int | None, listing: int | None = None) -> int | None:
    """Return the level of a hub's picture: its own, where unknown that of its listing."""
    return listing if nsfw is None else nsfw


def with_negative(negative: str, *, allowed: bool = False) -> str:
    """Return the negative prompt of a preview, with the words that keep it decent unless explicit ones are allowed."""
    if allowed:
        return negative
    missing = [word for word in ALWAYS_NEGATIVE if not _holds(negative, [word])]
    return re.sub(r"^[\s,]+", "", ", ".join([negative.strip().strip(","), *missing]))
