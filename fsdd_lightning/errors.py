"""The two exceptions that end a command with one line, and that line for any other exception."""

import errno

from fsdd_lightning.escaping import one_line, visible

_HINTS = {
    errno.ENOSPC: "free some space, or choose another output_root=",
    errno.EDQUOT: "free some space, or choose another output_root=",
    errno.EACCES: "fix the permissions, or choose another output_root=",
    errno.EPERM: "fix the permissions, or choose another output_root=",
    errno.EROFS: "choose another output_root=",
    errno.ENOTDIR: "a file lies where a folder should: choose another folder, such as output_root=",
    errno.EEXIST: "a file lies where a folder should: choose another folder, such as output_root=",
    errno.ENAMETOOLONG: "choose shorter names, or another output_root=",
    errno.EFBIG: "raise the limit of the size of a file (ulimit -f)",
}


class UserError(Exception):
    """The user's input is wrong. The message is one clear line: what, where, how to fix it. Exit code 2.

    `details`: what a command prints after that line, such as a table.
    """

    details: str = ""


class RunFailedError(Exception):
    """The input was right, but the work could not be done (no network, disk full). Exit code 1."""


def first_line(error: BaseException) -> str:
    """An exception as one line. A message of ours is one, whatever names it quotes; of others it is their first.

    That of the disk, where others only say that they failed by it.
    """
    error = _disk_error(error) or error
    if isinstance(error, OSError) and error.errno in _HINTS:
        place = f" to {visible(error.filename)}" if error.filename else ""
        return f"cannot write{place} ({error.strerror}): {_HINTS[error.errno]}"
    text, kind = str(error).strip(), type(error).__name__
    if isinstance(error, MemoryError):
        return "there is not enough memory: close other programs, or raise its limit (ulimit -v)"
    if isinstance(error, UserError | RunFailedError) and text:
        return one_line(text)
    return one_line(f"{kind}: {text.partition(chr(10))[0]}") if text else kind


def said(error: BaseException) -> str:
    """The first line of an error's message that says something, else its kind."""
    return next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)


def _disk_error(error: BaseException) -> OSError | None:
    """What a library's exception was raised from, such as that of logging, which could not open its file."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(error, UserError | RunFailedError):
        if isinstance(cause, OSError) and cause.errno in _HINTS:
            return cause
        cause = cause.__cause__
    return None
