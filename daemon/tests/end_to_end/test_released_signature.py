"""A signature stays valid through quarantine and release (features 12.21): DKIM by amavisd's Mail::DKIM."""

import base64
import subprocess

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from samples import eicar

from .daemon import Daemon, NextHop, text_mail
from .releasing import our_tool, quarantined

# Strict canonicalisation: not a blank may differ.
SIGN = """
use Mail::DKIM::PrivateKey; use Mail::DKIM::Signer; undef $/;
my $key = Mail::DKIM::PrivateKey->load(Data => $ARGV[0]);
my $signer = Mail::DKIM::Signer->new(Algorithm => 'rsa-sha256', Method => 'simple/simple', Domain => 'sender.example',
    Selector => 'test', Key => $key);
$signer->PRINT(<STDIN>); $signer->CLOSE; print $signer->signature->as_string, "\\r\\n";
"""
# The key comes from the test instead of DNS; everything else is the real verifier.
VERIFY = """
use Mail::DKIM::PublicKey; use Mail::DKIM::Verifier; undef $/;
my $text = "v=DKIM1; k=rsa; p=$ARGV[0]";
no warnings 'redefine';
*Mail::DKIM::PublicKey::fetch_async = sub {
    my ($class, %options) = @_;
    my $key = $class->parse($text);
    return sub { $options{Callbacks}{Success}->($key) };
};
my $verifier = Mail::DKIM::Verifier->new; $verifier->PRINT(<STDIN>); $verifier->CLOSE; print $verifier->result;
"""


def perl(script: str, key: str, octets: bytes) -> str:
    """What the script prints."""
    done = subprocess.run(["perl", "-e", script, key], input=octets, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def keys() -> tuple[str, str]:
    """A private key as the signer takes it, and its public half as DNS has it."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return "".join(line for line in pem.splitlines() if "-" not in line), base64.b64encode(public).decode()


def test_signature_stays_valid(daemon: Daemon, next_hop: NextHop) -> None:
    """Features 12.21: signed, kept, released, verified; with one octet changed it does not verify."""
    private, public = keys()
    mail = text_mail(eicar() + b"\r\n\r\nlines \t with blanks  \r\n", "signed").replace(
        b"test\r\n", b"test  of\r\n\tfolds\r\n"
    )
    signed = perl(SIGN, private, mail).encode() + mail
    assert perl(VERIFY, public, signed) == "pass"
    daemon.start()
    daemon.send(signed)
    (location,) = quarantined(daemon)
    assert our_tool(daemon, location).returncode == 0
    (delivered,) = next_hop.messages()
    # smtp-sink writes LF.
    octets = delivered.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert b"Resent-Message-ID: " in octets
    assert perl(VERIFY, public, octets) == "pass"
    assert perl(VERIFY, public, octets.replace(b"with blanks", b"with Blanks")) == "fail"
