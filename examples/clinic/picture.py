#!/usr/bin/env python3
"""Creates the screenshot of the README: runs `carium onboard` in a pseudo-terminal of 80 columns and draws its screen.

    cargo build --release -p carium-cli
    python3 -m venv target/picture
    target/picture/bin/pip install --require-hashes -r examples/clinic/picture.txt
    target/picture/bin/python examples/clinic/picture.py

Writes `docs/onboard.svg`: the command, the progress bar at about one half, and the screen at the end.
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

BACKGROUND, FOREGROUND = "#1d2430", "#dfe5ee"
COLORS = {"cyan": "#4fc1d9", "green": "#8bc97f", "red": "#ef7d7d", "brown": "#d9b45b"}
BLOCKS = {"█": 1, "░": 0.25}  # the parts of the bar, and their opacity
CHARACTER_WIDTH, LINE_HEIGHT, MARGIN = 8.4, 19, 16


def run_in_terminal():
    """Runs the command. Returns the line of the progress bar at about one half, and all lines of the screen at the end."""
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
        except OSError:  # on Linux, the other end is closed
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
    while last and not text_of(last[-1]).strip():
        last.pop()
    if not bars:
        sys.exit("the progress bar was not drawn")
    return min(bars, key=lambda bar: abs(text_of(bar).count("█") - text_of(bar).count("░"))), last


def text_of(line):
    return "".join(character for character, _ in line)


def cells(screen, number):
    return [(screen.buffer[number][column].data, screen.buffer[number][column].fg) for column in range(COLUMNS)]


def color_spans(line):
    """Splits a line into runs of one color: tuples of column, text and color."""
    spans = []
    for column, (character, color) in enumerate(line):
        if spans and spans[-1][2] == color:
            spans[-1][1] += character
        else:
            spans.append([column, character, color])
    return [(column, text.rstrip(), COLORS.get(color, FOREGROUND)) for column, text, color in spans if text.strip()]


def prompt_line(text):
    return [(character, "green" if column == 0 else "default") for column, character in enumerate(text.ljust(COLUMNS))]


def svg(lines):
    width, height = COLUMNS * CHARACTER_WIDTH + 2 * MARGIN, len(lines) * LINE_HEIGHT + 2 * MARGIN
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" role="img">'
    yield "<title>carium onboards two hundred invented patients into its sandbox</title>"
    yield f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>'
    yield '<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" xml:space="preserve">'
    for number, line in enumerate(lines):
        baseline = MARGIN + number * LINE_HEIGHT + 14
        for column, text, color in color_spans(line):
            at, length = MARGIN + column * CHARACTER_WIDTH, len(text) * CHARACTER_WIDTH
            if set(text) <= set(BLOCKS):
                # In some fonts these characters are wider than others, so they are drawn as rectangles.
                for block, opacity in BLOCKS.items():
                    first, count = column + text.find(block), text.count(block)
                    if count:
                        yield (
                            f'<rect x="{MARGIN + first * CHARACTER_WIDTH:.1f}" y="{baseline - 12}" width="{count * CHARACTER_WIDTH:.1f}" '
                            f'height="14" fill="{color}" fill-opacity="{opacity}"/>'
                        )
                continue
            yield (
                f'<text x="{at:.1f}" y="{baseline}" textLength="{length:.1f}" fill="{color}">'
                f"{html.escape(text)}</text>"
            )
    yield "</g>"
    yield "</svg>"


def main():
    bar, last = run_in_terminal()
    command = [prompt_line("$ carium --sandbox onboard examples/clinic/patients.csv \\")]
    command.append(prompt_line("      --documents examples/clinic/documents"))
    PICTURE.write_text("\n".join(svg([*command, bar, *last])) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
