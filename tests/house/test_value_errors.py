"""tests.support.value_errors: which errors name a bad argument."""

import pytest

from tests.support.closeness import Mismatch
from tests.support.value_errors import assert_value_error, keywords


def raising(error):
    def call():
        raise error

    return call


@pytest.mark.parametrize(
    "message",
    [
        "beta_1 must be in [0, 1). Received: beta_1=1.0",
        "must be in [0, 1).\nReceived: beta_1=1.0",
        "Received: 1.0 for\nbeta_1",
    ],
)
def test_name_and_received_may_stand_anywhere(message):
    assert_value_error(raising(ValueError(message)), "beta_1", call="Adam(beta_1=1.0)")


@pytest.mark.parametrize("message", ["beta_1 is 1.0", "Received: 1.0", "Received: beta_2=1.0"])
def test_a_message_without_them_is_shown(message):
    with pytest.raises(Mismatch) as caught:
        assert_value_error(raising(ValueError(message)), "beta_1", call="Adam(beta_1=1.0)")
    assert f"ValueError: {message}" in str(caught.value)


def test_each_name_must_be_there():
    error = ValueError("y_true differs. Received: (2,)")
    with pytest.raises(Mismatch, match="names y_true and y_pred"):
        assert_value_error(raising(error), "y_true", "y_pred", call="f(y_true, y_pred)")


def test_no_error_is_a_mismatch():
    with pytest.raises(Mismatch, match="no error"):
        assert_value_error(lambda: None, "beta_1", call="Adam(beta_1=1.0)")


def test_other_errors_are_not_taken_for_it():
    with pytest.raises(TypeError, match="beta_1"):
        assert_value_error(raising(TypeError("beta_1. Received: 1")), "beta_1", call="Adam()")


def test_settings_read_like_a_call():
    assert keywords({"weightage": "cubic", "num_classes": 3}) == "weightage='cubic', num_classes=3"
