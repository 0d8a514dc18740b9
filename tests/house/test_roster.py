"""A roster is understood as a table program wrote it, and what is wrong with it is said."""

import pytest

from dojo.cohort.grades import Submission
from dojo.cohort.roster import read_roster
from dojo.errors import UsageError


def roster(tmp_path, text, encoding="utf-8"):
    file = tmp_path / "roster.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return read_roster(file)


def who(found, name):
    put = found.put_to(Submission(name, name, {}))
    return put.person, put.id


FORMS = {
    "plain": ("folder,name,id\nann,Ann Müller,7\n", "utf-8"),
    "in another order": ("ID;Name;Folder\n7;Ann Müller;ann\n", "utf-8"),
    "with a mark": ("folder,name,id\nann,Ann Müller,7\n", "utf-8-sig"),
    "with tabs, as Excel does": ("folder\tname\tid\r\nann\tAnn Müller\t7\r\n", "utf-16"),
    "of an older encoding": ("folder;name;id\r\nann;Ann Müller;7\r\n", "cp1252"),
    "in other words": ("Student ID,Full_Name,Submission\n7,Ann Müller,ann.zip\n", "utf-8"),
    "with quotes and spaces": ('folder, name ,id\n"ann/",  Ann Müller , 7\n\n', "utf-8"),
    "with more columns": ("mail,folder,seat,name,id\na@b.c,ann,4,Ann Müller,7\n", "utf-8"),
}


@pytest.mark.parametrize(("text", "encoding"), FORMS.values(), ids=FORMS)
def test_a_table_is_read_in_many_forms(tmp_path, text, encoding):
    found = roster(tmp_path, text, encoding)
    assert who(found, "ann") == ("Ann Müller", "7")
    assert list(found.remarks) == []


def test_name_and_id_may_be_left_out(tmp_path):
    assert who(roster(tmp_path, "folder\nann\n"), "ann") == ("ann", "")
    assert who(roster(tmp_path, "folder,id\nann,7\n"), "ann") == ("ann", "7")
    assert who(roster(tmp_path, "folder,name,id\nann\n"), "ann") == ("ann", "")


def test_an_archive_beside_a_folder_of_its_name_is_the_same_person_s(tmp_path):
    assert who(roster(tmp_path, "folder,name\nann,Ann\n"), "ann.zip") == ("Ann", "")


def test_an_accent_written_in_two_ways_is_one_name(tmp_path):
    assert who(roster(tmp_path, "folder,name\nmu\u0308ller,M\n"), "m\u00fcller") == ("M", "")


def test_of_two_lines_for_a_folder_the_first_counts(tmp_path):
    found = roster(tmp_path, "folder,name\nann,Ann\nbob,Bob\nann,Anna\n")
    assert who(found, "ann") == ("Ann", "")
    assert list(found.remarks) == [
        "roster.csv:4: ann is there twice: line 2 has it already, and counts"
    ]


def test_a_line_without_a_folder_is_passed_over(tmp_path):
    found = roster(tmp_path, "folder,name\n,Ann\nbob,Bob\n")
    assert list(found.remarks) == ["roster.csv:2: the line has no folder: passed over"]
    assert who(found, "bob") == ("Bob", "")


def test_who_is_in_one_list_only_is_named(tmp_path):
    found = roster(tmp_path, "folder,name\nann,Ann\nbob,Bob\ncem,\n")
    assert found.missing(["ann", "zoe"]) == [
        "roster.csv:3: bob was not handed in (Bob)",
        "roster.csv:4: cem was not handed in",
    ]
    zoe = found.put_to(Submission("zoe", "zoe", {}, ["odd"]))
    assert (zoe.person, zoe.id) == ("zoe", "")
    assert list(zoe.notes) == ["odd", "it has no line in roster.csv"]


def test_names_are_shown_and_do_nothing(tmp_path):
    found = roster(tmp_path, 'folder,name\nann,"A\nnn\u202e\x1b[2J"\n')
    assert who(found, "ann") == ("A\\nnn\\u202e\\x1b[2J", "")


WRONG = {
    "empty": ("", "names no column folder"),
    "without a heading": ("ann,Ann,7\n", "names no column folder"),
    "an endless cell": ("folder\n" + "a" * 200_000 + "\n", "roster.csv:2: this is no CSV"),
}


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG)
def test_what_is_no_roster_is_wrong_usage(tmp_path, text, words):
    with pytest.raises(UsageError, match=words):
        roster(tmp_path, text)


def test_a_roster_that_is_not_there_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_roster(tmp_path / "none.csv")
