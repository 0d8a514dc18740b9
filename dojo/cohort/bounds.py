"""How much one stranger's answer may take, and by what each bound is held."""

import dataclasses
import os


@dataclasses.dataclass(frozen=True)
class Bounds:
    """Of one answer, with all processes that it starts.

    Attributes:
        memory: Bytes, of each process beyond what it begins with, and of all together.
        scratch: Bytes of files it can keep at a time; they are in memory.
        shared: Bytes of /dev/shm.
        file: Bytes of one file, also of what it prints.
        files: How many files and folders.
        open_files: Of each process.
        processes: How many; a thread counts as one.
        suite: Bytes of the suite that it is tested with.
        source: Bytes of the answer itself.
    """

    memory: int = 4 * 2**30
    scratch: int = 2**28
    shared: int = 2**20
    file: int = 2**28
    files: int = 4096
    open_files: int = 1024
    # TensorFlow starts some for every core.
    processes: int = 128 + 32 * (os.cpu_count() or 1)
    suite: int = 2**22
    source: int = 2**18


BOUNDS = Bounds()
