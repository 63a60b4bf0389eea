"""Hugging Face."""
