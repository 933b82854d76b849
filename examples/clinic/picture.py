#!/usr/bin/env python3
"""Takes the picture of the README: runs the main job on a terminal of 80 columns, and draws what was to be seen there.

    cargo build --release -p carium-cli
    python3 -m venv target/picture
    target/picture/bin/pip install --require-hashes -r examples/clinic/picture.txt
    target/picture/bin/python examples/clinic/picture.py

Writes `docs/onboard.svg`: the command, the bar as it was half-way, and the screen as it was at the end.
"""

import fcntl
import html
import os
import pathlib
import pty
import struct
import sys
import termios

import pyte

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "target/release/carium"
ARGUMENTS = ["--sandbox", "onboard", "examples/clinic/patients.csv", "--documents", "examples/clinic/documents"]
PICTURE = ROOT / "docs/onboard.svg"
COLUMNS, LINES = 80, 24

PAPER, INK = "#1d2430", "#dfe5ee"
COLOURS = {"cyan": "#4fc1d9", "green": "#8bc97f", "red": "#ef7d7d", "brown": "#d9b45b"}
BLOCKS = {"█": 1, "░": 0.25}  # of the bar: done, and not yet
WIDTH, HEIGHT, MARGIN = 8.4, 19, 16  # of a letter, of a line, around


def watched():
    """What was on the screen: the line of the bar as it was half-way, and every line at the end."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        os.execve(PROGRAM, ["carium", *ARGUMENTS], {**os.environ, "TERM": "xterm-256color"})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    bars = []
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not data:
            break
        stream.feed(data)
        for number, text in enumerate(screen.display):
            if " rows, " in text and "/" in text:
                bars.append(cells(screen, number))
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit("the command failed")
    last = [cells(screen, number) for number in range(LINES)]
    while last and not letters(last[-1]).strip():
        last.pop()
    if not bars:
        sys.exit("there was no bar to be seen")
    return min(bars, key=lambda bar: abs(letters(bar).count("█") - letters(bar).count("░"))), last


def letters(line):
    return "".join(letter for letter, _ in line)


def cells(screen, number):
    return [(screen.buffer[number][column].data, screen.buffer[number][column].fg) for column in range(COLUMNS)]


def runs(line):
    """The letters of a line, those of one colour together, each with its column."""
    found = []
    for column, (letter, colour) in enumerate(line):
        if found and found[-1][2] == colour:
            found[-1][1] += letter
        else:
            found.append([column, letter, colour])
    return [(column, text.rstrip(), COLOURS.get(colour, INK)) for column, text, colour in found if text.strip()]


def typed(text):
    return [(letter, "green" if column == 0 else "default") for column, letter in enumerate(text.ljust(COLUMNS))]


def drawn(lines):
    width, height = COLUMNS * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" role="img">'
    yield "<title>carium onboards two hundred invented patients into its sandbox</title>"
    yield f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>'
    yield '<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" xml:space="preserve">'
    for number, line in enumerate(lines):
        baseline = MARGIN + number * HEIGHT + 14
        for column, text, colour in runs(line):
            at, length = MARGIN + column * WIDTH, len(text) * WIDTH
            if set(text) <= set(BLOCKS):
                # Not every font has these as wide as letters.
                for block, opacity in BLOCKS.items():
                    first, count = column + text.find(block), text.count(block)
                    if count:
                        yield (
                            f'<rect x="{MARGIN + first * WIDTH:.1f}" y="{baseline - 12}" width="{count * WIDTH:.1f}" '
                            f'height="14" fill="{colour}" fill-opacity="{opacity}"/>'
                        )
                continue
            yield (
                f'<text x="{at:.1f}" y="{baseline}" textLength="{length:.1f}" fill="{colour}">'
                f"{html.escape(text)}</text>"
            )
    yield "</g>"
    yield "</svg>"


def main():
    bar, last = watched()
    command = [typed("$ carium --sandbox onboard examples/clinic/patients.csv \\")]
    command.append(typed("      --documents examples/clinic/documents"))
    PICTURE.write_text("\n".join(drawn([*command, bar, *last])) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
