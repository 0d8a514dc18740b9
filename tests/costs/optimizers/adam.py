"""A step, and the state that it reads and writes."""

import keras

from dojo.compare.cost.cases import Steps


def case():
    return Steps(
        data="dense layers of 784, 512, 512 and 10 units, float32",
        shapes=[(784, 512), (512,), (512, 512), (512,), (512, 10), (10,)],
        of=lambda kata: kata.Adam(),
        standard={"Keras' Adam": lambda: keras.optimizers.Adam(0.001)},
    )
