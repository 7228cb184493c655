# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listening sockets from /proc/net, also the ones that this test opens (features 1.24, 2.46)."""

from __future__ import annotations

import socket
import sys

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _gateway_sockets as gateway_sockets
from ansible_collections.mailcordon.gateway.plugins.module_utils._inspector import Inspector

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LINE = "   0: %s:%04X 00000000:0000 %s 00000000:00000000 00:00000000 00000000     0        0 %d 1 0000000000000000 100 0 0 10 0\n"
little_endian = pytest.mark.skipif(sys.byteorder != "little", reason="the samples are from a little-endian machine")


@little_endian
def test_tcp():
    text = HEADER + LINE % ("0100007F", 10024, "0A", 11) + LINE % ("00000000", 25, "0A", 12) + LINE % ("0100007F", 9, "01", 13)
    assert gateway_sockets.parse_tcp(text, socket.AF_INET) == [("127.0.0.1", 10024, "11"), ("0.0.0.0", 25, "12")]


@little_endian
def test_tcp6():
    text = HEADER + LINE % ("00000000000000000000000001000000", 10025, "0A", 21) + LINE % ("0" * 32, 25, "0A", 22)
    text += LINE % ("B80D01200000000000000000EFBE0000", 80, "0A", 23)
    assert gateway_sockets.parse_tcp(text, socket.AF_INET6) == [("::1", 10025, "21"), ("::", 25, "22"), ("2001:db8::beef", 80, "23")]


def test_unix():
    text = (
        "Num       RefCount Protocol Flags    Type St Inode Path\n"
        "ffff: 00000002 00000000 00010000 0001 01 31 /run/clamav/clamd.ctl\n"
        "ffff: 00000003 00000000 00000000 0001 03 32 /run/clamav/clamd.ctl\n"
        "ffff: 00000002 00000000 00010000 0001 01 33 @abstract\n"
        "ffff: 00000002 00000000 00010000 0001 01 34\n"
        "ffff: 00000002 00000000 00010000 0001 01 35 /run/with blank\n"
    )
    assert gateway_sockets.parse_unix(text) == [("/run/clamav/clamd.ctl", "31"), ("/run/with blank", "35")]


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("0.0.0.0", False), ("::", False), ("10.0.0.1", False)],
)
def test_loopback(address, loopback):
    assert gateway_sockets.is_loopback(address) is loopback


def test_our_own_sockets_are_seen(tmp_path):
    """On the real /proc."""
    path = str(tmp_path / "listener")
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen(1)
        unix.bind(path)
        unix.listen(1)
        with open("/proc/self/comm") as handle:
            own = handle.read().strip()
        found = gateway_sockets.read_sockets(Inspector(timeout=5), [path, "/run/none"])
        port = tcp.getsockname()[1]
        assert [entry for entry in found if entry["port"] == port] == [
            dict(protocol="tcp", address="127.0.0.1", port=port, path=None, loopback=True, processes=[own])
        ]
        assert [entry["path"] for entry in found if entry["protocol"] == "unix"] == [path]
    assert not any(entry["port"] == port for entry in gateway_sockets.read_sockets(Inspector(timeout=5), [path]))
