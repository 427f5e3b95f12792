"""Addresses of the web in a config: what is none, and what would carry a secret into records and logs."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

# Names of a query's fields that sign or open an address.
_SECRET = re.compile(r"token|secret|signature|passw|credential|auth|access|api.?key|^(sig|key|pwd|pass)$", re.I)
_ELSEWHERE = "it would be written into run.json: fetch and unpack the archive yourself, and name its data.root=FOLDER"


def address_problem(url: str) -> str | None:
    """Why nothing can or should be fetched from there: one line that repeats no secret; None: it is fine."""
    if not url.isprintable() or " " in url:
        return "it holds spaces or characters that cannot be shown"
    if not url.lower().startswith(("http://", "https://")):
        return f"it must start with http:// or https://, not {_shown_start(url)!r}"
    try:
        parts = urlsplit(url)
        _ = parts.port  # ValueError for one that is no number
    except ValueError as error:
        return f"it is no address ({error})"
    if not parts.hostname:
        return "it names no host"
    if "@" in parts.netloc:
        return f"it holds a user or a password, and {_ELSEWHERE}"
    secret = next((name for name, _ in parse_qsl(parts.query, keep_blank_values=True) if _SECRET.search(name)), None)
    return None if secret is None else f"its field {secret!r} may be a secret, and {_ELSEWHERE}"


def _shown_start(url: str) -> str:
    """What comes before a user, a password or a query."""
    start = re.split(r"[?#]", url, maxsplit=1)[0]
    scheme, separator, rest = start.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
