"""Validate models of the library: choose them, prove each, record verdict and preview."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from hubman import formats
from hubman.app.library import find_all, find_one
from hubman.app.preview import PreviewOptions, make_preview
from hubman.app.validate import validate_adapter
from hubman.app.validation import AdapterFile, BaseFile, RenderSession, ValidateOptions, Validation
from hubman.config import Config
from hubman.core.identify import identify
from hubman.core.identify.wrappers import unwrap
from hubman.core.layout import ADAPTER_FOLDERS
from hubman.core.library import ModelFile, SidecarPolicy
from hubman.core.query import parse_query, query_text
from hubman.core.types import ADAPTER_KINDS, Facts, Format, Header, Kind
from hubman.core.verdict import Judgement, Verdict
from hubman.errors import N_, HubmanError, NotFoundError, UsageError
from hubman.store.door import Store
from hubman.store.reader import Reader, open_reader

GOOD = (Verdict.OK, Verdict.WEAK)
BASE_KINDS = (Kind.CHECKPOINT,)


def choose_adapters(reader: Reader, words: Sequence[str], now_ns: int) -> list[ModelFile]:
    """Return what is to be validated: the models named, else the hits of the query, else every adapter.

    Files that are broken or would run code count as adapters where they lie in an adapter's folder: they get the
    verdict `corrupt` or `unsafe` and are never skipped in silence.

    Raises:
        NotFoundError: `nothing-to-validate`. ConflictError: `model-ambiguous`.
        UsageError: `not-an-adapter`, a model that was named and that no rendering proves.
    """
    text = query_text(words)
    named = [find_all(reader, word) for word in words]
    if words and all(named):
        chosen = [_provable(find_one(reader, word)) for word in words]
    else:
        chosen = [file for file in reader.search(parse_query(text, now_ns))[1] if is_adapter(file)]
    if not chosen:
        raise NotFoundError(
            "nothing-to-validate",
            N_("No LoRA, embedding or hypernetwork of the library fits {text!r}."),
            hint=N_("`hubman ls type:lora` lists the LoRAs; run `hubman sync` if the files are new."),
            text=text,
        )
    return list({file.file_id: file for file in chosen}.values())


def _provable(file: ModelFile) -> ModelFile:
    if is_adapter(file) or file.failure is not None or file.safety == "unsafe" or file.kind == Kind.UNKNOWN:
        return file
    raise UsageError(
        "not-an-adapter",
        N_("{name} is a {kind}; LoRAs, embeddings and hypernetworks are validated."),
        hint=N_("To prove adapters on it: hubman validate --base {name}"),
        name=file.name,
        kind=file.kind,
    )


def is_adapter(file: ModelFile) -> bool:
    """Say whether a file is something that rendering can prove, or pretends to be by the folder it lies in."""
    if file.kind in ADAPTER_KINDS:
        return True
    folders = {part.lower() for part in file.relpath.split("/")[:-1]} | {os.path.basename(file.root).lower()}
    suspect = file.failure is not None or file.safety == "unsafe" or file.kind == Kind.UNKNOWN
    return suspect and bool(folders & ADAPTER_FOLDERS)


def choose_bases(reader: Reader, named: str | None, now_ns: int) -> list[ModelFile]:
    """Return the checkpoint that `--base` names, else every readable checkpoint of the library.

    Raises:
        UsageError: `not-a-checkpoint`.
    """
    if named is not None:
        base = find_one(reader, named)
        if base.kind not in BASE_KINDS:
            raise UsageError(
                "not-a-checkpoint",
                N_("{name} is a {kind}; an adapter can only be proven on a checkpoint."),
                hint=N_("`hubman ls type:checkpoint` lists them."),
                name=base.name,
                kind=base.kind,
            )
        return [base]
    found = reader.search(parse_query("type:checkpoint", now_ns))[1]
    return [file for file in found if file.failure is None]


class Proving:
    """Validates adapters one after another against the same bases, and records what was found."""

    def __init__(
        self,
        store: Store,
        config: Config,
        bases: Sequence[ModelFile],
        options: ValidateOptions,
        session: RenderSession,
        *,
        record: bool = True,
    ) -> None:
        self._record = record
        self._store = store
        self._session = session
        self._config = config
        self._options = replace(options, out_dir=options.out_dir or str(config.previews))
        self._bases, self.skipped = _readable(bases, required=options.base_given)
        with open_reader(store.path) as reader:
            self._policies = {root.id: root.sidecars for root in reader.roots()}

    def run(self, files: Sequence[ModelFile]) -> Iterator[Validation]:
        """Yield one Validation per file, each recorded before it is yielded."""
        for file in files:
            yield self.prove(file)

    def prove(self, file: ModelFile) -> Validation:
        """Validate one file, record its verdict, and write its preview beside it where the root asks for that."""
        try:
            adapter = read_adapter(file)
        except (HubmanError, OSError) as error:
            result = _corrupt(file, error)
        else:
            result = validate_adapter(adapter, self._bases, self._options, self._session)
        return self._keep(file, result) if self._record else result

    def _keep(self, file: ModelFile, result: Validation) -> Validation:
        """Make the preview, then record verdict and preview together."""
        policy = self._policies.get(file.root_id, SidecarPolicy.OFF)
        options = PreviewOptions.of(self._options, self._config)
        result = make_preview(self._store, self._config, file, result, self._session, options, sidecars=policy)
        with self._store.writer() as writer:
            subject = file.hashes.sha256 if file.hashes else file.alias
            base = result.base.sha256 if result.base else None
            writer.record_verdict(subject, base, result.to_json(), result.preview)
        return result


def _readable(bases: Sequence[ModelFile], *, required: bool) -> tuple[list[BaseFile], list[str]]:
    """Return the bases whose header can be read, and the paths of those that cannot (raised when it is `--base`)."""
    found: list[BaseFile] = []
    skipped: list[str] = []
    for base in bases:
        try:
            found.append(read_base(base))
        except (HubmanError, OSError):
            if required:
                raise
            skipped.append(base.path)
    return found, skipped


def read_adapter(file: ModelFile) -> AdapterFile:
    """Read the file's header anew: a verdict is about the bytes that are there now."""
    header = formats.read_header(file.path)
    weight = file.sidecar.get("weight")
    return AdapterFile(
        path=file.path,
        id=file.id,
        sha256=file.hashes.sha256 if file.hashes else "",
        name=file.name,
        facts=identify(header, name=file.name),
        header=header,
        triggers=file.triggers,
        weight=float(weight) if isinstance(weight, int | float) else None,
    )


def read_base(file: ModelFile) -> BaseFile:
    header = formats.read_header(file.path)
    return BaseFile(
        path=file.path,
        sha256=file.hashes.sha256 if file.hashes else "",
        name=file.name,
        facts=identify(header, name=file.name),
        header=unwrap(header),  # the usual .ckpt is {"state_dict": {...}}
        autov1=file.hashes.autov1 if file.hashes else None,
    )


def _corrupt(file: ModelFile, error: Exception) -> Validation:
    """Turn an unreadable file into a verdict of its own."""
    reference = error.reference if isinstance(error, HubmanError) else "unreadable"
    adapter = AdapterFile(
        file.path,
        file.id,
        file.hashes.sha256 if file.hashes else "",
        file.name,
        Facts(Kind.UNKNOWN),
        Header(Format.UNKNOWN, {}),
    )
    return Validation(adapter, Judgement(Verdict.CORRUPT, reference, str(error)))
