"""`hubman hubs ...` as a person runs it, with a hub of another package on a real socket."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hubman import hubs as hub_table
from hubman.app.hubs import check_name, enabled, open_hubs
from hubman.cli import COMMANDS, run
from hubman.config import load
from hubman.errors import HubError, NotFoundError, UsageError
from hubman.store.reader import open_reader
from tests.hubs.serving import Asked, Reply, Served

SECRET = "s3cr3t-t0ken-of-mine"
Call = Callable[..., tuple[int, str, str]]

PACKAGE = """
from hubman.hubs._errors import refusal

class Tiny:
    default_url = "https://tiny.invalid"
    hosts = ("tiny.invalid", "civitai.com.tiny.invalid")
    token_headers = {"X-Tiny": "key {}"}
    name, title, needs_yes, hash_kinds, parallel = "tiny", "Tiny Hub", True, ("sha256",), False

    def __init__(self, web, base):
        self.web, self.base = web, base

    def account(self):
        if not self.web.has_token("tiny"):
            return None
        answer = self.web.ask("tiny", "GET", self.base + "/api/me")
        if answer.status != 200:
            raise refusal("tiny", answer, what="your account")
        return answer.data["name"]
"""


def answers(asked: Asked) -> Reply:
    if asked.target != "/api/me":
        return Reply(404, b"")
    if asked.headers.get("x-tiny") != f"key {SECRET}":
        return Reply(401, b'{"error": "who are you?"}')
    headers = {"RateLimit": '"api";r=41;t=55'}
    return Reply(200, b'{"name": "\\u001b[31mme"}', headers)


@pytest.fixture
def hub() -> Iterator[Served]:
    with Served(answers) as served:
        yield served


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: Served) -> Iterator[Served]:
    """Install a package with a hub in it, and nothing else but that hub."""
    (tmp_path / "tiny_hub.py").write_text(PACKAGE)
    about = tmp_path / "tiny_hub-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-hub\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[hubman.hubs]\ntiny = tiny_hub:Tiny\nbroken = tiny_hub:NotThere\ncivitai = tiny_hub:Tiny\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("HUBMAN_TINY_URL", hub.url + "/")
    monkeypatch.setattr("hubman.disk.credentials.system_keyring", lambda: None)
    hub_table.known.cache_clear()
    yield hub
    hub_table.known.cache_clear()
    sys.modules.pop("tiny_hub", None)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setitem(COMMANDS, "hubs", ("Get", "hubs:hubs", "Hubs."))

    def invoke(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = run(list(arguments))
        captured = capsys.readouterr()
        assert SECRET not in captured.out + captured.err
        return code, captured.out, captured.err

    return invoke


def lines(document: str) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in json.loads(document)["hubs"]}


def test_ls_needs_no_library_and_asks_nobody(tiny: Served, call: Call) -> None:
    code, out, _err = call("hubs", "ls", "--json")
    found = lines(out)
    assert code == 0
    assert list(found) == [*hub_table.HUBS, "broken", "tiny"]
    assert found["civitai"]["address"] == "https://civitai.com"
    assert found["tiny"] == {
        "name": "tiny", "title": "Tiny Hub", "address": tiny.url, "configured": True, "enabled": False, "asked": False,
        "token": None, "official": False, "by_hash": True,
    }  # fmt: skip
    assert (found["civarchive"]["official"], found["civitai"]["official"]) == (False, True)
    assert found["broken"]["official"] is None
    assert tiny.asked == []
    assert call("hubs", "ls")[1].splitlines()[0].split() == ["HUB", "LOOKUP", "TOKEN", "API", "ADDRESS"]


def test_ls_says_that_an_address_is_for_no_hub(tiny: Served, call: Call, monkeypatch: Any) -> None:
    monkeypatch.setenv("HUBMAN_CIVTAI_URL", "https://civitai.red")
    assert "civtai" in call("hubs", "ls")[2]


def test_ls_says_that_a_token_can_be_overheard(tiny: Served, call: Call, monkeypatch: Any) -> None:
    monkeypatch.setenv("HUBMAN_TINY_TOKEN", SECRET)
    assert "unencrypted" not in call("hubs", "ls")[2]
    monkeypatch.setenv("HUBMAN_TINY_URL", "http://mirror.example")
    assert "http://mirror.example unencrypted" in call("hubs", "ls")[2]


def test_enable_and_disable(tiny: Served, call: Call, isolated: Path) -> None:
    code, out, _ = call("hubs", "enable", "tiny", "hf")
    assert code == 0
    assert "Hugging Face" in out
    call("hubs", "disable", "Hugging Face")
    with open_reader(isolated / "library.db") as reader:
        assert enabled(reader) == {"tiny"}
    found = lines(call("hubs", "ls", "--json")[1])
    assert [(found[name]["enabled"], found[name]["asked"]) for name in ("tiny", "huggingface", "civitai")] == [
        (True, True), (False, True), (False, False),
    ]  # fmt: skip
    code, _, err = call("hubs", "enable", "tiny", "nosuch")
    assert code == 3
    assert "civitai, huggingface" in err


def test_login_checks_the_token_and_keeps_it(tiny: Served, call: Call, isolated: Path) -> None:
    code, out, err = call("hubs", "login", "tiny", stdin=f"{SECRET}\nrest\n")
    assert (code, tiny.asked[0].target) == (0, "/api/me")
    assert "Logged in to Tiny Hub as" in out
    assert "\x1b" not in out
    assert str(isolated / "credentials.toml") in err
    assert SECRET in (isolated / "credentials.toml").read_text()
    assert lines(call("hubs", "ls", "--json")[1])["tiny"]["token"] == str(isolated / "credentials.toml")


def test_a_token_that_the_hub_refuses_is_not_kept(tiny: Served, call: Call, isolated: Path) -> None:
    code, _, err = call("hubs", "login", "tiny", stdin="another-token")
    assert code == 5
    assert "who are you?" in err
    assert not (isolated / "credentials.toml").exists()


def test_a_token_that_nobody_could_check_is_kept_with_a_warning(
    tiny: Served, call: Call, isolated: Path, monkeypatch: Any
) -> None:
    code, _, err = call("hubs", "login", "tiny", "--offline", stdin=SECRET)
    assert code == 0
    assert "nobody has checked it" in err
    assert (isolated / "credentials.toml").exists()
    assert tiny.asked == []


@pytest.mark.parametrize("text", ["", "  \n", "two words\n"])
def test_login_without_a_token(tiny: Served, call: Call, text: str) -> None:
    code, _, err = call("hubs", "login", "tiny", stdin=text)
    assert code == 2
    assert "error:" in err


def test_login_to_what_has_no_accounts(tiny: Served, call: Call) -> None:
    assert call("hubs", "login", "openmodeldb", stdin=SECRET)[0] == 2


def test_a_variable_that_wins_is_said(tiny: Served, call: Call, monkeypatch: Any) -> None:
    monkeypatch.setenv("HUBMAN_TINY_TOKEN", "from-environment")
    assert "HUBMAN_TINY_TOKEN" in call("hubs", "login", "tiny", stdin=SECRET)[2]
    code, out, err = call("hubs", "logout", "tiny")
    assert (code, "forgotten" in out, "HUBMAN_TINY_TOKEN" in err) == (0, True, True)


def test_logout(tiny: Served, call: Call, isolated: Path) -> None:
    call("hubs", "login", "tiny", stdin=SECRET)
    assert call("hubs", "logout", "tiny")[0] == 0
    assert SECRET not in (isolated / "credentials.toml").read_text()
    assert "keeps no token" in call("hubs", "logout", "tiny")[1]


def test_status(tiny: Served, call: Call, monkeypatch: Any) -> None:
    code, out, _ = call("hubs", "status", "tiny", "--json")
    state = lines(out)["tiny"]
    assert (code, state["state"], state["account"], state["token"]) == (0, "ok", None, False)
    monkeypatch.setenv("HUBMAN_TINY_TOKEN", SECRET)
    state = lines(call("hubs", "status", "tiny", "--json")[1])["tiny"]
    assert (state["state"], state["account"], state["left"], state["reset_s"]) == ("ok", "\x1b[31mme", 41, 55.0)
    code, out, _ = call("hubs", "status", "tiny")
    assert (code, "\x1b" in out, "41" in out) == (0, False, True)
    monkeypatch.setenv("HUBMAN_TINY_TOKEN", "wrong")
    code, out, _err = call("hubs", "status", "tiny", "--json")
    assert (code, lines(out)["tiny"]["state"]) == (5, "token-refused")
    code, out, _ = call("hubs", "status", "tiny", "broken", "--offline", "--json")
    assert (code, {name: entry["state"] for name, entry in lines(out).items()}) == (
        4, {"tiny": "offline", "broken": "hub-broken"},
    )  # fmt: skip


def test_what_is_true_of_all_hubs_is_said_once(call: Call) -> None:
    code, out, err = call("hubs", "status", "--offline")
    assert (code, out.count("offline"), err.count("was told not to use the network")) == (4, len(hub_table.HUBS), 1)


def test_who_cannot_log_in_is_told_before_a_token_is_asked_for(call: Call) -> None:
    code, _, err = call("hubs", "login", "civarchive")
    assert (code, "CivArchive knows no accounts" in err, "TOKEN" in err) == (2, True, False)


def test_help_imports_no_http(call: Call) -> None:
    """Help is instant."""
    code, out, _ = call("hubs", "--help")
    assert code == 0
    assert all(f"  {name} " in out for name in ("ls", "enable", "disable", "login", "logout", "status"))
    code_text = (
        "import sys; from hubman.cli.commands import hubs; "
        "print([name for name in ('httpx', 'httpcore', 'keyring') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code_text], capture_output=True, text=True).stdout == "[]\n"


# --- opening ---------------------------------------------------------------------------------------------------------


def test_open_hubs_sends_each_token_home(tiny: Served, isolated: Path) -> None:
    environ = {"HUBMAN_TINY_TOKEN": SECRET, "HUBMAN_TINY_URL": tiny.url, "HF_TOKEN": "hf_other", "HF_TOKEN_PATH": ""}
    config = load(environ, home=str(isolated))
    with open_hubs(config, environ=environ) as hubs:
        assert hubs["tiny"].account() == "\x1b[31mme"
        assert hubs["tiny"] is hubs["tiny"]
        assert {"civitai", "tiny"} <= set(hubs)
        assert hubs.web.has_token("huggingface")
        with pytest.raises(KeyError):
            hubs["nosuch"]
        assert "broken" not in hubs
    assert "hf_other" not in tiny.seen()
    with pytest.raises(NotFoundError):
        open_hubs(config, ["nosuch"], environ=environ)
    with open_hubs(config, ["broken", "tiny"], environ=environ) as hubs:
        assert hubs["tiny"].title == "Tiny Hub"
        with pytest.raises(HubError) as caught:
            hubs["broken"]
    assert caught.value.reference == "hub-broken"


def test_origins_of_tokens() -> None:
    """The base that is configured, and the hub's own hosts over https; another package gets no hub's own token."""
    assert hub_table.origins("civitai", "http://127.0.0.1:5000/x") >= {
        "http://127.0.0.1:5000", "https://civitai.com:443", "https://civitai.red:443",
    }  # fmt: skip
    assert not any(origin.startswith("http://civ") for origin in hub_table.origins("civitai", "https://civitai.com"))
    assert hub_table.token_headers("liblib") == {"token": "{}", "Cookie": "usertoken={}"}
    assert hub_table.token_headers("civitai") == {"Authorization": "Bearer {}"}


def test_another_package_replaces_no_hub(tiny: Served) -> None:
    assert hub_table.known()["civitai"] == hub_table.HUBS["civitai"]


def test_names_of_hubs() -> None:
    assert [check_name(name) for name in ("HF", "LiblibAI", "Civitai", "hugging-face", "OpenModelDB")] == [
        "huggingface", "liblib", "civitai", "huggingface", "openmodeldb",
    ]  # fmt: skip


# --- config ----------------------------------------------------------------------------------------------------------


def test_addresses_in_order(isolated: Path) -> None:
    (isolated / "config.toml").write_text(
        "[hubs.huggingface]\nurl = 'https://one.example/'\n[hubs.civitai]\nurl = 'https://civitai.red'\n"
    )
    environ = {"HF_ENDPOINT": "https://two.example"}
    assert load({}, home=str(isolated)).hub_urls == {
        "huggingface": "https://one.example", "civitai": "https://civitai.red",
    }  # fmt: skip
    assert load(environ, home=str(isolated)).hub_urls["huggingface"] == "https://two.example"
    environ["HUBMAN_HUGGINGFACE_URL"] = "http://127.0.0.1:8080/hf/"
    assert load(environ, home=str(isolated)).hub_urls["huggingface"] == "http://127.0.0.1:8080/hf"


@pytest.mark.parametrize(
    ("environ", "offline"),
    [
        ({}, False), ({"HUBMAN_OFFLINE": "1"}, True), ({"HUBMAN_OFFLINE": "no", "HF_HUB_OFFLINE": "1"}, False),
        ({"HF_HUB_OFFLINE": "ON"}, True), ({"HF_HUB_OFFLINE": "0"}, False), ({"HF_HUB_OFFLINE": "maybe"}, False),
    ],
)  # fmt: skip
def test_offline(isolated: Path, environ: dict[str, str], offline: bool) -> None:
    assert load(environ, home=str(isolated)).offline is offline


def test_numbers(isolated: Path) -> None:
    (isolated / "config.toml").write_text("offline = true\ndownloads = 5\nconnections = 8\n")
    config = load({"HUBMAN_CONNECTIONS": "2"}, home=str(isolated))
    assert (config.offline, config.downloads, config.connections) == (True, 5, 2)


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        ("hubs = 3", {}), ("[hubs]\ncivitai = 'x'", {}), ("[hubs.civitai]\nurl = 3", {}),
        ("[hubs.civitai]\nurl = 'civitai.com'", {}), ("[hubs.civitai]\nurl = 'ftp://civitai.com'", {}),
        ("", {"HUBMAN_CIVITAI_URL": f"https://me:{SECRET}@civitai.com"}), ("", {"HF_ENDPOINT": "https://h:99999"}),
        ("", {"HF_ENDPOINT": "https://hf.example/?token=x"}), ("", {"HUBMAN_DOWNLOADS": "0"}),
        ("downloads = true", {}), ("connections = 17", {}), ("connections = 'many'", {}), ("offline = 3", {}),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense(isolated: Path, text: str, environ: dict[str, str]) -> None:
    (isolated / "config.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        load(environ, home=str(isolated))
    assert caught.value.reference == "config-invalid"
    assert SECRET not in caught.value.message
    assert caught.value.hint
