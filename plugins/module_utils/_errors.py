# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one error that the helpers of this collection raise, and how several problems become one line."""

from __future__ import annotations


class GatewayError(Exception):
    """Bad input or a refused change. Its text is one line: what is wrong, where, and what to do."""


def one_line(problems):
    """Join problems to one line.

    Tools answer with line ends and indentation; a failed task shows its message in one line.
    """
    return "; ".join(" ".join(str(problem).split()) for problem in problems)
