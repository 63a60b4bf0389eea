"""The commands as a person runs them: output, JSON, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run

Put = Callable[..., Path]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command line and gives (exit code, stdout, stderr)."""

    def invoke(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return invoke


@pytest.fixture
def library(webui: Path, put: Put, call: Any) -> Path:
    """A synced library of an ink LoRA with sidecar, a plain one, and a broken file."""
    put("Lora/水墨山水_v2.safetensors", fill=1, metadata={"modelspec.trigger_phrase": "shuimo, ink wash painting"})
    sidecar = {"activation text": "shuimo", "preferred weight": 0.7, "negative text": "photo, 3d render"}
    (webui / "Lora/水墨山水_v2.json").write_text(json.dumps(sidecar))
    put("Lora/plain.safetensors", fill=2)
    (webui / "Lora/cut.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    assert call("sync", str(webui))[0] == 0
    return webui


def test_search_json_is_as_documented(library: Path, call: Any) -> None:
    """Field names are API."""
    code, out, _ = call("search", "墨山", "--json")
    document = json.loads(out)
    assert code == 0
    assert (document["schema"], document["total"]) == (1, 1)
    (model,) = document["models"]
    assert {"id", "name", "kind", "architecture", "algorithm", "path", "size", "triggers", "verdict", "preview"} <= set(
        model
    )
    assert (model["name"], model["kind"], model["architecture"]) == ("水墨山水_v2", "lora", "sd1")
    assert model["path"] == str(library / "Lora/水墨山水_v2.safetensors")


def test_search_without_a_hit_is_no_error(library: Path, call: Any) -> None:
    """Exit 0 and an empty list."""
    code, out, _ = call("search", "nothing-like-it", "--json")
    assert (code, json.loads(out)["models"]) == (0, [])


def test_ids_only_and_json_lines(library: Path, call: Any) -> None:
    """For pipes."""
    _, ids, _ = call("ls", "-q")
    _, lines, _ = call("ls", "--jsonl")
    assert [json.loads(line)["id"] for line in lines.splitlines()] == ids.split()
    assert call("ls", "-q", "--json")[0] == 2


def test_the_table_stays_aligned_with_chinese_names(library: Path, call: Any) -> None:
    """Every column begins at the same terminal cell in every row."""
    from hubman.cli.table import cells

    _, out, _ = call("ls")
    head, *rows = out.splitlines()
    column = cells(head[: head.index("TYPE")])
    for row in rows:
        before = ""
        while cells(before) < column:
            before += row[len(before)]
        assert cells(before) == column
        assert before.endswith(" ")
    assert any("broken" in row and "cut" in row for row in rows)


def test_show_names_hashes_and_evidence(library: Path, call: Any) -> None:
    """By name, by id prefix, by path; `--why` gives reasons."""
    model = json.loads(call("show", "水墨山水_v2", "--json")[1])["model"]
    assert json.loads(call("show", model["id"][:7], "--json")[1])["model"]["id"] == model["id"]
    assert json.loads(call("show", model["path"], "--json")[1])["model"]["id"] == model["id"]
    assert json.loads(call("show", model["hashes"]["autov3"], "--json")[1])["model"]["id"] == model["id"]
    _, out, _ = call("show", "plain", "--why")
    assert "sha256" in out
    assert "How we know" in out
    assert len(out.splitlines()) > 10


def test_what_is_not_found_or_ambiguous(library: Path, put: Put, call: Any) -> None:
    """Exit 3 with a next step, exit 8 with the candidates."""
    code, _, err = call("show", "absent")
    assert (code, "hubman search absent" in err) == (3, True)
    put("VAE/plain.safetensors", fill=9)
    call("sync")
    code, _, err = call("show", "plain")
    assert code == 8
    assert err.count("plain.safetensors") == 2


def test_triggers_say_tag_weight_words_and_whose(library: Path, call: Any) -> None:
    """The author's weight comes from the sidecar; the user's own words win and survive a new sync."""
    code, out, _ = call("triggers", "水墨山水_v2")
    assert code == 0
    assert "<lora:水墨山水_v2:0.7>" in out
    assert "negative: photo, 3d render" in out
    call("triggers", "水墨山水_v2", "--add", "my ink")
    (model,) = json.loads(call("triggers", "水墨山水_v2", "--json")[1])["models"]
    assert model["triggers"][0]["text"] == "my ink"
    assert model["triggers"][0]["source"] == "user"
    assert model["weight_source"] == "sidecar"
    assert model["copy"]["positive"] == "<lora:水墨山水_v2:0.7>, my ink"
    (library / "Lora/水墨山水_v2.txt").write_text("a description")
    call("sync")
    (model,) = json.loads(call("triggers", "水墨山水_v2", "--json")[1])["models"]
    assert model["triggers"][0]["text"] == "my ink"
    assert json.loads(call("search", "my ink", "--json")[1])["total"] == 1
    call("triggers", "水墨山水_v2", "--rm", "my ink")
    (model,) = json.loads(call("triggers", "水墨山水_v2", "--json")[1])["models"]
    assert "my ink" not in [word["text"] for word in model["triggers"]]


def test_a_file_without_a_trigger_word_says_so(library: Path, call: Any) -> None:
    """An empty list is no answer to a person."""
    assert "no trigger word is known" in call("triggers", "plain")[1]


def test_prompt_from_several_models_and_text(library: Path, call: Any) -> None:
    """Weights after a colon, the text last, negatives apart."""
    code, out, _ = call("prompt", "水墨山水_v2:0.8", "plain", "a lonely mountain")
    assert code == 0
    assert out.splitlines()[0].startswith("<lora:水墨山水_v2:0.8> <lora:plain:0.6>, shuimo")
    assert out.splitlines()[0].endswith("a lonely mountain")
    assert "Negative prompt: photo, 3d render" in out
    assert call("prompt", "absent", "plain")[0] == 3


def test_a_mistyped_model_is_no_text(library: Path, call: Any) -> None:
    """Exit 3 with what is near; a text has a space or a comma, or is given as --text."""
    code, out, err = call("prompt", "plian:0.8")
    assert (code, out) == (3, "")
    assert "'plian'" in err
    assert "plain" in err
    assert call("prompt", "plain", "mountain")[0] == 3
    assert call("prompt", "plain", "--text", "mountain")[1].strip() == "<lora:plain:0.6>, mountain"
    assert call("prompt", "plain", "一座孤山，水墨")[1].strip() == "<lora:plain:0.6>, 一座孤山，水墨"
    assert call("prompt", "a b", "plain")[0] == 3
    assert call("prompt", "plain", "--text", "x", "a b")[0] == 3


@pytest.mark.parametrize(("typed", "weight"), [("plain:.5", "0.5"), ("plain:1.", "1"), ("plain:-0.4", "-0.4")])
def test_weights_as_people_write_them(library: Path, call: Any, typed: str, weight: str) -> None:
    """Without a digit before or after the point, too."""
    assert call("prompt", typed)[1].strip() == f"<lora:plain:{weight}>"


def test_a_broken_file_is_called_broken(library: Path, call: Any) -> None:
    """By `prompt` (exit 6) and by `triggers`; a checkpoint gets another hint."""
    code, _, err = call("prompt", "cut")
    assert code == 6
    assert "cut is broken" in err
    assert "checkpoint" not in err
    code, out, _ = call("triggers", "cut")
    assert code == 0
    assert "it cannot be used" in out
    assert "names none" not in out
    (card,) = json.loads(call("triggers", "cut", "--json")[1])["models"]
    assert card["error"]["reference"].startswith("safetensors-")


def test_removing_a_word_that_is_not_yours_says_why(library: Path, call: Any) -> None:
    """Exit 0: the list is what it was."""
    code, out, err = call("triggers", "水墨山水_v2", "--rm", "shuimo, nowhere")
    assert code == 0
    assert "'shuimo' is not a word of yours (sidecar)" in err
    assert "'nowhere' is not one of your words" in err
    assert "shuimo" in out


def test_one_word_in_three_spellings_is_one_word(library: Path, call: Any) -> None:
    """`--add` keeps the first, and what is there already."""
    for words in ("Foo,foo,FOO", "fOO"):
        call("triggers", "plain", "--add", words)
    (card,) = json.loads(call("triggers", "plain", "--json")[1])["models"]
    assert [word["text"] for word in card["triggers"]] == ["Foo"]


def test_two_files_with_one_stem_are_named(library: Path, put: Put, call: Any) -> None:
    """In a WebUI the tag means either; the same content twice is harmless."""
    twin = put("Lora/sub/plain.safetensors", fill=9)
    put("Lora/copy/水墨山水_v2.safetensors", fill=1, metadata={"modelspec.trigger_phrase": "shuimo, ink wash painting"})
    call("sync")
    for command in ("triggers", "show"):
        _, _, err = call(command, str(twin))
        assert str(twin) in err
        assert str(library / "Lora/plain.safetensors") in err
        assert "one name" not in call(command, "水墨山水_v2")[2]
    (card,) = json.loads(call("triggers", str(twin), "--json")[1])["models"]
    assert card["same_name"] == [str(library / "Lora/plain.safetensors")]


EXCLUSIONS = [
    (["-tag:nsfw"], 3), (["-name:plain"], 2), (["-is:broken"], 2), (["-墨山"], 2), (["-ink wash"], 2),
    (["type:lora", "-plain", "-q", "-墨山"], 0), (["--", "-plain"], 2), (["-plain", "--limit", "1"], 1),
    (["--limit=1", "-plain"], 1), (["-quality"], 3),
]  # fmt: skip


@pytest.mark.parametrize(("words", "hits"), EXCLUSIONS)
def test_a_minus_excludes_without_a_double_dash(words: list[str], hits: int, library: Path, call: Any) -> None:
    """As documented, in search and ls; options keep working before, between and after."""
    quiet = [] if "-q" in words else ["-q"]
    for command in ("search", "ls"):
        code, out, err = call(command, *quiet, *words)
        assert (code, len(out.split())) == (0, hits), err


def test_mistyped_options_are_still_named(library: Path, call: Any) -> None:
    """Two dashes are an option, and an option wants its value."""
    assert "--limt" in call("ls", "--limt", "3")[2]
    assert call("ls", "-plain", "--limit")[0] == 2
    assert call("search", "-h")[0] == 0
    assert call("validate", "-name:plain", "type:vae")[0] == 3
    assert call("search")[0] == 2


def test_names_never_reach_the_terminal_raw(webui: Path, put: Put, call: Any) -> None:
    """Escape sequences and text-turning characters, by every command that prints a name or a word."""
    evil = "a\x1b[31m\u202eb"
    path = put(f"Lora/{evil}.safetensors", metadata={"modelspec.trigger_phrase": "red\x1b]0;x\x07"})
    (webui / f"Lora/{evil}.txt").write_text("x")
    (webui / f"Lora/{evil}2.safetensors").write_bytes(b"")
    runs = [
        ("sync", str(webui)), ("ls",), ("search", "red"), ("show", evil, "--why"), ("triggers", evil), ("prompt", evil),
        ("prompt", evil, "--style", "comfy"), ("inspect", str(path), "--why"), ("roots", "ls"), ("show", evil + "x"),
        ("prompt", evil + "2"), ("triggers", evil, "--rm", "x\x1b"), ("triggers", evil + "2"), ("ls", f"--{evil}"),
        (evil,),
        ("show", "red\x1b[2J"), ("search", "size:\x1b"), ("sync", f"/none/{evil}"), ("preview", evil),
        ("roots", "add", f"/none/{evil}"), ("inspect", str(webui / f"Lora/{evil}2.safetensors")),
    ]  # fmt: skip
    for arguments in runs:
        code, out, err = call(*arguments)
        assert code != 70, arguments
        assert not set(out + err) & set("\x1b\x07\u202e"), arguments
    document = json.loads(call("triggers", evil, "--json")[1])
    assert document["models"][0]["name"] == evil
    assert document["models"][0]["copy"]["positive"].startswith(f"<lora:{evil}:0.6>")


def test_inspect_needs_no_library_and_writes_nothing(put: Put, isolated: Path, call: Any) -> None:
    """The document of docs/json.md, with hashes when asked."""
    path = put("Lora/a.safetensors")
    code, out, _ = call("inspect", str(path), "--hash", "--json")
    (entry,) = json.loads(out)["files"]
    assert (code, entry["kind"], entry["architecture"], entry["rank"]) == (0, "lora", "sd1", 4)
    assert len(entry["hashes"]["sha256"]) == 64
    assert entry["error"] is None
    assert list(isolated.iterdir()) == []


def test_inspect_of_a_missing_file(tmp_path: Path, call: Any) -> None:
    """Exit 3; a file that merely is no model is no error."""
    assert call("inspect", str(tmp_path / "absent.pt"))[0] == 3
    (tmp_path / "notes.txt").write_text("hello")
    code, out, _ = call("inspect", str(tmp_path / "notes.txt"), "--json")
    assert (code, json.loads(out)["files"][0]["kind"]) == (0, "unknown")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["search", "nope:1"], 2),
        (["serach"], 2),
        (["show", "x"], 3),
        (["sync"], 3),
        (["sync", "/no/such/folder"], 3),
        (["roots", "rm", "/nowhere", "-y"], 3),
        (["validate"], 3),
    ],
)
def test_every_failure_has_its_code_and_a_next_step(arguments: list[str], code: int, call: Any) -> None:
    """On an empty home folder."""
    found, out, err = call(*arguments)
    assert found == code
    assert out == ""
    assert len(err.strip().splitlines()) >= 2


def test_the_first_run_names_the_two_next_commands(call: Any) -> None:
    """`hubman` alone, with nothing there."""
    code, out, _ = call()
    assert code == 0
    assert "hubman roots add" in out
    assert "hubman demo" in out


def test_a_bug_ends_with_exit_70_and_a_log(call: Any, isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line on the screen, the traceback in the log."""
    import hubman.config

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(hubman.config, "load", broken)
    code, _, err = call("ls")
    assert code == 70
    assert "Traceback" not in err
    assert "RuntimeError: on purpose" in (isolated / "logs/crash.log").read_text()


def test_a_config_that_is_no_toml_is_named(call: Any, isolated: Path) -> None:
    """With the file and the reason."""
    (isolated / "config.toml").write_text("hash = ")
    code, _, err = call("ls")
    assert (code, "config.toml" in err) == (2, True)


def test_a_newer_library_is_refused(library: Path, call: Any, isolated: Path) -> None:
    """Exit 9 for reading and for writing, and nothing is touched."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(isolated / "library.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    assert call("ls")[0] == 9
    assert call("sync")[0] == 9


def test_a_damaged_library_is_named_and_kept(library: Path, call: Any, isolated: Path) -> None:
    """Exit 9, and the file stays for its verdicts."""
    database = isolated / "library.db"
    database.write_bytes(b"this is no database" * 100)
    for leftover in isolated.glob("library.db-*"):
        leftover.unlink()
    code, _, err = call("ls")
    assert (code, "damaged" in err) == (9, True)
    assert database.exists()


def test_roots_are_listed_and_forgotten_without_touching_files(library: Path, call: Any) -> None:
    """`rm -n` only says, `rm -y` does; the files stay."""
    assert json.loads(call("roots", "ls", "--json")[1])["roots"][0]["path"] == str(library)
    assert call("roots", "rm", str(library), "-n")[0] == 0
    assert len(json.loads(call("ls", "--json")[1])["models"]) == 3
    assert call("roots", "rm", str(library), "-y")[0] == 0
    assert json.loads(call("ls", "--json")[1])["models"] == []
    assert (library / "Lora/plain.safetensors").exists()


def test_sync_of_a_folder_inside_a_root_scans_just_that(library: Path, put: Put, call: Any) -> None:
    """No second root appears, nothing is hashed again."""
    put("Lora/new.safetensors", fill=7)
    put("VAE/elsewhere.safetensors", fill=8)
    report = json.loads(call("sync", str(library / "Lora"), "--json")[1])
    assert (report["added"], report["hashed"]) == (1, 1)
    assert len(json.loads(call("roots", "ls", "--json")[1])["roots"]) == 1


def test_init_makes_the_webui_tree(tmp_path: Path, call: Any) -> None:
    """And it is a root."""
    code, _, _ = call("init", str(tmp_path / "new"))
    assert code == 0
    assert (tmp_path / "new/Lora").is_dir()
    assert (tmp_path / "new/embeddings").is_dir()
    assert str(tmp_path / "new") in call("roots", "ls")[1]


def test_chinese_output(library: Path, call: Any) -> None:
    """The seam is proven: tables and messages of the main commands in 简体中文, JSON untouched."""
    _, out, _ = call("--lang", "zh_CN", "ls")
    assert out.splitlines()[0].split()[:4] == ["编号", "名称", "类型", "底模"]
    _, out, _ = call("--lang", "zh_CN", "triggers", "水墨山水_v2")
    assert "权重 0.7" in out
    code, _, err = call("--lang", "zh_CN", "show", "absent")
    assert code == 3
    assert "没有" in err
    assert json.loads(call("--lang", "zh_CN", "ls", "--json")[1])["models"][0]["kind"]
