"""Check requests of AM.PDP: a message in a file, checked on behalf of a milter (B1.08 to B1.22)."""

import asyncio
import contextlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mailcordon.config.policy_banks import Regime
from mailcordon.config.settings import Settings
from mailcordon.confined_file import open_below, open_directory_below
from mailcordon.errors import ProtocolError, SpoolError
from mailcordon.mail.content import Content
from mailcordon.mail.envelope import Session
from mailcordon.mail.line_ends import with_cr_lf
from mailcordon.mail.reply import Reply
from mailcordon.mail.verdict import Disposition, Outcome
from mailcordon.receive.ampdp_request import CheckRequest
from mailcordon.receive.endpoint import Endpoint
from mailcordon.receive.intake import Intake
from mailcordon.receive.replies import processing_failed, too_big
from mailcordon.receive.spool import Spool

log = logging.getLogger(__name__)

Line = tuple[str, ...]
"""Name and fields of an attribute of the answer."""

_CHUNK = 256 * 1024
_MILTERS_OWN = re.compile(r"(?:af|amavis)[A-Za-z0-9_.-]*")
"""Directories that milters make right in MYHOME."""
_PASSED = frozenset({Disposition.RELAYED, Disposition.RELAYED_TAGGED})


async def check(request: CheckRequest, regime: Regime, endpoint: Endpoint, intake: Intake) -> list[Line]:
    """Have the message checked; the answer. Raises ProtocolError for a path that is not allowed."""
    base = intake.banks.base
    place = confined(request.mail_file, base)
    log_id = intake.new_log_id()
    try:
        regime = intake.banks.for_mail(regime, request.client.addr, request.envelope.sender, named=request.policy_banks)
        result = await _examined(request, regime, endpoint, intake, place, log_id)
    finally:
        if request.removed_by_server:
            await asyncio.to_thread(_remove, *place)
    return [("version_server", "2"), ("log_id", log_id), *_answer(request, result)]


async def _examined(
    request: CheckRequest,
    regime: Regime,
    endpoint: Endpoint,
    intake: Intake,
    place: tuple[Path, PurePosixPath],
    log_id: str,
) -> Outcome | Reply:
    limit = regime.settings.size_limit_for_all
    try:
        content = await asyncio.to_thread(_read, *place, regime.settings)
    except SpoolError as error:
        log.warning("(%s) not taken, the client keeps it: %s", log_id, error)
        return processing_failed(log_id, f"{error.where} FAILED: {error}")
    if limit and content.size > limit:
        size = content.size
        content.close()
        return too_big(size)
    session = Session(
        protocol="AM.PDP",
        peer_addr=endpoint.peer_addr,
        local_addr=endpoint.local_addr,
        local_port=endpoint.local_port,
        policy_banks=regime.path,
        originating=regime.settings.originating,
        client=request.client,
    )
    return await intake.examine(log_id, content, request.envelope, session, client_delivers=request.client_delivers)


def confined(path: PurePosixPath, settings: Settings) -> tuple[Path, PurePosixPath]:
    """The trusted directory and the way from there to the file: it lies in a directory below TEMPBASE, or in one that a
    milter has made in MYHOME (B1.10, B1.11, B21.03). Raises ProtocolError."""
    for top, is_home in ((settings.TEMPBASE, False), (settings.MYHOME, True)):
        with contextlib.suppress(ValueError):
            relative = path.relative_to(top)
            if len(relative.parts) > 1 and (not is_home or _MILTERS_OWN.fullmatch(relative.parts[0])):
                return top, relative
    raise ProtocolError(f"mail_file {str(path)!r} is not in a directory below TEMPBASE")


def _read(top: Path, relative: PurePosixPath, settings: Settings) -> Content:
    """A copy: the client may change its file at any time. Blocks. Raises SpoolError."""
    try:
        descriptor = open_below(top, relative)
        with os.fdopen(descriptor, "rb") as file, Spool(settings.TEMPBASE, settings.spool_memory_limit) as spool:
            for chunk in with_cr_lf(iter(lambda: file.read(_CHUNK), b"")):
                spool.add(chunk)
                if spool.wants_flush:
                    spool.flush()
            return spool.seal()
    except OSError as error:
        raise SpoolError(f"cannot read {top / relative}: {error.strerror}") from error


def _remove(top: Path, relative: PurePosixPath) -> None:
    """The file and its directory (B1.12). Blocks."""
    try:
        parent = open_directory_below(top, relative.parent)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(relative.name, dir_fd=parent)
        finally:
            os.close(parent)
        above = open_directory_below(top, relative.parent.parent)
        try:
            os.rmdir(relative.parent.name, dir_fd=above)
        finally:
            os.close(above)
    except OSError as error:
        log.warning("cannot remove %s: %s", top / relative.parent, error.strerror)


def _answer(request: CheckRequest, result: Outcome | Reply) -> Iterator[Line]:
    """In the order of B1.18 to B1.22."""
    reply = result.reply if isinstance(result, Outcome) else result
    if reply.enhanced:
        yield ("setreply", str(reply.code), reply.enhanced, reply.text)
    if reply.temporary:
        yield from _end("tempfail", 75)
    elif reply.permanent:
        yield from _end("reject", 69)
    elif not isinstance(result, Outcome) or not _continues(request, result):
        yield from _end("discard", 99)
    else:
        yield from _edits(result)
        yield from _end("continue", 0)


def _continues(request: CheckRequest, outcome: Outcome) -> bool:
    return request.client_delivers and any(item.disposition in _PASSED for item in outcome.recipients)


def _end(value: str, status: int) -> Iterator[Line]:
    yield ("return_value", value)
    yield ("exit_code", str(status))


def _edits(outcome: Outcome) -> Iterator[Line]:
    for item in outcome.recipients:
        address = f"<{item.verdict.recipient.address}>"
        if item.disposition not in _PASSED:
            yield ("delrcpt", address)
        elif item.verdict.deliver_to is not None and item.verdict.deliver_to != item.verdict.recipient.address:
            yield ("delrcpt", address)
            yield ("addrcpt", f"<{item.verdict.deliver_to}>")
    for change in outcome.header_changes:
        if change.is_new:
            yield ("insheader", str(change.number), change.name, change.body or "")
        elif change.body is None:
            yield ("delheader", str(change.number), change.name)
        else:
            yield ("chgheader", str(change.number), change.name, change.body)
