"""Answers as hubs wrote them in other years, and the traps in them: every form that is documented or was recorded."""

from __future__ import annotations

from typing import Any

import pytest

from hubman.core.hub import Gate, RemoteFile
from hubman.hubs._civitai_answers import parse_model, parse_version
from hubman.hubs._civitai_shape import access_of, file_of, hashes_of, image_of
from hubman.hubs._tolerant import moment

BASE = "https://civitai.com"
NOW = 1_790_000_000.0
SHA = "A5F62AC9C196EDA244AB46B97F7004AD67C119AA5E880A46EC644BED686D15EF"

# --- Civitai -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "nsfw"),
    [
        ({"nsfw": False}, 0),
        ({"nsfw": True}, 2),
        ({"nsfw": "X"}, 3),
        ({"nsfw": "Soft", "nsfwLevel": None}, 1),
        ({"nsfwLevel": "4"}, 2),
        ({"nsfwLevel": 0, "nsfw": "Mature"}, 2),
        ({"nsfwLevel": "X", "browsingLevel": 8, "nsfw": True}, 3),
        ({"nsfwLevel": "None", "browsingLevel": 1, "nsfw": False}, 0),
        ({"nsfwLevel": 31}, 3),
        ({"nsfwLevel": 32}, 3),
        ({"nsfwLevel": 0}, None),
        ({"nsfwLevel": "Unheard"}, None),
        ({}, None),
    ],
)
def test_how_explicit_a_picture_is_in_three_generations(entry: dict[str, object], nsfw: int | None) -> None:
    """A yes or no, words, a bit mask; what is null gives way to what is said."""
    image = image_of({"url": "https://i/a.jpeg", **entry}, BASE)
    assert image is not None
    assert image.nsfw == nsfw


def test_hashes_in_any_spelling_and_length() -> None:
    """AutoV3 comes with 12 or 64 digits; what is cut short, unknown or no text is none."""
    short, long = "21F469F96EB0", "21f469f96eb0" + "0" * 52
    assert hashes_of({"AutoV3": short}) == hashes_of({"AutoV3": long}) == {"autov3": "21f469f96eb0"}
    said = {"sha256": SHA, "BLAKE3": SHA, "AutoV1": "AE9460F8", "CRC32": "4DFCB193", "AutoV2": "A5F62AC9C1"}
    assert hashes_of(said) == {
        "sha256": SHA.lower(), "blake3": SHA.lower(), "autov1": "ae9460f8", "crc32": "4dfcb193",
        "autov2": "a5f62ac9c1",
    }  # fmt: skip
    assert hashes_of({"SHA256": SHA[:12], "AutoV2": None, "AutoV1": 7, "MD5": "00" * 16, "CRC32": "ZZZZZZZZ"}) == {}


@pytest.mark.parametrize(
    ("version", "gate", "until"),
    [
        ({"earlyAccessTimeFrame": 0, "publishedAt": "2026-09-20T00:00:00Z"}, Gate.OPEN, None),
        ({"earlyAccessTimeFrame": 5, "publishedAt": "2026-09-20T00:00:00Z"}, Gate.EARLY_ACCESS, "2026-09-25T00:00:00Z"),
        ({"earlyAccessTimeFrame": 5, "publishedAt": "2023-09-20T00:00:00Z"}, Gate.OPEN, None),
        ({"earlyAccessTimeFrame": 5, "publishedAt": None}, Gate.OPEN, None),
        ({"earlyAccessTimeFrame": 10**18, "publishedAt": "2026-09-20T00:00:00Z"}, Gate.OPEN, None),
        ({"earlyAccessTimeFrame": 99, "publishedAt": "9999-12-30T00:00:00Z"}, Gate.OPEN, None),
        ({"earlyAccessConfig": {"timeframe": 15, "downloadPrice": 500, "chargeForDownload": True},
          "publishedAt": "2026-09-20T00:00:00Z"}, Gate.EARLY_ACCESS, "2026-10-05T00:00:00Z"),
        ({"earlyAccessConfig": {"timeframe": 15}, "earlyAccessEndsAt": "2026-09-21T00:00:00Z",
          "publishedAt": "2026-09-20T00:00:00Z"}, Gate.OPEN, None),
        ({"earlyAccessConfig": {"permanent": True}}, Gate.PAID, None),
        ({"earlyAccessConfig": {}}, Gate.OPEN, None),
        ({"earlyAccessEndsAt": "0001-01-01T00:00:00Z"}, Gate.OPEN, None),
        ({"earlyAccessEndsAt": "yes"}, Gate.OPEN, None),
    ],
)  # fmt: skip
def test_early_access_in_all_its_forms(version: dict[str, object], gate: Gate, until: str | None) -> None:
    access = access_of(version, {}, None, NOW)  # it is the 21st of September 2026
    assert (access.gate, access.until) == (gate, until)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2023-11-29T01:28:10.264Z", "2023-11-29T01:28:10Z"), ("2024-04-10T08:00:00.000+08:00", "2024-04-10T00:00:00Z"),
        ("2023-11-29", "2023-11-29T00:00:00Z"), (1767967595, "2026-01-09T14:06:35Z"),
        (1767967595123, "2026-01-09T14:06:35Z"), ("1767967595", "2026-01-09T14:06:35Z"),
        (1767967595.5, "2026-01-09T14:06:35Z"), ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None), ("9999-12-31T23:59:59-12:00", None), (0, None), ("0", None), (-5, None),
        (1e300, None), ("soon", None), ("", None), (None, None), (True, None), ({}, None),
    ],
)  # fmt: skip
def test_a_day_in_any_form(value: object, expected: str | None) -> None:
    assert moment(value) == expected


def test_the_precision_of_a_file_whose_author_did_not_say_it() -> None:
    """Its name often does."""
    said: dict[str, Any] = {"id": 1, "name": "pp-storybook_rank2_bf16.safetensors", "metadata": {"fp": None}}
    assert _file(said).precision == "bf16"
    assert _file({**said, "metadata": {"fp": "FP16"}}).precision == "fp16"
    assert _file({**said, "name": "plain.safetensors"}).precision is None


@pytest.mark.parametrize(
    ("kibibytes", "size", "about"),
    [
        (223109.28515625, 228463908, None), (18829.1484375, 19281048, None), (1.4140625, 1448, None),
        (6775430.35, None, 6938040678), ("223109.28515625", 228463908, None), (2082642.474609375, 2132625894, None),
        (0, None, None), (-1, None, None), (None, None, None), (float("nan"), None, None), (10**30, None, None),
    ],
)  # fmt: skip
def test_bytes_exactly_or_about(kibibytes: object, size: int | None, about: int | None) -> None:
    found = _file({"id": 1, "name": "a.safetensors", "sizeKB": kibibytes})
    assert (found.size, found.about) == (size, about)


def _file(entry: dict[str, Any]) -> RemoteFile:
    found = file_of(entry)
    assert found is not None
    return found


@pytest.mark.parametrize("word", ["LORA", "LoCon", "DoRA"])
def test_words_for_a_lora(word: str) -> None:
    (listing,) = parse_model({"id": 1, "type": word, "modelVersions": [{"id": 2}]}, BASE, NOW)
    assert (listing.kind, listing.hub_type) == ("lora", word)


def test_a_negative_embedding_keeps_its_file_and_kind() -> None:
    """Its file is called Negative: no model beside it, but it is the one."""
    files = [{"id": 3, "name": "bad-hands-5.pt", "type": "Negative", "metadata": {"format": "PickleTensor"}}]
    model = {"id": 1, "name": "bad-hands negative", "type": "TextualInversion", "modelVersions": [{"id": 2}]}
    model["modelVersions"] = [{"id": 2, "files": files}]
    (listing,) = parse_model(model, BASE, NOW)
    assert (listing.kind, listing.files[0].type, listing.files[0].format) == ("embedding", "Negative", "pickle")


@pytest.mark.parametrize("null", [None, [], {}, 0, "", False])
def test_a_version_of_nulls(null: object) -> None:
    """Whatever is missing, what is known stays."""
    keys = (
        "name", "baseModel", "baseModelType", "createdAt", "publishedAt", "status", "availability", "nsfwLevel",
        "description", "trainedWords", "stats", "files", "images", "downloadUrl", "model", "air", "paidAccess",
        "earlyAccessEndsAt", "earlyAccessConfig", "uploadType", "usageControl",
    )  # fmt: skip
    listing = parse_version({"id": 7, "modelId": 8, **dict.fromkeys(keys, null)}, BASE, NOW)
    assert (listing.model_id, listing.version_id, listing.words, listing.files) == ("8", "7", (), ())
    assert (listing.kind, listing.access.gate, listing.air) == ("unknown", Gate.OPEN, None)
