"""The same model of Keras' parts: an embedding of positions, Dropout layers, a Softmax layer."""

import keras
import numpy as np
import tensorflow as tf


def causal_mask(length):
    return tf.constant(np.tri(length, dtype=bool))


def attention(q, k, v, mask):
    depth = tf.cast(tf.shape(q)[-1], q.dtype)
    scores = tf.matmul(q * tf.math.rsqrt(depth), k, transpose_b=True)
    return tf.matmul(keras.layers.Softmax()(scores, mask=tf.broadcast_to(mask, scores.shape)), v)


class Block(keras.layers.Layer):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.width, self.heads = width, heads
        self.norms = [keras.layers.LayerNormalization() for _ in range(2)]
        self.projections = [keras.layers.Dense(width) for _ in range(4)]
        self.dense = keras.Sequential(
            [keras.layers.Dense(4 * width, "relu"), keras.layers.Dense(width)]
        )
        self.drops = [keras.layers.Dropout(dropout) for _ in range(2)]

    def split(self, x):
        parts = tf.split(x, self.heads, axis=-1)
        return tf.stack(parts, axis=1)

    def attend(self, x):
        q, k, v = (self.split(project(x)) for project in self.projections[:3])
        mixed = attention(q, k, v, causal_mask(x.shape[1]))
        return self.projections[3](tf.concat(tf.unstack(mixed, axis=1), axis=-1))

    def call(self, x, training=False):
        for norm, work, drop in zip(self.norms, (self.attend, self.dense), self.drops, strict=True):
            x += drop(work(norm(x)), training=training)
        return x


class LanguageModel(keras.Model):
    def __init__(self, vocabulary, length, width=16, heads=2, blocks=2, dropout=0.1):
        super().__init__()
        self.tokens = keras.layers.Embedding(vocabulary, width)
        self.positions = keras.layers.Embedding(length, width)
        self.stack = keras.Sequential([Block(width, heads, dropout) for _ in range(blocks)])
        self.last = [keras.layers.LayerNormalization(), keras.layers.Dense(vocabulary)]

    def call(self, tokens, training=False):
        x = self.tokens(tokens) + self.positions(tf.range(tokens.shape[1]))
        x = self.stack(x, training=training)
        for layer in self.last:
            x = layer(x)
        return x
