"""Fuzzing of the readers: hypothesis in CI, atheris by hand (target.py), what was found in `found`."""
