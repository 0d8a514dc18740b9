"""Many wrong answers to a process: each gets the verdict that it gets on its own."""

import pytest

from dojo import layout
from dojo.check.runner import Runner
from dojo.content.traps import read_traps
from dojo.results import Outcome
from dojo.upkeep import batches, variants
from dojo.upkeep.variants import Variant

KATA = "gradients/clip_by_value"
RIGHT = layout.source_file(KATA, layout.REFERENCE).read_text(encoding="utf-8")
TRAP = next(trap for trap in read_traps(KATA) if trap.cause)
BY_TRAP = variants.of_trap(TRAP)


def variant(key, source):
    return Variant(key, KATA, source, fail_fast=True)


# In one process, and in this order.
VARIANTS = [
    BY_TRAP,
    variant("right", RIGHT),
    variant("changes what others rely on", f"{RIGHT}\nimport builtins\nbuiltins.any = None\n"),
    variant("ends the process", f"{RIGHT}\nimport os\nos._exit(0)\n"),
    variant("leaves a setting", f"{RIGHT}\ntf.config.run_functions_eagerly(True)\n"),
    variant("skips", RIGHT.replace("    return clip(x)", "    import pytest; pytest.skip('no')")),
    variant("is no Python", "def clip_by_value(:\n"),
    variants.Variant("the trap again", KATA, TRAP.source(), TRAP.clause, TRAP.cause),
]
EXPECTED = {
    "right": Outcome.SOLVED,
    "ends the process": Outcome.CRASHED,
    BY_TRAP.key: Outcome.WRONG,
}


@pytest.fixture(scope="module")
def found():
    return {variant.key: result for variant, result in variants.run(VARIANTS, jobs=1)}


def test_each_has_its_outcome(found):
    assert {key: result.outcome for key, result in found.items()} == {
        variant.key: EXPECTED.get(variant.key, Outcome.WRONG) for variant in VARIANTS
    }


def test_it_is_that_of_a_process_of_its_own(found, tmp_path):
    tasks = [variants.task_of(one, tmp_path / str(i)) for i, one in enumerate(VARIANTS)]
    alone = {
        event.kata: event.result
        for event in Runner(tmp_path, variants.LIMIT).check_tasks(tasks)
        if event.result is not None
    }
    for key, result in alone.items():
        own, among_others = ([(f.test, f.cause) for f in r.failures] for r in (result, found[key]))
        assert own == among_others, key


def test_the_same_trap_later_on_fails_in_the_same_way(found):
    first, again = (found[key].failures for key in (BY_TRAP.key, "the trap again"))
    assert [(f.test, f.cause) for f in first] == [(f.test, f.cause) for f in again]


def test_portions_are_of_one_kata_and_give_every_process_some():
    def keys(count, jobs):
        tasks = [variants.Task(f"{i}", "ab"[i >= 4], layout.KATAS) for i in range(count)]
        return ["".join(task.key for task in part) for part in batches._portions(tasks, jobs)]

    assert keys(7, 1) == ["0123", "456"]
    assert keys(7, 2) == ["01", "23", "45", "6"]
