"""Our Received field (B9.06, features 6.06)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime

import pytest

from mailcordon.act.fields import make_field
from mailcordon.act.received import received_field
from mailcordon.config.settings import Settings
from mailcordon.mail.envelope import Session
from mailcordon.mail.message import Mail

MakeMail = Callable[..., Mail]
MakeSettings = Callable[..., Settings]
TCP = Session(protocol="ESMTP", helo="mx.example.test", peer_addr="127.0.0.1", local_addr="127.0.0.1", local_port=10024)


def flat(mail: Mail, settings: Settings) -> str:
    return make_field("Received", received_field(mail, settings)).decode().replace("\r\n", "")


def test_all_parts(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B9.06, features 6.06: the product name is in the comment; the id is the mail_id; one recipient."""
    mail = make_mail(b"x", session=TCP)
    text, _, date = flat(mail, make_settings(myproduct_name="Our Filter")).rpartition("; ")
    assert text == (
        "Received: from mx.example.test ([127.0.0.1]) by localhost (gate.example.test [127.0.0.1])"
        f" (Our Filter, port 10024) with ESMTP id {mail.mail_id} for <bob@example.test>"
    )
    assert parsedate_to_datetime(date) == datetime.fromtimestamp(
        int(mail.received_at.timestamp()), mail.received_at.tzinfo
    )


def test_several_recipients_do_not_learn_of_each_other(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B9.06: with several there is no `for`."""
    mail = make_mail(b"x", session=TCP, recipients=["a@example.test", "b@example.test"])
    assert " for <" not in flat(mail, make_settings())
    assert "@" not in flat(mail, make_settings())


def test_unix_socket_ipv6_and_unknown_protocol(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B9.06: nothing is said of what a socket does not have; `with` is for registered names only."""
    assert "from unknown by localhost (mailcordon, unix socket) with SMTP id" in flat(
        make_mail(b"x", session=Session()), make_settings()
    )
    session = Session(protocol="AM.PDP", helo="h", peer_addr="::1", local_addr="::1", local_port=1)
    text = flat(make_mail(b"x", session=session), make_settings())
    assert "from h ([IPv6:::1]) by localhost (gate.example.test [IPv6:::1]) (mailcordon, port 1) id " in text


@pytest.mark.parametrize(
    ("protocol", "smtputf8", "name"),
    [("ESMTP", False, "ESMTPS"), ("LMTP", False, "LMTPS"), ("ESMTP", True, "UTF8SMTPS"), ("SMTP", False, "SMTP")],
)
def test_encrypted_connection(
    make_mail: MakeMail, make_settings: MakeSettings, protocol: str, name: str, *, smtputf8: bool
) -> None:
    """Contract B9.06, RFC 3848, RFC 6531: the cipher, and a name that tells of TLS; plain SMTP has no such name."""
    mail = make_mail(b"x", session=replace(TCP, protocol=protocol, tls=True, cipher="TLS_AES_256_GCM_SHA384"))
    mail = replace(mail, envelope=replace(mail.envelope, smtputf8=smtputf8))
    text = flat(mail, make_settings())
    assert f" with {name} id " in text
    assert " ([127.0.0.1]) (using TLS with cipher TLS_AES_256_GCM_SHA384) by localhost " in text


def test_helo_name_cannot_change_the_shape(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    text = flat(make_mail(b"x", session=Session(helo="evil (by trusted) ; \r\nBcc: x <a>")), make_settings())
    assert text.startswith("Received: from evil?")
    assert text.count(";") == 1
    assert text.count("(") == text.count(")") == 1
