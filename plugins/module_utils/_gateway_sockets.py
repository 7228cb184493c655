# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who listens on which address: /proc/net and the open files of the processes."""

from __future__ import annotations

import binascii
import os
import socket
import struct

_LISTEN = "0A"
_ACCEPTS_CONNECTIONS = 0x10000


def parse_tcp(text, family):
    """The listening sockets in /proc/net/tcp or tcp6: [(address, port, inode)]."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTEN:
            address, dummy, port = fields[1].partition(":")
            found.append((_address(address, family), int(port, 16), fields[9]))
    return found


def parse_unix(text):
    """The listening sockets with a path in /proc/net/unix: [(path, inode)]."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split(None, 7)
        if len(fields) == 8 and int(fields[3], 16) & _ACCEPTS_CONNECTIONS and fields[7].startswith("/"):
            found.append((fields[7], fields[6]))
    return found


def is_loopback(address):
    """Whether only this host reaches the address."""
    return address.startswith(("127.", "::ffff:127.")) or address == "::1"


def owners():
    """The names of the processes that hold each socket: inode -> names in order. What may not be read is left out."""
    found = {}
    for pid in os.listdir("/proc"):
        if not pid.isdigit():
            continue
        try:
            with open("/proc/%s/comm" % pid) as handle:
                name = handle.read().strip()
            numbers = os.listdir("/proc/%s/fd" % pid)
        except OSError:
            # It has ended meanwhile, or it belongs to somebody else.
            continue
        for number in numbers:
            link = _link("/proc/%s/fd/%s" % (pid, number))
            if link.startswith("socket:["):
                found.setdefault(link[len("socket:["):-1], set()).add(name)
    return dict((inode, sorted(names)) for inode, names in found.items())


def read_sockets(inspector, unix_paths):
    """All listening TCP sockets, and the unix sockets among the given paths."""
    holders = owners()
    found = []
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for address, port, inode in parse_tcp(_read("/proc/net/" + name), family):
            found.append(
                dict(
                    protocol=name,
                    address=address,
                    port=port,
                    path=None,
                    loopback=is_loopback(address),
                    processes=holders.get(inode, []),
                )
            )
    for path, inode in parse_unix(_read("/proc/net/unix")):
        if os.path.realpath(path) in [os.path.realpath(wanted) for wanted in unix_paths]:
            found.append(
                dict(protocol="unix", address=None, port=None, path=path, loopback=True, processes=holders.get(inode, []))
            )
    return sorted(found, key=lambda entry: (entry["protocol"], entry["port"] or 0, entry["address"] or entry["path"]))


def _address(text, family):
    """An address as /proc writes it: words of 32 bits in the order of this machine's bytes."""
    words = struct.unpack(">%dI" % (len(text) // 8), binascii.unhexlify(text))
    return socket.inet_ntop(family, struct.pack("=%dI" % len(words), *words))


def _link(path):
    try:
        return os.readlink(path)
    except OSError:
        # Closed meanwhile.
        return ""


def _read(path):
    try:
        with open(path) as handle:
            return handle.read()
    except FileNotFoundError:
        # A host without IPv6 has no tcp6.
        return ""
