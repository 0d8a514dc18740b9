"""`assert_close`: an array comparison that tells a learner what went wrong.

NumPy's functions are bound when this file is imported, before any stub is: a stub that
replaces parts of `numpy` or `numpy.testing` cannot change a verdict.
"""

import dataclasses

import tensorflow as tf
from numpy import abs as absolute
from numpy import (
    array2string,
    asarray,
    broadcast_to,
    errstate,
    float16,
    float32,
    float64,
    inf,
    isfinite,
    isnan,
    ndarray,
    unravel_index,
    where,
)

to_tensor = tf.convert_to_tensor
IndexedSlices = tf.IndexedSlices


class Mismatch(AssertionError):
    """What the learner's code gave is not what the oracle says.

    Attributes:
        cause: The mistake that the numbers prove, or where to look for it, or None.
        kind: "basic" if what came says enough by itself, "proof" if the numbers prove
            the cause, "numbers" if they are only wrong.
        gradient: Whether they are of a gradient, and not of a value.
        ruled_out: The listed mistakes that give other numbers than these.
    """

    def __init__(self, call, rows, cause=None, *, kind="basic", gradient=False, ruled_out=()):
        rows = [*rows, ("cause", cause)] if cause else rows
        table = [f"  {label:<8}  {text}" for label, text in rows]
        super().__init__("\n".join([call, "", *table]))
        self.cause = cause
        self.kind = kind
        self.gradient = gradient
        self.ruled_out = tuple(ruled_out)


class BlindTest(Exception):
    """A listed mistake that the test's own data cannot show: the test is at fault."""


def mismatch(call, *, expected, got, cause=None):
    """Returns the `Mismatch` of a check that does not compare arrays."""
    return Mismatch(call, [("expected", expected), ("got", got)], cause)


def assert_close(
    got,
    want,
    *,
    call,
    oracle,
    rtol,
    atol=0.0,
    dtype=None,
    inputs=None,
    bugs=None,
):
    """Fails unless `got` is a tensor like `want`, and every element is close.

    Shape and dtype are compared before values: nothing broadcasts. nan equals nan, an
    infinity only itself.

    Args:
        got: What the learner's code gave. Only a tensor or a variable can pass.
        want: [...] array from the oracle.
        call: What was called, as the learner would write it.
        oracle: Where `want` comes from, in a few words.
        rtol, atol: An element passes if |got - want| <= atol + rtol * |want|.
        dtype: The dtype `got` must have, by name, or None for any.
        inputs: {name: array that broadcasts to the shape of `want`}, shown at the
            worst difference.
        bugs: {cause: the array that bug gives}. When `got` equals one, the message
            names the cause. Where they take long to compute: a function that returns
            them, called when `got` is wrong.

    Raises:
        Mismatch: If `got` is wrong.
        BlindTest: If `want` hides one of `bugs`, even when `got` is right.
    """
    __tracebackhide__ = True
    want = asarray(want)
    tolerance = Tolerance(rtol, atol)
    if not callable(bugs):
        bugs = _visible(bugs or {}, want, tolerance)

    got = _as_array(got, call, f"a tensor of shape {want.shape}, by {oracle}")
    got = _another(got) if _doubted else got
    if tolerance.same(got, want) and dtype in (None, got.dtype.name):
        return
    if callable(bugs):
        bugs = _visible(bugs(), want, tolerance)
    given = [cause for cause, array in bugs.items() if tolerance.same(got, array)]
    cause = _proved(given) or _narrowed(got, want)
    told = {"kind": "proof" if cause else "numbers", "gradient": _is_gradient(call)}
    told["ruled_out"] = [cause for cause in bugs if cause not in given]
    if got.shape != want.shape:
        rows = [("expected", f"shape {want.shape}, by {oracle}"), ("got", f"shape {got.shape}")]
        raise Mismatch(call, rows, cause, **(told if cause else {}))
    if dtype not in (None, got.dtype.name):
        raise mismatch(call, expected=f"dtype {dtype}", got=f"dtype {got.dtype.name}")
    rows = _difference(got, want, tolerance, oracle, inputs or {})
    raise Mismatch(call, rows, cause or _unbounded(got, want), **told)


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """|got - want| <= atol + rtol * |want|."""

    rtol: float
    atol: float

    def same(self, got, want):
        """Whether both arrays have one shape and are close everywhere."""
        return got.shape == want.shape and not self.far(got, want).any()

    def far(self, got, want):
        """Where two arrays of one shape differ: [...] of bool."""
        got, want = got.astype(float64), want.astype(float64)
        with errstate(invalid="ignore", over="ignore"):
            close = absolute(got - want) <= self.atol + self.rtol * absolute(want)
        # x - inf <= inf holds for every x: only finite numbers have a tolerance.
        close &= isfinite(got) & isfinite(want)
        return ~(close | (got == want) | (isnan(got) & isnan(want)))

    def wrongness(self, got, want):
        """How many times its tolerance each element is off: [...], nan and inf the most."""
        got, want = got.astype(float64), want.astype(float64)
        with errstate(invalid="ignore", over="ignore", divide="ignore"):
            times = absolute(got - want) / (self.atol + self.rtol * absolute(want))
        return where(self.far(got, want), where(isfinite(times), times, inf), 0.0)

    def beyond(self):
        """Returns the words after "differ"; none where no difference is allowed."""
        parts = [f"{self.atol:g}"] * (self.atol > 0)
        parts += [f"{self.rtol:g} * |expected|"] * (self.rtol > 0)
        return f" by more than {' + '.join(parts)}" if parts else ""


_doubted = []


def doubt_everything():
    """From now on each `got` is taken for another array: every comparison has to fail.

    A check ends with a test run like that. An answer that passes it has not been compared.
    """
    _doubted.append(True)


def _another(got):
    if got.dtype == bool:
        return ~got
    with errstate(invalid="ignore", over="ignore"):
        return (got + absolute(got) + 1).astype(got.dtype)


def _is_gradient(call):
    return "tape.gradient(" in call or "the gradient of" in call


def _proved(given):
    """What the numbers prove that all these mistakes give, or None."""
    return f"these are exactly the numbers of: {'; or of: '.join(given)}" if given else None


def _narrowed(got, want):
    """What float64 numbers prove that are right, but for the digits that float32 lacks.

    By chance, a float64 has none of those digits once in 2**29; small fractions have few.
    """
    if got.dtype != float64 or got.shape != want.shape or not isfinite(got).all():
        return None
    with errstate(over="ignore"):
        narrow = got == got.astype(float32)
        long = (got != got.astype(float16)) & (want != want.astype(float32))
    near = absolute(got - want) <= 1e-2 * absolute(want) + 1e-37
    proved = narrow.all() and near.all() and (long & (got != want)).any()
    return "these are float32 numbers: float64 goes through float32" if proved else None


def _visible(bugs, want, tolerance):
    bugs = {cause: asarray(array) for cause, array in bugs.items()}
    for cause, array in bugs.items():
        if tolerance.same(array, want):
            raise BlindTest(f"this test's data cannot show: {cause}")
    return bugs


def _as_array(got, call, expected):
    if isinstance(got, IndexedSlices):
        got = to_tensor(got)
    if hasattr(got, "numpy"):
        return asarray(got.numpy())
    if got is None:
        raise mismatch(call, expected=expected, got="None")
    cause = "the result left TensorFlow, where no gradient can follow"
    if isinstance(got, (list, tuple)) and any(hasattr(item, "numpy") for item in got):
        cause = f"the result is a {type(got).__name__} that holds a tensor, not the tensor"
    given = f"{type(got).__name__} {brief(got)}"
    raise mismatch(call, expected=expected, got=given, cause=cause)


def _difference(got, want, tolerance, oracle, inputs):
    far = tolerance.far(got, want)
    at = tuple(int(i) for i in unravel_index(tolerance.wrongness(got, want).argmax(), far.shape))
    values = {name: broadcast_to(asarray(a), want.shape)[at] for name, a in inputs.items()}
    given = ", ".join(f"{name} {_number(value)}" for name, value in values.items())
    place = f"at {list(at)}" if at else "here"
    place += f" with {given}" if given else ""
    return [
        ("expected", f"{brief(want)}  by {oracle}"),
        ("got", f"{brief(got)}  {got.dtype.name}"),
        ("worst", f"{place}: {_apart(float(want[at]), float(got[at]))}"),
        ("in all", f"{far.sum()} of {far.size} differ{tolerance.beyond()}"),
    ]


def _number(value):
    """Six digits of an input; more where fewer would show another number, 0.5 for 0.49999997."""
    short = f"{float(value):g}"
    round_one = len(short.strip("-0.").replace(".", "").partition("e")[0]) < 6
    exact = asarray(float(short)).astype(value.dtype) == value
    return f"{float(value):.9g}" if round_one and not exact else short


def _apart(want, got):
    """Both numbers with as many digits as it takes to see that they differ."""
    texts = ((f"{want:.{digits}g}", f"{got:.{digits}g}") for digits in range(7, 18))
    want, got = next(((a, b) for a, b in texts if a != b), (f"{want!r}", f"{got!r}"))
    return f"expected {want}, got {got}"


def _unbounded(got, want):
    """The usual cause of a number that is none, or of an infinity nobody asked for."""
    got, want = got.astype(float64), want.astype(float64)
    if isnan(got).any() and not isnan(want).any():
        return "nan: look for inf * 0, inf - inf, 0 / 0, inf / inf, or a root or a log below 0"
    if not isfinite(got).all() and isfinite(want).all():
        return "inf: look for an overflowing exp or square, log(0) or 1 / 0"
    return None


def brief(value, width=40):
    """Returns `value` on one line, an array with as many digits as `width` allows."""
    if isinstance(value, ndarray):
        forms = [(6, 8), (4, 8), (3, 8), (2, 8), (4, 4), (2, 2)]
        texts = [array2string(value, precision=p, threshold=t, edgeitems=2) for p, t in forms]
        texts = [" ".join(text.split()) for text in texts]
        short = next((text for text in texts if len(text) <= width), texts[-1])
        return short if len(short) <= width else f"{short[: width - 1]}…"
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
