"""The built-in step, whose optimizer is asked for its gradients on the way."""

import keras
from keras import ops


class MonitoredModel(keras.Model):
    def __init__(self, network):
        super().__init__()
        self.network = network
        self.gradient_norm = keras.metrics.Mean(name="gradient_norm")

    def call(self, x, training=False):
        return self.network(x, training=training)

    def train_step(self, data):
        optimizer, apply = self.optimizer, self.optimizer.apply_gradients

        def measured(gradients_and_variables):
            pairs = list(gradients_and_variables)
            squares = [ops.sum(ops.square(gradient)) for gradient, _ in pairs]
            self.gradient_norm.update_state(ops.sqrt(sum(squares)))
            return apply(pairs)

        optimizer.apply_gradients = measured
        try:
            return super().train_step(data)
        finally:
            optimizer.apply_gradients = apply
