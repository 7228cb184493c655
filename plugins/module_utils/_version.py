# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The version of this collection. Modules cannot read galaxy.yml on the hosts; a test keeps the two equal."""

from __future__ import annotations

COLLECTION_VERSION = "0.1.0"
