"""Makes `tests/corpora/generated.jsonl.xz`: headers of many model classes, each labelled with what it is.

No weights are made: upstream classes are built on torch's meta device and only their names and shapes are written down.
Run as `python -m tests.corpora.generate` with the packages of `VERSIONS` installed: no GPU, no network.
"""

VERSIONS = {
    "torch": "2.13.0",
    "diffusers": "0.42.1",
    "transformers": "5.23.0",
    "peft": "0.21.2",
    "lycoris-lora": "4.1.3",
    "spandrel": "0.4.2",
    "spandrel_extra_arches": "0.2.0",
}
