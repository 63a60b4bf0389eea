"""Use cases, one file each: they sequence the adapters. No parsing, no SQL, no HTML here."""
