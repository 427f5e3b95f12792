"""Unpack an archive from the network that nobody vouches for yet."""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

MAX_UNPACKED_BYTES = 2**30  # FSDD has 30 MB; beyond this it is a mistake or a bomb
MAX_MEMBERS = 200_000


class DamagedArchiveError(ValueError):
    """The archive ends early or is none; another try may bring a whole one."""


class HostileArchiveError(ValueError):
    """A member would be written outside the folder, or is something else than a file or folder."""


def unpack_tar(archive: Path, folder: Path) -> None:
    """Unpack `archive` (.tar, plain or compressed) into the existing, empty `folder`.

    Damage behind the last member goes unnoticed, so the files' own digest has the last word.
    Stops at the first bad member, so after an error `folder` holds a part that must be thrown away.
    Raises DamagedArchiveError, HostileArchiveError, or OSError (disk full, no permission).
    """
    try:
        with tarfile.open(archive) as tar:
            # The second line of defence behind _check_member; Python before 3.11.4 does not have it.
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
            unpacked_bytes = 0
            for count, member in enumerate(tar, start=1):
                _check_member(member)
                unpacked_bytes += member.size
                if count > MAX_MEMBERS or unpacked_bytes > MAX_UNPACKED_BYTES:
                    raise HostileArchiveError(
                        f"holds more than {MAX_UNPACKED_BYTES} bytes or {MAX_MEMBERS} files"
                    )
                if member.isfile():  # folders come with their files, with the usual permissions
                    tar.extract(member, folder, set_attrs=False)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        # tarfile lists on further lines how each kind of compression failed.
        raise DamagedArchiveError(str(error).splitlines()[0].rstrip(":") or "ends early") from error
    except OSError as error:
        # Decompressors raise OSError without errno; the rest is a file in place of a folder or the reverse.
        if error.errno is None or isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError):
            raise DamagedArchiveError(str(error)) from error
        raise


def _check_member(member: tarfile.TarInfo) -> None:
    if not (member.isfile() or member.isdir()):
        raise HostileArchiveError(f"member {member.name!r} is a link or device")
    # Both kinds of path, since an archive may be meant for the other system.
    for path in (PurePosixPath(member.name), PureWindowsPath(member.name)):
        if path.anchor or path.drive or ".." in path.parts:
            raise HostileArchiveError(f"member {member.name!r} would leave the folder")
