"""The room of all in one."""

import pytest

from dojo.compare.comparison import Setting
from dojo.compare.together.findings import TogetherFindings
from dojo.compare.together.report import conclusions
from dojo.compare.together.stages import RATES


@pytest.mark.parametrize(
    ("twin_rate", "caveat"),
    [(0.01, False), (0.03, True)],
    ids=["the same rate", "another rate"],
)
def test_like_parts_at_different_rates_are_said_to_be(twin_rate, caveat):
    def reached(rate):
        return {"rate": rate, "validation": [[0.8], [0.9]], "test": [0.8, 0.9]}

    arms = {"custom": reached(0.01), "twin": reached(twin_rate)}
    (said,) = conclusions(TogetherFindings(Setting({}), RATES, 4, arms))
    assert said.startswith("All custom against its twin of Keras' parts: no difference")
    assert ("different learning rates, 0.01 and 0.03" in said) == caveat
