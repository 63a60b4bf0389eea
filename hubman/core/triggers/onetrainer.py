"""Words in OneTrainer's configuration, which it stores whole when asked to (`ot_config`, Nerogar/OneTrainer #177).

Its captions lie in files beside the pictures and are not stored, so a concept's name alone is no trigger: it must come
back in the sample prompts or in the name of the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hubman.core.general_words import is_general, is_sentence
from hubman.core.triggers.training import parsed, text
from hubman.core.triggers.words import squeeze
from hubman.core.types import Trigger

EMBEDDING = 0.88
IN_PROMPTS = 0.6
IN_NAME = 0.45
DEFAULT_PLACEHOLDER = "<embedding>"


def from_onetrainer(metadata: Mapping[str, object]) -> Iterator[Trigger]:
    """Yield placeholders of embeddings that were trained along, and concepts that other fields confirm."""
    config = parsed(metadata.get("ot_config", "")) if "ot_config" in metadata else None
    if not isinstance(config, dict):
        return
    for embedding in _records(config.get("additional_embeddings")):
        placeholder = text(embedding.get("placeholder"))
        if placeholder and placeholder != DEFAULT_PLACEHOLDER and embedding.get("train") is not False:
            yield Trigger(placeholder, "header", None, EMBEDDING)
    prompts = [text(sample.get("prompt")).casefold() for sample in _records(config.get("samples"))]
    output = squeeze(re.split(r"[/\\]", text(config.get("output_model_destination")))[-1].rpartition(".")[0])
    for concept in _records(config.get("concepts")):
        if concept.get("enabled") is False or concept.get("type") in ("VALIDATION", "PRIOR_PREDICTION"):
            continue
        for word in _words_of(concept):
            if any(re.search(rf"(?<!\w){re.escape(word.casefold())}(?!\w)", prompt) for prompt in prompts):
                yield Trigger(word, "header", None, IN_PROMPTS)
            elif len(squeeze(word)) >= 4 and squeeze(word) in output:
                yield Trigger(word, "header", None, IN_NAME)


def _records(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _words_of(concept: Mapping[str, object]) -> list[str]:
    """The concept's name, and the name of the file that holds its prompts."""
    settings = concept.get("text")
    words = [text(concept.get("name"))]
    if isinstance(settings, dict) and settings.get("prompt_source") == "concept":
        words.append(re.split(r"[/\\]", text(settings.get("prompt_path")))[-1].removesuffix(".txt"))
    return [word for word in words if len(word) > 2 and not is_general(word) and not is_sentence(word)]
