"""CivArchive."""
