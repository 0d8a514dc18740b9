"""Which optimizers take part: those that the katas define, and their counterparts in Keras."""

import ast
from collections.abc import Mapping
from typing import Any

from dojo import layout
from dojo.compare.parts import Part
from dojo.compare.tournament import Contender

SGD = Contender("Keras SGD", {"class": "SGD"})
ADAM = Contender("Keras Adam", {"class": "Adam"})
MOMENTUM = Contender("Keras SGD, momentum 0.9", {"class": "SGD", "options": {"momentum": 0.9}})
# Counterparts that do not bear the custom class' name.
_TWINS = {"Momentum": MOMENTUM, "Lookahead": MOMENTUM, "MovingAverage": MOMENTUM}
# Custom classes whose first argument is the optimizer that makes the steps.
_WRAPPERS = {"Lookahead", "MovingAverage"}
# Those of Keras that have one of the same name.
_KERAS = {"Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion"}
_KERAS |= {"Muon", "Nadam", "RMSprop"}


def katas() -> list[str]:
    """Returns the katas that define an optimizer, whichever there are."""
    files = sorted((layout.REFERENCE / "optimizers").glob("*.py"))
    return [f"optimizers/{file.stem}" for file in files if class_name(file.stem)]


def class_name(kata: str) -> str:
    """Returns the optimizer class in the model answer of a kata, or ""."""
    file = layout.REFERENCE / "optimizers" / f"{kata}.py"
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and any(
            ast.unparse(base).endswith("optimizers.Optimizer") for base in node.bases
        ):
            return node.name
    return ""


def contenders_of(parts: Mapping[str, Part]) -> list[Contender]:
    """Returns the custom optimizers, each one's twin, and the two baselines."""
    custom, twins = [], []
    for kata in katas():
        if kata in parts:
            twin = _twin(class_name(parts[kata].name))
            custom.append(_custom(parts[kata], twin))
            twins += [twin] if twin else []
    standard = {twin.name: twin for twin in [SGD, ADAM, *twins]}
    return [*custom, *standard.values()]


def _custom(part: Part, twin: Contender | None) -> Contender:
    name = class_name(part.name)
    recipe: dict[str, Any] = {"kata": part.kata}
    if name in _WRAPPERS:
        recipe["wraps"] = MOMENTUM.recipe
    return Contender(f"{name} ({part.whose})", recipe, (part,), twin.name if twin else "")


def _twin(name: str) -> Contender | None:
    if name in _KERAS:
        return Contender(f"Keras {name}", {"class": name})
    return _TWINS.get(name)
