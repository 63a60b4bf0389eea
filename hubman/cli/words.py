"""Translation of what a person reads: gettext catalogues in hubman/locale, chosen once per run.

JSON, logs and help stay English. `_` translates now; templates of errors are marked by `N_` where they are raised and
translated here, in the funnel.
"""

from __future__ import annotations

import gettext
import locale
import os
from collections.abc import Iterable, Mapping

from hubman.errors import HubmanError, Phrase
from hubman.paths import PACKAGE

_translations: gettext.NullTranslations = gettext.NullTranslations()


def choose(language: str, environ: Mapping[str, str] = os.environ) -> None:
    """Install the catalogue for a language (`zh_CN`), or for the one the environment asks for."""
    global _translations
    wanted = [language] if language else _from_environment(environ)
    names = [form for name in wanted for form in _forms(name)]
    _translations = gettext.translation("hubman", str(PACKAGE / "locale"), languages=names, fallback=True)


def _from_environment(environ: Mapping[str, str]) -> list[str]:
    """Follow gettext's own order; on Windows, where none is set, ask the system."""
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if environ.get(name):
            return environ[name].split(":")
    system = locale.getlocale()[0] or ""
    return [{"Chinese (Simplified)_China": "zh_CN", "Chinese_China": "zh_CN"}.get(system, system)]


def _forms(name: str) -> list[str]:
    """Map a locale name to catalogue names: `zh_CN.UTF-8`, `zh-Hans` and `zh_SG` all read 简体中文."""
    bare = name.split(".")[0].replace("-", "_")
    if bare.startswith("zh") and not bare.startswith(("zh_TW", "zh_HK", "zh_Hant")):
        return ["zh_CN"]
    return [bare] if bare and bare not in ("C", "POSIX") else []


def _(text: str) -> str:
    """Translate a text."""
    return _translations.gettext(text) if text else text


def plural(one: str, many: str, count: int) -> str:
    """Translate the form of a text that fits a number."""
    return _translations.ngettext(one, many, count)


def C_(context: str, text: str) -> str:  # noqa: N802 - as N_, for a word of a closed list
    """Mark a word of a closed list for the translators; `value` translates it."""
    return text


def value(context: str, text: str) -> str:
    """Translate a word of a closed list (hubman/cli/values.py); what is not in it stays."""
    return _translations.pgettext(context, text)


def listed(texts: Iterable[str]) -> str:
    """Join what is said of one thing: `a, b`, `a、b`. Words for a prompt keep their comma and are not joined here."""
    return _(", ").join(texts)


def about(subject: str, text: str) -> str:
    """Say something of a subject: `name: text`."""
    return _("{subject}: {text}").format(subject=subject, text=text)


def told(text: object) -> str:
    """Return a text in the user's language: a Phrase with its fields, and a sentence without fields that is known."""
    return _filled(text.template, text.fields) if isinstance(text, Phrase) else _(str(text))


def _filled(template: str, fields: Mapping[str, object]) -> str:
    if not fields:
        return _(template)
    return _(template).format(**{name: _field(name, given) for name, given in fields.items()})


_LISTS = {"kind": "kind", "expected": "kind", "verb": "verb", "state": "state", "what": "what"}
"""Fields of messages that hold a word of a closed list -> the list."""


def _field(name: str, given: object) -> object:
    if isinstance(given, Phrase):
        return told(given)
    return value(_LISTS[name], given) if name in _LISTS and isinstance(given, str) else given


def error_text(error: HubmanError) -> tuple[str, str]:
    """Return an error's message and hint in the user's language.

    A message names a hub as people write it; a hint has its name as commands take it.
    """
    fields = error.fields
    if "hub" in fields:
        from hubman.core.hub_titles import title_of

        fields = {**fields, "hub": title_of(fields["hub"]) if type(fields["hub"]) is str else fields["hub"]}
    return _filled(error.template, fields), _filled(error.hint_template, error.fields)
