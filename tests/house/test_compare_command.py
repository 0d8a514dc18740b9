"""The compare command: what it prints and writes, the page, and being interrupted."""

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

from dojo import compare, layout
from dojo.compare import command
from dojo.compare.display import Display
from dojo.compare.run import Run


def test_the_names_known_early_are_the_comparisons():
    assert tuple(command.COMPARISONS) == compare.NAMES


def test_the_parent_never_imports_tensorflow():
    code = (
        "import sys; from dojo.compare import command, drawing, page, style\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=layout.ROOT, timeout=120)
    assert done.returncode == 0


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["--tree", "no/such/folder"], ["--bogus"]], ids=" ".join
)
def test_usage_errors_exit_2(dojo, arguments):
    done = dojo("compare", *arguments)
    assert done.returncode == 2
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


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


@pytest.fixture
def held(tmp_path):
    """A tree of answers, the last of which is not imported before a file is there."""
    tree, go = tmp_path / "answers", tmp_path / "go"
    shutil.copytree(layout.REFERENCE / "gradients", tree / "gradients")
    file = tree / "gradients" / "captured_variables.py"
    wait = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.02)\n"
    file.write_text(wait + file.read_text(encoding="utf-8"), encoding="utf-8")
    return tree, go


def test_an_interrupted_run_keeps_what_it_has_and_goes_on(tmp_path, held):
    tree, go = held
    arguments = ["gradients", "--tree", str(tree), "--output", str(tmp_path)]
    line = [sys.executable, "-m", "dojo", "compare", *arguments]
    started = subprocess.Popen(line, cwd=layout.ROOT, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 240
    while len(list(tmp_path.glob("runs/*.json"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    started.send_signal(signal.SIGINT)
    screen, _ = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "kept" in screen
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*.json")}
    assert len(kept) >= 5
    go.touch()
    done = run_command(*arguments)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("runs/*.json"))) > len(kept)
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items())


def test_an_unwritten_tree_fails_curve_by_curve(tmp_path):
    done = run_command("gradients", "--tree", tmp_path, "--output", tmp_path / "plots")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "No such file" in done.stdout
    assert (tmp_path / "plots" / "results.json").is_file()


def test_the_display_says_what_trains_and_how_long_is_left():
    text = io.StringIO()
    console = Console(file=text, width=80, force_terminal=True)
    with Display(console, cost=100.0, children=2) as display:
        display.start(Run("optimizers.runs:train", "seed 3", {"seed": 3}))
        display.finish(Run("optimizers.runs:train", "seed 4", {"seed": 4}))
        display.refresh()
    assert "seed 3" in text.getvalue()
    assert re.search(r"\d+ (s|min) left", text.getvalue())
