"""What the commands say about hashes, and the settings of hashing."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3

from hubman.cli import run
from hubman.config import load
from hubman.errors import UsageError

Put = Callable[..., Path]


@pytest.mark.parametrize("options", [[], ["--nice"], ["--no-nice"]])
def test_show_and_inspect_name_every_hash(
    webui: Path, put: Put, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    """The same ones, with and without a library, hashed politely or not."""
    path = put("Lora/ink.safetensors", fill=3, rank=2000, metadata={"sshs_model_hash": "ab" * 32})
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    sha256 = hashlib.sha256(data).hexdigest()
    assert run(["sync", *options, str(webui)]) == 0
    capsys.readouterr()
    assert run(["show", "ink", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["model"]["hashes"]
    assert run(["inspect", "--hash", "--json", str(path)]) == 0
    (inspected,) = json.loads(capsys.readouterr().out)["files"]
    assert inspected["hashes"] == shown == {
        "sha256": sha256,
        "autov1": hashlib.sha256(data[0x100000:0x110000]).hexdigest()[:8],
        "autov2": sha256[:10],
        "autov3": hashlib.sha256(data[begin:]).hexdigest()[:12],
        "autov3_written": "ab" * 6,
        "crc32": f"{zlib.crc32(data):08x}",
        "blake3": blake3(data).hexdigest(),
    }  # fmt: skip
    assert run(["show", blake3(data).hexdigest()[:12], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model"]["name"] == "ink"


def test_nice_is_a_setting(tmp_path: Path) -> None:
    """The environment lies over the file; no is the default."""
    assert not load({}, home=str(tmp_path)).nice
    (tmp_path / "config.toml").write_text("nice = true\n")
    assert load({}, home=str(tmp_path)).nice
    assert not load({"HUBMAN_NICE": "0"}, home=str(tmp_path)).nice
    (tmp_path / "config.toml").write_text("nice = false\n")
    assert load({"HUBMAN_NICE": "Yes"}, home=str(tmp_path)).nice


@pytest.mark.parametrize(
    ("text", "environment"), [("nice = 'perhaps'", {}), ("nice = 7", {}), ("", {"HUBMAN_NICE": "x"})]
)
def test_a_setting_that_is_neither_yes_nor_no(tmp_path: Path, text: str, environment: dict[str, str]) -> None:
    """It is named, and where it is written."""
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        load(environment, home=str(tmp_path))
    assert caught.value.reference == "config-invalid"
    assert "nice" in str(caught.value)
