"""Faults made on purpose: processes killed at any moment, many at once, disks that fill up."""
