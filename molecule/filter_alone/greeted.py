#!/usr/bin/python3
"""Connects to a port of the filter again and again until a file appears; fails when it is refused or not greeted.

Usage: greeted.py PORT STOP_FILE
"""

import json
import socket
import sys
import time
from pathlib import Path

GREETING_TIMEOUT = 60
"""Seconds: a restart of the filter takes a while, and clients wait at the socket meanwhile."""


def greeting(port: int) -> str:
    """The first line that the filter says to a new client, or why there was none."""
    try:
        with socket.create_connection(("127.0.0.1", port), GREETING_TIMEOUT) as connection:
            line = connection.makefile("rb").readline().decode()
            connection.sendall(b"QUIT\r\n")
            return line
    except OSError as error:
        return f"{type(error).__name__}: {error}"


def main(port: int, stop: Path) -> int:
    """The number of greetings, and all that was none, as JSON."""
    greeted = 0
    failures = []
    while not stop.exists():
        line = greeting(port)
        if line.startswith("220 "):
            greeted += 1
        else:
            failures.append(line)
        time.sleep(0.02)
    sys.stdout.write(json.dumps({"greeted": greeted, "failures": failures[:20]}) + "\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))
