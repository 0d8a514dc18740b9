"""The bottleneck of a VQ-VAE: each vector becomes the nearest row of a codebook.

Choosing a row is a step function: no gradient leads through it to the vector z, and the
decoder's loss says nothing to the row e. So three gradients are put in by hand, each by
one stop_gradient, sg:

    quantized = z + sg(e - z)         e forward; the decoder's gradient goes on to z
    (sg(z) - e)^2                     moves the row to its vectors, and them not
    cost (z - sg(e))^2                commitment: holds the vectors by their row

The traps are where the two sg stand. Both losses have one value, so a wrong one shows in no
curve of it. Exchanged, the encoder is drawn to the codebook 1 / cost = 4 times as hard as
asked, the codebook to the encoder a quarter as hard; left out, both move by 1 + cost. And
z + (e - sg(z)) lets the decoder's gradient leak into the codebook, where it has no business:
the rows are to be means of vectors.

The nearest row is argmin of |z|^2 - 2 z.e + |e|^2. |z|^2 is the same for all rows, |e|^2 is
not: by the largest z.e alone, with 64 random rows of 8 numbers, 22% of random vectors get
their nearest row, and 11 rows are never used.

Cost: one matrix product [N, D] x [D, K] and its N K distances; the differences z - e
themselves would be N K D numbers. The price is cancellation where |e| is large beside the
distances: in float32, with 64 rows of 8 numbers spread by 1 about 1,000, 26% of vectors get
another row than the nearest. With the rows' mean taken off both first, none do. And
z + sg(e - z) is e to rounding of z: at z = 1e4 the row 0.1 comes out as 0.0996.

Trade-off: rows that nothing chooses get gradient 0 and stay where they are. Start them at
encoder outputs, or put dead ones there again. Moving averages of the chosen vectors are
k-means, and replace the first loss.

Follow-ups an interviewer asks: codebook collapse and its measure, perplexity; residual
quantization; finite scalar quantization, which has no codebook to collapse.
"""

import tensorflow as tf


def vector_quantize(z, codebook, commitment_cost=0.25):
    """Returns the nearest rows of a codebook, their indices, and the loss that trains both.

    Args:
        z: [..., D] float, what an encoder gave.
        codebook: [K, D] tensor or variable.
        commitment_cost: Weight of the loss that moves `z`.

    Returns:
        quantized: [..., D], for each vector its nearest row.
        indices: [...] int32 or int64, of those rows.
        loss: [], for codebook and encoder.

    >>> codebook = tf.constant([[0.0, 0.0], [4.0, 4.0]])
    >>> quantized, indices, loss = vector_quantize(tf.constant([[3.0, 5.0]]), codebook)
    >>> quantized.numpy(), indices.numpy(), float(loss)  # 1.25 * (1 + 1) / 2
    (array([[4., 4.]], dtype=float32), array([1]), 1.25)
    """
    # |z - e|^2 but for |z|^2, which no row can change.
    scores = tf.reduce_sum(tf.square(codebook), axis=1) - 2 * tf.einsum(
        "...d,kd->...k", z, codebook
    )
    indices = tf.argmin(scores, axis=-1)
    nearest = tf.gather(codebook, indices)

    codebook_loss = tf.reduce_mean(tf.square(tf.stop_gradient(z) - nearest))
    commitment = tf.reduce_mean(tf.square(z - tf.stop_gradient(nearest)))
    quantized = z + tf.stop_gradient(nearest - z)
    return quantized, indices, codebook_loss + commitment_cost * commitment
