"""Policy banks at the server: which bank a connection and a message are under (B4.03, B4.06)."""

import socket
from collections.abc import Callable
from pathlib import Path

from receiving import SEND, Client, Recorder, Running, serving

from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.mail.ids import LogIds
from mailcordon.receive.server import MailServer

MakeSettings = Callable[..., Settings]


async def hello(client: Client) -> None:
    await client.ask("EHLO mta.example")


async def test_each_port_has_its_bank(make_settings: MakeSettings) -> None:
    """B20.04, features 10.09: one server, two ports; the message knows under which banks it came."""
    handler = Recorder()
    with socket.create_server(("127.0.0.1", 0)) as plain, socket.create_server(("127.0.0.1", 0)) as submission:
        ports = [plain.getsockname()[1], submission.getsockname()[1]]
        settings = make_settings(interface_policy={str(ports[1]): "ORIGINATING"})
        server = MailServer(PolicyBanks(settings), handler, LogIds(1))
        await server.start([plain, submission])
        for port, listener in zip(ports, (plain, submission), strict=True):
            async with Running(server, port, listener).client() as client:
                await hello(client)
                assert (await client.send()).startswith("250")
        await server.drain()
    sessions = [mail.session for mail in handler.mails]
    assert [(s.local_port, s.policy_banks, s.originating) for s in sessions] == [
        (ports[0], (), False),
        (ports[1], ("ORIGINATING",), True),
    ]


async def test_unix_socket_has_its_bank(make_settings: MakeSettings, tmp_path: Path) -> None:
    """B4.03: SOCK, then the path."""
    handler = Recorder()
    path = str(tmp_path / "in.sock")
    settings = make_settings(interface_policy={"SOCK": "A", path: "B"}, policy_bank={"A": {}, "B": {}})
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        server = MailServer(PolicyBanks(settings), handler, LogIds(1))
        await server.start([listener])
        async with await Client.at_unix_socket(path) as client:
            await client.reply()
            await hello(client)
            await client.send()
        await server.drain()
    assert handler.mails[0].session.policy_banks == ("A", "B")


async def test_forwarded_client_address_decides(make_settings: MakeSettings) -> None:
    """B4.03, B4.06: the client named by XFORWARD, for its message only; the MTA's own address says nothing."""
    handler = Recorder()
    settings = make_settings(mynetworks=["10.0.0.0/8", "127.0.0.0/8"], policy_bank={"MYNETS": {}})
    async with serving(settings, handler) as server, server.client() as client:
        await hello(client)
        for address in ("10.1.2.3", "192.0.2.7", None):
            if address:
                await client.ask(f"XFORWARD ADDR={address}")
            await client.send()
    told = [(mail.session.policy_banks, mail.session.originating) for mail in handler.mails]
    assert told == [(("MYNETS",), True), ((), False), ((), False)]


async def test_sender_of_a_former_message_is_forgotten(make_settings: MakeSettings) -> None:
    """B4.06: RSET undoes what a message has loaded."""
    handler = Recorder()
    settings = make_settings(originating=True, local_domains=[".example.test"], policy_bank={"MYUSERS": {}})
    async with serving(settings, handler) as server, server.client() as client:
        await hello(client)
        await client.ask("MAIL FROM:<alice@example.test>")
        await client.ask("RSET")
        await client.send()
        await client.ask("MAIL FROM:<alice@example.test>")
        await client.ask("RCPT TO:<c@d.example>")
        await client.ask("DATA")
        await client.ask("Subject: x\r\n\r\nbody\r\n.")
    assert [mail.session.policy_banks for mail in handler.mails] == [(), ("MYUSERS",)]


async def test_size_limit_of_a_bank(make_settings: MakeSettings) -> None:
    """B6.06, B4.07: announced and enforced for the bank's mail, at MAIL and at the end of the data."""
    handler = Recorder()
    settings = make_settings(
        mynetworks=["10.0.0.0/8"],
        smtpd_message_size_limit=100_000,
        policy_bank={"MYNETS": {"smtpd_message_size_limit": 300_000}},
    )
    message = b"Subject: x\r\n\r\n" + b"x" * 200_000 + b"\r\n"
    async with serving(settings, handler) as server, server.client() as client:
        assert "250-SIZE 100000" in await client.ask("EHLO mta.example")
        assert (await client.ask("MAIL FROM:<a@b.example> SIZE=200000")).startswith("552 5.3.4")
        assert (await client.send(message)).startswith("552 5.3.4")
        await client.ask("XFORWARD ADDR=10.1.2.3")
        assert (await client.send(message)).startswith("250")
        assert (await client.send(message)).startswith("552 5.3.4")
    assert len(handler.mails) == 1


async def test_recipient_limit_of_a_bank(make_settings: MakeSettings) -> None:
    """B6.06 for the bank's mail."""
    settings = make_settings(mynetworks=["10.0.0.0/8"], policy_bank={"MYNETS": {"smtpd_recipient_limit": 1}})
    second = b"RCPT TO:<e@f.example>\r\n"
    async with serving(settings, Recorder()) as server, server.client() as client:
        await hello(client)
        await client.ask("XFORWARD ADDR=10.1.2.3")
        client.write(SEND.replace(b"DATA\r\n", second))
        assert [reply[:3] for reply in await client.replies(3)] == ["250", "250", "452"]
        await client.ask("RSET")
        client.write(SEND.replace(b"DATA\r\n", second))
        assert [reply[:3] for reply in await client.replies(3)] == ["250", "250", "250"]


async def test_access_list_of_the_interface(make_settings: MakeSettings) -> None:
    """B4.07, B6.11: who may connect is said by the bank of the port."""
    with socket.create_server(("127.0.0.1", 0)) as open_port, socket.create_server(("127.0.0.1", 0)) as closed_port:
        port = closed_port.getsockname()[1]
        settings = make_settings(interface_policy={str(port): "CLOSED"}, policy_bank={"CLOSED": {"inet_acl": []}})
        server = MailServer(PolicyBanks(settings), Recorder(), LogIds(1))
        await server.start([open_port, closed_port])
        async with Running(server, open_port.getsockname()[1], open_port).client() as client:
            assert (await client.ask("NOOP")).startswith("250")
        async with Running(server, port, closed_port).client(greeted=False) as client:
            assert await client.closed()
        await server.drain()
