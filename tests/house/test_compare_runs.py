"""dojo.compare with TensorFlow in its children: real trainings, the command, the page."""

import base64
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console

from dojo import layout
from dojo.compare import command, optimizers, parts
from dojo.compare.jobs import Job, Store
from dojo.compare.parts import Part
from dojo.compare.pool import Pool
from dojo.compare.progress import Board
from dojo.compare.protocol import Budget
from dojo.compare.report import Plan

TINY = Budget((1e-4, 1e-3, 1e-2), tuning_seeds=(101,), seeds=(1, 2, 3), epochs=1, batch=64)

HEAD = """
import keras
import tensorflow as tf

class {name}(keras.optimizers.Optimizer):
    def update_step(self, gradient, variable, learning_rate):
"""
# Steps of one size: far ahead of plain descent, whose rates this grid holds too small.
BETTER = "        self.assign_sub(variable, learning_rate * tf.sign(gradient))\n"
# Only biases learn.
WORSE = """
        if len(variable.shape) == 1:
            self.assign_sub(variable, learning_rate * gradient)
"""
NAN = "        self.assign_sub(variable, learning_rate * gradient / 0.0)\n"
RAISES = "        raise RuntimeError('not today')\n"
CRASHES = "        import os; os.kill(os.getpid(), 11)\n"


@pytest.fixture(scope="module")
def pool():
    with Pool(2) as one:
        yield one


def part(kata, body):
    name = optimizers.class_name(kata)
    return Part(f"optimizers/{kata}", f"{kata}.py", HEAD.format(name=name) + body, parts.YOURS)


def compare(pool, tmp_path, monkeypatch, **bodies):
    """Returns the report on optimizers with these bodies, by the real stages."""
    monkeypatch.setattr(optimizers, "BUDGET", TINY)
    plan = Plan({f"optimizers/{kata}": part(kata, body) for kata, body in bodies.items()})
    executor = command.Executor(Store(tmp_path / "runs"), pool, Board(Console(), 1, 2))
    return executor.drive({"optimizers": optimizers.stages(plan)})["optimizers"]


def test_a_better_and_a_worse_optimizer_come_out_as_such(pool, tmp_path, monkeypatch):
    report = compare(pool, tmp_path, monkeypatch, momentum=BETTER, lion=WORSE)
    said = {line.partition(":")[0]: line.partition(": ")[2] for line in report.conclusions}
    assert re.match(r"\+\d+\.\d ± ", said["Momentum (yours) against Keras SGD"])
    assert re.match(r"-\d+\.\d ± ", said["Lion (yours) against Keras SGD"])
    # Alike at the start: one set of weights and one data order a seed.
    for seed in range(3):
        starts = {
            (found["runs"][seed]["start"], found["runs"][seed]["order"])
            for found in report.numbers.values()
        }
        assert len(starts) == 1
    assert not report.failures
    assert {picture.name for picture in report.pictures} >= {"optimizers_curves"}


def test_what_breaks_is_named_and_the_others_go_on(pool, tmp_path, monkeypatch):
    bodies = {"momentum": BETTER, "lion": NAN, "adam": RAISES, "lamb": CRASHES}
    report = compare(pool, tmp_path, monkeypatch, **bodies)
    why = dict(report.failures)
    assert "not finite at any learning rate" in why["Lion (yours)"]
    assert why["Adam (yours)"].startswith("RuntimeError: not today, at")
    assert "SIGSEGV" in why["Lamb (yours)"]
    assert len(report.numbers["Momentum (yours)"]["runs"]) == 3
    rows = {row[0]: row for row in report.sheets[0].rows}
    assert rows["Lamb (yours)"][1] == "failed"
    assert re.match(r"\d\d\.\d ± ", rows["Keras Adam"][2])


def training(seed=1, rate=0.01):
    settings = {"class": "Adam"}
    how = {"epochs": 1, "batch": 64, "test": True, "full": False}
    arguments = {"settings": settings, "rate": rate, "seed": seed} | how
    return Job("optimizer_runs:train", f"seed {seed}", arguments, group="Adam")


def results(pool, jobs):
    return {n.job.title: n.result for n in pool.run(jobs) if n.result is not None}


def test_the_same_seed_gives_the_same_numbers(pool):
    """Also in another process, and after other runs on the same bench."""
    first = results(pool, [training(seed=1)])
    with Pool(1) as other:
        results(other, [training(seed=2, rate=0.1)])
        again = results(other, [training(seed=1)])
    assert first == again
    assert first["seed 1"]["test"] > 0.7


def test_a_bench_that_was_used_is_as_good_as_new(pool):
    """Wrapped optimizers, too: Lookahead's slow weights start at each run's own weights."""
    kata = "optimizers/lookahead"
    own = parts.from_tree([kata], layout.REFERENCE)[kata]
    settings = {"kata": kata, "wraps": dict(optimizers.MOMENTUM.settings)}

    def job(seed):
        arguments = dict(training(seed).arguments) | {"settings": settings, "rate": 0.1}
        return Job("optimizer_runs:train", f"seed {seed}", arguments, (own,))

    with Pool(1) as used, Pool(1) as new:
        results(used, [job(5)])
        assert results(used, [job(6)]) == results(new, [job(6)])


def test_an_endless_loop_is_stopped_and_the_next_job_is_done(pool, monkeypatch):
    source = "while True: pass\n"
    endless = Part("optimizers/momentum", "momentum.py", source, parts.YOURS)
    settings = {"kata": "optimizers/momentum"}
    arguments = dict(training().arguments) | {"settings": settings}
    hanging = Job("optimizer_runs:train", "endless", arguments, (endless,))
    monkeypatch.setattr(Job, "limit", 3.0)
    with Pool(1) as one:
        found = results(one, [hanging])
        monkeypatch.setattr(Job, "limit", 120.0)
        assert "no end in sight" in found["endless"]["error"]
        assert "error" not in results(one, [training()])["seed 1"]


def test_what_is_stored_is_not_computed_again(pool, tmp_path, monkeypatch):
    compare(pool, tmp_path, monkeypatch, momentum=BETTER)

    class Asleep:
        ran = 0

        def run(self, jobs):
            Asleep.ran += len(jobs)
            yield from pool.run(jobs)

    report = compare(Asleep(), tmp_path, monkeypatch, momentum=BETTER)
    assert Asleep.ran == 0
    assert report.numbers
    # Another answer trains again; Keras' optimizers do not.
    compare(Asleep(), tmp_path, monkeypatch, momentum=WORSE)
    own = len(TINY.rates) + len(TINY.seeds) + len(optimizers.SURFACES)
    assert Asleep.ran == own + 1  # and the time per step, which is all in one


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """What `compare gradients --html` writes, run once for all tests below."""
    folder = tmp_path_factory.mktemp("plots")
    arguments = ["gradients", "--tree", "reference", "--html", "--output", folder]
    done = run_command(*arguments)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def run_command(*arguments):
    line = [sys.executable, "-m", "dojo", "compare", *map(str, arguments)]
    return subprocess.run(line, cwd=layout.ROOT, capture_output=True, text=True, timeout=300)


def test_the_command_says_whose_parts_and_what_breaks(page):
    _, screen = page
    assert "model answer: clip_by_value" in screen
    text = " ".join(screen.split())
    assert "safe_norm: the kata (model answer) is right everywhere" in text
    assert "log(1 + exp(x)) has value 0 from -30 to -17" in text
    assert "inf from 89 to 100" in text
    assert all(len(line) <= 80 for line in screen.splitlines())


def test_every_picture_is_there_as_png_and_svg(page):
    folder, _ = page
    png, svg = ({path.stem for path in folder.glob(f"*.{kind}")} for kind in ("png", "svg"))
    assert png == svg
    assert len(png) == 10
    assert all((folder / f"{name}.png").read_bytes()[:4] == b"\x89PNG" for name in png)


def test_results_are_strict_json(page):
    folder, _ = page
    text = (folder / "results.json").read_text(encoding="utf-8")
    found = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    forms = found["comparisons"]["gradients"]["numbers"]["log1pexp"]["forms"]
    assert forms["custom"]["error"] < 1e-9
    assert "inf" in forms["log(1 + exp(x))"]["y"]


def test_the_page_fetches_nothing(page):
    text = (page[0] / "compare.html").read_text(encoding="utf-8")
    # Inside the pictures, namespaces are names and not fetched.
    for uri in re.findall(r"base64,([^']+)'", text):
        picture = base64.b64decode(uri).decode()
        assert not re.search(r"(href|src)=.(?!#)", picture.replace('xlink:href="#', ""))
    shell = re.sub(r"base64,[^']+'", "'", text)
    assert not re.search(r"https?:|//|<script|<link|@import|url\(", shell)


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
QUIET += ["--disable-quic", "--disable-background-networking", "--disable-component-update"]
COUNT = """<script>addEventListener('load', () => {
  const seen = [...document.images].filter(i => i.complete && i.naturalWidth > 100);
  const wide = document.documentElement.scrollWidth - innerWidth;
  document.title = `${seen.length} of ${document.images.length} seen, ${wide} too wide`;
});</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.parametrize("width", [1200, 400])
def test_a_real_browser_shows_every_picture(page, tmp_path, width):
    copy = tmp_path / "page.html"
    text = (page[0] / "compare.html").read_text(encoding="utf-8")
    copy.write_text(text.replace("</head>", COUNT + "</head>"), encoding="utf-8")
    line = [CHROMIUM, *QUIET, f"--user-data-dir={tmp_path / 'profile'}"]
    line += [
        f"--window-size={width},900",
        "--virtual-time-budget=5000",
        "--dump-dom",
        copy.as_uri(),
    ]
    done = subprocess.run(line, capture_output=True, text=True, timeout=180)
    title = re.search(r"<title>(.*?)</title>", done.stdout)[1]
    assert title.startswith("10 of 10 seen")
    # A table may scroll in its own box; the page itself must not.
    assert int(title.split()[-3]) <= 0


def test_an_interrupted_run_keeps_what_it_has_and_goes_on(tmp_path):
    line = [sys.executable, "-m", "dojo", "compare", "optimizers", "--quick", "--tree", "reference"]
    started = subprocess.Popen(
        [*line, "--output", str(tmp_path)], cwd=layout.ROOT, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 240
    while len(list(tmp_path.glob("runs/*.json"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.2)
    started.send_signal(signal.SIGINT)
    screen, _ = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "kept" in screen
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*.json")}
    assert len(kept) >= 5
    done = run_command("optimizers", "--quick", "--tree", "reference", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("runs/*.json"))) > len(kept)
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items())


def test_an_unwritten_tree_fails_curve_by_curve(tmp_path):
    done = run_command("gradients", "--tree", tmp_path, "--output", tmp_path / "plots")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "No such file" in done.stdout
    assert (tmp_path / "plots" / "results.json").is_file()


def test_the_board_says_what_trains_and_how_long_is_left():
    text = io.StringIO()
    console = Console(file=text, width=80, force_terminal=True)
    with Board(console, cost=100.0, workers=2) as board:
        board.start(training(seed=3))
        board.finish(training(seed=4))
        board.refresh()
    assert "seed 3" in text.getvalue()
    assert re.search(r"\d+ (s|min) left", text.getvalue())
