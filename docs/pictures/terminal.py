"""Draw what a command prints on a terminal as a PNG: `python docs/pictures/terminal.py OUT.png COLUMNS COMMAND...`

Runs the command in a pseudo-terminal (POSIX only; a development tool), so that colours and widths are those a person
sees, and draws the final text cell by cell with a font that has Chinese.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from wcwidth import wcwidth

FONTS = ("NotoSansMonoCJKsc-Regular.otf", "NotoSansCJK-Regular.ttc", "NotoSansMonoCJK-VF.ttf.ttc")
LATIN = ("DejaVuSansMono.ttf", "LiberationMono-Regular.ttf")
SIZE, CELL, LINE, MARGIN = 22, 13, 30, 24
BACKGROUND, INK, DIM = (24, 26, 31), (222, 224, 228), (134, 140, 150)
COLOURS = {31: (240, 113, 120), 32: (152, 195, 121), 33: (229, 192, 123)}
_SGR = re.compile(r"\x1b\[([0-9;]*)m")


def capture(command: list[str], columns: int) -> str:
    """Return what the command wrote to a terminal of the given width, errors included."""
    pid, master = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS=str(columns), LINES="60")
        os.execvp(command[0], command)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
    written = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        written += piece
    os.waitpid(pid, 0)
    return written.decode("utf-8", "replace").replace("\r\n", "\n")


def settled(text: str) -> list[str]:
    """Return the lines as they stand at the end: what a progress line overwrote is gone."""
    return [line.rpartition("\x1b[2K")[2].rpartition("\r")[2] for line in text.rstrip("\n").split("\n")]


def font(names: tuple[str, ...]) -> ImageFont.FreeTypeFont:
    """Return the first font of a list that the system has."""
    for folder in ("/usr/share/fonts", "/usr/local/share/fonts", str(Path.home() / ".fonts")):
        for name in names:
            for path in Path(folder).rglob(name):
                return ImageFont.truetype(str(path), SIZE)
    raise SystemExit(f"none of these fonts is installed: {', '.join(names)}")


def draw(lines: list[str], columns: int) -> Image.Image:
    """Draw lines with SGR colours, wide characters over two cells."""
    wide, narrow = font(FONTS), font(LATIN)
    image = Image.new("RGB", (columns * CELL + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN), BACKGROUND)
    pen = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        column, ink, bold = 0, INK, False
        for position, part in enumerate(_SGR.split(line)):
            if position % 2:
                ink, bold = _style([int(code or 0) for code in part.split(";")], ink, bold)
                continue
            for character in part:
                place = (MARGIN + column * CELL, MARGIN + row * LINE + SIZE)
                pen.text(place, character, fill=ink, font=wide if wcwidth(character) == 2 else narrow, anchor="ls",
                         stroke_width=0.4 if bold else 0)  # fmt: skip
                column += max(0, wcwidth(character))
    return image


def _style(codes: list[int], ink: tuple[int, int, int], bold: bool) -> tuple[tuple[int, int, int], bool]:
    for code in codes:
        if code == 0:
            ink, bold = INK, False
        elif code == 1:
            bold = True
        elif code == 2:
            ink = DIM
        else:
            ink = COLOURS.get(code, ink)
    return ink, bold


if __name__ == "__main__":
    output, width, *program = sys.argv[1:]
    draw(settled(capture(program, int(width))), int(width)).save(output, optimize=True)
