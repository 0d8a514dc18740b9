"""A training that a crash does not change: not by a bit.

Question (30 min). Your jobs run on machines that may vanish at any moment. Write a
training loop that saves its state and, called again with a new model and a new optimizer,
goes on as if nothing had happened: the same numbers, bit for bit. `fit_batch`, one step,
stands in the stub.

Test k checks clause k:

    1. A step is one call of fit_batch(model, optimizer, rows of x, rows of y). Each epoch
       takes every example once, batch_size at a time, the rest in its last batch, in an
       order of its own. The orders follow from seed alone, whatever other random numbers
       are drawn, and differ from seed to seed.
    2. The result is the mean loss per example of each epoch, as fit_batch gave it.
    3. The state is saved to `path` every save_every steps, and at the end. If it is
       there, `train` goes on from it: it repeats the steps after the last save, and no
       others. A run that was finished takes no step.
    4. Killed after any step and resumed, as often as you like, all variables of the model
       and of the optimizer end equal to those of a run that was never killed, bit for
       bit: dropout, batch normalization and Adam included. The new model has other
       initial weights and other names.
    5. So is the history, with the epochs before the kill and the one in which it came.

after_step(step) is where a process dies: it may raise anything, and then all that is left
is what was saved before. The same arguments are given to each call. A kill before the
first save, or inside one, is not asked; nor is anything about what `path` holds.

Run   nox -s check -- exact_resume
Read  https://www.tensorflow.org/guide/checkpoint
"""

import contextlib
import dataclasses
import functools
import os
import shutil
import tempfile
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from tests.support.closeness import assert_close, mismatch

# Three steps an epoch: 3, 3 and 1 examples. Saved every two steps, an epoch's end is met
# by no save but the last.
N, BATCH, EPOCHS = 7, 3, 2
A_EPOCH = 3
STEPS = EPOCHS * A_EPOCH
RANDOM = np.random.default_rng(0)
# The first column is the example's number.
X = np.concatenate([np.arange(N)[:, None], RANDOM.normal(size=[N, 2])], axis=1).astype("float32")
Y = RANDOM.normal(size=[N, 1]).astype("float32")


def new_model(initial):
    """Dropout, batch normalization, and weights that depend on `initial`."""
    keras.utils.set_random_seed(initial)
    layers = keras.layers
    noisy = [layers.BatchNormalization(), layers.Dropout(0.5)]
    return keras.Sequential([keras.Input([3]), *noisy, layers.Dense(1)])


class Killed(BaseException):
    """The end of a process: no `except Exception` stops it."""


@dataclasses.dataclass
class Run:
    """What calls of `train` did.

    Attributes:
        ids: Of each step, [B] numbers of the examples.
        before: Of each step, {name: array} of all variables when it began.
        sums: Of each step, what `fit_batch` gave.
        told: What `after_step` was called with.
        history: What the last call returned.
        end: {name: array} of all variables after the last call.
    """

    ids: list = dataclasses.field(default_factory=list)
    before: list = dataclasses.field(default_factory=list)
    sums: list = dataclasses.field(default_factory=list)
    told: list = dataclasses.field(default_factory=list)
    history: list = None
    end: dict = None


def arrays_of(model, optimizer):
    """{which variable: its array}; names of two models are not alike, so places count."""
    model_names = [f"variable {i} ({v.path.split('/')[-1]})" for i, v in enumerate(model.variables)]
    slots = [
        f"the optimizer's variable {i} ({v.path.split('_')[-1].split('/')[-1]})"
        for i, v in enumerate(optimizer.variables)
    ]
    variables = [*model.variables, *optimizer.variables]
    return {n: v.numpy() for n, v in zip(model_names + slots, variables, strict=True)}


def stand_in(model, optimizer, x, y):
    """Moves every variable, by all of them and by the rows: a step that costs a millisecond."""
    variables = [*model.variables, *optimizer.variables]
    arrays = [v.numpy() for v in variables]
    # Rows are weighed, so that their order counts and that of y against x.
    rows = np.cos(1 + np.arange(len(x))) @ np.float64(np.concatenate([x, np.exp(y)], axis=1))
    pull = sum(np.sum(a, dtype="float64") * (i + 1) for i, a in enumerate(arrays)) + rows.sum()
    for i, (variable, array) in enumerate(zip(variables, arrays, strict=True)):
        moved = 0.5 * array + np.sin(pull + i)
        # The integers are counters: a step, and the state of a seed.
        whole = np.issubdtype(array.dtype, np.integer)
        variable.assign(array + (2 if array.ndim else 1) if whole else moved.astype(array.dtype))
    return float(len(x) * (2 + np.sin(pull)))


def call_train(
    kata,
    path,
    run,
    *,
    initial,
    kill_at=None,
    step=stand_in,
    drawn=1,
    seed=7,
    save_every=2,
    epochs=EPOCHS,
):
    """Calls `train` with a new model and optimizer, and notes in `run` what it does.

    Args:
        kill_at: Step after which the process dies; what stands at `path` then stays.
        step: What takes the place of `fit_batch`.
        drawn: How many random numbers are drawn after each step, from NumPy's own generator.
    """
    model, optimizer = new_model(initial), keras.optimizers.Adam(0.05)

    def fit_batch(model, optimizer, x, y):
        optimizer.build(model.trainable_variables)
        run.ids.append(np.asarray(x)[:, 0].astype(int).tolist())
        run.before.append(arrays_of(model, optimizer))
        run.sums.append(step(model, optimizer, x, y))
        return run.sums[-1]

    def after_step(step):
        run.told.append(step)
        np.random.random(drawn)
        if step == kill_at:
            shutil.copytree(os.path.dirname(path), f"{os.path.dirname(path)} then")
            raise Killed

    how = {"epochs": epochs, "batch_size": BATCH, "seed": seed, "path": path}
    how |= {"save_every": save_every, "after_step": after_step}
    died = contextlib.suppress(Killed) if kill_at else contextlib.nullcontext()
    with mock.patch.object(kata, "fit_batch", fit_batch), died:
        run.history = kata.train(model, optimizer, X, Y, **how)
    if kill_at:
        # What was written after the end of the process never was.
        shutil.rmtree(os.path.dirname(path))
        os.rename(f"{os.path.dirname(path)} then", os.path.dirname(path))
    run.end = arrays_of(model, optimizer)


@functools.cache
def trained(kata, kills=(), again=False, **how):
    """Trains, killed after each of these steps in turn, and returns the last call's `Run`.

    Args:
        kills: Steps.
        again: Whether `train` is called once more when it is done.
        **how: For `call_train`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "run", "state")
        os.mkdir(os.path.dirname(path))
        for call, kill_at in enumerate([*kills, None, *([None] if again else [])]):
            run = Run()
            call_train(kata, path, run, initial=call, kill_at=kill_at, **how)
        return run


TRAIN = f"train(…, epochs={EPOCHS}, batch_size={BATCH}, seed=7)"
ALL = list(range(N))


def test_1_every_epoch_takes_each_example_once(kata):
    ids = trained(kata).ids
    call = f"{TRAIN}, {N} examples: "
    if [len(batch) for batch in ids] != [3, 3, 1] * EPOCHS:
        got = str([len(batch) for batch in ids])
        title = f"{call}examples in each call of fit_batch"
        raise mismatch(title, expected=str([3, 3, 1] * EPOCHS), got=got)
    flat = [place for batch in ids for place in batch]
    orders = [flat[:N], flat[N:]]
    for epoch, order in enumerate(orders):
        if sorted(order) != ALL:
            title = f"{call}the examples of epoch {epoch}"
            raise mismatch(title, expected="each once", got=str(order))
    if orders[0] == orders[1] or ALL in orders:
        cause = "one order for all epochs" if orders[0] == orders[1] else "not shuffled"
        title = f"{call}the examples' orders"
        raise mismatch(title, expected="an order of its own for each", got=str(orders), cause=cause)


def test_1_y_comes_with_its_x(kata):
    run = trained(kata)
    model, optimizer = new_model(0), keras.optimizers.Adam(0.05)
    optimizer.build(model.trainable_variables)
    for ids in run.ids:
        stand_in(model, optimizer, X[ids], Y[ids])
    title = f"all variables after {TRAIN}"
    oracle = "the same steps on the same rows of x and y"
    assert_same(run.end, arrays_of(model, optimizer), title, oracle)


def assert_same(got, want, call, oracle):
    """Fails unless all variables are equal, bit for bit; names those that are not."""
    __tracebackhide__ = True
    if off := differing(got, want):
        expected = f"equal to those of {oracle}, bit for bit"
        raise mismatch(call, expected=expected, got=f"other numbers in {listed(off)}")


def differing(got, want):
    return [name for name in want if name not in got or not np.array_equal(got[name], want[name])]


def listed(names):
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return "; ".join(names[:4]) + more


def test_1_orders_follow_from_seed_alone(kata):
    ids = trained(kata).ids
    same, other = trained(kata, drawn=2).ids, trained(kata, seed=8, epochs=1).ids
    call = f"{TRAIN}, while others draw random numbers: the examples of each step"
    if same != ids:
        raise mismatch(call, expected=f"{ids}, as before", got=str(same))
    if other == same[:A_EPOCH]:
        call = call.replace("seed=7", "seed=8")
        raise mismatch(call, expected="not those of seed=7", got=str(other))


def test_1_after_step_counts_from_one(kata):
    told = trained(kata).told
    if told != list(range(1, STEPS + 1)):
        title = f"{TRAIN}: after_step was called with"
        raise mismatch(title, expected=str(list(range(1, STEPS + 1))), got=str(told))


def means(sums):
    """[EPOCHS] mean loss per example."""
    return np.reshape(sums, [-1, A_EPOCH]).sum(axis=1) / N


# Seven sums of float64.
CLOSE = {"rtol": 1e-9, "atol": 0.0}
BY_SUMS = "what fit_batch gave, summed and divided by the examples"


def assert_history(history, want, call, bugs=None):
    __tracebackhide__ = True
    if not isinstance(history, list) or len(history) != len(want):
        raise mismatch(call, expected=f"a list of {len(want)} numbers", got=str(history))
    got = tf.constant(np.array(history, "float64"))
    assert_close(got, want, call=call, oracle=BY_SUMS, bugs=bugs, **CLOSE)


def test_2_history_is_the_mean_per_example(kata):
    run = trained(kata)
    of_steps = np.reshape(run.sums, [EPOCHS, A_EPOCH])
    bugs = {
        "the mean of the batches' means": (of_steps / [3, 3, 1]).mean(axis=1),
        "the mean of the batches' sums": of_steps.mean(axis=1),
        "the sum, not divided": of_steps.sum(axis=1),
        "the last batch of each epoch": of_steps[:, -1],
        "never set back to 0 between epochs": of_steps.sum(axis=1).cumsum() / N,
        "divided by full batches only": of_steps.sum(axis=1) / (A_EPOCH * BATCH),
    }
    assert_history(run.history, means(run.sums), f"{TRAIN}: the result", bugs)


def resumed_call(kills, save_every):
    kills = ", ".join(map(str, kills)) if isinstance(kills, tuple) else kills
    return f"{TRAIN}, save_every={save_every}, killed after step {kills}"


def assert_resumed(kata, kill_at, save_every):
    """Fails unless the resumed run begins at the last save, in the state of then."""
    __tracebackhide__ = True
    whole, run = trained(kata), trained(kata, (kill_at,), save_every=save_every)
    call = resumed_call(kill_at, save_every)
    saved = kill_at - kill_at % save_every
    left = list(range(saved + 1, STEPS + 1))
    if len(run.ids) != len(left) or run.told != left:
        again = run.told[:1] == left[:1] and len(run.told) > len(left)
        more = "the epoch of the kill is begun again, at its first batch" if again else None
        more = "started anew" if run.told == list(range(1, STEPS + 1)) else more
        title = f"{call}: the steps that it takes"
        raise mismatch(title, expected=str(left), got=f"{run.told}", cause=more)
    if run.ids != whole.ids[saved:]:
        title = f"{call}: the examples of each step"
        got, expected = str(run.ids), f"{whole.ids[saved:]}, as without the kill"
        raise mismatch(title, expected=expected, got=got, cause=order_of(run.ids, whole, saved))
    return call, whole, run


def order_of(ids, whole, saved):
    """Which mistake the order of the examples proves, or None."""
    place = saved % A_EPOCH
    first = whole.ids[place : place + len(ids)]
    if ids[: A_EPOCH - place] == first[: A_EPOCH - place] and saved >= A_EPOCH:
        return "the order of the first epoch, drawn again"
    if place and ids[:1] == [whole.ids[saved - place]]:
        return "the epoch begun anew"
    return None


def test_3_it_goes_on_from_the_last_save(kata):
    for kill_at in (2, 3, 5):
        assert_resumed(kata, kill_at, save_every=2)


def test_3_a_finished_run_takes_no_step(kata):
    whole, run = trained(kata), trained(kata, again=True, save_every=4)
    call = f"{TRAIN}, save_every=4, called again when it was finished"
    if run.ids:
        title = f"{call}: the steps that it takes"
        raise mismatch(title, expected="none", got=str(run.told))
    assert_same(run.end, whole.end, f"{call}: all variables", "the run that was finished")


def assert_exact(run, whole, saved, call):
    """Fails where a resumed run parts from the other; names what was not restored."""
    __tracebackhide__ = True
    if off := differing(run.before[0], whole.before[saved]):
        title = f"{call}: all variables when step {saved + 1} begins"
        expected = "as they were when the state was saved, bit for bit"
        raise mismatch(title, expected=expected, got=f"other numbers in {listed(off)}")
    assert_same(run.end, whole.end, f"{call}: all variables at the end", "the run without a kill")


def test_4_killed_and_resumed_all_variables_are_equal(kata):
    for kill_at in (2, 3, 5):
        call, whole, run = assert_resumed(kata, kill_at, save_every=2)
        assert_exact(run, whole, kill_at - kill_at % 2, call)


EVERY = tuple(range(1, STEPS))


def test_4_killed_after_every_step(kata):
    whole, run = trained(kata), trained(kata, EVERY, save_every=1)
    call = resumed_call(EVERY, 1)
    if len(run.ids) != 1:
        raise mismatch(f"{call}: the steps that it takes", expected=f"[{STEPS}]", got=f"{run.told}")
    assert_exact(run, whole, STEPS - 1, call)


def test_4_with_fit_batch_itself(kata):
    how = {"step": kata.fit_batch, "save_every": 2}
    whole, run = trained(kata, **how), trained(kata, (5,), **how)
    call = resumed_call(5, 2)
    if len(run.ids) != 2:
        raise mismatch(f"{call}: the steps that it takes", expected="[5, 6]", got=f"{run.told}")
    assert_exact(run, whole, 4, call)


def test_5_the_history_is_that_of_a_run_without_a_kill(kata):
    for kill_at in (2, 3, 5):
        whole, run = trained(kata), trained(kata, (kill_at,), save_every=2)
        saved = kill_at - kill_at % 2
        want, epoch = means(whole.sums), saved // A_EPOCH
        lost = sum(whole.sums[epoch * A_EPOCH : saved]) / N
        bugs = {}
        if lost:
            cause = "what the epoch's steps before the save had added is lost"
            bugs[cause] = want - lost * (np.arange(EPOCHS) == epoch)
        call = f"{resumed_call(kill_at, 2)}: the result"
        assert_history(run.history, want, call, bugs)


def test_5_killed_at_an_epochs_end_or_finished(kata):
    want = means(trained(kata).sums)
    chain = trained(kata, EVERY, save_every=1)
    assert_history(chain.history, want, f"{resumed_call(EVERY, 1)}: the result")
    again = trained(kata, again=True, save_every=4)
    call = f"{TRAIN}, save_every=4, called again when it was finished: the result"
    assert_history(again.history, want, call)
