"""Copy a text: the system's clipboard through pyperclip, else the terminal's own (OSC 52), which works over SSH."""

from __future__ import annotations

import base64
import sys


def copy(text: str) -> bool:
    """Copy a text; False when neither a clipboard nor a terminal is there."""
    import pyperclip

    try:
        pyperclip.copy(text)
    except (pyperclip.PyperclipException, OSError, UnicodeError):
        return _through_terminal(text)
    return True


def _through_terminal(text: str) -> bool:
    if not sys.stderr.isatty():
        return False
    sys.stderr.write(f"\x1b]52;c;{base64.b64encode(text.encode(errors='replace')).decode()}\x07")
    sys.stderr.flush()
    return True
