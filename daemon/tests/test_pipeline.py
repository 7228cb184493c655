"""The way of a message through all rooms, as far as no single room knows of it (contract B4.03, B3.02, B8.08)."""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.recipient_fields import Asked, Ratings, Row
from mailcordon.config.settings import Settings
from mailcordon.errors import ScannerError, TemporaryError
from mailcordon.mail.category import Category, Major
from mailcordon.mail.envelope import Client, Session
from mailcordon.mail.message import Mail
from mailcordon.mail.signature import Signature
from mailcordon.pipeline import Inspection, Pipeline
from samples import eicar, plain
from servers import Clamd

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]
BOB, EVE = "bob@example.test", "eve@example.test"
SIGNED = (Signature("sender.example", is_valid=True, key_bits=2048),)


async def inspected(settings: Settings, mail: Mail, fields: Any = None) -> Inspection:
    """The mail on its way through a new pipeline."""
    pipeline = Pipeline(PolicyBanks(settings), fields)
    try:
        return await pipeline.inspect(mail)
    finally:
        await pipeline.close()


async def test_bank_of_a_verified_author(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Contract B4.05, features 10.02: loaded before the checks, and shown in the log; not without a signature."""
    settings = make_settings(
        author_to_policy_bank={"hash": {"sender.example": "APPROVED"}},
        policy_bank={"APPROVED": {"allowed_added_header_fields": {"X-Amavis-Category": True}}},
    )
    mail = make_mail(b"From: alice@sender.example\r\n\r\nx\r\n")
    signed = await inspected(settings, replace(mail, signatures=SIGNED))
    assert signed.mail.session.policy_banks == ("APPROVED",)
    assert "X-Amavis-Category" in dict(signed.verdicts[0].edits.prepend)
    assert signed.findings.signatures == SIGNED
    unsigned = await inspected(settings, mail)
    assert unsigned.mail.session.policy_banks == ()
    assert "X-Amavis-Category" not in dict(unsigned.verdicts[0].edits.prepend)


async def test_bank_of_a_virus(make_settings: MakeSettings, make_mail: MakeMail, clamd: Clamd) -> None:
    """Contract B4.03, B14.05: loaded once the virus is known; recipients are looked up anew."""
    settings = make_settings(
        bypass_virus_checks=False,
        av_scanners=[{"name": "clamd", "protocol": "clamd", "socket": clamd.path}],
        virus_name_to_policy_bank={"regexp": [["(?i)eicar", True]]},
        policy_bank={"VIRUS": {"virus_lovers": {"hash": {"lab@example.test": True}}, "final_virus_destiny": "reject"}},
    )
    octets = b"From: a@b.test\r\n\r\n" + eicar() + b"\r\n"
    found = await inspected(settings, make_mail(octets, recipients=["lab@example.test", "bob@example.test"]))
    assert found.mail.session.policy_banks == ("VIRUS",)
    lab, bob = found.verdicts
    assert (lab.blocking, bob.blocking, bob.destiny.name) == (None, Category(Major.VIRUS), "REJECT")
    clean = await inspected(settings, make_mail(plain()))
    assert clean.mail.session.policy_banks == ()


class _Rows:
    def __init__(self, *rows: Row) -> None:
        self._rows = rows

    async def rows(self, recipients: Sequence[Asked]) -> Sequence[Sequence[Row]]:
        if not self._rows:
            raise TemporaryError("data base: no connection")
        return [self._rows for _ in recipients]

    async def ratings(self, found: Sequence[Sequence[Row]], senders: Sequence[Asked]) -> Sequence[Ratings]:
        return [{} for _ in found]


async def test_fields_of_a_data_base(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Contract B3.02: they judge the mail; without an answer it waits."""
    row = {"email": "@.", "virus_lover": "Y", "spam_kill_level": 3}
    found = await inspected(make_settings(), make_mail(plain()), _Rows(row))
    assert found.verdicts[0].kill_level == 3
    assert found.policies[0].loves(Category(Major.VIRUS))
    with pytest.raises(TemporaryError, match="no connection"):
        await inspected(make_settings(), make_mail(plain()), _Rows())


async def test_bypass_decode_parts(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Features 10.06: the mail is one part; as packaged it is taken apart."""
    head = b"From: a@b.test\r\nDate: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    octets = head + b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n"
    whole = await inspected(make_settings(bypass_decode_parts=True), make_mail(octets))
    assert [(part.location, part.body_start, part.end) for part in whole.root.walk()] == [("1", len(head), len(octets))]
    assert whole.findings.found == ()
    apart = await inspected(make_settings(), make_mail(octets))
    assert [part.location for part in apart.root.walk()] == ["1", "1.1", "1.2"]


async def test_listed_senders_are_logged(
    make_settings: Callable[..., Settings], make_mail: Callable[..., Mail], caplog: pytest.LogCaptureFixture
) -> None:
    """Contract B8.08, features 8.06: for each recipient whose lists say anything; the twin is listed by nobody."""
    settings = make_settings(
        blacklist_sender=["spammer.example"],
        per_recip_whitelist_sender_lookup_tables={"hash": {BOB: ["spammer.example"]}},
        score_sender={"hash": {EVE: {"hash": {"soft.example": -1.8, "spammer.example": 2.5}}}},
    )
    pipeline = Pipeline(PolicyBanks(settings))
    with caplog.at_level(logging.INFO):
        for domain in ("spammer.example", "soft.example", "other.example"):
            await pipeline.inspect(make_mail(plain(), sender=f"a@{domain}", recipients=[BOB, EVE]))
    await pipeline.close()
    assert [line for line in caplog.messages if "wbl:" in line] == [
        f"(04711-01) wbl: whitelisted sender <a@spammer.example> => <{BOB}>",
        f"(04711-01) wbl: blacklisted sender <a@spammer.example> => <{BOB}>",
        f"(04711-01) wbl: blacklisted sender <a@spammer.example> => <{EVE}>",
        f"(04711-01) wbl: soft-blacklisted (2.5) sender <a@spammer.example> => <{EVE}>",
        f"(04711-01) wbl: soft-whitelisted (-1.8) sender <a@soft.example> => <{EVE}>",
    ]


async def test_question_about_the_client_ends_with_its_mail(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Contract B16.10: whether the checks succeed or fail, nobody goes on waiting for p0f."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        p0f = {"os_fingerprint_method": f"p0f:127.0.0.1:{silent.getsockname()[1]}", "os_fingerprint_timeout": 5}
        dead = [{"name": "clamd", "protocol": "clamd", "socket": "/nowhere"}]
        mail = make_mail(plain(), session=Session(client=Client(addr="192.0.2.7", port=4711)))
        # Its recipient's own settings are looked up while the question is under way.
        with pytest.raises(TemporaryError, match="no connection"):
            await inspected(make_settings(**p0f), mail, _Rows())
        with pytest.raises(ScannerError):
            await inspected(make_settings(**p0f, bypass_virus_checks=False, av_scanners=dead), mail)
        await asyncio.sleep(0)
        assert [task for task in asyncio.all_tasks() if "os_fingerprint" in task.get_name()] == []
