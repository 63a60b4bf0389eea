"""Which newer version replaces what somebody has: along one line of base, kind, variant and precision only."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from hubman.core.hub import Access, Gate, Listing, RemoteFile
from hubman.core.hub_words import base_architecture
from hubman.core.updates import Held, line_of, marks_of, updates_of

NOW = "2026-09-01T00:00:00Z"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def version(
    name: str, day: int | None, base: str = "SD 1.5", *, files: tuple[RemoteFile, ...] = (), **more: Any
) -> Listing:
    hub = more.pop("hub", "civitai")
    own = files or (file(name),)
    return Listing(
        hub, "1", more.pop("version_id", name), "Model", name, more.pop("kind", "lora"), more.pop("hub_type", "LORA"),
        base, base_architecture(base), files=own, published=f"2026-01-{day:02}T00:00:00Z" if day else None, **more,
    )  # fmt: skip


def file(content: str, name: str = "model.safetensors", **more: Any) -> RemoteFile:
    return RemoteFile(more.pop("id", content), name, hashes={"sha256": sha(content)},
                      format=more.pop("format", "safetensors"), **more)  # fmt: skip


def held(listing: Listing, number: int = 0, *, pinned: bool = False) -> Held:
    return Held(listing.files[number].sha256 or "", listing, listing.files[number], pinned)


def offered(have: list[Held] | Listing, listed: list[Listing], *, owned: tuple[str, ...] = (), **how: Any) -> list[str]:
    own = have if isinstance(have, list) else [held(have)]
    mine = {one.sha256 for one in own} | set(owned)
    found = updates_of(own, {("civitai", "1"): listed, ("huggingface", "1"): listed}, mine, now=NOW, **how)
    return [update.listing.version_name for update in found]


def test_a_newer_version() -> None:
    old, new = version("v1", 1), version("v2", 2)
    assert offered(old, [new, old]) == ["v2"]
    assert offered(new, [new, old]) == []


def test_the_day_decides_and_not_the_number_or_the_place() -> None:
    first, odd, last = version("v3", 1), version("v10", 2), version("v1.5", 3)
    assert offered(first, [odd, first, last]) == ["v1.5"]
    undated = [version(name, None) for name in ("c", "b", "a")]
    assert offered(undated[2], undated) == ["c"]
    assert offered(undated[0], undated) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (version("v1", 1), version("v2", 2, "SDXL 1.0")),
        (version("v1", 1, "SDXL 1.0"), version("v2", 2, "Pony")),
        (version("v1", 1, "SDXL 1.0"), version("v2", 2, "SDXL Lightning")),
        (version("v1", 1, "Flux.1 D"), version("v2", 2, "Flux.1 Kontext")),
        (version("v1", 1, "A base of next year"), version("v2", 2, "Another")),
        (version("v1", 1), version("v2 inpainting", 2)),
        (version("v1", 1), version("v2", 2, variant="inpainting")),
        (version("v1 Inpaint", 1), version("v2", 2)),
        (version("v1", 1), version("v2", 2, hub_type="LoCon")),
        (version("v1", 1), version("v2", 2, kind="embedding")),
        (version("High", 1, "Wan Video 2.2 T2V-A14B"), version("Low", 2, "Wan Video 2.2 T2V-A14B")),
        (version("v1 high noise", 1), version("v1 low noise", 2)),
        (version("v1", 1, "Wan Video 2.2 T2V-A14B"), version("v2", 2, "Wan Video 2.2 I2V-A14B")),
        (version("v1", 1), version("v1-lcm", 2)),
        (version("v1-128dim", 1), version("v1-16dim", 2)),
        (version("5B", 1), version("14B", 2)),
        (version("v1", 1, files=(file("a", precision="fp16"),)), version("v2", 2, files=(file("b", precision="fp8"),))),
        (version("v1", 1), version("v2", 2, files=(file("b", "m.ckpt", format="pickle"),))),
        (version("v1", 1), version("v2", 2, files=(file("b", type="Training Data"),))),
        (version("v1.0 SDXL", 1, "SDXL 1.0"), version("Pony v3", 2, "SDXL 1.0")),
        (version("SD1.5", 1, "Other"), version("SDXL", 2, "Other")),
        (version("v1 Pony", 1, "Other"), version("v2 Illustrious", 2, "Other")),
        (version("v1 dev", 1, "Flux.1 D"), version("v2 krea", 2, "Flux.1 D")),
        (version("v1 fp16", 1), version("v1 fp8", 2)),
        (version("v1 epoch 10", 1), version("v1 epoch 5", 2)),
        (version("e10", 1), version("E5", 2)),
        (version("v1 full noise", 1), version("v2 low noise", 2)),
    ],
)
def test_another_line_is_no_update(old: Listing, new: Listing) -> None:
    assert offered(old, [new, old]) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (version("v1", 1, "SD 1.4"), version("v2", 2, "SD 1.5")),
        (version("v1", 1, "Another"), version("v2", 2, "another")),
        (version("ver2", 1), version("ver3 final", 2)),
        (version("v2", 1), version("v2b", 2)),
        (version("v1 inpainting", 1), version("v2-inpaint", 2)),
        (version("v1", 1, "Wan Video 2.2 T2V-A14B", files=(file("a", "x_high_noise.safetensors"),)),
         version("v2", 2, "Wan Video 2.2 T2V-A14B", files=(file("b", "x_low.safetensors"),
                                                           file("c", "x_high.safetensors")))),
        (version("v1", 1, files=(file("a", precision="fp16"),)),
         version("v2", 2, files=(file("b", precision="fp32"), file("c", precision="fp16")))),
        (version("v1", 1, files=(file("a", "m.pt", format="pickle"),)), version("v2", 2)),
        (version("high quality", 1), version("v2", 2)),
        (version("v1.0", 1, "SDXL 1.0"), version("2.0-SDXL", 2, "SDXL 1.0")),
        (version("v1.0", 1), version("V2", 2)),
        (version("PonyXL v1", 1, "Pony"), version("v2", 2, "Pony")),
        (version("v1", 1, "Illustrious", files=(file("a", "style_v1.safetensors"),)),
         version("IL v2", 2, "Illustrious", files=(file("b", "style_illus_v2.safetensors"),))),
        (version("Lightning v1", 1, "SDXL Lightning"), version("v2", 2, "SDXL Lightning")),
        (version("T2V 14B v1", 1, "Wan Video 14B t2v"), version("v2", 2, "Wan Video 14B t2v")),
        (version("v1 inpainting", 1, variant="inpainting"), version("v2", 2, variant="inpainting")),
        (version("epoch 5", 1), version("epoch 10", 2)),
        (version("v1 e20", 1), version("v2 e10", 2)),
    ],
)  # fmt: skip
def test_the_same_line_goes_on(old: Listing, new: Listing) -> None:
    assert offered(old, [new, old]) == [new.version_name]


def test_the_file_that_is_like_the_one_that_is_held() -> None:
    wan = "Wan Video 2.2 T2V-A14B"
    old = version("v1", 1, wan, files=(file("1h", "x_high.safetensors"), file("1l", "x_low.safetensors")))
    new = version("v2", 2, wan, files=(file("2l", "x_low.safetensors"), file("2h", "x_high.safetensors")))
    found = updates_of([held(old), held(old, 1)], {("civitai", "1"): [new, old]}, {sha("1h"), sha("1l")}, now=NOW)
    assert [(one.held.file and one.held.file.id, one.file.id) for one in found] == [("1h", "2h"), ("1l", "2l")]
    full = version("v1", 1, files=(file("f", pruned=False), file("p", pruned=True)))
    both = version("v2", 2, files=(file("p2", pruned=True, primary=True), file("f2", pruned=False)))
    assert [one.file.id for one in updates_of([held(full)], {("civitai", "1"): [both]}, (), now=NOW)] == ["f2"]


@pytest.mark.parametrize(
    ("access", "usual", "wanted"),
    [
        (Access(Gate.EARLY_ACCESS, "2026-12-01T00:00:00Z"), ["v2"], ["v3"]),
        (Access(Gate.EARLY_ACCESS), ["v2"], ["v3"]),
        (Access(Gate.EARLY_ACCESS, "2026-08-01T00:00:00Z"), ["v3"], ["v3"]),
        (Access(Gate.PAID), ["v2"], ["v3"]),
        (Access(Gate.LOGIN), ["v3"], ["v3"]),
        (Access(Gate.DISABLED), ["v2"], ["v2"]),
        (Access(Gate.GONE), ["v2"], ["v2"]),
    ],
)
def test_what_cannot_be_had_gives_way_to_the_next(access: Access, usual: list[str], wanted: list[str]) -> None:
    listed = [version("v3", 3, access=access), version("v2", 2), version("v1", 1)]
    assert offered(listed[-1], listed) == usual
    assert offered(listed[-1], listed, early_access=True) == wanted


def test_a_version_without_files_is_not_offered() -> None:
    empty = Listing("civitai", "1", "v2", "Model", "v2", "lora", "LORA", "SD 1.5", "sd1", published="2026-02-01")
    assert offered(version("v1", 1), [empty]) == []


def test_what_was_deleted_is_not_offered() -> None:
    listed = [version("v2", 2, deleted=True), version("v1", 1)]
    assert offered(listed[1], listed) == []


def test_what_is_here_already_is_not_offered() -> None:
    listed = [version("v3", 3), version("v2", 2), version("v1", 1)]
    assert offered(listed[2], listed, owned=(sha("v3"),)) == []
    assert offered([held(listed[2]), held(listed[1])], listed) == ["v3"]  # once
    assert offered([held(listed[0]), held(listed[2])], listed) == []


def test_what_is_pinned_stays() -> None:
    listed = [version("v2", 2), version("v1", 1)]
    assert offered([held(listed[1], pinned=True)], listed) == []


def test_a_model_that_its_hub_does_not_list_any_more() -> None:
    old = version("v1", 1)
    assert offered(old, []) == []
    assert updates_of([held(old)], {}, (), now=NOW) == []


def test_a_file_of_a_repository_is_followed_by_its_path() -> None:
    old = version("abc", 1, hub="huggingface", files=(file("a", "x.safetensors", id="sub/x.safetensors"),))
    other, follows = file("b", id="y.safetensors"), file("c", id="sub/x.safetensors")
    new = version("def", 2, hub="huggingface", files=(other, follows))
    same = version("ghi", 3, hub="huggingface", files=(file("a", "x.safetensors", id="sub/x.safetensors"),))
    assert offered(old, [new]) == ["def"]
    assert offered(old, [same]) == []


def test_marks() -> None:
    assert marks_of("v3 Inpainting fp16") == {"inpaint"}
    assert marks_of("Wan2.2_I2V_HIGH", architecture="wan-2.2") == {"i2v", "high-noise"}
    assert marks_of("high heels", architecture="sdxl") == frozenset()
    assert marks_of("highlander", architecture="wan-2.2") == frozenset()
    assert marks_of("ti2v 5B") == {"ti2v", "size 5"}
    assert marks_of("v2.5b") == frozenset()
    assert marks_of("8-step") == {"lightning"}


def test_a_file_that_is_not_known_compares_by_its_version_alone() -> None:
    old, new = version("v1", 1), version("v2", 2, files=(file("b", "anything_lcm.safetensors"),))
    own = Held(sha("mine"), old, None)
    assert [one.file.id for one in updates_of([own], {("civitai", "1"): [new, old]}, (), now=NOW)] == ["b"]
    assert line_of(old, None) == line_of(new, None)
