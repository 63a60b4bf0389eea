"""Hostile and beautiful names: the one become harmless, the others stay (facts: security section 3, case 39)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pathvalidate import validate_filename

from hubman.core.layout import MODEL_EXTENSIONS, is_model_name, is_temporary
from hubman.core.plan.place import SIDECARS, TRAVELS, check_name, trashed_name
from hubman.core.safe_name import SafeName, free_name, safe_name

HOSTILE = {
    "": "model.safetensors",
    ".": "model.safetensors",
    "..": "model.safetensors",
    "...": "model.safetensors",
    "/": "model.safetensors",
    "\\": "model.safetensors",
    "../x.safetensors": "x.safetensors",
    "../../../../etc/passwd": "passwd.safetensors",
    "..\\..\\x.pt": "x.pt",
    "/etc/cron.d/x.ckpt": "x.ckpt",
    "a/../../b.pt": "b.pt",
    "a/b/c.gguf": "c.gguf",
    "x.safetensors/": "x.safetensors",
    "C:\\Windows\\System32\\x.pt": "x.pt",
    "C:x.pt": "x.pt",
    "C:": "model.safetensors",
    "\\\\server\\share\\x.pt": "x.pt",
    "//server/share/x.pt": "x.pt",
    "\\\\?\\C:\\x.pt": "x.pt",
    "\\\\.\\COM1": "_COM1.safetensors",
    "x.safetensors:evil.exe": "x.safetensors_evil.safetensors",
    "x.safetensors::$DATA": "x.safetensors__$DATA.safetensors",
    "CON": "_CON.safetensors",
    "con.safetensors": "_con.safetensors",
    "NUL.pt": "_NUL.pt",
    "aux .pt": "_aux.pt",
    "Aux.tar.pt": "_Aux.pt",
    "PRN.x.pt": "_PRN.x.pt",
    "COM1.pt": "_COM1.pt",
    "COM¹.pt": "_COM¹.pt",
    "LPT³.safetensors": "_LPT³.safetensors",
    "COM0.pt": "_COM0.pt",
    "conin$.pt": "_conin$.pt",
    "CONOUT$": "_CONOUT$.safetensors",
    "CLOCK$.pt": "_CLOCK$.pt",
    "x.pt.": "x.pt",
    "x.pt ": "x.pt",
    "x .pt": "x.pt",
    " x.pt": "x.pt",
    "x.. .pt": "x.pt",
    ".bashrc": "bashrc.safetensors",
    ".ssh/authorized_keys": "authorized_keys.safetensors",
    ".hidden.safetensors": "hidden.safetensors",
    "..hidden.pt": "hidden.pt",
    "desktop.ini": "desktop.safetensors",
    "x.safetensors.exe": "x.safetensors",
    "x.exe": "x.safetensors",
    "x.exe.safetensors": "x.safetensors",
    "x.SafeTensors": "x.safetensors",
    "x.PT.EXE.bat": "x.pt",
    "setup.msi": "setup.safetensors",
    "page.html": "page.safetensors",
    "x.safetensors.crdownload": "x.safetensors",
    "x.part": "x.safetensors",
    "~x.pt": "x.pt",
    "~$x.pt": "$x.pt",
    "tmp_x.pt": "x.pt",
    "tmpinstall_tmp_.~x.pt": "x.pt",
    "-rf.pt": "rf.pt",
    "--help.pt": "help.pt",
    "x\x00.pt": "x.pt",
    "x\n.pt": "x.pt",
    "a\r\nSet-Cookie: b.pt": "a Set-Cookie_ b.pt",
    "x\x1b[31m.pt": "x[31m.pt",
    "a\u202etp.exe": "atp.safetensors",
    "x\u200b\u200d\ufeff.pt": "x.pt",
    "\u2066x\u2069.pt": "x.pt",
    "x\u2028y.pt": "x y.pt",
    "x\xa0y.pt": "x y.pt",
    "\u3164.pt": "model.pt",
    "\ud800x.pt": "x.pt",
    "<lora:x:1>.pt": "_lora_x_1_.pt",
    'a"b*c?d|e.pt': "a_b_c_d_e.pt",
    "???.pt": "model.pt",
    "x.onnx": "x.safetensors",
    "file.safetensors?token=abc": "file.safetensors_token=abc.safetensors",
    "x.zip": "x.safetensors",
    ".safetensors": "model.safetensors",
    "safetensors": "safetensors.safetensors",
    "x.svg": "x.safetensors",
    "x.lnk.pt": "x.pt",
    "x.safetensors .exe ": "x.safetensors",
    "e\u0301.pt": "é.pt",
    "x%2e%2e%2f.pt": "x%2e%2e%2f.pt",
    "   .pt": "model.pt",
    "____.pt": "model.pt",
    "\u3000x\u3000.pt": "x.pt",
}

KEPT = [
    "水墨山水_v2.safetensors",
    "国风3 GuoFeng3_v3.4.safetensors",
    "ＦＵＬＬ幅.safetensors",
    "🌸sakura🌸.pt",
    "жизнь.ckpt",
    "שלום.pt",
    "김치.gguf",
    "v1.5-pruned.ckpt",
    "model (1).safetensors",
    "a.b.c.d.safetensors",
    "x_v1.0.vae.pt",
    "Ünïcödé.bin",
    "《山水》【二】.safetensors",
    "100% ink & wash, v2 [final].safetensors",
    "console.pt",
    "nullify.pt",
    "x~.pt",
    "tmp.pt",
    "template.pt",
    "1.safetensors",
    "a\u3000b.pt",
]


def is_fine(name: str) -> None:
    """Check a name by everything that other modules and pathvalidate demand of one."""
    validate_filename(name, platform="universal")
    for platform in ("linux", "macos", "windows"):
        validate_filename(name, platform=platform)
    check_name(name)
    assert "/" not in name
    assert "\\" not in name
    assert not name.startswith((".", "~", "-", " "))
    assert name == unicodedata.normalize("NFC", name)
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for c in name)
    assert is_model_name(name)
    assert not is_temporary(name)
    stem, _, ending = name.rpartition(".")
    assert "." + ending in MODEL_EXTENSIONS
    assert stem.split(".")[0].rstrip().lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9", "conin$", "conout$"}
    for beside in (*SIDECARS, *TRAVELS):
        assert len(f"{stem} (99){beside}".encode()) <= 255
    assert len(f"{name} (99).part.json".encode()) <= 255
    assert trashed_name(10, name) == f"10-{name}.trashed"  # not shortened in the trash either


@pytest.mark.parametrize(("name", "wanted"), HOSTILE.items())
def test_hostile_names(name: str, wanted: str) -> None:
    """Each becomes exactly this."""
    made = safe_name(name)
    assert made == wanted
    is_fine(made)


def test_there_are_enough_of_them() -> None:
    """The goal was 45 of the facts, and 60 here."""
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("name", KEPT)
def test_names_that_are_fine_stay(name: str) -> None:
    """Chinese, full-width, emoji, versions with dots: nobody's name is made ASCII."""
    assert safe_name(name) == name
    is_fine(safe_name(name))


@pytest.mark.parametrize("letter", ["x", "水", "🌸", "e\u0301\u0323"])
@pytest.mark.parametrize("ending", [".safetensors", ".ckpt"])
def test_a_long_name_keeps_its_ending(letter: str, ending: str) -> None:
    """It is cut before the ending and between characters."""
    made = safe_name(letter * 300 + ending)
    is_fine(made)
    assert made.endswith(ending)
    assert len(made.encode()) > 150
    assert set(made.removesuffix(ending)) <= set(unicodedata.normalize("NFC", letter * 2))


def test_a_cut_reveals_no_ending() -> None:
    """What stands at the cut is checked again."""
    for fill in range(160, 190):
        made = safe_name("x" * fill + ".exe" + "y" * 50)
        is_fine(made)
        assert ".exe." not in made


def test_the_detected_format_decides() -> None:
    """A pickle that was named .safetensors is a .pt, and so on."""
    assert safe_name("x.safetensors", ending=".pt") == "x.pt"
    assert safe_name("x.pt", ending="safetensors") == "x.safetensors"
    assert safe_name("v1.5", ending=".ckpt") == "v1.5.ckpt"
    assert safe_name("..", ending=".pt", fallback="../ink: v2.exe") == "ink_ v2.pt"
    assert safe_name("", fallback="\u202e") == "model.safetensors"
    with pytest.raises(ValueError, match=r"\.exe"):
        safe_name("x", ending=".exe")


def test_a_name_that_nobody_has() -> None:
    """Case and composition do not make two names; what is free stays."""
    name = safe_name("Café.safetensors")
    assert free_name(name, []) == name
    assert free_name(name, ["CAFÉ.SAFETENSORS"]) == "Café (2).safetensors"
    assert (
        free_name(name, ["cafe\u0301.safetensors", "Café (2).safetensors", "CAFÉ (3).safetensors"])
        == "Café (4).safetensors"
    )
    assert free_name(SafeName("straße.pt"), ["STRASSE.pt"]) == "straße (2).pt"
    is_fine(free_name(name, [name]))


LETTERS = "aA1 ._-~:/\\<>|?*\"'%$()[]水Ａ🌸\u0301\u202e\u200d\u3000\u00a0\n\0\ud800\ue000\ufe0f"
WORDS = ["..", "con", "NUL", "com1", ".exe", ".safetensors", ".pt", ".part", "tmp_", "x" * 90, "水" * 50, ".tar", "C:"]
PIECES = st.sampled_from([*LETTERS, *WORDS])
NAMES = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=10).map("".join))


@settings(max_examples=800, deadline=None, derandomize=True)
@given(NAMES, st.sampled_from([None, ".safetensors", ".pt", ".gguf"]), NAMES)
@example("x" * 180 + ".con", None, "")
@example("_" * 300, None, "..")
def test_any_name(name: str, ending: str | None, fallback: str) -> None:
    """Safe everywhere, with the ending that was asked for, and safe again it stays."""
    made = safe_name(name, ending=ending, fallback=fallback)
    is_fine(made)
    assert ending is None or made.endswith(ending)
    assert safe_name(made, ending=ending, fallback=fallback) == made
    assert safe_name(made) == made


@settings(max_examples=300, deadline=None, derandomize=True)
@given(NAMES, st.integers(0, 30), st.booleans())
def test_any_free_name(name: str, many: int, loud: bool) -> None:
    """It is nobody's on a file system that knows no case."""
    made = safe_name(name)
    taken = [made]
    for _ in range(many):
        taken.append(free_name(made, [other.upper() if loud else other for other in taken]))
        is_fine(taken[-1])
    assert len({other.casefold() for other in taken}) == len(taken)
