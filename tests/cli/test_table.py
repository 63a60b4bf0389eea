"""cli.table: terminal cells, clipping, hostile names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubman.cli.table import Column, cells, clip, pad, printable, render
from hubman.cli.terminal import human_size


@given(st.text(max_size=30), st.integers(1, 20))
def test_clipping_never_exceeds_and_padding_fills(text: str, width: int) -> None:
    """In terminal cells, for any text that can be printed."""
    shown = clip(printable(text), width)
    assert cells(shown) <= max(width, 1)
    assert cells(pad(shown, width)) == max(width, cells(shown))


def test_wide_characters_count_twice() -> None:
    """Chinese, full-width letters, emoji."""
    assert cells("水墨") == 4
    assert cells("ＡＢ") == 4
    assert clip("水墨山水", 5) == "水墨…"


def test_a_table_gives_way_in_its_flexible_columns_only() -> None:
    """The id and the size stay whole."""
    columns = [Column("ID"), Column("NAME", flexible=True), Column("SIZE", right=True)]
    lines = render(columns, [["7f3a91", "a" * 60, "228 MB"]], 40)
    assert all(cells(line) <= 40 for line in lines)
    assert "7f3a91" in lines[1]
    assert lines[1].endswith("228 MB")


def test_control_and_direction_characters_become_visible() -> None:
    """A file name must not repaint the terminal or turn text round."""
    assert printable("a\x1b[31mb\u202egpj") == "a\\u001b[31mb\\u202egpj"


FAMILY = "👨\u200d👩\u200d👧"


def test_emoji_of_several_characters_stay_whole_and_aligned() -> None:
    """A joiner and a variation selector are no control characters; a cut never leaves half a family."""
    for text in (FAMILY, "❤\ufe0f", "☎\ufe0e", "一\u3000二"):
        assert printable(text) == text
    assert cells(FAMILY) == 2
    assert clip(FAMILY + FAMILY + "abc", 4) == FAMILY + "…"
    lines = render([Column("NAME"), Column("B")], [[FAMILY, "x"], ["ab", "x"], ["a\x1bb", "x"]], None)
    assert {cells(line) for line in lines[1:]} == {cells(lines[1])}


def test_what_hides_or_turns_text_is_shown_as_an_escape() -> None:
    """C0, C1, bidirectional, half characters, tags outside the BMP."""
    for code in (0x1B, 0x07, 0x9B, 0x202E, 0x2066, 0x200F, 0xDC80, 0x2028):
        assert printable(chr(code)) == f"\\u{code:04x}"
    assert printable("\U000e0067") == "\\U000e0067"


def test_sizes_as_people_say_them() -> None:
    """Decimal units."""
    assert [human_size(size) for size in (656, 13_000, 228_000_000, 6_940_000_000)] == [
        "656 B",
        "13 KB",
        "228 MB",
        "6.9 GB",
    ]
