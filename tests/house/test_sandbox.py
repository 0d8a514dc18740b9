"""Each attack of strangers' code is tried from inside a submission, by the way that grades it.

All of them go through one sandbox, one after the other, so a right answer at the end shows that
they have left it whole. What an attack finds comes back as the message of an exception: an
answer that raises it while it is imported.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dojo import layout
from dojo.check import examiner
from dojo.cohort import calls, memory, sandbox
from dojo.cohort.bounds import BOUNDS
from dojo.cohort.grading import Grader
from tests.house.hostile import CASES
from tests.house.test_hostile import file_of

KATA = "gradients/clip_by_value"
ANSWER = layout.source_file(KATA, layout.REFERENCE).read_text(encoding="utf-8")
SHOWN = f"katas/{KATA}.py"
SECRET = "TOKEN_OF_THE_TEACHER"

# The first of them waits for TensorFlow's import.
pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("sandboxes")]


@pytest.fixture(scope="module")
def grader():
    os.environ[SECRET] = "hunter2"
    with Grader(limit=60) as grader:
        yield grader
    del os.environ[SECRET]


@pytest.fixture(scope="module")
def warm(grader):
    """The number of the warm process, once it has graded something."""
    assert grader.grade(KATA, ANSWER.encode()).result.outcome == "solved"
    return grader.sandbox.pid


@pytest.fixture
def inside(grader, warm):
    """Runs a program inside, as an answer does, and returns what it has put into `found`."""

    def run(program, **given):
        names = "".join(f"{name} = {value!r}\n" for name, value in given.items())
        tell = "\nimport json\nraise SystemError('found ' + json.dumps(found))\n"
        graded = grader.grade(KATA, f"{ANSWER}\n{names}{program}{tell}".encode())
        message = graded.result.failures[0].message
        found = re.match(r"SystemError: found (.*)", message)
        assert found, message
        return json.loads(found[1])

    return run


@pytest.fixture
def alone(inside):
    """The same in an interpreter of its own, where nothing watches what Python's calls do."""

    def run(program, **given):
        names = "".join(f"{name} = {value!r}\n" for name, value in given.items())
        text = f"import os\n{names}{program}\nimport json\nprint(json.dumps(found))\n"
        start = "import subprocess, sys, json\n"
        start += "done = subprocess.run([sys.executable, '-ISc', text], capture_output=True)\n"
        start += "found = json.loads(done.stdout or json.dumps(done.stderr[-250:].decode()))\n"
        return inside(start, text=text)

    return run


READ = """
import ctypes, subprocess, sys

def by_descriptor(path):
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    return os.read(os.open(os.path.basename(path), os.O_RDONLY, dir_fd=folder), 9)

def by_library(path):
    library = ctypes.CDLL(None)
    content = ctypes.create_string_buffer(9)
    return library.read(library.open(path.encode(), 0), content, 9) > 0

def by_program(path):
    program = f"import sys; print(open({path!r}).read(9))"
    return subprocess.run([sys.executable, "-ISc", program], capture_output=True).stdout

def by_link(path):
    os.link(path, "linked")
    content = open("linked").read(9)
    os.remove("linked")
    return content

ways = {
    "open": lambda path: open(path).read(9),
    "bytes": lambda path: open(path.encode()).read(9),
    "descriptor": by_descriptor,
    "library": by_library,
    "program": by_program,
    "link": by_link,
}
"""
READ_BY_TENSORFLOW = """
ways = {
    "gfile": lambda path: tf.io.gfile.GFile(path).read(9),
    "read_file": lambda path: tf.io.read_file(path).numpy(),
}
"""
# The file of its own shows that a way leads somewhere.
TRY = """
found = []
for path in paths:
    worked = []
    for name, way in ways.items():
        try:
            worked += [name] if way(path) else []
        except Exception:
            pass
    found.append(worked)
"""


def test_nothing_of_the_examiner_is_read_in_any_way(inside, alone, grader, home):
    """Neither a model answer, nor another kata's suite, nor what other people handed in."""
    home.mkdir()
    (home / "note").write_text("the teacher's own")
    other = grader.tree / "losses" / "focal_loss.py"
    other.parent.mkdir(parents=True, exist_ok=True)
    other.write_text("somebody else's")
    hidden = [
        other,
        home / "note",
        layout.source_file("gradients/clip_by_value", layout.REFERENCE),
        layout.TESTS / "second" / "gradients" / "clip_by_value.py",
        layout.TESTS / "traps" / "gradients" / "clip_by_value.toml",
        layout.TESTS / "losses" / "test_focal_loss.py",
        layout.QUESTIONS,
        layout.ROOT / ".git" / "HEAD",
        "/etc/passwd",
        "/bin/sh",
    ]
    assert all(Path(path).exists() for path in hidden)
    paths = [str(grader.tree / f"{KATA}.py"), *map(str, hidden)]
    for run, ways, count in [(alone, READ, 6), (inside, READ_BY_TENSORFLOW, 2)]:
        all_ways, *none = run(ways + TRY, paths=paths)
        assert len(all_ways) == count
        assert none == [[]] * len(hidden)


def test_it_sees_its_own_suite_and_no_other(alone):
    looks = "found = [os.listdir(folder) for folder in folders]"
    tracks = [str(layout.TESTS / track) for track in layout.TRACKS]
    seen = alone(looks, folders=[str(layout.TESTS), *tracks])
    assert sorted(seen[0]) == sorted([*layout.TRACKS, "support", "conftest.py"])
    assert seen[1:] == [["test_clip_by_value.py"], [], [], [], [], []]


def test_no_variable_of_outside_is_seen(alone, inside):
    asked = [SECRET, "DOJO_HOME", "USER", "KERAS_BACKEND"]
    assert alone("found = [name in os.environ for name in asked]", asked=asked) == [0, 0, 0, 1]
    assert inside("import os\nfound = os.path.expanduser('~')").startswith("/tmp")


def test_nothing_is_written_outside_the_scratch(alone, grader):
    before = examiner.digests()
    attempt = """
found = []
for folder in folders:
    try:
        open(os.path.join(folder, "left"), "w").close()
        found.append(folder)
    except OSError:
        pass
for file in files:
    for change in (lambda: open(file, "w"), lambda: os.remove(file), lambda: os.chmod(file, 0)):
        try:
            change()
            found.append(file)
        except OSError:
            pass
"""
    mine = str(grader.scratch)
    folders = ["/", "/tmp", "/dev", "/proc", "/proc/self", sys.prefix + "/lib"]
    folders += [str(layout.ROOT / name) for name in (".", "dojo", "tests", "tests/gradients")]
    files = [layout.test_file(KATA), layout.SUPPORT / "closeness.py", layout.ROOT / "dojo/cli.py"]
    found = alone(attempt, folders=[mine, "/dev/shm", *folders], files=list(map(str, files)))
    assert found == [mine, "/dev/shm"]
    assert not (grader.scratch / "left").exists()
    assert alone("found = os.listdir('/dev/shm')") == []
    assert examiner.digests() == before


def test_the_scratch_is_bounded_and_gone_with_the_answer(alone, grader):
    fill = """
found = []
try:
    for number in range(100_000):
        open(f"{scratch}/{number}", "w").close()
except OSError as error:
    found = [number, error.strerror]
try:
    with open(f"{scratch}/0", "wb") as file:
        for size in range(1000):
            file.write(bytes(2**20))
except OSError as error:
    found += [size, error.strerror]
"""
    files, no_file, size, no_space = alone(fill, scratch=str(grader.scratch))
    assert files < BOUNDS.files
    assert size <= BOUNDS.scratch >> 20
    assert (no_file, no_space) in [("No space left on device",) * 2]
    scratch = alone("found = os.listdir(scratch)", scratch=str(grader.scratch))
    assert sorted(scratch) == ["katas", "run"]


def test_there_is_no_network(alone):
    connect = """
import socket
found = [name for _, name in socket.if_nameindex() if name != "lo"]
for family, address in [(socket.AF_INET, ("127.0.0.1", port)), (socket.AF_UNIX, "\\0" + name)]:
    with socket.socket(family) as end:
        end.settimeout(1)
        try:
            end.connect(address)
            found.append(repr(address))
        except OSError:
            pass
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
    try:
        found.append(end.sendto(b"secret", ("192.0.2.1", 53)))
    except OSError:
        pass
"""
    name = f"dojo-test-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind("\0" + name)
        unix.listen()
        port = tcp.getsockname()[1]
        socket.create_connection(("127.0.0.1", port)).close()
        assert alone(connect, port=port, name=name) == []


def test_no_other_process_is_seen_signalled_or_traced(alone, inside, warm):
    reach = """
import ctypes, signal
found = [os.getppid() if os.getpid() == 2 else 0, *filter(str.isdecimal, os.listdir("/proc"))]
library = ctypes.CDLL(None, use_errno=True)
for pid in {*range(3, 400), *outside} - {os.getpid(), os.getppid()}:
    try:
        os.kill(pid, 0)
        found.append(pid)
    except OSError:
        pass
    if library.ptrace(16, pid, None, None) == 0:
        found.append(f"traced {pid}")
"""
    with subprocess.Popen(["sleep", "60"]) as bystander:
        try:
            outside = [bystander.pid, os.getpid(), warm, *memory.descendants(warm)]
            # The answer's threads are processes, too, to who asks by number.
            threads = "[p for p in found if p and not isinstance(p, int)]"
            assert alone(reach + f"\nfound = {threads}", outside=outside) == []
            assert inside(KILL_ALL) == "nobody is there"
            assert bystander.poll() is None
        finally:
            bystander.kill()


KILL_ALL = """
import os
found = ""
try:
    os.kill(-1, 9)
except ProcessLookupError:
    found = "nobody is there"
"""


def test_what_it_starts_ends_with_it(grader, warm):
    """Neither a child lives on, nor a grandchild whose parent is gone, in a session of its own."""
    start = """
import os, sys
for _ in range(2):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, [sys.executable, "-ISc", "import time; time.sleep(300)"])
        os._exit(0)
"""
    before = len(list(memory.descendants(warm)))
    assert grader.grade(KATA, (ANSWER + start).encode()).result.outcome == "solved"
    assert len(list(memory.descendants(warm))) == before


def test_the_number_of_processes_is_bounded(alone):
    bomb = """
import signal
found = 0
try:
    while os.fork():
        found += 1
    os.closerange(0, 3)
    signal.pause()
except OSError:
    pass
"""
    assert 0 < alone(bomb) < BOUNDS.processes


def test_memory_of_one_process_is_bounded(inside):
    hoard = """
hoard, found = [], 0
try:
    while found < limit:
        hoard.append(bytes(2**28))
        found += 2**28
except MemoryError:
    pass
hoard.clear()
"""
    assert inside(hoard, limit=2 * BOUNDS.memory) <= BOUNDS.memory


def test_memory_of_all_its_processes_together_is_bounded(grader, warm, monkeypatch):
    """As if half a gigabyte were all that is allowed: each of three takes a part of it."""
    monkeypatch.setattr(sandbox, "BOUNDS", sandbox.dataclasses.replace(BOUNDS, memory=2**29))
    hoard = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        hoard = b"x" * 2**28
        time.sleep(60)
time.sleep(60)
"""
    before = time.monotonic()
    result = grader.grade(KATA, (ANSWER + hoard).encode()).result
    assert result.outcome == "crashed"
    assert "GiB of memory together" in result.failures[0].message
    assert time.monotonic() - before < 30


def test_rights_cannot_be_had_back(alone):
    attempts = """
import ctypes
library = ctypes.CDLL(None, use_errno=True)
tries = {
    "user namespace": lambda: library.unshare(0x10000000),
    "mount namespace": lambda: library.unshare(0x00020000),
    "mount": lambda: library.mount(b"t", scratch.encode(), b"tmpfs", 0, None),
    "see what is below": lambda: library.umount2(suites.encode(), 2),
    "write again": lambda: library.mount(None, suites.encode(), None, 32, None),
    "chroot": lambda: library.chroot(scratch.encode()),
    "device": lambda: library.mknod(f"{scratch}/sda".encode(), 0o60666, 0x800),
    "user": lambda: library.setuid(0),
    "clock": lambda: library.settimeofday(ctypes.byref(ctypes.c_int64 * 2)()),
    "more memory": lambda: library.setrlimit(9, (ctypes.c_uint64 * 2)(2**62, 2**62)),
    "more processes": lambda: library.setrlimit(6, (ctypes.c_uint64 * 2)(2**30, 2**30)),
    "host name": lambda: library.sethostname(b"mine", 4),
}
found = []
for name, attempt in tries.items():
    try:
        found += [name] if attempt() == 0 else []
    except Exception:
        pass
"""
    suites = str(layout.TESTS / "losses")
    assert alone(attempts, scratch=str(layout.TESTS), suites=suites) == []


def test_calls_that_no_answer_needs_are_refused(alone):
    """Without a single right argument: a call that is let through complains of something else."""
    attempts = """
import ctypes, errno, socket
library = ctypes.CDLL(None, use_errno=True)
found = []
for name, number in numbers:
    said = library.syscall(number, 0, 0, 0, 0, 0, 0), ctypes.get_errno()
    if said not in [(-1, errno.EPERM), (-1, errno.ENOSYS)]:
        found.append([name, said])
for family in range(1, 50):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(family, kind).close()
            found.append(family)
        except OSError:
            pass
"""
    _, numbers = calls._MACHINES[os.uname().machine]
    refused = [(name, {**numbers, **calls._LATE}[name]) for name in (*calls._SIMPLE, "clone3")]
    found = alone(attempts, numbers=refused)
    assert set(found) == {int(socket.AF_UNIX), int(socket.AF_INET), int(socket.AF_INET6), 16}


def test_no_descriptor_leads_out(inside):
    """Files of its own, no input, its channel, and the end of a pipe that only closes."""
    look = """
import os, stat
found = {}
for number in range(1024):
    try:
        state = os.fstat(number)
    except OSError:
        continue
    for kind in ("REG", "DIR", "CHR", "FIFO", "SOCK", "BLK"):
        if getattr(stat, f"S_IS{kind}")(state.st_mode):
            place = f"{kind} {state.st_rdev}" if state.st_rdev else kind
            found[place] = found.get(place, 0) + 1
"""
    found = inside(look)
    nothing = f"CHR {os.stat(os.devnull).st_rdev}"
    assert found.pop("REG") > 0
    assert found.pop(nothing) > 0
    assert found == {"SOCK": 1, "FIFO": 1}


PARENT = ["a message of the wrong form", "a pickle", "messages without end"]
PARENT += ["a lone surrogate in a message", "an exception called as the suite's own"]
PARENT += ["the suite's own exception", "an exception that cannot be printed", "stops itself"]
PARENT += ["segmentation fault", "kills itself", "100 MB of output", "os._exit at import"]
PARENT += ["stops the warm process", "memory without end", "recursion without end"]
FORGED = ["replaces a name of the suite", "changes the suite's data", "replaces a builtin"]
FORGED += ["rewrites the code of a helper", "rewrites the method of a helper's class"]
FORGED += ["rewrites pytest's call of a test", "blinds the sentinels", "replaces numpy.testing"]
FORGED += ["says that all has passed, and leaves"]


@pytest.mark.parametrize("name", [*PARENT, *FORGED])
def test_a_hostile_case_ends_as_in_a_check(grader, name):
    case = CASES[name]
    result = grader.grade(KATA, file_of(case)).result
    first = result.failures[0]
    assert result.outcome == case.outcome, result
    assert case.says.format(file=SHOWN) in f"{first.message} {first.cause}"


HANGS = ["half a message, and then nothing", "endless loop at import"]
HANGS += ["a pipe in the place of its log"]


@pytest.mark.parametrize("name", HANGS)
def test_what_hangs_is_stopped(grader, name, monkeypatch):
    monkeypatch.setattr(grader.runner, "limit", 2)
    # Its log is not where it is: there is nothing to put a pipe in the place of.
    content = file_of(CASES[name]).replace(b"os.remove('log'); ", b"")
    result = grader.grade(KATA, content).result
    assert result.outcome == CASES[name].outcome
    assert CASES[name].says.format(file=SHOWN) in result.failures[0].message
    assert SHOWN in result.failures[0].message


def test_what_forges_is_flagged_with_its_line(grader):
    graded = grader.grade(KATA, file_of(CASES["rewrites pytest's call of a test"]))
    assert any("tampered" in flag for flag in graded.flags)
    assert any(re.match(r"line \d+: imports sys, ", flag) for flag in graded.flags)


def test_a_file_that_nobody_can_parse_is_wrong(grader):
    deep = grader.grade(KATA, b"x = " + b"-" * 100_000 + b"1\n").result
    assert (deep.outcome, len(deep.failures)) == ("wrong", 1)
    assert deep.failures[0].message.startswith(f"{SHOWN}:1: ")
    large = grader.grade(KATA, b"#" * (BOUNDS.source + 1)).result
    assert (large.outcome, "bytes" in large.failures[0].message) == ("wrong", True)


def test_what_takes_locks_from_the_system_gets_them(grader):
    """A strategy with two replicas has threads of its own."""
    kata = "training/replica_safe_loss"
    answer = layout.source_file(kata, layout.REFERENCE).read_bytes()
    graded = grader.grade(kata, answer)
    assert (graded.result.outcome, graded.flags) == ("solved", []), graded.result.failures


def test_a_right_answer_is_solved_after_all_of_them(grader, warm):
    graded = grader.grade(KATA, ANSWER.encode())
    assert (graded.result.outcome, graded.flags) == ("solved", [])
    assert grader.sandbox.pid == warm, "one of them has ended the warm process"
