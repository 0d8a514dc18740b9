"""Pictures in files."""

import pytest
from matplotlib.figure import Figure

from dojo.compare import drawing
from dojo.compare.comparison import Picture


def test_all_pictures_are_written_and_each_shows_its_own(tmp_path):
    def picture(name):
        return Picture(name, name, "A caption.", lambda figure: figure.subplots().set_title(name))

    names = ["first", "second", "third"]
    drawing.write_all([picture(name) for name in names], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}.{kind}" for name in names for kind in ("png", "svg")
    }
    for name in names:
        assert f">{name}<" in (tmp_path / f"{name}.svg").read_text("utf-8")


@pytest.mark.parametrize("broken", [0, 1], ids=["drawn here", "drawn by the second process"])
def test_a_picture_that_cannot_be_drawn_says_why(tmp_path, broken):
    def draw(figure):
        raise ValueError("no such line")

    drawn = [Picture(f"p{index}", "", "", Figure.subplots) for index in range(2)]
    drawn[broken] = Picture("broken", "", "", draw)
    with pytest.raises(ValueError, match="no such line"):
        drawing.write_all(drawn, tmp_path)
