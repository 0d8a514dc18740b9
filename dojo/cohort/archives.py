"""Reads archives that strangers have sent: nothing is written, and nothing is trusted.

The contents are looked through in memory, a little at a time. What would leave the folder, link
somewhere, or swell beyond measure makes the archive refused as a whole.
"""

import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dojo.cohort.contents import LARGEST, MOST_FILES, Contents, Refused, open_plain
from dojo.words import on_one_line

MEBI = 2**20
MOST_BYTES = 500 * MEBI
# What is larger than the first, and swells by more than the second, is a bomb: source text
# shrinks to a fifth.
_HEAVY, _SWELLING = 50 * MEBI, 100
_SECONDS = 10.0
_CHUNK = 2**18
# Python reads these in one piece: the directory of a ZIP archive, and what precedes a member of a
# tar archive, some of it by patterns that take time that grows with the square of its length.
_DIRECTORY, _HEADER = 8 * MEBI, 2**14

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
# What people send as well.
_UNREAD = (".7z", ".rar", ".gz", ".bz2", ".tbz", ".xz", ".txz", ".zst")


def is_archive(name: str) -> bool:
    """Returns whether a file of that name is an archive, of a kind read here or not."""
    return name.lower().endswith((*ENDINGS, *_UNREAD))


def without_ending(name: str) -> str:
    """Returns "ann" for "ann.tar.gz"."""
    fitting = [end for end in (*ENDINGS, *_UNREAD) if name.lower().endswith(end)]
    return name[: -len(max(fitting, key=len))] if fitting else name


def read_archive(path: Path, contents: Contents) -> None:
    """Adds what an archive holds to `contents`; its kind is told by its bytes.

    Raises:
        Refused: If it is damaged, of another kind, or a danger.
    """
    try:
        with open_plain(path) as file:
            start = file.read(512)
            file.seek(0)
            if start.startswith(b"PK"):
                _read_zip(file, contents)
            elif start.startswith(b"\x1f\x8b"):
                _read_tar(_Forward(_inflated(file), path.stat().st_size), contents)
            elif start[257:262] == b"ustar" or path.suffix.lower() == ".tar":
                _read_tar(_Forward(_chunks(file), path.stat().st_size), contents)
            else:
                raise Refused("it is neither a zip archive nor a tar or tar.gz")
    except Refused:
        raise
    except OSError as error:
        raise Refused(f"it cannot be read: {error.strerror or error}") from None
    except Exception as error:
        # zipfile and tarfile answer to damage with errors of many kinds.
        raise Refused(f"it is damaged: {on_one_line(str(error)) or type(error).__name__}") from None


def _read_zip(file: BinaryIO, contents: Contents) -> None:
    source = _Limited(file)
    with zipfile.ZipFile(source) as archive:
        entries = archive.infolist()
        total = sum(
            entry.file_size for entry in entries if not contents.passes_over(entry.filename)
        )
        _refuse_bombs(total, source.size)
        for entry in entries:
            path = contents.place(entry.filename)
            if path is None or entry.is_dir():
                continue
            _refuse_odd_entry(entry, path)
            if contents.wants(path, entry.file_size):
                contents.add(path, _content(archive, entry))


def _refuse_odd_entry(entry: zipfile.ZipInfo, path: str) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise Refused(f"{on_one_line(path)} is {'a link' if kind == stat.S_IFLNK else _ODD}")
    if entry.flag_bits & 1:
        raise Refused(f"{on_one_line(path)} is encrypted: hand it in without a password")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # The others cannot be unpacked in pieces of a bounded size.
        raise Refused(f"{on_one_line(path)} is compressed in an unusual way: zip it again")


_ODD = "neither a file nor a folder"


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with archive.open(entry) as member:
        # With a number, no more than that is unpacked, whatever size the directory tells.
        return member.read(LARGEST)


def _read_tar(source: "_Forward", contents: Contents) -> None:
    with tarfile.TarFile(fileobj=source) as archive:  # type: ignore[arg-type]
        for entry in archive:
            path = contents.place(entry.name)
            if path is None or entry.isdir():
                continue
            if entry.issym() or entry.islnk():
                raise Refused(f"{on_one_line(path)} is a link")
            if not entry.isreg() or entry.sparse is not None:
                raise Refused(f"{on_one_line(path)} is {_ODD}")
            if contents.wants(path, entry.size):
                contents.add(path, source.take(entry.size))


def _refuse_bombs(total: int, packed: int) -> None:
    if total > _HEAVY and total > _SWELLING * packed:
        raise Refused(
            f"it is a bomb: {packed / MEBI:.1f} MB that unpack to {total / MEBI:.0f} MB or more"
        )
    if total > MOST_BYTES:
        raise Refused(f"it unpacks to more than {MOST_BYTES / MEBI:.0f} MB: hand in katas/ alone")


class _Limited:
    """A file for `zipfile`, which may not read much of it in one piece."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, 2)
        self.seek, self.tell = file.seek, file.tell

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if min(size if size >= 0 else self.size, self.size - self._file.tell()) > _DIRECTORY:
            raise Refused(f"it holds more than {MOST_FILES:,} files: hand in katas/ alone")
        return self._file.read(size)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _inflated(file: BinaryIO) -> Iterator[bytes]:
    """What a gzip file unpacks to, in pieces of a bounded size."""
    engine = zlib.decompressobj(16 + zlib.MAX_WBITS)
    while not engine.eof:
        packed = engine.unconsumed_tail or file.read(_CHUNK)
        if not packed:
            raise Refused("it is damaged: its end is missing")
        yield engine.decompress(packed, _CHUNK)


class _Forward:
    """A file for `tarfile`, which is read once, from its start to its end, within limits."""

    def __init__(self, chunks: Iterator[bytes], packed: int) -> None:
        """
        Args:
            chunks: What it holds, piece by piece.
            packed: How many bytes that takes on the disk.
        """
        self._chunks = chunks
        self._packed = packed
        self._chunk = b""
        self._at = self._before = 0
        self._end = time.monotonic() + _SECONDS

    def tell(self) -> int:
        return self._before + self._at

    def seek(self, place: int) -> None:
        if place < self.tell():
            raise Refused("it is damaged: it points back into itself")
        while place > self._before + len(self._chunk) and self._next():
            pass
        self._at = min(place - self._before, len(self._chunk))

    def read(self, size: int) -> bytes:
        if size > _HEADER:
            raise Refused("it is damaged: a name in it has no end")
        return self.take(size)

    def take(self, size: int) -> bytes:
        """As `read`, of a member's content."""
        parts = []
        while size > 0 and (self._at < len(self._chunk) or self._next()):
            part = self._chunk[self._at : self._at + size]
            self._at += len(part)
            size -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _next(self) -> bool:
        """Goes on to the next chunk, if there is one."""
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        self._before, self._chunk, self._at = self._before + len(self._chunk), chunk, 0
        _refuse_bombs(self._before + len(chunk), self._packed)
        if time.monotonic() > self._end:
            raise Refused(f"it takes more than {_SECONDS:.0f} s to read")
        return True
