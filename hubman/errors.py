"""Every deliberate exception of hubman. This module imports nothing of hubman.

A message is a template with named fields, kept in English and translated only where a person reads it: the command
line looks the template up in its catalogue and then fills the fields in. `str(error)` is the English text.

    HubmanError
      UsageError      2   the command line was wrong
      NotFoundError   3   no such file, model, root; a hub has no such thing
      HubError        4   a hub or the network: unreachable, busy, an answer that makes no sense
      AccessError     5   a hub refuses: log in, accept a licence, wait for the end of early access
      IntegrityError  6   a file is truncated, malformed, or not what it says
      UnsafeError     7   a file would run code
      ConflictError   8   exists already, ambiguous, locked, no space
      StoreError      9   the database is newer than the program, or damaged
      RenderError    10   nothing could be rendered
"""

from __future__ import annotations

from typing import Any


def N_(template: str) -> str:  # noqa: N802 - gettext's own name for "translate later"
    """Mark a template for the translators without translating it here."""
    return template


class Phrase(str):
    """An English sentence that remembers its template and fields, so that a terminal can say it in another language.

    It is its English text everywhere: in JSON, in logs, when compared. Fields may be phrases themselves.
    """

    template: str
    fields: dict[str, object]

    def __new__(cls, template: str, **fields: object) -> Phrase:
        """Fill the fields into the template; a template without fields is a finished sentence."""
        phrase = super().__new__(cls, template.format(**fields) if fields else template)
        phrase.template = template
        phrase.fields = fields
        return phrase

    def packed(self) -> dict[str, object]:
        """Return template and fields as values for JSON."""
        plain = {name: value if isinstance(value, (int, float)) else str(value) for name, value in self.fields.items()}
        inner = {name: value.packed() for name, value in self.fields.items() if isinstance(value, Phrase)}
        return {"template": self.template, "fields": {**plain, **inner}}

    @classmethod
    def unpacked(cls, value: dict[str, Any]) -> Phrase:
        """Undo `packed`."""
        fields = {
            name: cls.unpacked(item) if isinstance(item, dict) else item for name, item in value["fields"].items()
        }
        return cls(value["template"], **fields)


class HubmanError(Exception):
    """A failure with a name, a reason and a next step.

    Args:
        reference: kebab-case name; an anchor in docs/errors.md and stable API.
        message: English template of what happened and why, fields in `{braces}`.
        hint: English template of the next command to try, or empty.
        fields: values for both templates; a Phrase among them is translated with the rest.
    """

    exit_code = 1

    def __init__(self, reference: str, message: str, *, hint: str = "", **fields: object) -> None:
        self.reference = reference
        self.template = message
        self.hint_template = hint
        self.fields = fields
        super().__init__(reference, message)

    @property
    def message(self) -> str:
        return self.template.format(**self.fields) if self.fields else self.template

    @property
    def hint(self) -> str:
        return self.hint_template.format(**self.fields) if self.fields else self.hint_template

    def __str__(self) -> str:
        return self.message


class UsageError(HubmanError):
    """The command line or the configuration cannot be understood."""

    exit_code = 2


class NotFoundError(HubmanError):
    """What was named does not exist."""

    exit_code = 3


class HubError(HubmanError):
    """A hub could not be asked, or its answer cannot be used.

    Attributes:
        passing: trying again later may help (a cut connection, 429, 5xx); nothing about the file was said.
        retry_after: seconds that the hub asked to wait, None when it did not say.
    """

    exit_code = 4
    passing = True
    retry_after: float | None = None


class AccessError(HubmanError):
    """A hub knows what was asked for and does not give it to us."""

    exit_code = 5


class IntegrityError(HubmanError):
    """A file's bytes are not what they should be: truncated, malformed, wrong hash."""

    exit_code = 6


class UnsafeError(HubmanError):
    """Using the file would execute code that somebody else wrote."""

    exit_code = 7


class ConflictError(HubmanError):
    """The world is in the way: ambiguous name, existing file, no space, a lock."""

    exit_code = 8


class StoreError(HubmanError):
    """The database cannot be used."""

    exit_code = 9


class RenderError(HubmanError):
    """Nothing could be rendered: no torch, no base, the child process died."""

    exit_code = 10
