# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The line format that main.cf and master.cf share (postconf(5), master(5)).

A logical line starts with a non-blank character; lines that start with white space continue it. Lines that are empty
or whose first character is # are comments, also between the lines of one logical line.
"""

from __future__ import annotations


class Block(object):
    """Some physical lines of the file: either comments or one logical line.

    text is the logical line without line ends, None for comments. comments are those inside of the logical line.
    """

    def __init__(self, lines, text=None):
        self.lines = lines
        self.text = text
        self.comments = []

    def replace(self, lines):
        """Put other lines in place of the logical line; comments that stood inside of it follow."""
        self.lines = lines + self.comments
        self.comments = []


def split(text):
    """The blocks of a file, in order."""
    blocks = []
    current = None
    waiting = []
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            waiting.append(line)
        elif line[0] in " \t" and current is not None:
            current.lines.extend(waiting + [line])
            current.comments.extend(waiting)
            current.text += " " + stripped
            waiting = []
        else:
            if waiting:
                blocks.append(Block(waiting))
                waiting = []
            current = Block([line], line.strip())
            blocks.append(current)
    if waiting:
        blocks.append(Block(waiting))
    return blocks


def join(blocks):
    """The text of the blocks."""
    lines = [line for block in blocks for line in block.lines]
    return "\n".join(lines) + "\n" if lines else ""


def word(value):
    """A scalar from a task as Postfix writes it: booleans are yes and no, white space is one blank."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(value).split())
