"""The two ways in which a command ends badly on purpose."""


class UserError(Exception):
    """The user's input is wrong. The message is one clear line: what, where, how to mend it. Exit code 2."""


class RunFailedError(Exception):
    """The input was right, but the work could not be done (no network, disk full). Exit code 1."""
