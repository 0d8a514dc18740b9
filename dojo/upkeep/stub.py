"""The stub command: makes a kata's stub from its question and its model answer."""

from dojo import files, layout
from dojo.content import stubs
from dojo.errors import UsageError
from dojo.record import archive


def make_stub(name: str) -> int:
    """Writes katas/TRACK/NAME.py from the question and the model answer."""
    path = name.removesuffix(".py")
    parts = path.split("/")
    if len(parts) != 2 or parts[0] not in layout.TRACKS:
        raise UsageError(f"a new kata is named TRACK/NAME. Received: {name}")
    try:
        text = stubs.pristine(path)
    except FileNotFoundError as error:
        raise UsageError(f"{error.filename} is missing") from None
    target = layout.source_file(path, layout.KATAS)
    copy = archive.keep(path) if target.exists() else None
    target.parent.mkdir(parents=True, exist_ok=True)
    files.write_whole(target, text.encode())
    print(f"{layout.shown(target)} written" + (f"; before: {layout.shown(copy)}" if copy else ""))
    return 0
