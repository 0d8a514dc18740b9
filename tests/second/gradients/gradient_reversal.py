"""No custom_gradient: two terms that cancel forward, one of them cut from the tape."""

import keras
from keras import ops


def gradient_reversal(x, scale=1.0):
    x = ops.convert_to_tensor(x)
    scale = ops.stop_gradient(ops.cast(scale, x.dtype))
    turned = -scale * x
    return turned + ops.stop_gradient(x - turned)


@keras.saving.register_keras_serializable("second")
class GradientReversal(keras.layers.Layer):
    def __init__(self, scale=1.0, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        self.scale = scale

    def call(self, x):
        return gradient_reversal(x, scale=self.scale)

    def get_config(self):
        config = super().get_config()
        config["scale"] = self.scale
        return config
