"""What every Keras object owes: it comes back from its config, registered, complete."""

import json

import keras

from tests.support.closeness import mismatch


def revive(instance):
    """Returns the copy of a loss, metric, layer, … that its JSON config describes."""
    __tracebackhide__ = True
    name = type(instance).__name__
    call = f"deserialize_keras_object(serialize_keras_object({name}(…)))"
    try:
        config = json.loads(json.dumps(keras.saving.serialize_keras_object(instance)))
    except TypeError as error:
        expected = "a config of JSON values"
        raise mismatch(call, expected=expected, got=f"TypeError: {error}") from None
    if keras.saving.get_registered_object(config["registered_name"] or "") is not type(instance):
        expected = f"{name} among keras.saving's registered classes"
        cause = f"no @keras.saving.register_keras_serializable above class {name}"
        raise mismatch(call, expected=expected, got="not registered", cause=cause)
    return keras.saving.deserialize_keras_object(config)


def assert_config_round_trip(make, **settings):
    """Fails unless settings survive `get_config` and back.

    Args:
        make: The class.
        **settings: Arguments for it, none at its default, as the config shows them.

    Returns:
        The revived instance, so that a test can compare what it computes.
    """
    __tracebackhide__ = True
    instance = make(**settings)
    revived = revive(instance)
    for owner, config in [("", instance.get_config()), ("revived ", revived.get_config())]:
        lost = {
            name: config.get(name)
            for name in settings
            if not same_setting(config.get(name), settings[name])
        }
        if lost:
            arguments = ", ".join(f"{name}={value!r}" for name, value in settings.items())
            raise mismatch(
                f"{make.__name__}({arguments}).get_config()",
                expected={name: settings[name] for name in lost},
                got=f"{lost} in the {owner}config",
                cause="get_config() leaves it out, or __init__ does not keep it",
            )
    return revived


def same_setting(got, want):
    """Keras keeps a learning rate in float32; a list may become a tuple."""
    if isinstance(want, float) and isinstance(got, float):
        return abs(got - want) <= 1e-6 * abs(want)  # float32 rounds at 6e-8
    if isinstance(want, list) and isinstance(got, tuple):
        return list(got) == want
    return got == want
