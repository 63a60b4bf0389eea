"""The catalogues: complete for the promised commands, in step with the source."""

from __future__ import annotations

from hubman.locale.compile import catalogues, problems, read


def test_catalogues_are_in_step_with_the_source() -> None:
    """Every marked text is in every catalogue, placeholders agree, and the .mo is that of the .po."""
    assert problems() == []


def test_placeholders_survive_translation() -> None:
    """A translated text has the same fields in braces."""
    import string

    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for path in catalogues():
        for message in read(path):
            if message.id and message.string:
                assert fields(str(message.string)) == fields(str(message.id)), message.id
