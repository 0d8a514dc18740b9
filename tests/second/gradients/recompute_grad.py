"""A graph keeps what is read later, and no more; the rule, as the gradient of a number."""

import tensorflow as tf


def recompute(f):
    @tf.custom_gradient
    def g(*args):
        def backward(*upstream, **captured):
            copies = [tf.stop_gradient(a) for a in args]
            weights = captured.get("variables") or []
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                for source in copies + list(weights):
                    tape.watch(source)
                outputs = f(*copies)
                score = 0.0
                for output, up in zip(tf.nest.flatten(outputs), upstream, strict=True):
                    score += tf.cast(tf.reduce_sum(output * up), tf.float64)
            grads = tape.gradient(score, copies + list(weights))
            if weights:
                return grads[: len(copies)], grads[len(copies) :]
            return grads

        return f(*args), backward

    return tf.function(g, autograph=False)
