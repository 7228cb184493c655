"""The line about where the time went (B8.08)."""

import re
import time

from mailcordon.mail.timing import Timing


def test_sections() -> None:
    """Contract B8.08: sections in their order with milliseconds, their share, and the share of all so far; what ran
    beside others has no sum; the last one reaches 100 percent."""
    timing = Timing()
    time.sleep(0.01)
    timing.lap("unpack")
    timing.beside("virus", 0.0125)
    time.sleep(0.02)
    timing.lap("check")
    report = timing.report()
    match = re.fullmatch(
        r"TIMING \[total (\d+) ms\] - unpack: ([\d.]+) \((\d+)%\)(\d+), virus: 12 \(\d+%\), "
        r"check: (\d+) \((\d+)%\)(\d+), rundown: \d\.\d \(\d+%\)100",
        report,
    )
    assert match, report
    total, unpack, share, sum_1, check, share_2, sum_2 = map(float, match.groups())
    assert total >= 30
    assert unpack >= 10
    assert share == sum_1
    assert check >= 20
    assert abs(sum_1 + share_2 - sum_2) <= 1
