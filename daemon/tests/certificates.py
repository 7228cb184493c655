"""Self-signed certificates for tests, made by openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, in PEM."""

    cert_file: Path
    key_file: Path


def make_certificate(directory: Path, name: str = "localhost") -> Certificate:
    """A certificate for `name` that is its own authority; the key is readable by its owner only."""
    made = Certificate(directory / f"{name}-cert.pem", directory / f"{name}-key.pem")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(made.key_file)]
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-days", "2"]
    subprocess.run(
        ["openssl", "req", "-x509", *key, *subject, "-out", str(made.cert_file)], check=True, capture_output=True
    )
    made.key_file.chmod(0o600)
    return made
