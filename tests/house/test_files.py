"""What a write replaces: plain files, whole; never a link, a device or a pipe."""

import os
import stat
import subprocess
import sys
import threading

import pytest

from dojo import layout
from dojo.files import write_whole


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path):
    file = tmp_path / "out.json"
    file.write_bytes(b"before")
    file.chmod(0o600)
    write_whole(file, b"after")
    assert file.read_bytes() == b"after"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_the_target_of_a_link_is_replaced_and_the_link_stays(tmp_path):
    target, link = tmp_path / "elsewhere" / "out.json", tmp_path / "link.json"
    target.parent.mkdir()
    target.write_bytes(b"before")
    link.symlink_to(target)
    write_whole(link, b"after")
    assert link.is_symlink()
    assert target.read_bytes() == b"after"


def test_the_target_of_a_dangling_link_is_made(tmp_path):
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "target.json")
    write_whole(link, b"after")
    assert link.is_symlink()
    assert (tmp_path / "target.json").read_bytes() == b"after"


def test_a_pipe_is_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"after")
    reader.join(10)
    assert read == [b"after"]
    assert stat.S_ISFIFO(pipe.lstat().st_mode)


@pytest.mark.skipif(os.getuid() != 0, reason="only root makes devices")
@pytest.mark.parametrize("option", ["--json", "--junit-xml"])
def test_a_device_is_written_to_and_stays_a_device(tmp_path, option, dojo):
    """A node of the test's own, the same as /dev/null, in the place of the real one."""
    node = tmp_path / "null"
    try:
        os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("this container makes no devices")
    done = dojo("check", "clip_by_value", f"{option}={node}")
    assert done.stderr == ""
    assert stat.S_ISCHR(node.lstat().st_mode)


def test_stdout_by_its_path_is_appended_to(tmp_path):
    """Whatever it is by now: a plain file that the shell has opened is not replaced."""
    out = tmp_path / "out"
    code = (
        "import sys; from pathlib import Path; from dojo.files import write_whole; "
        "print('first', flush=True); write_whole(Path('/dev/stdout'), b'second\\n')"
    )
    with out.open("wb") as file:
        subprocess.run([sys.executable, "-c", code], cwd=layout.ROOT, stdout=file, check=True)
    assert out.read_text() == "first\nsecond\n"


def test_a_folder_that_another_command_has_just_removed_is_none_to_sweep(tmp_path, monkeypatch):
    from dojo.check import folders

    gone = tmp_path / f"{folders.PREFIX}gone"
    monkeypatch.setattr(folders.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(folders.Path, "glob", lambda self, pattern: [gone])
    folders.sweep()
    assert not gone.exists()
