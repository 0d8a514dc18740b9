"""A transformer that runs and is wrong: find its six bugs.

Question (30 min). A colleague's language model learns random sequences of six tokens out
of eight, each repeated once. The first half is chance, the second can be known, so the
best mean loss is 5/11 ln 8 = 0.945; a right program comes to 0.95 in the test. Theirs
does not. The program below is all of it, and has six bugs; nothing raises, and every
docstring is right. See it run, which takes ten seconds, then repair it: any rewrite will
do that keeps the public names and what their docstrings say.

    .venv/bin/python katas/repair/debug_model.py

Some of the bugs show in no loss at this size. Test k checks clause k, which says what a
right program shows:

    1. Row i of `causal_mask`, from 0, is True in its first i + 1 columns. `attention`
       gives no weight to what its mask hides, and the last logits see the first token.
    2. By any mask that leaves each query a key, `attention` to values that are all 1
       gives 1, and with keys that are all equal the mean of the values it may look at.
       A `Block` makes equal vectors of equal vectors.
    3. Two queries equal to their two keys, c_1 and c_2 times orthogonal unit vectors, and
       nothing hidden: query i weighs its own key by sigmoid(c_i²/√D).
    4. A model for one more position has `width` more trainable numbers, and a sequence
       of one repeated token has other logits at other positions.
    5. A `Block` whose weights are all 0 is the identity. What any other `Block` adds to
       large vectors is nearly what it adds to twice these vectors.
    6. At rest, where `training` is False or not given, two calls agree, traced or not, and
       a sequence's logits do not depend on the others in its batch. In training two calls
       differ, unless `dropout` is 0. A `Block` whose dropout is 0.999999 gives its input
       back, in training only.

Run   nox -s check -- debug_model
Read  https://arxiv.org/abs/1706.03762
"""

import keras
import numpy as np
import tensorflow as tf


def causal_mask(length):
    """Returns which position may look at which.

    Args:
        length: L, how many positions there are.

    Returns:
        [L, L] bool, True in row i and column j if position i may look at position j:
        at those before it, and at itself.

    >>> causal_mask(3).numpy().astype(int)
    array([[1, 0, 0],
           [1, 1, 0],
           [1, 1, 1]])
    """
    position = tf.range(length)
    return position[None, :] < position[:, None]


def attention(q, k, v, mask):
    """Scaled dot-product attention: softmax(q kᵀ / √D) v, over what each position may look at.

    Args:
        q, k, v: [B, H, L, D] float, queries, keys and values of each head.
        mask: [L, L] bool, True where a query (row) may look at a key (column).

    Returns:
        [B, H, L, D] for each query the mean of the values, weighed by the softmax.

    >>> one = tf.ones([1, 1, 2, 4])
    >>> v = tf.constant([[[[2.0], [4.0]]]])
    >>> attention(one, one, v, causal_mask(2)).numpy().ravel()  # 2 alone; the mean of both
    array([2., 3.], dtype=float32)
    """
    scores = tf.einsum("bhid,bhjd->bhij", q, k)
    scores = tf.where(mask, scores, -1e9)
    weights = tf.nn.softmax(scores, axis=-2)
    return tf.einsum("bhij,bhjd->bhid", weights, v)


class Block(keras.layers.Layer):
    """A pre-norm transformer block [B, L, width] -> [B, L, width], causal.

    x <- x + drop(attention of norm(x)), then x <- x + drop(two dense layers of norm(x)).
    """

    def __init__(self, width, heads, dropout):
        """
        Args:
            width: Length of each vector; a multiple of `heads`.
            heads: Parts of the vectors that attend apart.
            dropout: Share of what is added that is left out in training.
        """
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.attention_norm = keras.layers.LayerNormalization()
        self.queries_keys_values = keras.layers.Dense(3 * width)
        self.merge = keras.layers.Dense(width)
        self.dense_norm = keras.layers.LayerNormalization()
        self.widen = keras.layers.Dense(4 * width, activation="relu")
        self.narrow = keras.layers.Dense(width)

    def call(self, x, training=False):
        x = self.attention_norm(x)
        x = x + self._drop(self._attend(x), training)
        x = self.dense_norm(x)
        return x + self._drop(self.narrow(self.widen(x)), training)

    def _attend(self, x):
        length, width = x.shape[1:]
        # [B, L, 3 width] -> [3, B, H, L, D]
        parts = [-1, length, 3, self.heads, width // self.heads]
        parts = tf.reshape(self.queries_keys_values(x), parts)
        q, k, v = tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4]))
        mixed = tf.transpose(attention(q, k, v, causal_mask(length)), [0, 2, 1, 3])
        return self.merge(tf.reshape(mixed, [-1, length, width]))

    def _drop(self, x, training):
        return tf.nn.dropout(x, self.dropout)


class LanguageModel(keras.Model):
    """Tokens [B, L], integer, to logits [B, L, vocabulary] of the token after each.

    Embedded tokens plus one learnt vector for each position, then the blocks, a norm and a
    dense layer. L is at most `length`; a shorter sequence has the first positions.
    """

    def __init__(self, vocabulary, length, width=16, heads=2, blocks=2, dropout=0.1):
        """
        Args:
            vocabulary: How many tokens there are.
            length: Of the longest sequence.
            width, heads, dropout: As for `Block`.
            blocks: How many there are.
        """
        super().__init__()
        self.embed = keras.layers.Embedding(vocabulary, width)
        self.positions = tf.Variable(tf.random.normal([length, width], stddev=0.02))
        self.blocks = [Block(width, heads, dropout) for _ in range(blocks)]
        self.norm = keras.layers.LayerNormalization()
        self.score = keras.layers.Dense(vocabulary)

    def call(self, tokens, training=False):
        x = self.embed(tokens) + self.positions[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x, training=training)
        return self.score(self.norm(x))


def main():
    """Trains on random sequences, each repeated once: the second half can be known."""
    keras.utils.set_random_seed(0)
    half = np.random.default_rng(0).integers(0, 8, [10_000, 6])
    tokens = np.concatenate([half, half], axis=1)
    x, y = tokens[:, :-1], tokens[:, 1:]
    # The first half is chance: 5 of the 11 targets cost ln 8 each, and the others nothing.
    print(f"no model can have less than {5 / 11 * np.log(8):.3f}")
    model = LanguageModel(vocabulary=8, length=11, blocks=1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    # What makes variables while it is traced is traced twice.
    model(x[:1])
    model.optimizer.build(model.trainable_variables)
    for epoch in range(4):
        trained = model.fit(x[2000:], y[2000:], batch_size=64, verbose=0).history["loss"][0]
        tested = float(loss(y[:2000], model(x[:2000])))
        print(f"epoch {epoch}  loss {trained:.3f}  test {tested:.3f}")


if __name__ == "__main__":
    main()
