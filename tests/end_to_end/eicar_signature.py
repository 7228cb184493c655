"""Prints the one line of a ClamAV signature file (extended format, .ndb) that detects EICAR anywhere in a file.

The test hosts cannot reach ClamAV's mirrors; their freshclam fetches this file instead.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from end_to_end.samples import eicar

SIGNATURE_NAME = "Eicar-Test-Signature"

if __name__ == "__main__":
    any_file_type, any_offset = "0", "*"
    sys.stdout.write(":".join([SIGNATURE_NAME, any_file_type, any_offset, eicar().hex()]) + "\n")
