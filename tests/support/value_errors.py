"""Bad arguments: a ValueError that names them and says what was `Received:`."""

import re

from tests.support.closeness import mismatch


def assert_value_error(function, *names, call):
    """Fails unless a call raises a ValueError that says `Received:` and names arguments.

    Args:
        function: Makes the call; of no arguments.
        *names: Patterns that the message must have, in any order: "beta_1", "labels|logits".
        call: The call, as the learner would write it.
    """
    __tracebackhide__ = True
    expected = f"a ValueError that names {' and '.join(names)}, with 'Received: ...'"
    try:
        function()
    except ValueError as error:
        message = str(error)
    else:
        raise mismatch(call, expected=expected, got="no error")
    if not all(re.search(pattern, message) for pattern in [*names, "Received:"]):
        raise mismatch(call, expected=expected, got=f"ValueError: {message}")


def keywords(settings):
    """Returns a dict of settings as the arguments of a call: `beta_1=1.0, beta_2=0.5`."""
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())
