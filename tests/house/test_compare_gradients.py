"""The gradients' room: where a form is not what it should be."""

import numpy as np

from dojo.compare.gradients import findings


def test_breaks_name_the_kind_and_the_stretch():
    x = np.arange(8.0)
    truth = np.full(8, 2.0)
    got = np.array([np.nan, np.nan, 2.0, 0.0, 2.0, np.inf, 2.1, 2.0])
    found = [str(one) for one in findings.breaks(x, got, truth, 0.0)]
    assert found == ["nan from 0 to 1", "0 at 3", "inf at 5", "off at 6"]
    apart = np.array([0.0, 2.0, 0.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    assert [str(b) for b in findings.breaks(x, apart, truth, 0.0)] == ["0 at 2 points from 0 to 2"]
    assert not list(findings.breaks(x, truth * (1 + 1e-4), truth, 0.0))
