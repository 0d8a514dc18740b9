"""Writing files so that a crash leaves the old one or the new one, never half."""

import os
import stat
import tempfile
from pathlib import Path


def write_whole(path: Path, content: bytes, lasting: bool = True) -> None:
    """Writes `path` so that a reader, or a crash, sees all of it or the file before.

    Where a link stands, the file that it points to is replaced. What is no plain file (a
    device, a pipe, /dev/stdout) is written to, never replaced.

    Args:
        lasting: Whether it waits for the disk, so that all this holds if the power fails, too.
    """
    if _is_no_plain_file(path):
        # Not from the start: what else was printed there stays.
        with open(path, "ab", buffering=0) as device:
            device.write(content)
        return
    path = Path(os.path.realpath(path))
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(name, path.stat().st_mode if path.exists() else 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _is_no_plain_file(path: Path) -> bool:
    try:
        plain = stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False
    # /dev/stdout may be a plain file by now, but somebody else has it open.
    return not plain or path.absolute().parts[1:2] in (("dev",), ("proc",))
