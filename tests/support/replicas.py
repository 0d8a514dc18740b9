"""Two logical CPUs, so that a laptop has two replicas. Import before the first op."""

import functools

import tensorflow as tf

_cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(_cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


@functools.cache
def two_replicas():
    """Returns a strategy with two synchronous replicas on this machine's CPU."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
