"""No custom_gradient: a term that is 0 forward, and carries the whole gradient."""

import keras
from keras import ops


def gradient_reversal(x, scale=1.0):
    x = ops.convert_to_tensor(x)
    value = ops.stop_gradient(x)
    return value + (x - value) * -ops.stop_gradient(ops.cast(scale, x.dtype))


@keras.saving.register_keras_serializable("second")
class GradientReversal(keras.layers.Layer):
    def __init__(self, scale=1.0, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        self.scale = scale

    def call(self, x):
        return gradient_reversal(x, scale=self.scale)

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        config = super().get_config()
        config["scale"] = float(self.scale)
        return config
