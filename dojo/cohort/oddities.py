"""What in an answer a person should look at: lines that no answer to a kata needs.

Whoever forges a verdict has to reach the tests first, and here is how that begins: a module
that computes nothing, a frame, another's attribute, code made from text. It is a look at the
text, so it proves nothing either way: what it names may be harmless, and what it does not know
is not named.
"""

import ast
import functools
import io
import tokenize
import unicodedata
from collections.abc import Iterator


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What computes, or helps to write what does. Of others, only those of the model answer.
_HARMLESS = _names(
    """
    tensorflow keras numpy math cmath statistics random typing typing_extensions types abc enum
    collections dataclasses functools itertools operator numbers fractions decimal copy warnings
    contextlib string re textwrap __future__
    """
)
# Builtins that run text, find what was not given, or open files.
_BUILTINS = _names(
    """
    eval exec compile __import__ globals locals vars open input breakpoint delattr setattr
    __builtins__ __loader__ __spec__ __file__
    """
)
# Attributes that lead from an object to the machine below it, or out of a module.
_WAYS_OUT = _names(
    """
    f_back f_globals f_locals f_code f_builtins gi_frame gi_code cr_frame ag_frame tb_frame tb_next
    modules os sys builtins subprocess socket shutil inspect gc ctypes ctypeslib importlib
    gfile read_file write_file ReadFile WriteFile MatchingFiles fromfile tofile memmap
    load_library load_op_library src attrgetter methodcaller get_type_hints ForwardRef func_load
    enable_unsafe_deserialization
    """
)
_PLAIN_DUNDERS = _names(
    """
    __init__ __call__ __name__ __qualname__ __class__ __doc__ __len__ __iter__ __next__ __enter__
    __exit__ __getitem__ __setitem__ __contains__ __add__ __sub__ __mul__ __matmul__ __truediv__
    __neg__ __abs__ __eq__ __lt__ __gt__ __le__ __ge__ __hash__ __repr__ __str__ __version__
    __new__ __init_subclass__ __post_init__ __setattr__ __float__ __int__ __bool__
    """
)


def oddities(source: bytes, model: bytes) -> list[str]:
    """Returns a plain line for each, with the line of the file, in order; of a line, the first.

    Args:
        source: Of the answer. Where it is no Python, nothing is found.
        model: The model answer: what it does is not odd.
    """
    usual = _usual(model)
    try:
        found = list(_found(source))
    except RecursionError:
        return ["line 1: the file, which is nested too deeply to be looked at"]
    except (SyntaxError, ValueError, MemoryError):
        return []
    odd = {line: (what, why) for line, what, why in reversed(found) if (what, why) not in usual}
    return [f"line {line}: {what}, {why}" for line, (what, why) in sorted(odd.items())]


@functools.lru_cache(maxsize=64)
def _usual(model: bytes) -> frozenset[tuple[str, str]]:
    """What the model answer does: the same for all answers to a kata."""
    return frozenset((what, why) for _, what, why in _found(model))


def _found(source: bytes) -> Iterator[tuple[int, str, str]]:
    """Line, what stands there, and why that is odd."""
    # From bytes, as the answer is imported: another encoding may be named in it.
    tree = ast.parse(source)
    yield from _hidden(source)
    modules = {name for node in ast.walk(tree) for name in _bound_by(node)}
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                yield from _imported(node)
            case ast.Name() if node.id in _BUILTINS:
                yield node.lineno, node.id, "which the model answer does without"
            case ast.Name(id="getattr") if id(node) not in called:
                yield node.lineno, "getattr", "under another name"
            case ast.Attribute():
                yield from _attribute(node, modules)
            case ast.Constant(value=str(text)) if _leads_out(text) and text.startswith("__"):
                yield node.lineno, text, "which leads out of the answer"
            case ast.MatchClass():
                names = filter(_leads_out, node.kwd_attrs)
                yield from ((node.lineno, name, "which leads out of the answer") for name in names)
            case ast.Call(func=ast.Name(id="getattr"), args=[_, name, *_]):
                yield from _looked_up(node, name)


def _hidden(source: bytes) -> Iterator[tuple[int, str, str]]:
    """What is not read as it runs."""
    encoding, first = tokenize.detect_encoding(io.BytesIO(source).readline)
    if encoding not in ("utf-8", "utf-8-sig"):
        yield len(first), f"the encoding {encoding}", "in which it may not say what you read"
    for number, line in enumerate(source.decode(encoding).splitlines(), 1):
        if any(unicodedata.category(c) == "Cf" for c in line.removeprefix("\ufeff")):
            yield number, "a character that is not seen", "and may turn what you read around"


def _looked_up(node: ast.Call, name: ast.expr) -> Iterator[tuple[int, str, str]]:
    if not isinstance(name, ast.Constant):
        yield node.lineno, "getattr", "with a name that is made while it runs"
    elif isinstance(name.value, str) and _leads_out(name.value):
        yield node.lineno, name.value, "which leads out of the answer"


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[int, str, str]]:
    within = f"{node.module or ''}." if isinstance(node, ast.ImportFrom) else ""
    for name in [within + alias.name for alias in node.names]:
        package = name.partition(".")[0]
        if package not in _HARMLESS:
            yield node.lineno, f"imports {package}", "which the model answer does not"
        elif "._" in name or _leads_out(name):
            yield node.lineno, f"imports {name}", "which is private"


def _attribute(node: ast.Attribute, modules: set[str]) -> Iterator[tuple[int, str, str]]:
    owner = node.value
    while isinstance(owner, ast.Attribute):
        owner = owner.value
    package = owner.id if isinstance(owner, ast.Name) and owner.id in modules else ""
    if _leads_out(node.attr):
        yield node.lineno, node.attr, "which leads out of the answer"
    elif package and isinstance(node.ctx, ast.Store | ast.Del):
        yield node.lineno, f"{node.attr} of {package}", "which is changed for everybody"
    elif package and node.attr.startswith("_") and node.attr not in _PLAIN_DUNDERS:
        yield node.lineno, f"{node.attr} of {package}", "which is private"


def _leads_out(name: str) -> bool:
    last = name.rpartition(".")[2]
    dunder = last.startswith("__") and last.endswith("__")
    return last in _WAYS_OUT or (dunder and last not in _PLAIN_DUNDERS)


def _bound_by(node: ast.AST) -> Iterator[str]:
    """The names that an import binds."""
    if isinstance(node, ast.Import):
        yield from ((name.asname or name.name).partition(".")[0] for name in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (name.asname or name.name for name in node.names)
