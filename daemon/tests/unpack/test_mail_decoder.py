"""Messages and S/MIME in files (B13.01 `mail`, B13.05)."""

import base64
import subprocess
from pathlib import Path

import pytest

from certificates import make_certificate
from mailcordon.errors import CannotDecodeError, LimitReachedError
from mailcordon.unpack.decoding.cms_decoder import CmsDecoder
from mailcordon.unpack.decoding.decoder import Decoded, Decoder
from mailcordon.unpack.decoding.file_types import FileTypes
from mailcordon.unpack.decoding.mail_decoder import MailDecoder
from mailcordon.unpack.decoding.sink import Budget, Sink
from mailcordon.unpack.job import ProblemKind, Quota

PROGRAM = b"MZ" + bytes(range(256))
MESSAGE = (
    b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\n\r\nHello\r\n"
    b"--b\r\nContent-Type: application/octet-stream; name=first.exe\r\n"
    b"Content-Disposition: attachment; filename=second.exe\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(PROGRAM)
    + b"--b--\r\n"
)


def opened(
    decoder: Decoder, octets: bytes, directory: Path, *, name: str = "x.p7m", quota: int = 1 << 20
) -> tuple[Decoded, Sink]:
    file = directory / "p000"
    file.write_bytes(octets)
    sink = Sink("1.2", directory, Budget(Quota(levels=14, files=100, octets=quota, seconds=60), files=0))
    return decoder.decode(file, name, sink), sink


def contents(sink: Sink) -> list[tuple[str, str, bytes]]:
    """Name, type and octets of the members that have any."""
    return [(member.name, member.content_type, member.file.read_bytes()) for member in sink.members if member.file]


class TestMail:
    def test_parts_are_members(self, tmp_path: Path) -> None:
        """B13.01."""
        decoded, sink = opened(MailDecoder(), MESSAGE, tmp_path)
        assert decoded is Decoded.KEEP
        assert contents(sink) == [
            ("", "text/plain", b"Hello"),
            ("second.exe", "application/octet-stream", PROGRAM),
        ]

    def test_every_name_is_told(self, tmp_path: Path) -> None:
        """B12.06."""
        _, sink = opened(MailDecoder(), MESSAGE, tmp_path)
        assert [member.name for member in sink.members] == ["", "second.exe", "first.exe"]

    def test_one_part(self, tmp_path: Path) -> None:
        octets = b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(PROGRAM)
        assert contents(opened(MailDecoder(), octets, tmp_path)[1]) == [("", "text/plain", PROGRAM)]
        assert opened(MailDecoder(), b"", tmp_path)[0] is Decoded.NOT_APPLICABLE

    @pytest.mark.parametrize(
        ("octets", "kind"),
        [
            (b"Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n--a\r\n\r\nx", ProblemKind.AMBIGUOUS),
            (b"Content-Type: multipart/encrypted; boundary=a\r\n\r\n--a\r\n\r\nx", ProblemKind.ENCRYPTED),
            (b"Content-Type: message/rfc822\r\n\r\n" * 20 + b"\r\nx", ProblemKind.OVER_LIMITS),
            (b"Content-Type: message/partial\r\n\r\nx", ProblemKind.UNREADABLE),
        ],
        ids=lambda value: value.value if isinstance(value, ProblemKind) else "",
    )
    def test_what_the_splitter_finds_is_told(self, octets: bytes, kind: ProblemKind, tmp_path: Path) -> None:
        """B13.04, B13.05."""
        _, sink = opened(MailDecoder(), octets, tmp_path)
        assert kind in [problem.kind for problem in sink.problems]

    def test_quota(self, tmp_path: Path) -> None:
        with pytest.raises(LimitReachedError):
            opened(MailDecoder(), MESSAGE, tmp_path, quota=100)

    @pytest.mark.parametrize(
        ("octets", "name", "declared", "is_one"),
        [
            (b"Hello", "", "message/rfc822", True),
            (b"Hello", "A.EML. ", "", True),
            (MESSAGE, "invoice.doc", "application/msword", True),
            (b"From alice Sun\r\n" + MESSAGE, "", "application/octet-stream", True),
            (b"Hello: this is\r\nno message\r\n", "", "text/plain", False),
            (b"I wrote:\r\n\r\nMIME-Version: 1.0\r\n", "", "text/plain", False),
        ],
        ids=["declared", "named", "by content", "in a mailbox", "text", "quoted"],
    )
    def test_what_is_a_message(self, octets: bytes, name: str, declared: str, is_one: bool, tmp_path: Path) -> None:
        file = tmp_path / "p000"
        file.write_bytes(octets)
        assert ("mail" in FileTypes().look(file, name, declared)[0]) is is_one


@pytest.fixture(scope="module")
def cms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """MESSAGE by `openssl cms`, in each form that mail programs send."""
    directory = tmp_path_factory.mktemp("cms")
    certificate = make_certificate(directory)
    signer = ["-signer", str(certificate.cert_file), "-inkey", str(certificate.key_file)]
    ways = {
        "signed": ["-sign", "-nodetach", *signer],
        "signed in pieces": ["-sign", "-nodetach", "-stream", *signer],
        "detached": ["-sign", *signer],
        "encrypted": ["-encrypt", "-aes256", str(certificate.cert_file)],
        "encrypted in pieces": ["-encrypt", "-stream", "-aes256", str(certificate.cert_file)],
    }
    message = MESSAGE + b"\r\n" + b"padding " * 5000
    return {
        way: subprocess.run(
            ["openssl", "cms", "-binary", "-outform", "DER", *options], input=message, check=True, capture_output=True
        ).stdout
        for way, options in ways.items()
    }


class TestSmime:
    """RFC 8551, B13.05."""

    @pytest.mark.parametrize("way", ["signed", "signed in pieces"])
    def test_what_is_signed_comes_out(self, way: str, cms: dict[str, bytes], tmp_path: Path) -> None:
        decoded, sink = opened(CmsDecoder(), cms[way], tmp_path)
        ((name, content_type, octets),) = contents(sink)
        assert (decoded, name, content_type) == (Decoded.DONE, "x", "message/rfc822")
        assert octets == MESSAGE + b"\r\n" + b"padding " * 5000

    @pytest.mark.parametrize("way", ["encrypted", "encrypted in pieces"])
    def test_what_is_encrypted_is_told_of(self, way: str, cms: dict[str, bytes], tmp_path: Path) -> None:
        """B13.05: UNCHECKED,1."""
        _, sink = opened(CmsDecoder(), cms[way], tmp_path)
        assert ([problem.kind for problem in sink.problems], sink.members) == ([ProblemKind.ENCRYPTED], [])

    def test_signature_alone(self, cms: dict[str, bytes], tmp_path: Path) -> None:
        decoded, sink = opened(CmsDecoder(), cms["detached"], tmp_path)
        assert (decoded, sink.members, sink.problems) == (Decoded.DONE, [], [])

    def test_compressed(self, tmp_path: Path) -> None:
        """RFC 3274; openssl is built without it here, so this one is put together by hand."""
        import zlib

        def element(tag: int, contents: bytes) -> bytes:
            return bytes((tag, 0x84)) + len(contents).to_bytes(4, "big") + contents

        data = bytes.fromhex("06092a864886f70d010701")
        algorithm = element(0x30, bytes.fromhex("060b2a864886f70d0109100308"))
        packed = element(0xA0, element(0x04, zlib.compress(MESSAGE)))
        inner = element(0x30, b"\x02\x01\x00" + algorithm + element(0x30, data + packed))
        octets = element(0x30, bytes.fromhex("060b2a864886f70d0109100109") + element(0xA0, inner))
        assert contents(opened(CmsDecoder(), octets, tmp_path)[1]) == [("x", "message/rfc822", MESSAGE)]
        bomb = octets.replace(packed, b"")
        with pytest.raises(CannotDecodeError):
            opened(CmsDecoder(), bomb, tmp_path)

    def test_something_else(self, tmp_path: Path) -> None:
        assert opened(CmsDecoder(), b"0 is no mark", tmp_path)[0] is Decoded.NOT_APPLICABLE

    @pytest.mark.parametrize("way", ["signed", "signed in pieces"])
    def test_cut_off_or_damaged(self, way: str, cms: dict[str, bytes], tmp_path: Path) -> None:
        """Either it says what is wrong or brings out what it can; it never raises anything else (features 7.10)."""
        octets = cms[way]
        for at in range(200):
            for damaged in (octets[:at], octets[:at] + bytes((octets[at] ^ 0x81,)) + octets[at + 1 :]):
                for path in tmp_path.iterdir():
                    path.unlink()
                try:
                    opened(CmsDecoder(), damaged, tmp_path)
                except CannotDecodeError:
                    continue

    def test_nested_without_end(self, tmp_path: Path) -> None:
        head = bytes.fromhex("308006092a864886f70d010702a080308024803080")
        for octets in (head + b"\x24\x80" * 10_000, head + b"\x04\x00" * 200_000):
            with pytest.raises(CannotDecodeError):
                opened(CmsDecoder(), octets, tmp_path)

    def test_types(self, cms: dict[str, bytes], tmp_path: Path) -> None:
        file = tmp_path / "p000"
        for octets in cms.values():
            file.write_bytes(octets)
            assert "p7m" in FileTypes().look(file, "", "")[0]
