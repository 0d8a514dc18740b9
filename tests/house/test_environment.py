"""What a learner's shell, home or folder sets does not change a verdict."""

import json
import os
import resource
import subprocess
import sys
import tempfile

import pytest

from dojo import layout
from dojo.check.runner import Runner

KATA = "gradients/clip_by_value"
COLD = {"DOJO_WARM": "0"}


def check(tmp_path, tree=layout.REFERENCE, cwd=layout.ROOT, prefix=(), **changes):
    """Returns the kata's entry in the JSON of a real check, and what was printed."""
    out = tmp_path / "out.json"
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "dojo", "check", KATA, f"--tree={tree}", f"--json={out}"],
        cwd=cwd,
        env={**os.environ, **changes},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr, done.stderr
    (entry,) = json.loads(out.read_text(encoding="utf-8"))["katas"]
    return entry, done.stdout + done.stderr


SET = {
    "warnings as errors": {"PYTHONWARNINGS": "error"},
    "ASCII for output": {"PYTHONIOENCODING": "ascii"},
    "a narrow terminal": {"COLUMNS": "40"},
}


@pytest.mark.parametrize("changes", SET.values(), ids=SET)
def test_a_right_answer_is_solved_whatever_is_set_for_the_command(tmp_path, changes):
    entry, screen = check(tmp_path, **changes)
    assert entry["outcome"] == "solved", entry
    assert "1 solved" in " ".join(screen.split())


# What would be the warm process's, if it were let through: it would be started anew.
SET_FOR_ALL = {
    "Keras' backend": {"KERAS_BACKEND": "torch"},
    "the retired Keras": {"TF_USE_LEGACY_KERAS": "1"},
    "a flag that XLA does not know": {"XLA_FLAGS": "--xla_no_such_flag"},
    "options for pytest": {"PYTEST_ADDOPTS": "-k nothing --maxfail=1"},
    "a plugin for pytest": {"PYTEST_PLUGINS": "no_such_plugin"},
    "a hidden GPU policy": {"TF_FORCE_GPU_ALLOW_GROWTH": "maybe"},
}


@pytest.mark.parametrize("changes", SET_FOR_ALL.values(), ids=SET_FOR_ALL)
def test_a_right_answer_is_solved_whatever_is_set(monkeypatch, changes):
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    assert_solved()


def assert_solved():
    """By the process that each command would use now."""
    (result,) = Runner(layout.REFERENCE).results([KATA])
    assert (result.outcome, result.failures) == ("solved", [])


def test_what_is_set_does_not_count_where_tensorflow_is_imported_either(tmp_path):
    """Keras' settings at home, packages of others on the path, a locale without UTF-8.

    All at once: each import takes its time, and none of them hides another.
    """
    settings = {"backend": "torch", "floatx": "float64", "epsilon": 0.5}
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(json.dumps(settings))
    other = tmp_path / "other"
    (other / "tests").mkdir(parents=True)
    (other / "tests" / "__init__.py").write_text("raise RuntimeError('not this project')\n")
    (other / "keras.py").write_text("raise RuntimeError('not Keras')\n")
    changes = {"HOME": str(tmp_path), "KERAS_HOME": str(tmp_path / ".keras")}
    changes |= {"PYTHONPATH": str(other), "LC_ALL": "C"}
    entry, screen = check(tmp_path, **changes, **COLD)
    assert entry["outcome"] == "solved", entry
    assert "1 solved" in " ".join(screen.split())


@pytest.mark.parametrize("length", [60, 99])
def test_a_folder_for_temporary_files_may_have_a_long_name(tmp_path, monkeypatch, length):
    folder = tmp_path / ("t" * length)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    assert_solved()
    assert list(folder.iterdir()) == []


def test_a_file_of_a_package_s_name_beside_the_answer_hides_nothing(tmp_path):
    tree = tmp_path / "answers"
    file = layout.source_file(KATA, tree)
    file.parent.mkdir(parents=True)
    file.write_bytes(layout.source_file(KATA, layout.REFERENCE).read_bytes())
    for name in ("keras", "numpy", "tensorflow", "tests", "pytest"):
        (file.parent / f"{name}.py").write_text("raise RuntimeError('hidden')\n")
    entry, screen = check(tmp_path, tree)
    assert entry["outcome"] == "solved", entry
    assert "runs with your rights" in screen


def test_a_poor_machine_is_enough(tmp_path):
    """64 open files, no room in /dev/shm, and a working directory that is gone: a cold check."""
    gone, empty = tmp_path / "gone", tmp_path / "empty"
    gone.mkdir()
    empty.mkdir()
    poor = f"ulimit -n 64; rmdir {gone}; "
    unshare = ["unshare", "--mount"] if may_mount() else []
    if unshare:
        poor += f"mount --bind {empty} /dev/shm && mount -o remount,bind,ro /dev/shm || exit 9; "
    changes = COLD | {"PYTHONPATH": str(layout.ROOT)}
    prefix = [*unshare, "sh", "-c", f'{poor} exec "$@"', "sh"]
    entry, screen = check(tmp_path, cwd=gone, prefix=prefix, **changes)
    assert entry["outcome"] == "solved", entry
    assert "runs with your rights" not in screen


def may_mount():
    if os.getuid() != 0 or not os.path.isdir("/dev/shm"):
        return False
    try:
        return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0
    except OSError:
        return False


def test_too_few_open_files_are_said_in_one_line():
    limit = (16, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    done = subprocess.run(
        [sys.executable, "-m", "dojo", "check", KATA, "--tree=reference"],
        cwd=layout.ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit),
    )
    assert done.returncode == 1
    assert done.stderr == "dojo: 16 open files are too few (ulimit -n); 64 will do\n"
