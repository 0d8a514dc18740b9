"""SGD with momentum as a Keras 3 optimizer.

A Keras 3 optimizer is three methods. `build` makes the slots, one for each variable, as
optimizer variables, so that they are saved and restored; `update_step` is the paper's
line for one variable; `get_config` returns what `__init__` took. The methods of
TF <= 2.10 (`_create_slots`, `_resource_apply_dense`) raise NotImplementedError today.

The trap is the learning rate. Two forms of momentum agree while it is constant:

    Sutskever, Keras:  v <- mu v - lr g      w <- w + v       old steps keep their old rate
    PyTorch:           v <- mu v + g         w <- w - lr v    a new rate rescales them all

After a drop from 1 to 0.1 they walk apart, so a test with one constant rate cannot tell
them. Use the `learning_rate` argument of `update_step`: it is the schedule's value at
this step. A float kept by `__init__` never sees a schedule, and a Python step counter is
frozen when `fit` traces.

Nesterov's form evaluates the gradient ahead, at w + mu v. Written for the shifted
variable w' = w + mu v, which is the one that Keras stores, it needs only one more term:
w' <- w' + mu v - lr g.

Sparse gradients: the rule is linear in g, so converting to dense sums repeated rows and
decays every slot, as the dense rule does. A lazy variant would touch only the rows seen,
and is a different optimizer.

Follow-ups an interviewer asks: the effective rate lr / (1 - mu); state memory (one copy
of the weights); what dampening does; momentum against Adam on a badly scaled bowl.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="katas")
class Momentum(keras.optimizers.Optimizer):
    """Gradient descent with momentum, Nesterov's form on request.

    Args:
        learning_rate: lr, a float, a schedule, or a callable of no arguments.
        momentum: mu, in [0, 1).
        nesterov: Whether to use w + mu v - lr g for w + v.
        name, **kwargs: As for `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If `momentum` is out of range.

    >>> w = tf.Variable([1.0])
    >>> optimizer = Momentum(learning_rate=0.5, momentum=0.5)
    >>> for _ in range(2):  # v = -0.5, then 0.5 * -0.5 - 0.5 = -0.75
    ...     optimizer.apply([tf.constant([1.0])], [w])
    >>> w.numpy()
    array([-0.25], dtype=float32)
    """

    def __init__(self, learning_rate=0.01, momentum=0.9, nesterov=False, name="momentum", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be in [0, 1). Received: momentum={momentum}")
        self.momentum = momentum
        self.nesterov = nesterov

    def build(self, variables):
        """Makes a velocity, at first 0, for each of the variables."""
        if self.built:
            return
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient, variable, learning_rate):
        """Takes one step of one variable.

        Args:
            gradient: Tensor like `variable`, or tf.IndexedSlices.
            variable: [...] tf.Variable of those that `build` got.
            learning_rate: [] float32, the rate of this step.
        """
        # IndexedSlices become dense here, and repeated rows are summed.
        gradient = tf.convert_to_tensor(gradient)
        step = tf.cast(learning_rate, variable.dtype) * gradient
        velocity = self.velocities[self._get_variable_index(variable)]
        v = self.momentum * velocity - step
        self.assign(velocity, v)
        self.assign_add(variable, self.momentum * v - step if self.nesterov else v)

    def get_config(self):
        """Returns the arguments of `__init__`, as JSON can hold them."""
        own = {"momentum": self.momentum, "nesterov": self.nesterov}
        return super().get_config() | own
