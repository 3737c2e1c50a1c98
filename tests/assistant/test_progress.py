"""How far, how fast, how long still."""

from __future__ import annotations

import pytest

from assistant.faces.progress import Pace, line


def test_remaining_time_does_not_count_what_was_loaded_first() -> None:
    pace = Pace(1000)
    pace.note(0.0, 0)
    for second in range(10):
        pace.note(8.0 + second, 40 * (second + 1))
    assert pace.rate == pytest.approx(40) and pace.remaining == pytest.approx(15)


def test_work_that_goes_on_is_timed_from_where_it_goes_on() -> None:
    pace = Pace(1000)
    for second in range(5):
        pace.note(float(second), 600 + 10 * second)
    assert pace.rate == pytest.approx(10) and pace.remaining == pytest.approx(36)


def test_speed_is_that_of_the_last_minutes() -> None:
    pace = Pace(100_000)
    for second in range(300):
        pace.note(float(second), 1 + 100 * second)
    for second in range(300, 500):
        pace.note(float(second), 30_000 + 10 * (second - 299))
    assert pace.rate == pytest.approx(10)


def test_nothing_is_said_before_it_can_be() -> None:
    pace = Pace(0)
    assert pace.rate is None and pace.remaining is None
    pace.note(0.0, 0)
    pace.note(5.0, 0)
    assert pace.rate is None and line("reading", 0, pace) == "reading 0"
    pace.note(6.0, 10)
    pace.note(8.0, 30)
    assert pace.rate == pytest.approx(10) and pace.remaining is None
