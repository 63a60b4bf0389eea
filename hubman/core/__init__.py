"""Values and pure decisions: no clock, no disk, no network, no SQL."""
