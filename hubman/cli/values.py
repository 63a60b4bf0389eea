"""Words of closed lists that a person meets in tables and messages: states, verbs, kinds. They are English in JSON,
queries and options, and translated where they are read (`words.value`); the list says what they mean, so that
"ok" and "merge" may be other words in another list.
"""

from __future__ import annotations

from hubman.cli.words import C_

VALUES = {
    "kind": (
        C_("kind", "checkpoint"), C_("kind", "diffusion-model"), C_("kind", "lora"), C_("kind", "embedding"),
        C_("kind", "hypernetwork"), C_("kind", "vae"), C_("kind", "controlnet"), C_("kind", "t2i-adapter"),
        C_("kind", "ip-adapter"), C_("kind", "upscaler"), C_("kind", "text-encoder"), C_("kind", "clip-vision"),
        C_("kind", "motion-module"), C_("kind", "face-restorer"), C_("kind", "aesthetic-gradient"),
        C_("kind", "cached-prompt"), C_("kind", "non-image-lora"), C_("kind", "unknown"),
    ),
    "format": (
        C_("format", "safetensors"), C_("format", "pickle"), C_("format", "gguf"), C_("format", "folder"),
        C_("format", "image"), C_("format", "unknown"),
    ),
    "safety": (
        C_("safety", "safe"), C_("safety", "suspicious"), C_("safety", "unsafe"), C_("safety", "not-applicable"),
    ),
    "confidence": (C_("confidence", "certain"), C_("confidence", "likely"), C_("confidence", "guess")),
    "verdict": (
        C_("verdict", "ok"), C_("verdict", "weak"), C_("verdict", "no-effect"), C_("verdict", "partial"),
        C_("verdict", "incompatible-base"), C_("verdict", "broken"), C_("verdict", "corrupt"),
        C_("verdict", "unsafe"), C_("verdict", "unsupported"), C_("verdict", "no-base"), C_("verdict", "error"),
    ),
    "trouble": (
        C_("trouble", "rot"), C_("trouble", "truncated"), C_("trouble", "changed"), C_("trouble", "gone"),
        C_("trouble", "unreadable"), C_("trouble", "claim-false"),
    ),
    "layout": (
        C_("layout", "webui"), C_("layout", "comfy"), C_("layout", "swarm"), C_("layout", "sdnext"),
        C_("layout", "stability-matrix"), C_("layout", "fooocus"), C_("layout", "invoke"),
        C_("layout", "huggingface"), C_("layout", "flat"), C_("layout", "inbox"),
    ),
    "sidecars": (C_("sidecars", "off"), C_("sidecars", "missing"), C_("sidecars", "merge")),
    "state": (
        C_("state", "ok"), C_("state", "read-only"), C_("state", "unreachable"),  # of a root
        C_("state", "planned"), C_("state", "done"), C_("state", "failed"), C_("state", "undone"),  # of an action
        C_("state", "for good"),  # why it cannot be undone
        C_("state", "offline"), C_("state", "hub-unreachable"), C_("state", "hub-certificate"),  # of a hub
        C_("state", "hub-slow"), C_("state", "hub-busy"), C_("state", "hub-failed"), C_("state", "hub-challenge"),
        C_("state", "hub-answer"), C_("state", "answer-too-large"), C_("state", "redirect-refused"),
        C_("state", "token-refused"), C_("state", "login-needed"), C_("state", "access-refused"),
        C_("state", "region-blocked"), C_("state", "not-on-hub"),
    ),
    "verb": (
        C_("verb", "mv"), C_("verb", "rm"), C_("verb", "restore"), C_("verb", "empty"), C_("verb", "add"),
        C_("verb", "pull"), C_("verb", "forget"), C_("verb", "note"), C_("verb", "tag"), C_("verb", "fav"),
        C_("verb", "rate"), C_("verb", "triggers"), C_("verb", "preview"), C_("verb", "sidecars"), C_("verb", "undo"),
    ),
    "what": (  # was asked of a hub, where it is not named
        C_("what", "a model"), C_("what", "its models"), C_("what", "models"), C_("what", "a version"),
        C_("what", "versions by hash"), C_("what", "a version by AutoV3"), C_("what", "numbers by hash"),
        C_("what", "a hash"), C_("what", "a search"), C_("what", "a download"), C_("what", "the account"),
        C_("what", "your account"), C_("what", "whoami"), C_("what", "users/me"), C_("what", "a page"),
        C_("what", "a tree"), C_("what", "its front page"), C_("what", "its table of models"),
    ),
    "fact": (
        C_("fact", "format"), C_("fact", "kind"), C_("fact", "architecture"), C_("fact", "candidates"),
        C_("fact", "lineage"), C_("fact", "lineage_candidates"), C_("fact", "algorithm"), C_("fact", "variant"),
        C_("fact", "precision"), C_("fact", "tensors"), C_("fact", "parameters"), C_("fact", "rank"),
        C_("fact", "alpha"), C_("fact", "vectors"), C_("fact", "trained"), C_("fact", "prediction_type"),
        C_("fact", "safety"), C_("fact", "confidence"), C_("fact", "negative"), C_("fact", "metadata"),
        C_("fact", "layer_structure"),
    ),
}  # fmt: skip
"""List -> its words, each marked for the catalogue."""
