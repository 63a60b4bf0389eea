"""Message catalogues: `hubman.pot` (extracted), `<locale>/LC_MESSAGES/hubman.po` (translated) and `.mo` (compiled)."""
