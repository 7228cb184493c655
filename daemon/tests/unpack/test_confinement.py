"""What hostile octets reach from a decoder process, and from the programs it starts: probed inside such a process."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from unpacking import PUPPETS, MakeMail, MakeSettings, Result, let_puppets_be_found, puppet, through, unpacker

from mailcordon.unpack.confinement import Confinement, Given, ProcessLimits, code_directories

FIRST_WITH_SIGNALS = 6
"""Version of Landlock."""
LIMITS = ProcessLimits(memory=1 << 30, file_size=1 << 20, seconds=60)


@pytest.fixture(autouse=True)
def _puppets(monkeypatch: pytest.MonkeyPatch) -> None:
    let_puppets_be_found(monkeypatch)


@pytest.fixture
def landlock(tmp_path: Path) -> int:
    """Version of what the kernel has; without it the test means nothing."""
    given = in_child(Confinement(), tmp_path)
    versions = [int(kind.split()[-1]) for kind in given.kinds if kind.startswith("Landlock")]
    if not versions:
        pytest.skip(f"this kernel lacks {', '.join(given.missing)}")
    return versions[0]


async def probed(make_settings: MakeSettings, make_mail: MakeMail, *commands: str) -> Result:
    settings = make_settings()
    async with unpacker(settings, PUPPETS) as unpacking:
        return await through(unpacking, make_mail(puppet(*commands)), settings)


@pytest.mark.usefixtures("landlock")
async def test_files(make_settings: MakeSettings, make_mail: MakeMail, tmp_path: Path) -> None:
    """Features 18.01, 18.12: not those of the system, of other messages, or of the daemon; programs neither. The twin:
    what programs and libraries need can be read, and its own directory written."""
    secret, other = tmp_path / "secret", tmp_path / "tmp" / "unpack-other"
    other.mkdir(parents=True)
    for path in (secret, other / "p001"):
        path.write_text("secret")
        path.chmod(0o666)
    for path in (tmp_path, tmp_path / "tmp", other):
        path.chmod(0o777)
    found = await probed(
        make_settings,
        make_mail,
        f"read {secret}",
        "list /etc",
        f"list {tmp_path}/tmp",
        f"write {tmp_path}/new",
        f"run cat {other}/p001",
    )
    assert {found.contents[name] for name in ("read", "list", "write")} == {"PermissionError 13"}
    assert found.contents["run"].startswith("1 cat:")
    assert "secret" not in "".join(found.contents.values())
    assert not (tmp_path / "new").exists()
    twin = await probed(make_settings, make_mail, "list /usr/lib", "write p777", "run cat p777")
    assert "Error" not in twin.contents["list"]
    assert (twin.contents["write"], twin.contents["run"]) == ("written", "0 x")


async def test_processes_and_network(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Features 18.01, 18.12: no sockets and no tracing."""
    found = await probed(make_settings, make_mail, "socket", "library ptrace 0 0 0 0")
    assert found.contents["socket"] == "PermissionError 1"
    assert found.contents["library"] == "-1 errno 1"


async def test_signals(make_settings: MakeSettings, make_mail: MakeMail, landlock: int) -> None:
    """Features 18.01: none reaches the daemon. Its twin outside of the confinement dies of it."""
    if landlock < FIRST_WITH_SIGNALS:
        pytest.skip("this kernel's Landlock knows no signals")
    victim = await asyncio.create_subprocess_exec("sleep", "300")
    found = await probed(make_settings, make_mail, f"kill {victim.pid}")
    assert found.contents["kill"] == "PermissionError 1"
    victim.terminate()
    assert await victim.wait() == -signal.SIGTERM


@pytest.mark.parametrize(
    "call",
    [
        "unshare 268435456",
        "setsid",
        "setpgid 0 0",
        "keyctl 0 -3",
        "mount 0 0 0 0 0",
        "process_vm_readv 1 0 0 0 0 0",
        "setns 0 0",
    ],
)
def test_forbidden_calls(call: str, tmp_path: Path) -> None:
    """Features 18.12: each says EPERM, in the process itself and in what it starts."""
    code = (
        "import ctypes, sys; from pathlib import Path; from mailcordon.unpack.confinement import *\n"
        f"print(Confinement(readable=code_directories()).enter(Path({str(tmp_path)!r}), "
        "ProcessLimits(1 << 30, 1 << 20, 60)).missing)\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        f"name, *arguments = {call!r}.split()\n"
        "numbers = {'keyctl': 250, 'process_vm_readv': 310}\n"
        "values = [ctypes.c_long(int(value)) for value in arguments]\n"
        "result = libc.syscall(numbers[name], *values) if name in numbers else getattr(libc, name)(*values)\n"
        "print(result, ctypes.get_errno())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["()", "-1 1"], done.stderr


def in_child(confinement: Confinement, directory: Path) -> Given:
    """What a child is given that confines itself."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        given = confinement.enter(directory, LIMITS)
        os.write(writer, repr((given.kinds, given.missing)).encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as stream:
        kinds, missing = eval(stream.read())
    os.waitpid(child, 0)
    return Given(kinds, missing)


def test_what_a_kernel_lacks_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The rest has to do: without libseccomp everything else is in force."""
    whole = in_child(Confinement(), tmp_path)
    assert [kind.split()[0] for kind in whole.kinds] == ["no_new_privs", "rlimits", "Landlock", "seccomp"]
    assert whole.missing == ()
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    given = in_child(Confinement(), tmp_path)
    assert given.kinds == whole.kinds[:3]
    assert len(given.missing) == 1
    assert given.missing[0].startswith("seccomp (")


def test_only_its_modules_are_readable() -> None:
    """The directory in which the daemon was started is none of them."""
    assert code_directories()
    assert "" not in code_directories()
