"""The Hessian times a vector, without the Hessian.

Question (12 min). Newton's method, the sharpness of a minimum, influence functions: all need
products of the Hessian with a vector, for a model whose Hessian would not fit anywhere.
Given a loss that reads some variables, and for each variable a vector like it, return

    (H v)_i = sum over all variables j of  d2 loss / (dw_i dw_j) v_j

as a list. Test k checks clause k:

    1. H is the Hessian of all the variables together, mixed derivatives included.
    2. The vectors are constants, whatever they are: tensors, or variables, even those that
       the loss reads.
    3. Where a second derivative is 0, the result is 0, and never None: a variable that the
       loss reads linearly, or not at all.
    4. The loss may look up rows of a table (`tf.gather`), some of them twice. The result for
       the table may then be a tf.IndexedSlices that stands for it, or a dense tensor.
    5. It works for 300,000 weights: their Hessian is never made.
    6. Eager mode, tf.function and XLA agree.

`loss` is a plain function of no arguments, of TensorFlow operations that return a float32
scalar. The variables are tf.Variable, float32.

Run   nox -s check -- hessian_vector_product
Read  https://doi.org/10.1162/neco.1994.6.1.147
"""

import numpy as np
import tensorflow as tf

from tests.support.closeness import assert_close, mismatch
from tests.support.gradient_checks import differences, every_mode

# Sums of some twenty products of order one, through two backward passes: 100 eps, as an
# absolute error, for sums may be near 0.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}
CALL = "hessian_vector_product(loss, [w, b], [v, u])"

# w and b have one shape, so that what is meant for one fits the other.
W, B = np.array([1.0, -0.5, 2.0]), np.array([-1.5, 0.25, 0.5])
V, U = np.array([0.5, 1.5, -1.0]), np.array([2.0, -0.75, 1.25])
# Nothing is symmetric here.
OWN = np.array([[1.0, 2.0, -0.5], [0.25, -1.0, 3.0], [1.5, 0.5, 2.0]])
MIXED = np.array([[0.5, -1.0, 2.0], [1.25, 3.0, -0.25], [-2.0, 0.75, 1.0]])
DIRECTION = np.concatenate([V, U])


def variables(*values):
    return [tf.Variable(value, dtype=tf.float32) for value in values]


def tensors(*values):
    return [tf.constant(value, tf.float32) for value in values]


def quadratic(w, b):
    """w^T OWN w + w^T MIXED b, as a loss of no arguments."""
    own, mixed = tensors(OWN, MIXED)

    def loss():
        return tf.reduce_sum(w * tf.linalg.matvec(own, w)) + tf.reduce_sum(
            w * tf.linalg.matvec(mixed, b)
        )

    return loss


QUADRATIC = np.block([[OWN + OWN.T, MIXED], [MIXED.T, np.zeros([3, 3])]])


def products(kata, loss, read, vectors, call=CALL):
    """The results: one for each variable, and none of them None."""
    __tracebackhide__ = True
    return checked(kata.hessian_vector_product(loss, read, vectors), read, call)


def checked(found, read, call=CALL):
    """`found`, if it has a result for each variable, and none of them is None."""
    __tracebackhide__ = True
    if not isinstance(found, (list, tuple)) or len(found) != len(read):
        got = " ".join(f"{found!r}".split())[:60]
        raise mismatch(call, expected=f"a list of {len(read)}", got=got)
    for place, (product, variable) in enumerate(zip(found, read, strict=True)):
        said = f"{call}[{place}]"
        if product is None:
            cause = "a path that the outer tape has not seen, or none at all"
            raise mismatch(said, expected=f"a tensor {variable.shape}", got="None", cause=cause)
    return found


def spoilt(hessian, gradient):
    """{cause: [w's, b's]}: what some wrong answers give, for the vectors V and U."""
    v, n = DIRECTION, len(W)
    blocks = np.array(hessian)
    blocks[:n, n:] = blocks[n:, :n] = 0
    return {
        "one variable at a time: mixed derivatives are lost": blocks @ v,
        "H times ones: the vectors were not used": hessian @ np.ones_like(v),
        "H times ones, then times v": (hessian @ np.ones_like(v)) * v,
        "the diagonal of H only": np.diag(hessian) * v,
        "the gradient times its product with v: g (g . v)": gradient * (gradient @ v),
        "the gradient, not H v": gradient,
        "the gradient times the vector": gradient * v,
        "the vectors exchanged": hessian @ np.concatenate([U, V]),
        "v H v, not H v": v * (hessian @ v),
        "twice H v": 2 * hessian @ v,
        "0: the outer tape has not seen the first gradient": 0 * v,
    }


def assert_products(got, hessian, gradient, *, call, oracle, **how):
    """Fails unless `got` is H v, for w and b at once."""
    __tracebackhide__ = True
    assert_close(
        tf.stack(got),
        (hessian @ DIRECTION).reshape(2, -1),
        call=f"tf.stack({call})",
        oracle=oracle,
        dtype="float32",
        bugs={cause: array.reshape(2, -1) for cause, array in spoilt(hessian, gradient).items()},
        **CLOSE,
        **how,
    )


def test_1_a_quadratic_loss(kata):
    w, b = variables(W, B)
    got = products(kata, quadratic(w, b), [w, b], tensors(V, U))
    gradient = QUADRATIC @ np.concatenate([W, B])
    call, oracle = CALL, "(A + A^T) v + M u, and M^T v, for w^T A w + w^T M b"
    assert_products(got, QUADRATIC, gradient, call=call, oracle=oracle)


X = np.array([[0.5, -1.0, 0.75], [1.5, 0.25, -0.5], [-0.25, 0.5, 1.0], [1.0, 1.0, 0.0]])


def gradient_of_net(weights):
    """d/d(w, b) of sum over rows x and units k of tanh(x_k w_k + b_k)^3, by hand."""
    w, b = np.split(weights, 2)
    slope = np.zeros_like(weights)
    for row in X:
        h = np.tanh(row * w + b)
        to_a = 3 * h**2 * (1 - h**2)
        slope += np.concatenate([to_a * row, to_a])
    return slope


def net(w, b):
    (x,) = tensors(X)
    return lambda: tf.reduce_sum(tf.tanh(x * w + b) ** 3)


def test_1_a_loss_that_is_not_quadratic(kata):
    w, b = variables(W, B)
    got = products(kata, net(w, b), [w, b], tensors(V, U))
    at = np.concatenate([W, B])
    columns = [
        differences(lambda weights, k=k: gradient_of_net(weights)[k], at) for k in range(len(at))
    ]
    call, oracle = CALL, "central differences of gradients by hand"
    assert_products(got, np.array(columns), gradient_of_net(at), call=call, oracle=oracle)


def test_1_the_hessian_is_symmetric(kata):
    w, b = variables(W, B)
    one, other = tensors(V, U), tensors(U, -V)
    forth, back = (products(kata, net(w, b), [w, b], vectors) for vectors in (other, one))
    dot = lambda left, right: tf.add_n(
        [tf.reduce_sum(a * b) for a, b in zip(left, right, strict=True)]
    )
    call = "the products p = H q for two q, one after the other: q_1 . p_2"
    assert_close(dot(one, forth), dot(other, back).numpy(), call=call, oracle="q_2 . p_1", **CLOSE)


def test_1_a_single_scalar(kata):
    (w,) = variables(2.0)
    [got] = products(kata, lambda: w**3, [w], tensors(5.0))
    call = "hessian_vector_product(lambda: w**3, [w], [5.0]) at w = 2"
    assert_close(got, 60.0, call=call, oracle="6 w v", **CLOSE)


def test_2_the_variables_themselves_are_vectors(kata):
    w, b = variables(W, B)
    got = products(kata, quadratic(w, b), [w, b], [w, b])
    right = QUADRATIC @ np.concatenate([W, B])
    assert_close(
        tf.stack(got),
        right.reshape(2, 3),
        call="tf.stack(hessian_vector_product(loss, [w, b], [w, b]))",
        oracle="H times the present values",
        bugs={
            "the vectors were differentiated, too: H v plus the gradient": 2 * right.reshape(2, 3)
        },
        **CLOSE,
    )


def test_3_linear_and_unread_variables_get_zeros(kata):
    w, linear, unread = variables([1.0, 2.0], [[3.0]], [4.0, 5.0, 6.0])
    loss = lambda: tf.reduce_sum(w**3) + 7 * linear[0, 0]
    read = [unread, w, linear]
    got = products(kata, loss, read, tensors([1.0, 1.0, 1.0], [1.0, -1.0], [[1.0]]))
    call = "hessian_vector_product(lambda: sum(w**3) + 7 * linear[0, 0], [unread, w, linear], …)"
    for place, want in enumerate([[0, 0, 0], [6, -12], [[0]]]):
        assert_close(got[place], want, call=f"{call}[{place}]", oracle="hand", **CLOSE)


def test_3_a_loss_that_is_linear_as_a_whole(kata):
    w, b = variables(W, B)
    got = products(kata, lambda: tf.reduce_sum(w) - tf.reduce_sum(b), [w, b], tensors(V, U))
    call = "tf.stack(hessian_vector_product(lambda: sum(w) - sum(b), [w, b], [v, u]))"
    assert_close(tf.stack(got), np.zeros([2, 3]), call=call, oracle="H = 0", **CLOSE)


# Row 2 is looked up twice, row 1 never.
TABLE, IDS = np.array([[0.5, -1.0], [1.0, 2.0], [1.5, 0.25], [-2.0, 1.0]]), [2, 0, 2, 3]
TABLE_VECTOR = np.array([[1.0, 2.0], [3.0, -1.0], [-0.5, 1.5], [0.25, 1.0]])
TIMES = np.array([1.0, 0.0, 2.0, 1.0])[:, None]


def test_4_rows_of_a_table(kata):
    (table,) = variables(TABLE)
    loss = lambda: tf.reduce_sum(tf.gather(table, IDS) ** 3)
    [got] = products(kata, loss, [table], tensors(TABLE_VECTOR), "hessian_vector_product(…)")
    each = 6 * TABLE * TABLE_VECTOR
    assert_close(
        got,
        TIMES * each,
        call="hessian_vector_product(lambda: sum(tf.gather(table, [2, 0, 2, 3])**3), [table], [v])",
        oracle="6 w v for each time that a row is looked up",
        bugs={
            "the values of IndexedSlices, one for each look-up": each[IDS],
            "a row that is looked up twice counted once": np.minimum(TIMES, 1) * each,
            "rows that nothing looks up counted, too": each,
        },
        **CLOSE,
    )


def test_5_three_hundred_thousand_weights(kata):
    values = np.linspace(-1, 1, 300_000)
    (w,) = variables(values)
    vector = np.cos(np.arange(300_000))
    loss = lambda: tf.reduce_sum(w**3)
    [got] = products(kata, loss, [w], tensors(vector), "hessian_vector_product(…)")
    call = "hessian_vector_product(lambda: sum(w**3), [w], [v]), w [300000]"
    assert_close(got, 6 * values * vector, call=call, oracle="6 w v", **CLOSE)


def test_6_every_mode_agrees(kata):
    w, b, table, unread = variables(W, B, TABLE, [1.0])
    vectors = tensors(V, U, TABLE_VECTOR, [1.0])
    plain, read = quadratic(w, b), [w, b, table, unread]
    loss = lambda: plain() + tf.reduce_sum(tf.gather(table, IDS) ** 3)
    want = [*np.split(QUADRATIC @ DIRECTION, 2), 6 * TIMES * TABLE * TABLE_VECTOR, [0.0]]
    compute = lambda: [
        tf.convert_to_tensor(product)
        for product in checked(kata.hessian_vector_product(loss, read, vectors), read)
    ]
    for said, run in every_mode(compute).items():
        for place, got in enumerate(run()):
            call = f"{said}hessian_vector_product(loss, …)[{place}]"
            assert_close(got, want[place], call=call, oracle="eager mode", **CLOSE)
