"""References: everything that a person copies from a hub is understood, everything else is refused, nothing leaks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubman.core.hub import (
    CIVARCHIVE,
    CIVITAI,
    HUGGINGFACE,
    LIBLIB,
    MODELSCOPE,
    OPENMODELDB,
    HubRef,
)
from hubman.core.refs import forms, parse, split, without_secrets
from hubman.errors import UsageError

SHA = "2ba11a3b0f8b4a0b4d1d2d26d2bcbd1f6a8b2e3e8c8f2a60f6f3b3a0e5a9c1d7"
UUID = "506c46c91b294710940bd4b183f3ecd7"
VERSION = "abcdef0123456789abcdef0123456789"
DASHED = "506C46C9-1B29-4710-940B-D4B183F3ECD7"
SECRET = "s3cr3tT0kenValue0123456789"

SAME = {
    HubRef(CIVITAI, "43331"): [
        "https://civitai.com/models/43331",
        "http://civitai.com/models/43331/",
        "https://www.civitai.com/models/43331/majicmix",
        "civitai.com/models/43331",
        "HTTPS://CiViTai.COM/models/43331/majicmix-realistic",
        "https://civitai.com:443/models/43331",
        "https://civitai.green/models/43331",
        "https://civitai.com/zh/models/43331",
        "//civitai.com/models/43331",
        "https://civitai.com/api/v1/models/43331",
        "civitai:43331",
        "CIVITAI:43331",
        "civitai://43331",
        "civitai:0043331",
        "<https://civitai.com/models/43331>",
        "「https://civitai.com/models/43331」",
        "https://civitai.com/models/43331。",
        "https://civitai.com/models/43331，很好用",
        "(https://civitai.com/models/43331).",
        "'civitai:43331',",
        "快看这个模型 https://civitai.com/models/43331 真不错",
        "[majicmix](https://civitai.com/models/43331)",
        "\ufeffhttps://civitai.com/models/43331\u200b",
        "https://user:pw@civitai.com/models/43331",
        "https://civitai.com/models/43331#comments",
        "https://civitai.com./models/43331",
        "urn:air:sd1:checkpoint:civitai:43331",
        "https://civitai.com/models/43331/%E9%BA%A6%E6%A9%98?utm_source=https://example.org/x",
    ],
    HubRef(CIVITAI, "43331", "176425"): [
        "https://civitai.com/models/43331?modelVersionId=176425",
        "https://civitai.com/models/43331/majicmix?modelVersionId=176425&dialog=x#a",
        "urn:air:sd1:checkpoint:civitai:43331@176425",
        "air:sd1:checkpoint:civitai:43331@176425",
        "sd1:checkpoint:civitai:43331@176425",
        "URN:AIR:sdxl:lora:civitai:43331@176425",
        "urn:air:model:civitai:43331@176425",
        "urn:air:sdxl:lora:civitai:43331@176425.safetensors",
        "urn:air:sdxl:lora:civitai:43331@176425:fp16.safetensors",
        "civitai:43331@176425",
        "civitai:43331@176425.",
    ],
    HubRef(CIVITAI, None, "176425"): [
        "civitai:@176425",
        "https://civitai.com/model-versions/176425",
        "https://civitai.com/api/v1/model-versions/176425",
        "https://civitai.com/api/download/models/176425",
        f"https://civitai.com/api/download/models/176425?token={SECRET}",
    ],
    HubRef(CIVITAI, None, "176425", "99"): [
        f"https://civitai.com/api/download/models/176425?type=Model&fileId=99&token={SECRET}",
        "civitai:@176425#99",
    ],
    HubRef(CIVITAI, None, "176425", "type=Pruned+Model&format=SafeTensor&size=pruned&fp=fp16"): [
        "https://civitai.com/api/download/models/176425?size=pruned&type=Pruned%20Model&format=SafeTensor&fp=fp16",
        "civitai:@176425#type=Pruned+Model&format=SafeTensor&size=pruned&fp=fp16",
    ],
    HubRef(CIVITAI, "1", host="civitai.red"): ["https://civitai.red/models/1", "https://www.civitai.red/models/1/x"],
    HubRef(HUGGINGFACE, "stabilityai/sdxl-turbo"): [
        "https://huggingface.co/stabilityai/sdxl-turbo",
        "https://hf.co/stabilityai/sdxl-turbo/",
        "huggingface.co/stabilityai/sdxl-turbo",
        "hf:stabilityai/sdxl-turbo",
        "huggingface:stabilityai/sdxl-turbo",
        "stabilityai/sdxl-turbo",
        "hf://stabilityai/sdxl-turbo",
        "https://huggingface.co/stabilityai/sdxl-turbo/discussions/3",
        "https://huggingface.co/api/models/stabilityai/sdxl-turbo?blobs=true",
        "urn:air:sdxl:model:huggingface:stabilityai/sdxl-turbo",
        "https://huggingface.co/stabilityai/sdxl-turbo/tree",
    ],
    HubRef(HUGGINGFACE, "stabilityai/sdxl-turbo", "main"): [
        "https://huggingface.co/stabilityai/sdxl-turbo/tree/main",
        "hf:stabilityai/sdxl-turbo@main",
        "urn:air:sdxl:model:huggingface:stabilityai/sdxl-turbo@main",
    ],
    HubRef(HUGGINGFACE, "o/r", "main", "vae/x (1).safetensors"): [
        "https://huggingface.co/o/r/resolve/main/vae/x%20%281%29.safetensors?download=true",
        "hf:o/r/vae/x (1).safetensors@main",
        "https://huggingface.co/o/r/blob/main/vae/x%20(1).safetensors",
        "https://huggingface.co/o/r/raw/main/vae/x%20(1).safetensors",
        f"https://huggingface.co/o/r/resolve/main/vae/x%20(1).safetensors?token={SECRET}",
        "hf:o/r/vae/x%20%281%29.safetensors@main",
    ],
    HubRef(HUGGINGFACE, "o/r", "refs/pr/1", "a.safetensors"): [
        "https://huggingface.co/o/r/blob/refs%2Fpr%2F1/a.safetensors",
        "https://huggingface.co/o/r/blob/refs/pr/1/a.safetensors",
        "hf:o/r/a.safetensors@refs/pr/1",
    ],
    HubRef(HUGGINGFACE, "o/r", "main", "水墨.safetensors"): [
        "https://huggingface.co/o/r/resolve/main/%E6%B0%B4%E5%A2%A8.safetensors",
        "hf:o/r/水墨.safetensors@main",
    ],
    HubRef(HUGGINGFACE, "o/r", host="hf-mirror.com"): ["https://hf-mirror.com/o/r"],
    HubRef(LIBLIB, UUID): [
        f"https://www.liblib.art/modelinfo/{UUID}",
        f"https://liblib.ai/modelinfo/{UUID}?from=feed",
        f"https://liblibai.com/modelinfo/{UUID}",
        f"https://www.liblibai.com/modelinfo/{DASHED}",
        f"liblib:{UUID}",
        f"liblib:{DASHED}",
        DASHED,
        UUID.upper(),
        f"【LiblibAI】水墨 https://www.liblib.art/modelinfo/{UUID}，复制打开",
    ],
    HubRef(LIBLIB, UUID, VERSION): [
        f"https://www.liblib.art/modelinfo/{UUID}?from=search&versionUuid={VERSION}",
        f"liblib:{UUID}@{VERSION}",
    ],
    HubRef(MODELSCOPE, "AI-ModelScope/sdxl"): [
        "https://modelscope.cn/models/AI-ModelScope/sdxl",
        "https://www.modelscope.cn/models/AI-ModelScope/sdxl/summary",
        "https://modelscope.cn/models/AI-ModelScope/sdxl/files",
        "modelscope:AI-ModelScope/sdxl",
    ],
    HubRef(MODELSCOPE, "o/n", "master", "a/b.safetensors"): [
        "https://modelscope.cn/models/o/n/resolve/master/a/b.safetensors",
        "https://modelscope.cn/models/o/n/file/view/master/a/b.safetensors?status=2",
        "https://modelscope.cn/models/o/n/file/view/master/a%2Fb.safetensors",
        "modelscope:o/n/a/b.safetensors@master",
        "https://modelscope.cn/api/v1/models/o/n/repo?Revision=master&FilePath=a%2Fb.safetensors",
    ],
    HubRef(MODELSCOPE, "o/n", host="modelscope.ai"): ["https://www.modelscope.ai/models/o/n"],
    HubRef(CIVARCHIVE, "1746460", "1976567"): [
        "https://civarchive.com/models/1746460?modelVersionId=1976567",
        "https://civitaiarchive.com/models/1746460?modelVersionId=1976567",
        "civarchive:1746460@1976567",
        "https://civarchive.com/api/models/1746460?modelVersionId=1976567",
    ],
    HubRef(CIVARCHIVE, hash=SHA): [
        f"https://civarchive.com/sha256/{SHA}",
        f"https://civarchive.com/api/sha256/{SHA.upper()}",
        f"civarchive:{SHA}",
        f"civarchive:sha256:{SHA}",
    ],
    HubRef(OPENMODELDB, "4x-UltraSharp"): [
        "https://openmodeldb.info/models/4x-UltraSharp",
        "openmodeldb:4x-UltraSharp",
    ],
    HubRef(None, hash=SHA): [
        SHA,
        SHA.upper(),
        f"sha256:{SHA}",
        f"SHA256: {SHA}",
        f"sha-256:{SHA}",
        f"0x{SHA}",
        f"“{SHA}”",
        f"autov3:{SHA}",
        f"https://civitai.com/api/v1/model-versions/by-hash/{SHA}",
    ],
    HubRef(None, hash="2ba11a3b0f"): ["2BA11A3B0F", "AutoV2:2ba11a3b0f", "0x2ba11a3b0f"],
    HubRef(None, hash="2ba11a3b0f8b"): ["2ba11a3b0f8b", "autov3:2BA11A3B0F8B"],
    HubRef(None, hash="2ba11a3b"): ["2ba11a3b", "crc32:2BA11A3B", "autov1=2ba11a3b"],
    HubRef(None, hash="12345678"): ["12345678"],
}


@pytest.mark.parametrize(("wanted", "text"), [(ref, text) for ref, texts in SAME.items() for text in texts])
def test_what_people_paste(wanted: HubRef, text: str) -> None:
    """Each spelling means exactly this, and no secret survives in it."""
    ref = parse(text)
    assert ref == wanted
    assert SECRET not in repr(ref) + str(ref)


@pytest.mark.parametrize("ref", SAME)
def test_hubmans_own_spelling_is_read_back(ref: HubRef) -> None:
    """The host is the one thing that is not written."""
    assert parse(str(ref)) == HubRef(ref.hub, ref.model, ref.version, ref.file, ref.hash)


NONE = [
    "",
    " ",
    "hello",
    "12345",
    "x.safetensors",
    "Lora/x.safetensors",
    "./Lora/x",
    "/home/me/x.safetensors",
    "C:\\models\\x.ckpt",
    "a/b/c",
    "..",
    "https://example.org/models/1",
    "https://civitai.com.evil.org/models/1",
    "https://civitai.com@evil.org/models/1",
    "https://evil.org/civitai.com/models/1",
    "https://civitаi.com/models/1",
    "ftp://civitai.com/models/1",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "https://[::1",
    "https://civitai.com:99999/models/1",
    "https://civitai.com:8080/models/1",
    "https://civitai.com/models/abc",
    "https://civitai.com/models/0",
    "https://civitai.com/models/1?modelVersionId=x",
    "civitai:",
    "civitai:x",
    "civitai:1@",
    "civitai:-1",
    "civitai:1@2@3",
    "civitai:9999999999999999999",
    "hf:",
    "hf:org",
    "hf:org/..",
    "hf:org/repo/../x",
    "hf:org/repo//x",
    "hf:org/repo/x%00.pt",
    "hf:org/repo/%ff.pt",
    "hf:org/repo@",
    "hf:org/repo@a..b",
    "hf:../../etc/passwd",
    "hf:org/repo/a\\b",
    "models/123",
    "datasets/x",
    "liblib:123",
    "liblib:" + "g" * 32,
    "modelscope:x",
    "openmodeldb:",
    "openmodeldb:../x",
    "civarchive:x",
    "urn:air:",
    "urn:air:sdxl:lora:civitai:",
    "urn:air:sdxl:lora:other:1@2",
    "abcdef",
    "abcdef0",
    "g" * 64,
    "a" * 63,
    "sha256:abcdef01",
    "autov3:2ba11a3b",
    "0x",
    "https://",
    "http://civitai.com",
    "https://huggingface.co",
    "\x00",
    "civitai:1\x07",
    "\ud800",
    "https://civitai.com/models/1 https://civitai.com/models/2",
    "x" * 5000,
    "a" * 64 + "\n" + "b" * 64,
    "https://huggingface.co/o/r/resolve/main/%2e%2e/x",
    "https://huggingface.co/o/r/resolve/main/..%2F..%2Fx",
    "1/2",
    "https://hf.co/stabilityai/sdxl./",
    "١٢٣٤٥٦٧٨",
    "civitai:١",
]


@pytest.mark.parametrize("text", NONE)
def test_everything_else_is_refused_with_examples(text: str) -> None:
    """Each refusal names what would work."""
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.reference in ("ref-unknown", "ref-no-model")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("https://image.civitai.com/xG1nkqKTMzGDvpLrqFT7WA/abc/width=450/1.jpeg", "picture"),
        ("https://civitai.com/images/1234", "picture"),
        ("https://civitai.com/user/somebody", "shows no model"),
        ("https://huggingface.co/datasets/a/b", "data set"),
        ("https://huggingface.co/spaces/a/b", "space"),
        ("https://huggingface.co/stabilityai", "author"),
        ("https://us.aws.cdn.hf.co/xet-bridge-us/abc?X-Amz-Signature=1", "expires"),
        ("https://modelscope.cn/datasets/a/b", "shows no model"),
        (f"https://www.liblib.art/imageinfo/{UUID}", "picture"),
    ],
)
def test_a_known_page_that_is_no_model_says_what_it_is(text: str, reason: str) -> None:
    """The next step is another link, so the refusal says which."""
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.reference == "ref-no-model"
    assert reason in caught.value.message
    assert "copy" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        f"https://example.org/x?token={SECRET}",
        f"https://me:{SECRET}@example.org/x",
        f"https://example.org/x#{SECRET}",
        f"hf_{SECRET}{SECRET}",
        f"https://us.aws.cdn.hf.co/a?sig={SECRET}",
        f"https://civitai.com/images/1?token={SECRET}",
        f"Bearer {SECRET}",
        f"https://civitai.com/models/x?token={SECRET} and hf_{SECRET}",
    ],
)
def test_a_refusal_repeats_no_secret(text: str) -> None:
    """What is printed and logged has no query, no user name and no token."""
    with pytest.raises(UsageError) as caught:
        parse(text)
    error = caught.value
    assert SECRET not in error.message + error.hint + repr(error.fields) + repr(
        error.__context__ and error.__context__.args
    )


def test_configured_hosts() -> None:
    """A mirror or a server on another port counts as the hub that it was configured for, and only with its port."""
    hosts = {"127.0.0.1:8000": CIVITAI, "mirror.example.org": HUGGINGFACE}
    assert parse("http://127.0.0.1:8000/models/5", hosts=hosts) == HubRef(CIVITAI, "5")
    assert parse("https://Mirror.Example.org/a/b", hosts=hosts) == HubRef(HUGGINGFACE, "a/b")
    for other in ("http://127.0.0.1:8001/models/5", "http://127.0.0.1/models/5"):
        with pytest.raises(UsageError):
            parse(other, hosts=hosts)


def test_every_example_works() -> None:
    """The last one is a description, the rest are pasted as they stand."""
    for form in forms()[:-1]:
        parse(form)


def test_a_line_of_several() -> None:
    """Chat programs and lists separate with all kinds of marks."""
    assert split("civitai:1, civitai:2；hf:a/b\n、 https://civitai.com/models/3 ，") == [
        "civitai:1",
        "civitai:2",
        "hf:a/b",
        "https://civitai.com/models/3",
    ]


@settings(max_examples=600, deadline=None, derandomize=True)
@given(
    st.one_of(
        st.text(max_size=80),
        st.lists(
            st.sampled_from(
                [
                    "https://",
                    "http:",
                    "//",
                    "civitai.com",
                    "huggingface.co",
                    "/models/",
                    "/api/download/models/",
                    "1",
                    "?",
                    "modelVersionId=",
                    "&fileId=",
                    "urn:air:",
                    "civitai:",
                    "hf:",
                    "org/repo",
                    "@",
                    "#",
                    ":",
                    "/",
                    "..",
                    "%2F",
                    "%",
                    "%ff",
                    "sha256:",
                    "0x",
                    "a" * 64,
                    "liblib:",
                    "modelscope.cn",
                    "/resolve/",
                    "/tree/",
                    "main",
                    " ",
                    "。",
                    "[",
                    "]",
                    "]:",
                    "\u202e",
                    "\ud800",
                    "0",
                    "civarchive:",
                    UUID,
                    "水墨.safetensors",
                    "xn--",
                    "é",
                    "＠",
                ]
            ),
            max_size=9,
        ).map("".join),
    )
)
def test_any_text_is_a_reference_or_a_usage_error(text: str) -> None:
    """And what is a reference is written and read back the same."""
    try:
        ref = parse(text)
    except UsageError as error:
        if error.message and error.hint:
            return
        raise AssertionError("a refusal without words") from error
    assert parse(str(ref)) == HubRef(ref.hub, ref.model, ref.version, ref.file, ref.hash)


NUMBERS = st.integers(1, 10**15 - 1).map(str)
PATHS = st.lists(
    st.text(
        st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="/\\"), min_size=1, max_size=20
    ).filter(lambda part: part not in (".", "..")),
    min_size=1,
    max_size=4,
).map("/".join)
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,20}", fullmatch=True).filter(
    lambda name: name.lower() not in ("models", "datasets", "spaces")
)
REFS = st.one_of(
    st.builds(HubRef, st.sampled_from([CIVITAI, CIVARCHIVE]), NUMBERS, st.none() | NUMBERS),
    st.builds(HubRef, st.just(CIVITAI), st.none(), NUMBERS, st.none() | NUMBERS),
    st.builds(
        HubRef,
        st.sampled_from([HUGGINGFACE, MODELSCOPE]),
        st.builds("owner{}/{}".format, NAMES, NAMES),
        st.none() | st.sampled_from(["main", "refs/pr/7", "v1.0", "a" * 40]),
        st.none() | PATHS,
    ),
    st.builds(
        HubRef,
        st.just(LIBLIB),
        st.uuids().map(lambda value: value.hex),
        st.none() | st.uuids().map(lambda value: value.hex),
    ),
    st.builds(
        HubRef,
        st.none(),
        hash=st.sampled_from([8, 10, 12, 64]).flatmap(lambda n: st.text("0123456789abcdef", min_size=n, max_size=n)),
    ),
)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(REFS)
def test_written_and_read_back(ref: HubRef) -> None:
    """parse(str(ref)) == ref for any reference with any file name."""
    assert parse(str(ref)) == ref


@pytest.mark.parametrize(
    "text",
    [
        "a" * 4096,
        "@" * 4096,
        "/" * 4096,
        "(" * 4096,
        ")" * 4096,
        "%" * 4096,
        "civitai:" * 500,
        "https://" * 500,
        "a-" * 2048,
        "urn:air:" * 500,
        "0x" * 2000,
        "[](" * 1300,
        "\u200b" * 4096,
        "hf:a/b/" + "c/" * 2000,
    ],
)
def test_long_repetitions_end(text: str) -> None:
    """No pattern goes back and forth (a catastrophe here would never end)."""
    with pytest.raises(UsageError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "https://civitai.com/models/1?modelVersionId=2&token=abc",
            "https://civitai.com/models/1?modelVersionId=2&token=***",
        ),
        ("https://x/api/download/models/2?type=Model&format=SafeTensor&token=abc#t=1", None),
        ("https://user:abc@x/models/1", "https://x/models/1"),
        ("https://x/y?a=1?token=abc;sig=abc", None),
        ("hf_abcdefabcdefabc", "***"),
        ("civitai:1@2", "civitai:1@2"),
        ("hf:a/b/c d.safetensors@main", "hf:a/b/c d.safetensors@main"),
    ],
)
def test_what_may_be_written_down_of_a_pasted_text(text: str, shown: str | None) -> None:
    found = without_secrets(text)
    assert "abc" not in found
    assert shown in (None, found)
