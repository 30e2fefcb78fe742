"""Services and their tests live by the same date, and no test begins when a day is about to end.

What a directory hands out is counted by days, what an issuer signs by epochs, which end with a day (DIR-9, AUTH-3): a
test that counts either would be wrong in the seconds around midnight, once in a thousand runs.
"""

import time

import pytest

DAY_S = 86_400
LONGEST_S = 120
"""No test takes longer."""


@pytest.fixture(autouse=True)
def _within_one_day() -> None:
    left_s = DAY_S - time.time() % DAY_S
    if left_s < LONGEST_S:
        time.sleep(left_s + 1)
