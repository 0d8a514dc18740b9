"""The cohort's results as JUnit XML: a suite for each answer, a case for each test."""

import xml.etree.ElementTree as ET

from dojo.check.reports import junit_suite, printable
from dojo.cohort.grades import Cohort, Grade


def to_junit(cohort: Cohort) -> bytes:
    """Returns the file."""
    root = ET.Element("testsuites", name=printable(cohort.title))
    for submission in cohort.submissions:
        for grade in cohort.of(submission):
            root.append(_suite(cohort, grade, submission.person))
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _suite(cohort: Cohort, grade: Grade, person: str) -> ET.Element:
    suite = junit_suite(
        grade.result, person if person == grade.submission else f"{person} ({grade.submission})"
    )
    properties = ET.Element("properties")
    told = [("sandbox", cohort.sandbox or "none"), *(("look at it", flag) for flag in grade.flags)]
    for name, value in told:
        ET.SubElement(properties, "property", name=name, value=printable(value))
    suite.insert(0, properties)
    return suite
