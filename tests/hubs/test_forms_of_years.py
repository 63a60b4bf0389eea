"""Answers as hubs wrote them in other years, and the traps in them: every form that is documented or was recorded."""

from __future__ import annotations

from typing import Any

import pytest

from hubman.core.hub import Gate, HubRef, Listing, RemoteFile
from hubman.core.plan.download import choose
from hubman.core.plan.pull import expected_kind
from hubman.errors import ConflictError, NotFoundError
from hubman.hubs._civarchive_answers import parse_archived
from hubman.hubs._civarchive_answers import parse_hit as parse_archive_hit
from hubman.hubs._civitai_answers import parse_model, parse_version
from hubman.hubs._civitai_shape import access_of, file_of, hashes_of, image_of
from hubman.hubs._liblib_shape import parse_hits as parse_liblib_hits
from hubman.hubs._liblib_shape import parse_model as parse_liblib
from hubman.hubs._tolerant import moment, web_address
from hubman.hubs.huggingface import parse_model as parse_repository
from hubman.hubs.modelscope import parse_hits as parse_scope_hits
from hubman.hubs.modelscope import parse_model as parse_scope
from hubman.store.listings import listing_bytes, listing_of

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


def _model(*files: dict[str, Any], **more: object) -> Listing:
    told = [{"id": number, **file} for number, file in enumerate(files, 10)]
    model = {"id": 1, "name": "M", "type": "Checkpoint", "modelVersions": [{"id": 2, "files": told}], **more}
    (listing,) = parse_model(model, BASE, NOW)
    return listing


def test_what_is_fetched_of_a_version_of_several_files() -> None:
    """Its primary file; never training data, a configuration or an archive unasked."""
    ref = HubRef("civitai", "1")
    config, training = {"name": "m.yaml", "type": "Config"}, {"name": "set.zip", "type": "Training Data"}
    vae = {"name": "m.vae.safetensors", "type": "VAE", "sizeKB": 1}
    full = {"name": "m.safetensors", "type": "Model", "metadata": {"size": "full", "fp": "fp32"}}
    pruned = {"name": "mp.safetensors", "type": "Pruned Model", "metadata": {"size": "pruned", "fp": "fp16"}}
    first = choose([_model(config, vae, {**full, "primary": True}, pruned)], ref).file
    assert (first.name, first.pruned, first.precision) == ("m.safetensors", False, "fp32")
    assert choose([_model(config, vae, pruned, training)], ref).file.name == "mp.safetensors"
    with pytest.raises(ConflictError):
        choose([_model(full, pruned)], ref)
    for alone in (training, config, {"name": "poses.zip", "type": "Archive"}):
        with pytest.raises(NotFoundError) as caught:
            choose([_model(alone)], ref)
        assert str(alone["name"]) in str(caught.value)
    negative = {"name": "bad-hands-5.pt", "type": "Negative"}
    assert choose([_model(negative, type="TextualInversion")], ref).file.name == "bad-hands-5.pt"
    assert choose([_model(negative, {"name": "good.pt", "type": "Model"})], ref).file.name == "good.pt"


@pytest.mark.parametrize(
    ("mode", "files", "gone", "deleted"),
    [("Archived", [], True, False), ("TakenDown", [], True, True), (None, [{}], False, False)],
)
def test_models_that_their_hub_keeps_back(
    mode: str | None, files: list[dict[str, Any]], gone: bool, deleted: bool
) -> None:
    listing = _model(*files, mode=mode, creator=None)
    assert (listing.access.gate is Gate.GONE, listing.deleted, listing.author) == (gone, deleted, None)


@pytest.mark.parametrize("url", ["https://[", "http://]x/", "//[/a", "javascript:1", "https://a b/"])
def test_an_address_that_is_none(url: str) -> None:
    """Some are joined without complaint and break whoever takes them apart."""
    assert web_address(url) is web_address(url, BASE) is None
    assert image_of({"url": url}, BASE) is None
    mirrored = {"id": 1, "name": "a.pth", "mirrors": [{"url": url}]}
    listing, _ = parse_archived({"id": 1, "version": {"id": 2, "files": [mirrored]}}, BASE)
    assert listing is not None
    assert listing.files[0].urls == ()
    assert parse_archive_hit({"url": url, "name": "x"}, BASE) is None


# --- LiblibAI ------------------------------------------------------------------------------------------------------

MODEL, VERSION = "d744d41cb00a4de6be1109f40d964604", "9248fef8f5074c3eb5f43d5f28838bef"
SOURCE = "https://liblibai-online.vibrou.com/web/model/a/" + "9e" * 32 + ".safetensors"


def _liblib(model: dict[str, Any] | None = None, **version: Any) -> Listing:
    attachment = {"modelSource": SOURCE, "modelSourceName": "民宿.safetensors", "modelSourceSize": 151108832,
                  "modelSourceHash": SHA}  # fmt: skip
    told = {"uuid": VERSION, "name": "v1", "baseType": 1, "attachment": attachment, **version}
    (listing,) = parse_liblib(
        {"uuid": MODEL, "name": "景观", "modelType": 5, "versions": [told], **(model or {})}, BASE
    )
    return listing


@pytest.mark.parametrize(
    ("word", "intro", "words"),
    [
        (None, None, ()), (None, "no JSON {", ()), (None, "", ()), (None, "[]", ()), (None, '"text"', ()),
        ("tok", None, ("tok",)), (["a", "b"], None, ("a", "b")), ('["a", "b"]', None, ("a", "b")), ("", "{}", ()),
        (None, '{"triggerWord": "[\\"trendy\\"]"}', ("trendy",)), (None, '{"triggerWord": "plain"}', ("plain",)),
        (None, '{"triggerWord": ["x"]}', ("x",)), ("[broken", None, ("[broken",)), (7, '{"triggerWord": null}', ()),
        ("tok", '{"noTriggerWord": 1}', ()),
    ],
)  # fmt: skip
def test_liblibs_trigger_words(word: object, intro: object, words: tuple[str, ...]) -> None:
    assert _liblib(triggerWord=word, versionIntro=intro).words == words


def test_half_a_character_in_json_in_a_text_can_be_stored() -> None:
    """A text that was cut within an emoji, twice encoded."""
    listing = _liblib(versionIntro=r'{"triggerWord": "tok\ud83d"}')
    assert listing_of(listing_bytes(listing)).words == ("tok\ufffd",)


def test_a_checkpoint_that_liblib_files_under_lora() -> None:
    """Neither a LoRA nor a LoRA's weight: what it is, its bytes tell."""
    attachment = {"modelSource": SOURCE, "modelSourceName": "m.safetensors", "modelSourceSize": "6938041050"}
    large = _liblib(attachment=attachment, versionIntro='{"weight": 0.8}')
    assert (large.kind, large.weight, large.files[0].size) == ("unknown", None, 6938041050)
    assert expected_kind(large, large.files[0]) == "unknown"
    small = _liblib(versionIntro='{"weight": "0.8"}')
    assert (small.kind, small.weight, expected_kind(small, small.files[0])) == ("lora", 0.8, "lora")
    assert [_liblib(versionIntro=f'{{"weight": {w}}}').weight for w in ("80", "-1", "null", "[]")] == [None] * 4


@pytest.mark.parametrize(
    ("model", "version", "architecture"),
    [
        ({}, {"baseType": 19}, "flux1"), ({}, {"baseType": [3]}, "sdxl"), ({}, {"baseType": "10"}, "sdxl"),
        ({"baseType": [19]}, {"baseType": None}, "flux1"), ({"baseType": [1, 3]}, {"baseType": None}, None),
        ({}, {"baseType": 9999}, None), ({}, {"baseType": 9999, "baseTypeName": "基础算法 F.1"}, "flux1"),
        ({}, {"baseType": None, "baseTypeName": "基础算法 v1.5"}, "sd1"),
    ],
)  # fmt: skip
def test_liblibs_bases(model: dict[str, Any], version: dict[str, Any], architecture: str | None) -> None:
    assert _liblib(model, **version).architecture == architecture


def test_liblibs_file() -> None:
    """Hashes in lower case; an attachment that is a list, that is null, or that leads nowhere."""
    assert _liblib().files[0].hashes == {"sha256": SHA.lower()}
    listed = [{"modelSource": SOURCE, "modelSourceHash": "", "modelSourceSize": 0, "modelSourceName": None}]
    (file,) = _liblib(attachment=listed).files
    assert (file.name, file.size, dict(file.hashes), file.urls) == ("9e" * 32 + ".safetensors", None, {}, (SOURCE,))
    for none in (None, [], {}, {"modelSource": None}, {"modelSource": ""}, "x"):
        assert (_liblib(attachment=none).files, _liblib(attachment=none).access.gate) == ((), Gate.BROWSER)


def test_a_line_of_liblibs_search_with_one_base_that_is_no_list() -> None:
    hits, more = parse_liblib_hits({"data": [{"uuid": MODEL, "name": "x", "modelType": "1", "baseType": 19}]}, BASE)
    assert (hits[0].kind, hits[0].architecture, more) == ("checkpoint", "flux1", False)


# --- repositories --------------------------------------------------------------------------------------------------


def _repository(*siblings: dict[str, Any], **more: Any) -> Listing:
    return parse_repository({"id": "a/b", "sha": "0" * 40, "siblings": list(siblings), **more}, "https://hf.test")


def test_a_git_hash_is_no_sha256() -> None:
    """Small files have a blobId of git alone."""
    small = {"rfilename": "e.safetensors", "size": 3184, "blobId": SHA[:40].lower(), "lfs": None}
    large = {"rfilename": "m.safetensors", "size": 1, "lfs": {"sha256": SHA, "size": 6938081905, "pointerSize": 135}}
    one, two, three = _repository(small, large, {**large, "lfs": {"sha256": SHA, "size": None}, "size": 7}).files
    assert (three.size, three.sha256) == (7, SHA.lower())
    assert (one.size, dict(one.hashes)) == (3184, {})
    assert (two.size, dict(two.hashes)) == (6938081905, {"sha256": SHA.lower()})


@pytest.mark.parametrize(
    ("said", "gate"),
    [({"gated": False}, "open"), ({"gated": "auto"}, "gated"), ({"gated": "manual"}, "gated"), ({}, "open"),
     ({"disabled": True}, "disabled"), ({"gated": None}, "open")],
)  # fmt: skip
def test_gates_of_repositories(said: dict[str, Any], gate: str) -> None:
    assert _repository(**said).access.gate == gate


def test_a_repository_of_many_loras_asks_which() -> None:
    """None is the one; named, it is taken."""
    files = [
        {"rfilename": f"style-{n}.safetensors", "size": 9, "lfs": {"sha256": SHA, "size": 9 + n}} for n in range(3)
    ]
    listing = _repository(*files, tags=["lora", "license:other"], cardData={"base_model": ["x/FLUX.1-dev"]})
    with pytest.raises(ConflictError):
        choose(
            [_repository(*({**f, "lfs": {"sha256": f"{n:064x}"}} for n, f in enumerate(files)))],
            HubRef("huggingface", "a/b"),
        )
    named = choose([listing], HubRef("huggingface", "a/b", file="style-2.safetensors")).file
    assert (named.size, listing.kind, listing.architecture) == (11, "lora", "flux1")


@pytest.mark.parametrize("said", ["", None, "<64 hex>", 0, SHA[:40]])
def test_modelscope_without_a_sha256(said: object) -> None:
    files = {"Files": [{"Path": "l.safetensors", "Type": "blob", "Size": 151108832, "Sha256": said}]}
    listing = parse_scope({"Name": "b", "AigcType": "LoRA", "VisionFoundation": "FLUX_1"}, files, "a/b", "master", BASE)
    assert (dict(listing.files[0].hashes), listing.files[0].size) == ({}, 151108832)
    assert (listing.kind, listing.architecture) == ("lora", "flux1")


def test_modelscopes_list_with_nulls() -> None:
    model = dict.fromkeys(("ChineseName", "AigcType", "AigcAttributes", "VisionFoundation", "BaseModel", "TriggerWords",
                           "Downloads", "CoverImage", "Tags", "Tasks", "OfficialTags"))  # fmt: skip
    told = {"Model": {"Models": [{"Path": "o", "Name": "n", **model}, None, {"Name": "no owner"}], "TotalCount": 1}}
    (hit,), total = parse_scope_hits(told, BASE)
    assert (hit.name, hit.kind, hit.architecture, hit.words, total) == ("n", "unknown", None, (), 1)
    assert parse_scope_hits({"Model": {"Models": None, "TotalCount": 0}}, BASE) == ([], 0)


# --- CivArchive ----------------------------------------------------------------------------------------------------


def test_both_spellings_of_the_archive() -> None:
    """And a size that was rounded on the way is no exact one."""
    mirror = {"filename": "m.safetensors", "url": "https://civitai.com/api/download/models/2", "source": "civitai"}
    one = {"id": 5, "name": "m.safetensors", "sizeKB": 223124.37109375, "sha256": SHA.lower(), "isPrimary": True,
           "mirrors": [{**mirror, "deletedAt": None, "isGated": False}]}  # fmt: skip
    two = {"id": 5, "name": "m.safetensors", "size_kb": 223124.37109375, "sha256": SHA, "is_primary": True,
           "mirrors": [{**mirror, "deleted_at": None, "is_gated": False}]}  # fmt: skip
    camel = {"id": 1, "name": "M", "type": "LORA", "creatorUsername": "u", "version": {
        "id": 2, "baseModel": "Pony", "createdAt": "2025-07-05T10:17:28Z", "downloadCount": 3, "nsfwLevel": 31,
        "isNsfw": True, "trainedWords": ["w"], "files": [one]}}  # fmt: skip
    snake = {"id": 1, "name": "M", "type": "LORA", "creator_username": "u", "version": {
        "id": 2, "base_model": "Pony", "created_at": "2025-07-05T10:17:28Z", "download_count": 3, "nsfw_level": 31,
        "is_nsfw": True, "trained_words": ["w"], "files": [two]}}  # fmt: skip
    listing, _ = parse_archived(camel, "https://a.test")
    assert listing is not None
    assert listing == parse_archived(snake, "https://a.test")[0]
    assert (listing.files[0].size, listing.nsfw, listing.words, listing.architecture) == (228479356, 3, ("w",), "sdxl")
    rounded, _ = parse_archived({**camel, "version": {"id": 2, "files": [{**one, "sizeKB": 6775783.6}]}}, BASE)
    assert rounded is not None
    assert (rounded.files[0].size, rounded.files[0].about) == (None, 6938402406)
    gone, _ = parse_archived({"id": 1, "version": {"id": 2, "deletedAt": "2025-01-01T00:00:00Z", "files": None}}, BASE)
    assert gone is not None
    assert (gone.deleted, gone.access.gate) == (True, Gate.GONE)
