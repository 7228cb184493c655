"""A decoder that does what the file says: in the decoder processes of tests it stands for one that was taken over."""

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mailcordon.unpack.decoding.decoder import Decoded, Decoder
from mailcordon.unpack.decoding.frames import END, frame
from mailcordon.unpack.decoding.sink import Sink
from mailcordon.unpack.job import Member

BEGINNING = "\0puppet\n"
"""By its first octet libmagic takes it for data."""
_NETWORK = ("127.0.0.1", 9)


class Puppet:
    """Reads lines `COMMAND ARGUMENT`; what each came to is the content of a member with the name of the command."""

    name = "puppet"
    short_types = frozenset({"dat"})

    def find(self) -> str | None:
        """See Decoder."""
        return "/nowhere/puppet"

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder."""
        commands = file.read_text()
        if not commands.startswith(BEGINNING):
            return Decoded.NOT_APPLICABLE
        for line in commands.splitlines()[1:]:
            command, _, argument = line.partition(" ")
            try:
                result = _COMMANDS[command](argument, sink)
            except OSError as error:
                result = f"{type(error).__name__} {error.errno}"
            sink.add(command, [result.encode()])
        return Decoded.DONE


class Absent:
    """Of a kind that no host has."""

    name = "absent"
    short_types = frozenset({"zoo", "gz"})

    def find(self) -> str | None:
        """See Decoder."""
        return None

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder."""
        raise AssertionError("nobody calls it")


def all_decoders() -> Sequence[Decoder]:
    """See registry."""
    return (Puppet(), Absent())


def none() -> Sequence[Decoder]:
    """A registry that fails, as with a library that is missing."""
    raise ImportError("no library")


def _read(path: str, _: Sink) -> str:
    return Path(path).read_text()


def _list(path: str, _: Sink) -> str:
    return " ".join(os.listdir(path))


def _write(path: str, _: Sink) -> str:
    Path(path).write_text("x")
    return "written"


def _run(command: str, _: Sink) -> str:
    done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
    return f"{done.returncode} {done.stdout}{done.stderr}"


def _socket(_: str, __: Sink) -> str:
    with socket.socket() as probe:
        return f"connected {probe.connect_ex(_NETWORK)}"


def _library(call: str, _: Sink) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    name, *arguments = call.split()
    result = getattr(libc, name)(*(ctypes.c_long(int(value)) for value in arguments))
    return f"{result} errno {ctypes.get_errno() if result < 0 else 0}"


def _kill(target: str, _: Sink) -> str:
    os.kill(int(target), signal.SIGTERM)
    return "killed"


def _die(number: str, _: Sink) -> str:
    os.kill(os.getpid(), int(number))
    time.sleep(60)
    return "alive"


def _crash(_: str, __: Sink) -> str:
    ctypes.string_at(0)
    return "alive"


def _hang(_: str, __: Sink) -> str:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True:
        time.sleep(60)


def _leave(mark: str, _: Sink) -> str:
    """Leave a program running."""
    subprocess.Popen(["/bin/sh", "-c", f"sleep 300; : {mark}"])
    return "left"


def _spin(_: str, __: Sink) -> str:
    while True:
        pass


def _eat(_: str, __: Sink) -> str:
    eaten = []
    while True:
        eaten.append(bytearray(64 * 1024 * 1024))


def _fail(_: str, __: Sink) -> str:
    raise RecursionError("hostile text")


def _link(target: str, sink: Sink) -> str:
    path = sink.directory / "p900"
    path.symlink_to(target)
    sink.members.append(Member(f"{sink.location}.{len(sink.members) + 1}", "link", 1, path))
    return "linked"


def _shout(line: str, _: Sink) -> str:
    """Write to every descriptor there is, as if it were the decoder process itself."""
    for octets in (line.encode() + b"\n", frame(END, b"")):
        for descriptor in range(3, 64):
            try:
                os.write(descriptor, octets)
            except OSError:
                continue
    return "shouted"


def _flood(_: str, __: Sink) -> str:
    line = b'["opened", "1", "puppet", true]\n' * 1000
    while True:
        for descriptor in range(3, 64):
            try:
                os.write(descriptor, line)
            except OSError:
                continue


def _members(count: str, sink: Sink) -> str:
    for number in range(int(count)):
        sink.add(f"m{number}", [b"MZ"])
    return "added"


_COMMANDS: dict[str, Callable[[str, Sink], str]] = {
    name.removeprefix("_"): function
    for name, function in list(globals().items())
    if name.startswith("_") and callable(function) and not isinstance(function, type)
}
