"""Single lines of what a run prints at its end."""

from __future__ import annotations

from fsdd_lightning.console.summary import describe_calibration


def test_the_calibration_of_a_run_is_a_line() -> None:
    values = {
        "temperature": 0.558,
        "expected_calibration_error_before": 0.11841,
        "expected_calibration_error_after": 0.0189,
        "clips": 270,
        "test_clips": 300,
    }
    assert describe_calibration("integer", values) == (
        "probabilities of integer: temperature 0.558 by 270 validation clips; expected calibration error 1.89 %, "
        "11.84 % without"
    )
