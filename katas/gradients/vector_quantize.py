"""The bottleneck of a VQ-VAE: each vector becomes the nearest row of a codebook.

Question (15 min). An encoder gives vectors z, and a decoder is to see nothing but rows of a
codebook: of each vector e, the row nearest to it. Choosing has no gradient, so all that
trains is put in by hand. With sg for stop_gradient,

    loss = mean of (sg(z) - e)^2  +  commitment_cost * mean of (z - sg(e))^2

where both means are over all elements, and the decoder's gradient goes straight through the
choice. Return the quantized vectors, the indices of the rows, and the loss. Test k checks
clause k:

    1. indices, int32 or int64: the row at the least Euclidean distance, the first one of
       equals, for any leading axes of z.
    2. quantized: those rows, in the shape of z, up to rounding of z.
    3. loss: a scalar, as above; commitment_cost is 0.25 by default.
    4. The gradients of the loss: by its first term to the codebook only, by the second to z
       only. A row that no vector chose gets 0.
    5. The gradient of quantized to z is the upstream, as it is; nothing to the codebook
       (None, or 0).
    6. Eager mode, tf.function and XLA agree.

z is a float32 tensor, the codebook a float32 variable. Not asked: distances that are small
beside the values, as those of rows 1 apart near 1,000.

Run   nox -s check -- vector_quantize
Read  https://arxiv.org/abs/1711.00937, equations 1 to 3
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
    raise NotImplementedError("vector_quantize")
