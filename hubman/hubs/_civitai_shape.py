"""Civitai's JSON in core.hub's values. CivArchive keeps copies of the same objects, so it reads them here, too.

Nothing here raises for what an answer holds: an object that cannot be used is None or left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from hubman.core.hub import Access, Gate, Licence, Listing, RemoteFile, RemoteImage
from hubman.core.hub_words import base_architecture, format_of_name, format_of_word, kind_of_hub_type
from hubman.core.repository import precision_of
from hubman.core.stated_weight import stated_weight
from hubman.hubs._html import plain_text, safe_html
from hubman.hubs._tolerant import mapping, mappings, moment, number, text, texts, web_address, whole

KIB = 1024
HASHES = {"sha256": 64, "autov1": 8, "autov2": 10, "autov3": 12, "crc32": 8, "blake3": 64}
"""Civitai's names in lower case, which are ours, and how many hex digits each has; AutoV3 comes with 12 or 64."""
IMAGE_WORDS = {"none": 0, "soft": 1, "mature": 2, "x": 3}
GONE_STATES = ("Deleted", "Unpublished", "UnpublishedViolation")
MOST_DAYS = 3650
"""Days of early access that are believed."""
UNREADY_STATES = ("Draft", "Training", "Scheduled", "GatherInterest")
_HEX = re.compile(r"[0-9a-f]+\Z")
_BRACED = re.compile(r"[A-Za-z]+")


def hashes_of(value: object) -> dict[str, str]:
    """Return our hash kind -> lower-case hex; shortened, damaged and unknown ones are left out."""
    found = {}
    for name, said in mapping(value).items():
        ours = name.lower() if isinstance(name, str) else ""
        length = HASHES.get(ours)
        digits = said.strip().lower() if isinstance(said, str) else ""
        if length is None or not _HEX.match(digits):
            continue
        if len(digits) == length or (ours == "autov3" and len(digits) == 64):
            found[ours] = digits[:length]
    return found


def file_of(entry: Mapping[str, object], *, exact: bool = True) -> RemoteFile | None:
    """Return a file; None without a number or a name.

    Args:
        exact: whether a size that comes to whole bytes is believed to be the exact one (Civitai's are, but for the
            documentation's examples, which are rounded to two places).
    """
    key, name = whole(entry.get("id")), text(entry.get("name"))
    if key is None or not name:
        return None
    metadata = mapping(entry.get("metadata"))
    size, about = size_of(entry.get("sizeKB"), exact=exact)
    whole_size = text(metadata.get("size"))
    return RemoteFile(
        id=str(key),
        name=name,
        size=size,
        about=about,
        hashes=hashes_of(entry.get("hashes")),
        type=text(entry.get("type")) or "Model",
        format=format_of_word(metadata.get("format")) or format_of_name(name),
        precision=text(metadata.get("fp")).lower() or precision_of(name),
        pruned={"pruned": True, "full": False}.get(whole_size),
        primary=entry.get("primary") is True,
        scan=scan_of(entry),
    )


def size_of(kibibytes: object, *, exact: bool) -> tuple[int | None, int | None]:
    """Return (bytes, rounded bytes), one of them None."""
    found = number(kibibytes)
    if found is None or not 0 < found < 1 << 53:
        return None, None
    size = found * KIB
    return (int(size), None) if exact and size.is_integer() else (None, round(size))


def scan_of(entry: Mapping[str, object]) -> str:
    """Return what the hub's scanners said, `Success` when both were content, "" when nothing."""
    said = []
    for name in ("pickle", "virus"):
        result, message = text(entry.get(f"{name}ScanResult")), text(entry.get(f"{name}ScanMessage"))
        if result:
            said.append((name, result, message if result not in ("Success", "Pending") else ""))
    if said and all(result == "Success" for _, result, _ in said):
        return "Success"
    return "; ".join(f"{name}: {result}" + (f" ({message[:200]})" if message else "") for name, result, message in said)


def nsfw_of_bits(bits: object, *, highest: bool = True) -> int | None:
    """Return our level 0..3 of Civitai's bit mask (PG 1, PG13 2, R 4, X 8, XXX 16, blocked 32); None for no bit."""
    found = whole(bits)
    if not found:
        return None
    bit = found.bit_length() - 1 if highest else (found & -found).bit_length() - 1
    return min(bit, 3)


def image_of(entry: Mapping[str, object], base: str) -> RemoteImage | None:
    """Return a picture; None without an address."""
    url = web_address(entry.get("url"), base)
    if url is None:
        return None
    meta = mapping(entry.get("meta"))
    return RemoteImage(
        url=url,
        width=whole(entry.get("width")) or None,
        height=whole(entry.get("height")) or None,
        nsfw=nsfw_of_image(entry),
        video=text(entry.get("type")) not in ("", "image"),
        prompt=text(meta.get("prompt")) or None,
        negative=text(meta.get("negativePrompt")) or None,
    )


def nsfw_of_image(entry: Mapping[str, object]) -> int | None:
    """Return the level of a picture from the first field that says one.

    Three generations: a bit mask (`nsfwLevel`, beside words `browsingLevel`), a word (None, Soft, Mature, X), a yes or
    no (`nsfw`), which does not say how much: a yes is at least mature.
    """
    for said in (entry.get("browsingLevel"), entry.get("nsfwLevel"), entry.get("nsfw")):
        if isinstance(said, bool):
            return 2 if said else 0
        level = IMAGE_WORDS.get(said.strip().lower()) if isinstance(said, str) else None
        level = nsfw_of_bits(said) if level is None else level
        if level is not None:
            return level
    return None


def images_of(entries: object, base: str) -> tuple[RemoteImage, ...]:
    """Return the pictures: stills that are not explicit first, else in the author's order."""
    found = [image for entry in mappings(entries) if (image := image_of(entry, base))]
    return tuple(sorted(found, key=lambda image: (image.video, (image.nsfw or 0) >= 2)))


def licence_of(model: Mapping[str, object]) -> Licence:
    """Return what the author allows."""

    def flag(name: str) -> bool | None:
        value = model.get(name)
        return value if isinstance(value, bool) else None

    return Licence(
        no_credit=flag("allowNoCredit"),
        commercial=commercial_of(model.get("allowCommercialUse")),
        derivatives=flag("allowDerivatives"),
        different_licence=flag("allowDifferentLicense"),
    )


def commercial_of(value: object) -> tuple[str, ...] | None:
    """Return the allowed commercial uses from a list, `{Image,RentCivit}` or a lone word; () for none."""
    if isinstance(value, str):
        words = tuple(_BRACED.findall(value))
    elif isinstance(value, list):
        words = texts(value)
    else:
        return None
    return tuple(word for word in words if word != "None")


def access_of(version: Mapping[str, object], model: Mapping[str, object], page: str | None, now_s: float) -> Access:
    """Return what stands before a version's files; early access that has ended is none."""
    if text(model.get("mode")) in ("Archived", "TakenDown") or text(version.get("status")) in GONE_STATES:
        return Access(Gate.GONE, page=page)
    if text(version.get("usageControl")) not in ("", "Download") or text(version.get("status")) in UNREADY_STATES:
        return Access(Gate.DISABLED, page=page)
    paid, early = mapping(version.get("paidAccess")), mapping(version.get("earlyAccessConfig"))
    if paid.get("permanent") is True or early.get("permanent") is True:
        return Access(Gate.PAID, page=page)
    until = early_access_end(version)
    if until is not None and _seconds(until) > now_s:
        return Access(Gate.EARLY_ACCESS, until, page)
    if until is None and "EarlyAccess" in (text(version.get("availability")), text(model.get("availability"))):
        return Access(Gate.EARLY_ACCESS, page=page)
    return Access(Gate.LOGIN, page=page) if version.get("requireAuth") is True else Access()


def early_access_end(version: Mapping[str, object]) -> str | None:
    """Return when early access ends or ended, ISO 8601; None where there is none, or the hub does not say.

    Newest form first: `paidAccess.endsAt`; `earlyAccessEndsAt`; `earlyAccessDeadline`; days after the version was
    published (`earlyAccessConfig.timeframe`, in 2023 `earlyAccessTimeFrame`).
    """
    paid = mapping(version.get("paidAccess"))
    for end in (paid.get("endsAt"), version.get("earlyAccessEndsAt"), version.get("earlyAccessDeadline")):
        if found := moment(end):
            return found
    days = whole(mapping(version.get("earlyAccessConfig")).get("timeframe")) or whole(
        version.get("earlyAccessTimeFrame")
    )
    published = moment(version.get("publishedAt"))
    if not days or days > MOST_DAYS or published is None:
        return None
    try:
        return moment((datetime.fromisoformat(published) + timedelta(days=days)).isoformat())
    except OverflowError:  # published in the last years before 10000
        return None


def _seconds(iso: str) -> float:
    found = datetime.fromisoformat(iso)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def nsfw_of_model(model: Mapping[str, object], version: Mapping[str, object]) -> int | None:
    """Return the level of a listing: the strongest of its pictures where the hub flags it, else the mildest."""
    flagged = model.get("nsfw")
    bits = version.get("nsfwLevel") or model.get("nsfwLevel")
    if flagged is True:
        return max(2, nsfw_of_bits(bits) or 0)
    level = nsfw_of_bits(bits, highest=False)
    return 0 if level is None and flagged is False else level


def weight_of(*descriptions: str) -> tuple[float | None, float | None, float | None]:
    """Return the weight that the first of these safe HTML texts that says one recommends, least and most."""
    for description in descriptions:
        if found := stated_weight(plain_text(description)):
            return found.weight, found.least, found.most
    return None, None, None


def base_variant(version: Mapping[str, object]) -> str | None:
    """Return inpainting, refiner, pix2pix, where the hub says it."""
    word = text(version.get("baseModelType")).lower()
    return word if word not in ("", "standard") else None


def listing_of_version(
    hub: str, version: Mapping[str, object], model: Mapping[str, object], base: str, now_s: float
) -> Listing | None:
    """Return a version; None without its number or its model's.

    Args:
        version: an object of `modelVersions`, or of `/model-versions`.
        model: the whole model where it is known, else what the version itself says of it.
        base: address of the site that answered.
        now_s: UTC seconds, to tell whether early access has ended.
    """
    inner = mapping(version.get("model"))
    known: Mapping[str, object] = {**inner, **model}
    version_id = whole(version.get("id"))
    model_id = whole(version.get("modelId"))
    model_id = whole(model.get("id")) if model_id is None else model_id
    if version_id is None or model_id is None:
        return None
    page = f"{base}/models/{model_id}?modelVersionId={version_id}"
    variant = base_variant(version)
    base_model = text(version.get("baseModel")) or None
    architecture = base_architecture(base_model)
    described, said = safe_html(known.get("description")), safe_html(version.get("description"))
    weight, least, most = weight_of(said, described)
    air = text(version.get("air"))
    return Listing(
        hub=hub,
        model_id=str(model_id),
        version_id=str(version_id),
        name=text(known.get("name")) or f"{model_id}",
        version_name=text(version.get("name")),
        kind=kind_of_hub_type("civitai", known.get("type")),
        hub_type=text(known.get("type")),
        base_model=base_model,
        architecture="sdxl-refiner" if architecture == "sdxl" and variant == "refiner" else architecture,
        author=text(mapping(known.get("creator")).get("username")) or None,
        words=texts(version.get("trainedWords")) if isinstance(version.get("trainedWords"), list) else (),
        weight=weight,
        weight_min=least,
        weight_max=most,
        tags=texts(known.get("tags")) if isinstance(known.get("tags"), list) else (),
        description=described,
        version_description=said,
        licence=licence_of(known),
        files=tuple(file for entry in mappings(version.get("files")) if (file := file_of(entry))),
        images=images_of(version.get("images"), base),
        access=access_of(version, known, page, now_s),
        published=moment(version.get("publishedAt")) or moment(version.get("createdAt")),
        nsfw=nsfw_of_model(known, version),
        page=page,
        air=air if air.startswith("urn:air:") else None,
        downloads=whole(mapping(version.get("stats")).get("downloadCount")),
        deleted=text(known.get("mode")) == "TakenDown",
        variant=variant,
    )


def newest_first(listings: Sequence[Listing]) -> tuple[Listing, ...]:
    """Order versions by the day they were published; those without one keep their place at the end."""
    return tuple(sorted(listings, key=lambda listing: listing.published or "", reverse=True))
