"""What was handed in is read as it was meant, and a hostile archive costs one line."""

import gzip
import io
import os
import struct
import tarfile
import time
import zipfile

import pytest

from dojo.cohort import archives, contents, pack, submissions
from dojo.content import stubs
from dojo.errors import UsageError
from dojo.words import on_one_line

FOCAL, MOMENTUM = "losses/focal_loss", "optimizers/momentum"
KATAS = (FOCAL, MOMENTUM)
MINE = b"answer = 1\n"
OTHER = b"answer = 2\n"


def lay(folder, files):
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


def zipped(path, files, compress=zipfile.ZIP_DEFLATED):
    """A zip archive; a key may be a ZipInfo."""
    with zipfile.ZipFile(path, "w", compress) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path, files, mode="w:gz", form=tarfile.PAX_FORMAT, **members):
    """A tar archive with files, and with members of other kinds: name to type and target."""
    with tarfile.open(path, mode, format=form) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for name, (kind, target) in members.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            archive.addfile(entry)
    return path


def read(path, katas=KATAS):
    return submissions.read(submissions.Place("ann", path), katas)


def refusal(path):
    """Why a submission is refused, as the only thing that is said of it."""
    found = read(path)
    assert found.answers == {}
    (note,) = found.notes
    assert note.startswith("refused: "), note
    return note.removeprefix("refused: ")


# Every form of one submission.

FILES = {"katas/losses/focal_loss.py": MINE, "katas/optimizers/momentum.py": OTHER}
FORMS = {
    "a folder": lambda at, files: lay(at / "ann", files),
    "a zip": lambda at, files: zipped(at / "ann.zip", files),
    "a tar": lambda at, files: tarred(at / "ann.tar", files, "w:"),
    "a tar.gz": lambda at, files: tarred(at / "ann.tar.gz", files),
    "a tar of GNU's": lambda at, files: tarred(at / "ann.tar", files, "w:", tarfile.GNU_FORMAT),
    "a tar.gz that says zip": lambda at, files: tarred(at / "ann.zip", files),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("above", ["", "work/final/", "./", "a/katas/"])
def test_answers_are_found_at_any_depth(tmp_path, form, above):
    found = read(form(tmp_path, {f"{above}{name}": text for name, text in FILES.items()}))
    assert found.answers == {FOCAL: MINE, MOMENTUM: OTHER}
    assert list(found.notes) == []


def test_a_pack_that_was_worked_in_is_read_as_it_is(tmp_path):
    files = pack.contents(submissions_of(*KATAS), 90, with_checks=True)
    files["katas/losses/focal_loss.py"] = MINE
    found = read(zipped(tmp_path / "ann.zip", {f"takehome/{k}": v for k, v in files.items()}))
    assert found.answers[FOCAL] == MINE
    assert found.answers[MOMENTUM] == files["katas/optimizers/momentum.py"]
    assert list(found.notes) == []


def submissions_of(*names):
    from dojo.content import catalogue

    return catalogue.select(names)


def test_paths_of_windows_are_paths(tmp_path):
    found = read(zipped(tmp_path / "ann.zip", {"ann\\katas\\losses\\focal_loss.py": MINE}))
    assert found.answers == {FOCAL: MINE}


def test_one_kata_of_two_is_no_fault(tmp_path):
    found = read(lay(tmp_path, {"losses/focal_loss.py": MINE}))
    assert (found.answers, list(found.notes)) == ({FOCAL: MINE}, [])


def test_a_file_alone_is_enough(tmp_path):
    assert read(lay(tmp_path, {"focal_loss.py": MINE})).answers == {FOCAL: MINE}


def test_what_systems_and_tools_leave_is_passed_over(tmp_path):
    left = [
        *("__MACOSX/katas/losses/._focal_loss.py", "katas/losses/.DS_Store", ".git/config"),
        *("katas/losses/__pycache__/focal_loss.py", ".venv/lib/losses/focal_loss.py"),
        *(".ipynb_checkpoints/focal_loss.py", "venv/focal_loss.py"),
    ]
    for form in (FORMS["a folder"], FORMS["a zip"], FORMS["a tar.gz"]):
        found = read(form(tmp_path, FILES | dict.fromkeys(left, b"x = 0\n")))
        assert found.answers == {FOCAL: MINE, MOMENTUM: OTHER}
        assert list(found.notes) == []


# Which of several.


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("deep/down/katas/losses/focal_loss.py", "losses/focal_loss.py"),
        ("deep/down/losses/focal_loss.py", "focal_loss.py"),
        ("losses/focal_loss.py", "old/losses/focal_loss.py"),
        ("a/losses/focal_loss.py", "b/losses/focal_loss.py"),
    ],
)
def test_of_two_files_for_a_kata_the_rule_decides_and_it_is_said(tmp_path, first, second):
    found = read(lay(tmp_path, {first: MINE, second: OTHER}))
    assert found.answers == {FOCAL: MINE}
    assert list(found.notes) == [f"{FOCAL}: {first} is graded, and not {second}"]


def test_two_copies_of_one_text_are_no_question(tmp_path):
    found = read(lay(tmp_path, {"losses/focal_loss.py": MINE, "old/focal_loss.py": MINE}))
    assert (found.answers, list(found.notes)) == ({FOCAL: MINE}, [])


@pytest.mark.parametrize("form", [stubs.pristine, lambda kata: pack.handed_out(kata, True)])
def test_a_copy_that_was_worked_on_comes_before_the_stub(tmp_path, form):
    stub = form(FOCAL).replace("\n", "\r\n").encode()
    files = {"katas/losses/focal_loss.py": stub, "copy/katas/losses/focal_loss.py": MINE}
    assert read(lay(tmp_path, files)).answers == {FOCAL: MINE}


def test_who_hands_in_the_project_hands_in_no_model_answer(tmp_path):
    files = dict.fromkeys(
        ["reference/losses/focal_loss.py", "tests/second/losses/focal_loss.py"], MINE
    )
    found = read(lay(tmp_path, files))
    assert found.answers == {}
    held = found.notes[-1].partition("; it holds ")[2]
    assert sorted(held.split(", ")) == sorted(files)


# Nothing to grade.

NOTHING = {
    "an empty folder": ({}, ["it is empty"]),
    "other files": (
        {"a.py": MINE, "b.txt": MINE},
        ["there is no focal_loss.py or momentum.py in it; it holds a.py"],
    ),
}


@pytest.mark.parametrize(("files", "notes"), NOTHING.values(), ids=NOTHING)
def test_where_there_is_nothing_it_is_said(tmp_path, files, notes):
    (tmp_path / "ann").mkdir()
    found = read(lay(tmp_path / "ann", files))
    assert (found.answers, list(found.notes)) == ({}, notes)


def test_an_archive_in_an_archive_is_named_and_not_opened(tmp_path):
    inner = zipped(tmp_path / "inner.zip", FILES).read_bytes()
    found = read(zipped(tmp_path / "ann.zip", {"more/inner.zip": inner, "focal_loss.py": MINE}))
    assert found.answers == {FOCAL: MINE}
    assert list(found.notes) == ["more/inner.zip is an archive in it: not opened"]


def test_a_folder_with_nothing_but_an_archive_is_that_archive(tmp_path):
    folder = lay(tmp_path / "Ann_1234_file", {"readme.txt": b"mine"})
    zipped(folder / "takehome.zip", FILES)
    assert read(folder).answers == {FOCAL: MINE, MOMENTUM: OTHER}


def test_an_answer_of_300_mb_is_not_read(tmp_path):
    lay(tmp_path, FILES)
    with open(tmp_path / "katas/losses/focal_loss.py", "r+b") as file:
        file.truncate(300 * 2**20)
    found = read(tmp_path)
    assert found.answers == {MOMENTUM: OTHER}
    assert list(found.notes) == [
        "katas/losses/focal_loss.py is not read: 300.0 MB, and an answer has at most 1 MB"
    ]


def test_what_cannot_be_read_is_said_and_the_rest_is_read(tmp_path, monkeypatch):
    lay(tmp_path, FILES | {"closed/x.py": b""})
    look, opened = os.scandir, os.open

    def scandir(folder):
        if str(folder).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return look(folder)

    def open_(path, *how, **more):
        if str(path).endswith("focal_loss.py"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *how, **more)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "open", open_)
    found = read(tmp_path)
    assert found.answers == {MOMENTUM: OTHER}
    assert sorted(found.notes) == [
        "closed cannot be read: Permission denied",
        "katas/losses/focal_loss.py cannot be read: Permission denied",
    ]


def test_an_archive_without_permission_is_refused(tmp_path, monkeypatch):
    path = zipped(tmp_path / "ann.zip", FILES)

    def closed(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(archives, "open_plain", closed)
    assert refusal(path) == "it cannot be read: Permission denied"


# Links, pipes, and names that lead elsewhere.


def test_links_and_pipes_in_a_folder_are_not_followed(tmp_path):
    outside = lay(tmp_path / "outside", FILES)
    folder = lay(tmp_path / "ann", {"x.txt": b""})
    (folder / "focal_loss.py").symlink_to(outside / "katas/losses/focal_loss.py")
    (folder / "katas").symlink_to(outside / "katas")
    (folder / "self").symlink_to(folder)
    os.mkfifo(folder / "momentum.py")
    found = read(folder)
    assert found.answers == {}
    assert sorted(found.notes[:4]) == [
        *("focal_loss.py is a link: not read", "katas is a link: not read"),
        *("momentum.py is no plain file: not read", "self is a link: not read"),
    ]


@pytest.mark.timeout(20)
def test_a_link_or_a_pipe_is_not_even_opened(tmp_path):
    os.mkfifo(tmp_path / "ann.zip")
    assert refusal(tmp_path / "ann.zip") == "it cannot be read: it is no plain file"
    (tmp_path / "bob.zip").symlink_to(zipped(tmp_path / "cem.zip", FILES))
    assert refusal(tmp_path / "bob.zip").startswith("it cannot be read: ")


def entry(name, mode, text=b""):
    made = zipfile.ZipInfo(name)
    made.create_system, made.external_attr = 3, mode << 16
    return {made: text}


LEADING_OUT = {
    "out": ("../../katas/losses/focal_loss.py", "leads out of its folder"),
    "out from within": ("katas/../../losses/focal_loss.py", "leads out of its folder"),
    "out as on Windows": ("a\\..\\..\\x.py", "leads out of its folder"),
    "absolute": ("/etc/cron.d/focal_loss.py", "is an absolute path"),
    "absolute as on Windows": ("C:\\katas\\focal_loss.py", "is an absolute path"),
}


@pytest.mark.parametrize(("name", "words"), LEADING_OUT.values(), ids=LEADING_OUT)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name, words):
    for path in (
        zipped(tmp_path / "ann.zip", FILES | {name: MINE}),
        tarred(tmp_path / "ann.tar.gz", FILES | {name: MINE}),
    ):
        assert refusal(path) == f"{name} {words}"


def test_links_and_devices_in_an_archive_are_refused(tmp_path):
    odd = "neither a file nor a folder"
    kinds = {
        "a link": [(tarfile.SYMTYPE, "/etc/passwd"), (tarfile.LNKTYPE, "katas/x.py")],
        odd: [(tarfile.FIFOTYPE, ""), (tarfile.CHRTYPE, ""), (tarfile.BLKTYPE, "")],
    }
    for words, members in kinds.items():
        for member in members:
            path = tarred(tmp_path / "ann.tar.gz", FILES, **{"katas/x.py": member})
            assert refusal(path) == f"katas/x.py is {words}"
    for words, mode in [("a link", 0o120777), (odd, 0o010644)]:
        path = zipped(tmp_path / "ann.zip", FILES | entry("katas/x.py", mode, b"/etc/passwd"))
        assert refusal(path) == f"katas/x.py is {words}"


def test_links_of_an_environment_are_passed_over_with_it(tmp_path):
    link = (tarfile.SYMTYPE, "/usr/bin/python3")
    path = tarred(tmp_path / "ann.tar.gz", FILES, **{"takehome/.venv/bin/python": link})
    assert read(path).answers == {FOCAL: MINE, MOMENTUM: OTHER}


@pytest.mark.parametrize("twin", ["losses/Focal_Loss.py", "./losses/focal_loss.py"])
def test_two_names_that_become_one_are_refused(tmp_path, twin):
    files = {"losses/focal_loss.py": MINE, twin: OTHER}
    for path in (zipped(tmp_path / "a.zip", files), tarred(tmp_path / "a.tar", files, "w:")):
        assert refusal(path).endswith("are one name on some systems")


def test_names_are_shown_and_do_nothing(tmp_path):
    name = "katas/a\nb\x1b[2J\u202egpj.py"
    found = read(zipped(tmp_path / "ann.zip", {name: MINE}))
    assert found.notes[-1].endswith("it holds katas/a\\nb\\x1b[2J\\u202egpj.py")
    assert refusal(zipped(tmp_path / "b.zip", {f"../{name}": MINE})).startswith("../katas/a\\nb")


def test_a_long_name_is_shown_by_its_two_ends():
    assert on_one_line("a" * 100) == "a" * 100
    shown = on_one_line("begin" + "x" * 500 + "end\n")
    assert shown.startswith("beginx")
    assert shown.endswith("xend\\n")
    assert len(shown) <= 100


# Bombs and damage.


def test_an_encrypted_member_is_refused(tmp_path):
    path = zipped(tmp_path / "ann.zip", FILES)
    raw = bytearray(path.read_bytes())
    # The flag of the first entry, in the archive's directory.
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    words = "katas/losses/focal_loss.py is encrypted: hand it in without a password"
    assert refusal(path) == words


def test_unusual_compression_is_refused(tmp_path):
    path = zipped(tmp_path / "ann.zip", FILES, zipfile.ZIP_LZMA)
    assert refusal(path).endswith("is compressed in an unusual way: zip it again")


@pytest.fixture
def zeros():
    """A gzip file of one tar member that unpacks to 200 MB."""
    written = io.BytesIO()
    with gzip.GzipFile(fileobj=written, mode="wb", compresslevel=1) as file:
        head = tarfile.TarInfo("zeros")
        head.size = 200 * 2**20
        file.write(head.tobuf())
        block = bytes(2**20)
        for _ in range(200):
            file.write(block)
    return written.getvalue()


def test_bombs_are_refused_before_they_are_large(tmp_path, zeros):
    path = zipped(tmp_path / "ann.zip", FILES | {"zeros": bytes(60 * 2**20)})
    assert refusal(path).startswith("it is a bomb: 0.1 MB that unpack to 60 MB")
    path = tmp_path / "ann.tar.gz"
    path.write_bytes(zeros)
    begun = time.process_time()
    assert refusal(path).startswith("it is a bomb: ")
    unpacked = int(refusal(path).partition("unpack to ")[2].partition(" ")[0])
    assert unpacked <= 101 * len(zeros) / 2**20
    assert time.process_time() - begun < 5


def test_a_member_may_not_be_larger_than_it_says(tmp_path):
    path = zipped(tmp_path / "ann.zip", {"losses/focal_loss.py": bytes(3 * 2**20)})
    raw = bytearray(path.read_bytes())
    place = raw.index(b"PK\x01\x02") + 24
    raw[place : place + 4] = struct.pack("<I", 100)
    path.write_bytes(raw)
    # No more is read than the directory says, which has another checksum.
    assert refusal(path).startswith("it is damaged: ")


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "MOST_FILES", 10)
    files = {f"{number}.txt": b"" for number in range(11)}
    for form in (FORMS["a folder"], FORMS["a zip"], FORMS["a tar"]):
        assert refusal(form(tmp_path, files)).startswith("it holds more than 10 files")


def test_the_directory_of_a_zip_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_DIRECTORY", 1000)
    files = {f"{number:0100}.txt": b"" for number in range(20)}
    assert refusal(zipped(tmp_path / "ann.zip", files)).startswith("it holds more than")


def test_a_tar_header_is_bounded(tmp_path):
    path = tarred(tmp_path / "ann.tar", {"a" * 20_000: b""}, "w:")
    assert refusal(path) == "it is damaged: a name in it has no end"


def test_a_tar_that_points_back_ends(tmp_path):
    head = bytearray(tarfile.TarInfo("focal_loss.py").tobuf(tarfile.GNU_FORMAT))
    # A size below 0, in GNU's binary form: a reader that goes on from there comes here again.
    head[124:136] = b"\xff" * 10 + struct.pack(">h", -1024)
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    path = tmp_path / "ann.tar"
    path.write_bytes(bytes(head) + bytes(1024))
    assert refusal(path).startswith("it is damaged: ")


@pytest.mark.parametrize("form", ["a zip", "a tar", "a tar.gz"])
def test_damage_anywhere_costs_a_line_and_no_more(tmp_path, form):
    path = FORMS[form](tmp_path, FILES)
    whole = path.read_bytes()
    # Heads are at the start, and a zip's directory at the end.
    for place in [*range(0, min(600, len(whole)), 3), *range(600, len(whole), 37)]:
        for damaged in (whole[:place] + b"\xff" + whole[place + 1 :], whole[:place]):
            path.write_bytes(damaged)
            found = read(path)
            assert set(found.answers) <= {FOCAL, MOMENTUM}


def test_an_archive_of_another_kind_is_refused(tmp_path):
    for name in ("ann.rar", "ann.7z"):
        (tmp_path / name).write_bytes(b"Rar!\x1a\x07\x01\x00" + bytes(600))
        assert refusal(tmp_path / name) == "it is neither a zip archive nor a tar or tar.gz"
    (tmp_path / "ann.zip").write_bytes(b"")
    assert refusal(tmp_path / "ann.zip") == "it is neither a zip archive nor a tar or tar.gz"


# The folder of all.


def names(found):
    return [place.name for place in found]


def test_folders_and_archives_are_found_and_the_rest_is_named(tmp_path):
    lay(tmp_path, {"bob/x.py": b"", "notes.txt": b"", ".DS_Store": b"", "__MACOSX/x": b""})
    zipped(tmp_path / "ann.zip", FILES)
    tarred(tmp_path / "cem.tar.gz", FILES)
    (tmp_path / "dot").symlink_to(tmp_path / "bob")
    found, remarks = submissions.find(tmp_path)
    assert names(found) == ["ann", "bob", "cem"]
    assert remarks == [
        "dot is a link: passed over",
        "notes.txt is neither a folder nor an archive: passed over",
    ]


def test_every_submission_has_a_name_of_its_own_that_can_be_printed(tmp_path):
    for name in ("ann", "a\nb", "a\\nb", "\u202eevil", "mu\u0308ller", "m\u00fcller"):
        (tmp_path / name).mkdir()
    zipped(tmp_path / "ann.zip", FILES)
    found, _ = submissions.find(tmp_path)
    assert len(set(names(found))) == len(found) == 7
    assert {"ann", "ann.zip", "\\u202eevil"} <= set(names(found))
    assert all(name.isprintable() for name in names(found))
    assert {place.path.name for place in found} == {path.name for path in tmp_path.iterdir()}


WRONG = {
    "nothing there": (lambda at: None, "there is no submission in"),
    "a submission itself": (lambda at: lay(at, FILES), "is one submission; give the folder"),
    "tracks at the top": (lambda at: lay(at, {"losses/a.py": b""}), "is one submission"),
}


def test_finding_takes_as_long_as_there_are_many(tmp_path):
    def seconds(number):
        for each in range(number):
            (tmp_path / f"{number}/{each}").mkdir(parents=True)
        begun = time.process_time()
        assert len(submissions.find(tmp_path / f"{number}")[0]) == number
        return time.process_time() - begun

    few = seconds(500)
    # Four times as many take four times as long: sixteen times would be the square.
    assert seconds(2000) < 10 * few


@pytest.mark.parametrize(("make", "words"), WRONG.values(), ids=WRONG)
def test_a_folder_without_submissions_is_wrong_usage(tmp_path, make, words):
    make(tmp_path / "all")
    (tmp_path / "all").mkdir(exist_ok=True)
    with pytest.raises(UsageError, match=words):
        submissions.find(tmp_path / "all")


def test_a_folder_that_is_not_there_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        submissions.find(tmp_path / "none")


def test_two_hundred_are_read_in_a_moment(tmp_path):
    for number in range(100):
        zipped(tmp_path / f"{number}.zip", FILES)
        lay(tmp_path / f"{number}f", FILES)
    begun = time.process_time()
    found, _ = submissions.find(tmp_path)
    read_all = [submissions.read(place, KATAS) for place in found]
    assert [entry.answers for entry in read_all] == [{FOCAL: MINE, MOMENTUM: OTHER}] * 200
    assert time.process_time() - begun < 2


def test_the_archives_folder_is_left_as_it_was(tmp_path):
    """Nothing is unpacked to disk."""
    zipped(tmp_path / "ann.zip", FILES)
    before = sorted(tmp_path.rglob("*"))
    read(tmp_path / "ann.zip")
    assert sorted(tmp_path.rglob("*")) == before
