"""The file system: walk, stat, hash, place. Model files are read-only to hubman."""
