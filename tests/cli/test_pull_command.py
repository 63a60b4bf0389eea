"""`hubman pull` and `hubman export` as a person runs them, against the test hub."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hubman.cli import run
from hubman.cli.bars import Bars
from tests.conftest import lora_bytes
from tests.testhub import TestHub
from tests.testhub.catalogue import Catalogue, File, Version
from tests.testhub.content import big_safetensors, content_of
from tests.testhub.misbehave import Slow, WrongHash


@pytest.fixture(scope="module")
def running() -> Iterator[TestHub]:
    with TestHub() as hub:
        yield hub


@pytest.fixture
def hub(running: TestHub, monkeypatch: pytest.MonkeyPatch) -> TestHub:
    """Return the test hub of this module, with nothing in it."""
    for name, value in running.environment().items():
        monkeypatch.setenv(name, value)
    running.catalogue = Catalogue()
    running.behave()
    running.forget()
    return running


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command line and gives (exit code, stdout, stderr)."""

    def invoke(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return invoke


@pytest.fixture
def library(webui: Path, call: Any) -> Path:
    code, _, err = call("roots", "add", str(webui))
    assert code == 0, err
    return webui


def ref(model: Any) -> str:
    return f"civitai:{model.id}@{model.versions[0].id}"


def test_a_pasted_address_becomes_a_model_with_its_tag(call: Any, hub: TestHub, library: Path) -> None:
    model = hub.add(lora_bytes(fill=1), name="Ink Wash", file_name="ink_wash.safetensors", words=("shuimo",))
    code, out, err = call("pull", f"{hub.url('civitai')}/models/{model.id}/ink-wash")
    assert code == 0, err
    assert str(library / "Lora" / "ink_wash.safetensors") in out
    assert "shuimo" in out
    assert "<lora:ink_wash:" in out
    assert "hubman undo" in err
    code, out, err = call("pull", ref(model))
    assert (code, "already here" in out) == (0, True)
    assert call("undo")[0] == 0
    assert list((library / "Lora").iterdir()) == []


def test_json(call: Any, hub: TestHub, library: Path) -> None:
    model, bad = hub.add(lora_bytes(fill=2), name="Ink"), "not a reference"
    code, out, err = call("pull", ref(model), bad, "--json")
    document = json.loads(out)
    (pulled,), (failed,) = document["pulled"], document["failed"]
    assert (pulled["outcome"], pulled["kind"], pulled["hub"]) == ("pulled", "lora", "civitai")
    assert (failed["ref"], failed["reference"]) == (bad, "ref-unknown")
    assert code == 2
    assert "ref-unknown" not in err
    assert bad in err


def test_dry_run(call: Any, hub: TestHub, library: Path) -> None:
    code, out, err = call("pull", "-n", ref(hub.add(lora_bytes(fill=3))))
    assert code == 0
    assert "would go to" in out
    assert list((library / "Lora").iterdir()) == []
    assert "Nothing was fetched" in err


def test_without_a_root(call: Any, hub: TestHub) -> None:
    code, _, err = call("pull", ref(hub.add(lora_bytes(fill=4))))
    assert code == 3
    assert "hubman roots add" in err


def test_the_worst_failure_is_the_exit_code(call: Any, hub: TestHub, library: Path) -> None:
    bad, good = hub.add(lora_bytes(fill=5), name="Bad"), hub.add(lora_bytes(fill=6), name="Good")
    hub.misbehave(WrongHash(), on="storage", path=f"/{bad.versions[0].files[0].id}/")
    code, out, err = call("pull", ref(bad), ref(good))
    assert code == 6
    assert "Good" in out or "good" in out
    assert ref(bad) in err


def test_offline_asks_nobody(call: Any, hub: TestHub, library: Path) -> None:
    code, _, err = call("pull", "--offline", ref(hub.add(lora_bytes(fill=7))))
    assert code == 4
    assert hub.seen() == []
    assert "network" in err


def test_what_was_deleted_says_where_it_may_be(call: Any, hub: TestHub, library: Path) -> None:
    model = hub.add(lora_bytes(fill=8), hubs=("civitai", "civarchive"), deleted=True)
    code, _, err = call("pull", ref(model))
    assert code == 3
    assert "--from civarchive" in err


def several(hub: TestHub) -> Any:
    files = [
        File(name, content_of(lora_bytes(fill=number)))
        for number, name in enumerate(("a.safetensors", "b.safetensors"), 40)
    ]
    return hub.add_model("Two", versions=[Version(files=files)])


def test_a_named_file(call: Any, hub: TestHub, library: Path) -> None:
    code, out, _ = call("pull", ref(several(hub)), "--file", "b.safetensors")
    assert code == 0
    assert "b.safetensors" in out


def two_loras(hub: TestHub) -> Any:
    files = [
        File(name, content_of(lora_bytes(fill=n))) for n, name in enumerate(("a.safetensors", "b.safetensors"), 70)
    ]
    return hub.add_model("Two", hubs=("huggingface",), versions=[Version(files=files)])


def test_without_a_terminal_a_choice_is_refused_with_the_candidates(call: Any, hub: TestHub, library: Path) -> None:
    code, _, err = call("pull", f"hf:{two_loras(hub).repo}")
    assert code == 8
    assert "a.safetensors" in err
    assert "b.safetensors" in err
    assert "--file" in err
    code, out, _ = call("pull", "-y", f"hf:{two_loras(hub).repo}")
    assert (code, "a.safetensors" in out) == (0, True)


def test_on_a_terminal_it_asks(hub: TestHub, library: Path) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "hubman", "pull", f"hf:{two_loras(hub).repo}"]
    running = subprocess.Popen(command, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    os.write(master, b"2\n")
    out, err = running.communicate(timeout=30)
    os.close(slave)
    os.close(master)
    assert running.returncode == 0, err
    assert "1  a.safetensors" in err
    assert str(library / "Lora" / "b.safetensors") in out


def test_one_name_for_several_is_refused(call: Any, hub: TestHub, library: Path) -> None:
    code, _, err = call("pull", "civitai:1@2", "civitai:3@4", "--name", "x")
    assert code == 2
    assert "--name" in err


# --- unfinished -------------------------------------------------------------------------------------------------------


def test_without_anything_it_lists_what_is_unfinished(call: Any, library: Path) -> None:
    code, out, err = call("pull")
    assert (code, out) == (0, "")
    assert "hubman pull REF" in err
    assert json.loads(call("pull", "--json")[1])["unfinished"] == []


def hubman(*arguments: str, environ: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hubman", *arguments]
    return subprocess.Popen(command, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGKILL"])
def test_what_was_stopped_goes_on(call: Any, hub: TestHub, library: Path, signal_name: str) -> None:
    import signal

    model = hub.add(big_safetensors(3_000_000, 1), name="Big", kind="lora")
    slow = hub.misbehave(Slow(600_000), on="storage")
    running = hubman("pull", ref(model), environ=dict(os.environ))
    ended = time.monotonic() + 20
    while not any(path.stat().st_size > 100_000 for path in library.rglob("*.part")) and time.monotonic() < ended:
        time.sleep(0.05)
    running.send_signal(getattr(signal, signal_name))
    _, err = running.communicate(timeout=20)
    if signal_name == "SIGINT":
        assert running.returncode == 130
        assert "hubman pull --resume" in err
    slow.stop()
    listed = json.loads(call("pull", "--json")[1])["unfinished"]
    assert [one["name"] for one in listed] == ["big.safetensors"]
    assert [path.name for path in (library / "Lora").iterdir() if not path.name.startswith(".")] == []
    hub.forget()
    code, _, err = call("pull", "--resume")
    assert code == 0, err
    (file,) = (library / "Lora").iterdir()
    assert file.stat().st_size == 3_000_000
    assert json.loads(call("pull", "--json")[1])["unfinished"] == []


def test_killed_between_placing_and_recording(call: Any, hub: TestHub, library: Path) -> None:
    model = hub.add(lora_bytes(fill=9), name="Ink")
    script = (
        "import os, hubman.app.pull as pull, hubman.cli as cli\n"
        "pull.record_placed = lambda *_, **__: os._exit(9)\n"
        f"cli.run(['pull', {ref(model)!r}])\n"
    )
    assert subprocess.run([sys.executable, "-c", script], env=dict(os.environ), timeout=30).returncode == 9
    assert (library / "Lora" / "ink.safetensors").exists()
    assert json.loads(call("sync", "--json")[1])["added"] == 1
    hub.forget()
    code, out, _ = call("pull", ref(model))
    assert (code, "already here" in out) == (0, True)
    assert hub.seen("storage") == []
    assert [path.name for path in (library / "Lora").iterdir()] == ["ink.safetensors"]
    assert json.loads(call("pull", "--json")[1])["unfinished"] == []


def test_a_refusal_leaves_nothing_behind(call: Any, hub: TestHub, library: Path) -> None:
    model = hub.add(lora_bytes(fill=10), requires_login=True)
    code, _, err = call("pull", ref(model))
    assert code == 5
    assert "hubs login civitai" in err
    assert list((library / "Lora").iterdir()) == []


def test_no_token_and_no_signed_address_is_kept_or_sent_elsewhere(
    call: Any, hub: TestHub, library: Path, isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in hub.token_environment().items():
        monkeypatch.setenv(name, value)
    model = hub.add(big_safetensors(2_000_000, 3), name="Big", requires_login=True)
    slow = hub.misbehave(Slow(500_000), on="storage")
    running = hubman("pull", ref(model), environ=dict(os.environ))
    ended = time.monotonic() + 20
    while not any(path.stat().st_size > 100_000 for path in library.rglob("*.part")) and time.monotonic() < ended:
        time.sleep(0.05)
    running.kill()
    said = "".join(running.communicate(timeout=20))
    slow.stop()
    secrets = [hub.tokens["civitai"], *hub.signatures]

    def written() -> bytes:
        small = [path for top in (isolated, library) for path in top.rglob("*") if path.is_file()]
        return b"".join(path.read_bytes() for path in small if path.stat().st_size < 1_000_000 or "db" in path.name)

    assert [secret for secret in secrets if secret.encode() in written() or secret in said] == []
    code, out, err = call("pull", ref(model))
    assert code == 0, err
    secrets = [hub.tokens["civitai"], *hub.signatures]
    assert len(secrets) > 1
    assert [secret for secret in secrets if secret.encode() in written() or secret in out + err] == []
    assert hub.leaks(hub.tokens["civitai"]) == []


def test_what_is_given_up_is_gone(call: Any, hub: TestHub, library: Path) -> None:
    model = hub.add(big_safetensors(3_000_000, 2), name="Big", kind="lora")
    hub.misbehave(Slow(300_000), on="storage")
    running = hubman("pull", ref(model), environ=dict(os.environ))
    ended = time.monotonic() + 20
    while not any(path.stat().st_size > 100_000 for path in library.rglob("*.part")) and time.monotonic() < ended:
        time.sleep(0.05)
    running.kill()
    running.communicate(timeout=20)
    code, out, _ = call("pull", "--forget")
    assert code == 0
    assert "given up: big.safetensors" in out
    assert list((library / "Lora").iterdir()) == []
    code, _, err = call("pull", "--forget", "7")
    assert (code, "no unfinished download" in err) == (3, True)


# --- lists ------------------------------------------------------------------------------------------------------------


def test_a_library_is_restored_from_its_list(
    call: Any, hub: TestHub, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [content_of(lora_bytes(fill=number)) for number in (50, 51, 52)]
    one, other = (hub.add(content, name=f"Model {number}") for number, content in enumerate(contents[:2]))
    gone = hub.add(contents[2], name="Gone", hubs=("civitai", "civarchive"))
    own = lora_bytes(fill=53)
    (library / "Lora" / "own.safetensors").write_bytes(own)
    assert call("sync")[0] == 0
    assert call("pull", ref(one), "--to", "Lora/styles")[0] == 0
    assert call("pull", ref(other), ref(gone))[0] == 0
    assert call("note", "model-0", "mine")[0] == 0
    assert call("tag", "model-0", "--add", "ink")[0] == 0
    listed = tmp_path / "list.json"
    code, out, _ = call("export", "-o", str(listed))
    assert (code, out) == (0, "")
    text = listed.read_text()
    assert str(tmp_path) not in text
    assert len(json.loads(text)["models"]) == 4
    assert call("export", "-o", str(listed))[0] == 8
    gone.deleted = True
    other.versions[0].files[0].name = "renamed.safetensors"

    monkeypatch.setenv("HUBMAN_HOME", str(tmp_path / "second home"))
    second = tmp_path / "second" / "models"
    for name in ("Stable-diffusion", "Lora", "hypernetworks", "VAE"):
        (second / name).mkdir(parents=True)
    assert call("roots", "add", str(second))[0] == 0
    code, out, _ = call("pull", "-r", str(listed), "--json")
    document = json.loads(out)
    assert code == 3
    assert [entry["name"] for entry in document["not_found"]] == ["own"]
    assert sorted(str(path.relative_to(second)) for path in second.rglob("*.safetensors")) == [
        "Lora/gone.safetensors", "Lora/model-1.safetensors", "Lora/styles/model-0.safetensors",
    ]  # fmt: skip
    assert call("note", "model-0")[1].strip() == "mine"
    assert "ink" in call("tag", "model-0")[1]
    again = json.loads(call("pull", "-r", str(listed), "--json")[1])
    assert [entry["outcome"] for entry in again["pulled"]] == ["here"] * 3


def test_a_plain_list_of_references(call: Any, hub: TestHub, library: Path, tmp_path: Path) -> None:
    one, other = hub.add(lora_bytes(fill=60), name="One"), hub.add(lora_bytes(fill=61), name="Other")
    path = tmp_path / "refs.txt"
    path.write_text(f"# my models\n{ref(one)}\n\n{ref(other)}   # the second\n")
    code, _, err = call("pull", "-r", str(path))
    assert code == 0, err
    assert len(list((library / "Lora").iterdir())) == 2


@pytest.mark.parametrize("text", ['{"list": "something else"}', "{", '[{"a": 1}]'])
def test_a_list_that_is_none(call: Any, library: Path, tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    code, _, err = call("pull", "-r", str(path))
    assert code == 2
    assert "hubman export" in err


# --- bars -------------------------------------------------------------------------------------------------------------


def test_bars_without_a_terminal_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with Bars() as bars:
        bar = bars.bar("ink \x1b[31m wash")
        bar.phase("download", 5_000_000)
        bar.advance(1_000_000)
        bar.phase("download", 5_000_000)
        bar.end()
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "5 MB" in err
    assert "\x1b" not in err


def test_a_line_of_a_bar_fits_and_tells_how_far() -> None:
    bar = Bars().bar("水墨" * 80)
    bar.phase("download", 10_000_000)
    bar.advance(2_500_000)
    from hubman.cli.table import cells

    for width in (50, 80, 120):
        line = bar.line(width)
        assert cells(line) < width
        assert "25%" in line


def test_bars_on_a_terminal(hub: TestHub, library: Path) -> None:
    model = hub.add(big_safetensors(3_000_000, 5), name="Big", kind="lora")
    hub.misbehave(Slow(3_000_000), on="storage")
    master, slave = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    command = [sys.executable, "-m", "hubman", "pull", ref(model)]
    running = subprocess.Popen(command, env=environ, stderr=slave, stdout=subprocess.PIPE)
    os.close(slave)
    seen = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
    running.communicate(timeout=20)
    os.close(master)
    assert running.returncode == 0
    assert b"/ 3 MB" in seen
    assert b"%" in seen
    assert b"/s" in seen


# --- what a person and a script are told ------------------------------------------------------------------------------


def test_it_says_which_version_came_and_which_was_passed_over(call: Any, hub: TestHub, library: Path) -> None:
    early, old = (
        Version(
            name, [File(f"{name}.safetensors", content_of(lora_bytes(fill=fill)))], published=date, early_access=until
        )
        for name, fill, date, until in (
            ("v2", 110, "2026-02-01T00:00:00Z", "2999-01-15T00:00:00Z"), ("v1", 111, "2026-01-01T00:00:00Z", None),
        )
    )  # fmt: skip
    model = hub.add_model("水墨", versions=[early, old])
    _, out, err = call("pull", f"civitai:{model.id}")
    assert "  Civitai: 水墨 · v1 · SD 1.5" in out
    assert "水墨: a newer version, v2, is in early access until 2999-01-15; it was passed over" in err
    assert "passed over" not in call("pull", f"civitai:{model.id}@{old.id}")[2]


def test_several_are_summed_up(call: Any, hub: TestHub, library: Path) -> None:
    """What scrolled away is counted; `undo` takes one of them back, and that is said."""
    one, two = hub.add(lora_bytes(fill=112), name="One"), hub.add(lora_bytes(fill=113), name="Two")
    assert call("pull", ref(one))[2].splitlines()[-1] == "Take it back: hubman undo"
    three = hub.add(lora_bytes(fill=114), name="Three")
    code, _, err = call("pull", ref(one), ref(two), ref(three), "civitai:99999999")
    assert code == 3
    assert "2 fetched, 1 here already, 1 failed" in err
    assert "hubman undo --list" in err


def test_ids_and_lines_for_scripts(call: Any, hub: TestHub, library: Path) -> None:
    """-q: ids of what is in the library now; --jsonl: an object for each reference, failures too."""
    models = [hub.add(lora_bytes(fill=fill), name=f"M{fill}") for fill in (115, 116)]
    wanted = [ref(model) for model in models]
    code, out, _ = call("pull", "-q", *wanted, "civitai:99999999")
    ids = sorted(model.versions[0].files[0].hash("sha256")[:10] for model in models)
    assert (code, sorted(out.split())) == (3, ids)
    lines = [json.loads(line) for line in call("pull", "--jsonl", *wanted, "civitai:99999999")[1].splitlines()]
    assert sorted(line.get("outcome", line.get("reference")) for line in lines) == ["here", "here", "not-on-hub"]
    assert (call("pull", "-q")[1], call("pull", "--jsonl")[1]) == ("", "")


def test_without_a_root_no_hub_is_asked_and_it_is_said_once(call: Any, hub: TestHub, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("civitai:1\ncivitai:2\n")
    code, _, err = call("pull", "-r", str(tmp_path / "list.txt"))
    assert (code, err.count("no folder to put models in"), hub.seen()) == (3, 1, [])


def test_nothing_to_resume_is_said(call: Any, library: Path) -> None:
    assert "No download is unfinished" in call("pull", "--resume")[2]
    assert "No download is unfinished" in call("pull", "--forget")[2]


def test_small_files_have_a_size(call: Any, hub: TestHub, library: Path) -> None:
    err = call("pull", f"hf:{two_loras(hub).repo}")[2]
    assert ("0 MB" in err, "a.safetensors (37 KB)" in err) == (False, True)


def test_what_was_there_before_says_nothing_of_the_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    from hubman.cli import bars

    clock = [0.0]
    monkeypatch.setattr(bars.time, "monotonic", lambda: clock[0])
    bar = Bars().bar("x")
    bar.phase("download", 1_000_000_000)
    bar.advance(500_000_000)  # of an earlier run
    clock[0] = 1.0
    bar.advance(1_000_000)
    assert "1 MB/s" in bar.line(100)
    assert "50%" in bar.line(100)


def test_bars_are_aligned_and_those_that_wait_are_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    with Bars() as bars:
        bars.expected = 4
        for label, total, done in (("国风美人", 6_900_000_000, 800_000), ("ink", 37_000, 36_000)):
            bar = bars.bar(label)
            bar.phase("download", total)
            bar.advance(done)
        capsys.readouterr()
        bars.redraw(now=True)
        lines = capsys.readouterr().err.rpartition("\x1b[J")[2].splitlines()
        from hubman.cli.table import cells

        first, second = (cells(line[: line.index("%")]) for line in lines[:2])
        assert (first == second, cells(lines[0]) == cells(lines[1]), lines[2]) == (True, True, "2 more are waiting")
        monkeypatch.setenv("COLUMNS", "50")  # the window became half as wide: the terminal has wrapped the long lines
        bars.redraw(now=True)
        assert "\x1b[5F\x1b[J" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_list_goes_into_a_pipe_and_through_a_link(call: Any, library: Path, tmp_path: Path) -> None:
    """A device or a pipe is written to, even with --force; a link is followed, and stays one."""
    pipe, link, behind = tmp_path / "pipe", tmp_path / "link.json", tmp_path / "behind.json"
    os.mkfifo(pipe)
    behind.write_text("old")
    link.symlink_to(behind)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(pipe.read_text, "utf-8")
        assert call("export", "-o", str(pipe), "--force")[0] == 0
        assert json.loads(reading.result(20))["list"] == "hubman model list"
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert call("export", "-o", str(link), "--force")[0] == 0
    assert link.is_symlink()
    assert json.loads(behind.read_text("utf-8"))["models"] == []


def test_two_processes_fetch_one_file_once(hub: TestHub, library: Path) -> None:
    """Case 41, as it happens: the command is started in two terminals."""
    content = big_safetensors(1_500_000, 41)
    model = hub.add_model("Ink", files=[content], file_name="ink.safetensors", images=[])
    hub.misbehave(Slow(1_000_000), on="storage")
    command = [sys.executable, "-m", "hubman", "pull", "-y", ref(model)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    shown = [one.communicate(timeout=120)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], shown
    assert sum("already here" in text for text in shown) == 1, shown
    assert [path.name for path in library.rglob("*") if path.is_file()] == ["ink.safetensors"]
    assert len(hub.seen("storage")) == 1
