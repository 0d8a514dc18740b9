"""The gradient of a table in which rows are looked up, some of them twice."""

import numpy as np
import tensorflow as tf

from tests.support.closeness import assert_close

# Three lookups in a table [4, 2]; ids repeat, and the gradients of their rows differ.
TABLE = np.ones([4, 2])
ROWS = np.array([[0.3, -0.2], [0.5, 0.4], [-0.1, 0.6]])
LOOKUPS = [[1, 1, 3], [0, 3, 3], [1, 2, 1]]


def scattered(rows):
    """Returns, per lookup, a table [4, 2] of zeros to which the rows are added."""
    tables = [np.zeros_like(TABLE) for _ in LOOKUPS]
    for table, ids in zip(tables, LOOKUPS, strict=True):
        np.add.at(table, ids, rows)
    return tables


def assert_duplicate_rows_are_summed(make, dtype="float32", bugs=None, rounds=1):
    """Fails unless a sparse gradient with repeated ids equals the dense one.

    Args:
        make: Makes an optimizer.
        bugs: {cause: [4, 2] array of the table that bug gives}.
        rounds: How many times the lookups are made; each is three steps.
    """
    __tracebackhide__ = True
    weights = {}
    for kind in ["sparse", "dense"]:
        table = tf.Variable(TABLE, dtype=dtype)
        optimizer = make()
        optimizer.build([table])
        for ids in rounds * LOOKUPS:
            slices = tf.IndexedSlices(tf.constant(ROWS, dtype), tf.constant(ids), TABLE.shape)
            gradient = slices if kind == "sparse" else tf.convert_to_tensor(slices)
            optimizer.apply([gradient], [table])
        weights[kind] = table
    assert_close(
        weights["sparse"],
        weights["dense"].numpy(),
        call=f"{rounds * len(LOOKUPS)} steps on tf.IndexedSlices in which ids repeat",
        oracle="the same steps on the dense gradient",
        rtol=1e-6,  # two float32 sums of the same rows
        atol=1e-7,
        bugs=bugs,
    )
