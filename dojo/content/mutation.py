"""Breaks a model answer in many small ways: one change of its syntax tree a mutant."""

import ast
import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

Change: TypeAlias = Callable[[ast.AST], ast.AST | None]

_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_TWINS = [
    ("maximum", "minimum"),
    ("reduce_max", "reduce_min"),
    ("reduce_sum", "reduce_mean"),
    ("zeros_like", "ones_like"),
    ("zeros", "ones"),
    ("assign_add", "assign_sub"),
    ("argmax", "argmin"),
    ("sin", "cos"),
    ("sum", "mean"),
    ("greater", "less"),
]
_COMMUTATIVE = {"maximum", "minimum", "multiply", "add", "logical_and", "logical_or", "isinstance"}
_NAMES = dict(_TWINS) | {b: a for a, b in _TWINS}


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One broken model answer.

    Attributes:
        label: The statement as it was and as it is, to find it by.
        source: The whole file.
    """

    label: str
    source: str


def mutants(source: str) -> list[Mutant]:
    """Returns all mutants of a Python source, without doubles."""
    body = ast.parse(source).body
    tested = _without_main(body)
    parts = [ast.unparse(statement) for statement in body]
    found: dict[str, Mutant] = {}
    for place, top in enumerate(body):
        for statement, broken in _broken(top, parts[place]) if top in tested else ():
            text = "\n\n".join([*parts[:place], broken, *parts[place + 1 :]])
            if broken != parts[place] and text not in found and _compiles(broken):
                found[text] = Mutant(_label(statement, parts[place], broken), text)
    return list(found.values())


def _broken(top: ast.stmt, text: str) -> Iterator[tuple[ast.stmt, str]]:
    """Yields a statement within `top`, and the text of `top` with a mistake in it."""
    for number, (node, statement) in enumerate(_below([top])):
        for change in _changes(node):
            broken = _apply(text, number, change)
            if broken is not None:
                yield statement, ast.unparse(broken)


def _without_main(body: list[ast.stmt]) -> list[ast.stmt]:
    """Leaves out `main`, its call, its helpers and constants: no clause is about them."""
    main = [s for s in body if isinstance(s, ast.FunctionDef) and s.name == "main"]
    rest = [s for s in body if s not in main and not (main and isinstance(s, ast.If))]
    only_main = {n for n in _used(main) - _used(rest) if n.startswith("_") or n.isupper()}
    return [s for s in rest if not _bound(s) & only_main]


def _used(body: Sequence[ast.stmt]) -> set[str]:
    nodes = (node for statement in body for node in ast.walk(statement))
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _bound(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _below(body: list[ast.stmt]) -> Iterator[tuple[ast.AST, ast.stmt]]:
    for statement in body:
        if isinstance(statement, ast.Raise | ast.Import | ast.ImportFrom):
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # a docstring
        yield statement, statement
        yield from _within(statement, statement)


def _within(node: ast.AST, statement: ast.stmt) -> Iterator[tuple[ast.AST, ast.stmt]]:
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        children = value if isinstance(value, list) else [value]
        if children and isinstance(children[0], ast.stmt):
            yield from _below(children)
            continue
        for child in children:
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr):
                yield child, statement
                yield from _within(child, statement)


def _apply(text: str, number: int, change: Change) -> ast.Module | None:
    """Returns a statement in which the node of that number is changed."""
    # A tree is parsed in a tenth of the time that copying it takes.
    broken = ast.parse(text)
    target = next(node for i, (node, _) in enumerate(_below(broken.body)) if i == number)
    replacement = change(target)
    if replacement is None:
        return None
    if replacement is not target:
        _replace(broken, target, replacement)
    return broken


def _replace(tree: ast.Module, target: ast.AST, replacement: ast.AST) -> None:
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, field, replacement)
                return
            if isinstance(value, list) and any(item is target for item in value):
                value[:] = [replacement if item is target else item for item in value]
                return


def _changes(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.BinOp():
            yield from _binary(node)
        case ast.UnaryOp():
            yield lambda n: n.operand  # type: ignore[attr-defined]
        case ast.Compare():
            for operator in _COMPARISONS.get(type(node.ops[0]), ()):
                yield _setting("ops", [operator(), *node.ops[1:]])
        case ast.BoolOp():
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield _setting("op", other)
            yield from (_picking("values", i) for i in range(len(node.values)))
        case ast.Constant():
            yield from (_setting("value", value) for value in _other_constants(node.value))
        case ast.IfExp():
            yield _swapping("body", "orelse")
        case ast.If() | ast.While():
            yield lambda n: _negated(n)
        case ast.Call():
            yield from _calls(node)
        case ast.Attribute() if node.attr in _NAMES:
            yield _setting("attr", _NAMES[node.attr])
        case ast.Expr() | ast.AugAssign():
            yield lambda n: ast.Pass()
        case ast.Assign() if _is_again(node):
            yield lambda n: ast.Pass()
        case ast.FunctionDef() | ast.ClassDef() if node.decorator_list:
            yield _setting("decorator_list", [])


def _binary(node: ast.BinOp) -> Iterator[Change]:
    if type(node.op) in _ARITHMETIC:
        yield _setting("op", _ARITHMETIC[type(node.op)]())
    yield lambda n: n.left  # type: ignore[attr-defined]
    yield lambda n: n.right  # type: ignore[attr-defined]


def _calls(node: ast.Call) -> Iterator[Change]:
    for position, keyword in enumerate(node.keywords):
        # **kwargs belong to the base class; names are nobody's mathematics.
        if keyword.arg not in (None, "name", "dtype", "initializer", "package"):
            yield _dropping("keywords", position)
    plain = not any(isinstance(argument, ast.Starred) for argument in node.args)
    if len(node.args) >= 2 and plain and _name(node.func) not in _COMMUTATIVE:
        order = list(range(len(node.args)))
        yield _reordering([1, 0, *order[2:]])
        if len(node.args) == 3:
            yield _reordering([0, 2, 1])
    if node.args and plain and isinstance(node.func, ast.Attribute):
        yield lambda n: n.args[0]  # type: ignore[attr-defined]


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)


def _other_constants(value: object) -> tuple[object, ...]:
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int | float):
        return (value + 1, -value) if value else (1,)
    return ()


def _is_again(node: ast.Assign) -> bool:
    """Whether `x = f(x)` reads what it writes; otherwise deleting it is a NameError."""
    target = node.targets[0]
    return isinstance(target, ast.Name) and any(
        isinstance(n, ast.Name) and n.id == target.id for n in ast.walk(node.value)
    )


def _setting(field: str, value: object) -> Change:
    def change(node: ast.AST) -> ast.AST:
        setattr(node, field, copy.deepcopy(value))
        return node

    return change


def _picking(field: str, position: int) -> Change:
    return lambda node: getattr(node, field)[position]


def _dropping(field: str, position: int) -> Change:
    def change(node: ast.AST) -> ast.AST:
        del getattr(node, field)[position]
        return node

    return change


def _swapping(first: str, second: str) -> Change:
    def change(node: ast.AST) -> ast.AST:
        a, b = getattr(node, first), getattr(node, second)
        setattr(node, first, b)
        setattr(node, second, a)
        return node

    return change


def _reordering(order: list[int]) -> Change:
    def change(node: ast.AST) -> ast.AST:
        node.args = [node.args[i] for i in order]  # type: ignore[attr-defined]
        return node

    return change


def _negated(node: ast.AST) -> ast.AST:
    node.test = ast.UnaryOp(ast.Not(), node.test)  # type: ignore[attr-defined]
    return node


def _compiles(text: str) -> bool:
    try:
        compile(text, "mutant", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def _label(statement: ast.stmt, original: str, text: str) -> str:
    """The first line that differs, before and after."""
    before, after = original.splitlines(), text.splitlines()
    for old, new in zip(before, after, strict=False):
        if old != new:
            return f"{old.strip()}  =>  {new.strip()}"
    return f"{ast.unparse(statement).splitlines()[0]}  =>  (gone)"
