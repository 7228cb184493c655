"""What a process that opens hostile files may still do: next to nothing outside its directory (features 18.01, 18.12).

Everything here is inherited by the programs that such a process starts, and nothing of it needs privileges. A kernel
may lack any of it; then the rest has to do, and the start log says so.
"""

import contextlib
import ctypes
import errno
import os
import resource
import struct
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS = ("no_new_privs", "rlimits", "Landlock", "seccomp")
"""Kinds of confinement, in the order in which they are laid on."""
OPEN_FILES = 256
PROCESSES = 4096
"""Processes and threads of the account, all others of the daemon included; the real bound is the time."""

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_READABLE = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives")
_READABLE_FILES = (
    *("/etc/magic", "/etc/magic.mime", "/etc/localtime", "/dev/zero", "/dev/urandom", "/dev/random"),
    "/etc/nsswitch.conf",  # unar gives up when it cannot ask who it is; the answer "nobody" is enough
)
_NULL = "/dev/null"

# Landlock (linux/landlock.h). The numbers of the calls are the same on all architectures.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_RULE_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG, _MAKE_SYM = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 12
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FIRST_RIGHTS = (1 << 13) - 1
_RIGHTS_SINCE = {2: _REFER, 3: _TRUNCATE, 5: _IOCTL_DEV}
_ALL_TCP = 1 << 0 | 1 << 1
_ALL_SCOPES = 1 << 0 | 1 << 1
"""Abstract unix sockets and signals: only within the confined processes."""
_FOR_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READ = _EXECUTE | _READ_FILE | _READ_DIR
# No sockets, pipes or devices: archives ask for them, nobody needs them (B13.06).
_OWN = (
    _READ_FILE | _WRITE_FILE | _READ_DIR | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _MAKE_SYM
    | _REFER | _TRUNCATE
)  # fmt: skip

_FORBIDDEN_CALLS = (
    # Talking to anybody.
    "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4",
    # Reaching into other processes, or leaving the process group by which all are ended.
    "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "pidfd_send_signal", "kcmp", "setpgid", "setsid",
    "perf_event_open",
    # Calls that this filter would not see.
    "io_uring_setup", "io_uring_enter", "io_uring_register",
    # The kernel's large surfaces.
    "bpf", "userfaultfd", "keyctl", "add_key", "request_key", "init_module", "finit_module", "delete_module",
    "kexec_load", "kexec_file_load", "quotactl", "quotactl_fd", "lookup_dcookie", "name_to_handle_at",
    "open_by_handle_at", "fanotify_init", "modify_ldt", "ioperm", "iopl", "vhangup",
    # Another view of the file system.
    "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick",
    "mount_setattr", "unshare", "setns", "mknod", "mknodat", "swapon", "swapoff", "acct",
    # Another identity.
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups", "capset",
    # The host itself.
    "reboot", "sethostname", "setdomainname", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "syslog",
)  # fmt: skip
_NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
_TIOCSTI = 0x5412


@dataclass(frozen=True, slots=True)
class Given:
    """What confinement the kernel gave."""

    kinds: tuple[str, ...]
    missing: tuple[str, ...]
    """Each with the reason."""


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """Limits of each single process."""

    memory: int
    """Octets of address space."""
    file_size: int
    """Octets of one file."""
    seconds: int
    """Of processor time."""


class Confinement:
    """Prepared once with everything loaded that it needs; `enter` then confines the process that calls it, for good."""

    def __init__(self, *, readable: Iterable[str] = ()) -> None:
        """`readable`: directories with code, beside those of the system."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._readable = (*_READABLE, *readable)
        self._filter, self._no_filter = _seccomp_filter()

    def enter(self, own: Path, limits: ProcessLimits) -> Given:
        """From now on this process may write below `own` only. Never raises for what the kernel does not offer."""
        kinds: list[str] = []
        missing: list[str] = []
        steps: Sequence[Callable[[], str]] = (
            self._no_new_privs,
            lambda: _set_limits(limits),
            lambda: self._landlock(own),
            self._seccomp,
        )
        for kind, step in zip(KINDS, steps, strict=True):
            try:
                kinds.append(step())
            except OSError as error:
                missing.append(f"{kind} ({error.strerror or error})")
        return Given(tuple(kinds), tuple(missing))

    def end_with_parent(self) -> None:
        """The process that calls it is killed when its parent ends."""
        self._libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)

    def _no_new_privs(self) -> str:
        if self._libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise _os_error()
        return "no_new_privs"

    def _seccomp(self) -> str:
        if self._filter is None:
            raise OSError(errno.ENOSYS, self._no_filter)
        self._filter.load()
        return "seccomp"

    # Landlock

    def _landlock(self, own: Path) -> str:
        abi = self._call(_CREATE_RULESET, None, 0, _VERSION)
        rights = _FIRST_RIGHTS
        for since, right in _RIGHTS_SINCE.items():
            rights |= right if abi >= since else 0
        ruleset = self._ruleset(abi, rights)
        try:
            for path in (*self._readable, *_READABLE_FILES):
                self._allow(ruleset, path, rights & _READ)
            self._allow(ruleset, _NULL, rights & (_READ_FILE | _WRITE_FILE))
            self._allow(ruleset, str(own), rights & _OWN)
            self._call(_RESTRICT_SELF, ruleset, 0)
        finally:
            os.close(ruleset)
        return f"Landlock ABI {abi}"

    def _ruleset(self, abi: int, rights: int) -> int:
        attributes = struct.pack("=Q", rights)
        if abi >= 4:
            attributes += struct.pack("=Q", _ALL_TCP)
        if abi >= 6:
            attributes += struct.pack("=Q", _ALL_SCOPES)
        return self._call(_CREATE_RULESET, attributes, len(attributes), 0)

    def _allow(self, ruleset: int, path: str, rights: int) -> None:
        with contextlib.suppress(FileNotFoundError, PermissionError, NotADirectoryError):
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                wanted = rights if os.path.isdir(path) else rights & _FOR_FILES
                self._call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, struct.pack("=Qi", wanted, descriptor), 0)
            finally:
                os.close(descriptor)

    def _call(self, number: int, *arguments: Any) -> int:
        widened = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
        result: int = self._libc.syscall(ctypes.c_long(number), *widened)
        if result < 0:
            raise _os_error()
        return result


def code_directories() -> list[str]:
    """Where this interpreter finds modules; they may be loaded after the process is confined."""
    found = [sys.prefix, sys.base_prefix, *sys.path]
    return [path for path in dict.fromkeys(found) if os.path.isabs(path)]


def _set_limits(limits: ProcessLimits) -> str:
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: limits.memory,
        resource.RLIMIT_FSIZE: limits.file_size,
        resource.RLIMIT_CPU: limits.seconds,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_NPROC: PROCESSES,
    }
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
    return "rlimits"


def _seccomp_filter() -> tuple[Any, str]:
    """The filter, not loaded yet; None and the reason where there can be none."""
    try:
        import pyseccomp  # looks for libseccomp at once, which only decoder processes need
    except (ImportError, OSError, RuntimeError) as error:
        return None, str(error)
    try:
        return _build(pyseccomp), ""
    except OSError as error:
        return None, error.strerror or str(error)


def _build(pyseccomp: Any) -> Any:
    refused = pyseccomp.ERRNO(errno.EPERM)
    built = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in _FORBIDDEN_CALLS:
        # Not every architecture and library knows each of them.
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            built.add_rule(refused, name)
    for flag in _NAMESPACES:
        built.add_rule(refused, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))
    # Its flags lie in memory, where no filter sees them; without it the C library takes clone.
    built.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    built.add_rule(refused, "ioctl", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, 0xFFFFFFFF, _TIOCSTI))
    built.add_rule(refused, "prlimit64", pyseccomp.Arg(0, pyseccomp.NE, 0))
    return built


def _os_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
