"""Regular expressions that match a name at once, and those that would not."""

from __future__ import annotations

import pytest

from fsdd_lightning.config.patterns import compiled


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?P<speaker>.+?)_nohash_(?P<take>\d+)",
        r"(?P<speaker>[^_-]+)[_-](?:\w{3}|x)?(?P<take>\d+)(-old)?",
        r"(?i:(?P<speaker>[a-z]{2}\d{4}))",
        r"(?P<speaker>a|b|(?=c)c)",
    ],
)
def test_names_are_matched_at_once(pattern: str) -> None:
    assert compiled(pattern)[0] is not None


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(?P<speaker>(a+)+)$", "repeats what repeats"),
        (r"(?P<speaker>(?:a|b*)*c)", "repeats what repeats"),
        (r"(?P<speaker>(?:(?=a+)a)+)", "repeats what repeats"),
        (r"(?P<speaker>.+)(?P=speaker)", "repeats what repeats"),
        (".*.*.*.*.*.*(?P<speaker>x)", "more than 5 repeats"),
        ("(?P<speaker>" + "a" * 300 + ")", "more than 300 characters"),
        ("(?P<speaker>", "no regular expression"),
        ("(" * 5000 + "a" + ")" * 5000, "regular expression"),
        ("a{99999999999999999999}", "no regular expression"),
    ],
)
def test_what_may_search_for_years_is_refused(pattern: str, why: str) -> None:
    found, problem = compiled(pattern)
    assert found is None and why in problem
