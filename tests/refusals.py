"""Every place in the code that refuses something, and what it means to follow the advice given there."""

import ast
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

import pelu_fab
from pelu_fab.cli import application
from pelu_fab.errors import FabError, FabWarning

ROOT = Path(pelu_fab.__file__).parent
Wrong = Callable[[Path], object]
Right = Callable[[Path, "re.Match[str]"], object]


class Case(NamedTuple):
    """`wrong` is refused at `site` with `advice` (a pattern) in its remedy; each of `right` is what follows it.

    A site is a module, a function and which refusal of that function it is. All get an empty folder; what follows the
    advice gets the match too, for the words that the advice gives it.
    """

    site: str
    wrong: Wrong
    advice: str
    right: Right | tuple[Right, ...]
    slow: bool = False


class _Sites(ast.NodeVisitor):
    """Where a module makes a refusal, by function and number."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.inside: list[str] = []
        self.seen: Counter[str] = Counter()
        self.found: dict[str, range] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.ClassDef) -> None:
        self.inside.append(node.name)
        self.generic_visit(node)
        self.inside.pop()

    visit_ClassDef = visit_FunctionDef  # noqa: N815

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in ("FabError", "BedError", "TooCoarse"):
            name = f"{self.module} {'.'.join(self.inside)}"
            self.seen[name] += 1
            self.found[f"{name} {self.seen[name]}"] = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        self.generic_visit(node)


@cache
def sites() -> dict[str, range]:
    """Lines of every refusal in the package."""
    found: dict[str, range] = {}
    for path in sorted(set(ROOT.rglob("*.py")) - {ROOT / "errors.py"}):
        one = _Sites(str(path.relative_to(ROOT)))
        one.visit(ast.parse(path.read_text()))
        found |= one.found
    return found


@contextmanager
def traced() -> Iterator[None]:
    """Within it each refusal knows where it was made."""
    with _noting(lambda _: None):
        yield


@contextmanager
def _noting(see: Callable[[FabError], None]) -> Iterator[None]:
    plain = FabError.__init__

    def noted(self: FabError, where: str, what: str, remedy: str) -> None:
        plain(self, where, what, remedy)
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename.endswith("errors.py"):  # a kind of its own
            frame = frame.f_back
        self.made_at = (frame.f_code.co_filename, frame.f_lineno)  # type: ignore[attr-defined]
        see(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FabError, "__init__", noted)
        yield


def site_of(error: FabError) -> str:
    """The place where a refusal was made, within `traced`."""
    file, line = error.made_at  # type: ignore[attr-defined]
    module = str(Path(file).relative_to(ROOT))
    return next(site for site, lines in sites().items() if site.startswith(f"{module} ") and line in lines)


def follow(case: Case, folder: Path) -> None:
    """Be refused, do as advised, and not be refused any more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FabWarning)
        with traced(), pytest.raises(FabError) as refused:
            case.wrong(folder)
        assert site_of(refused.value) == case.site, str(refused.value)
        told = re.search(case.advice, refused.value.remedy)
        assert told is not None, str(refused.value)
        for right in case.right if isinstance(case.right, tuple) else (case.right,):
            right(folder, told)


def command(*words: object) -> None:
    """What the command line does; its refusal is raised, for `follow` to see."""
    made: list[FabError] = []
    with _noting(made.append):
        done = CliRunner().invoke(application(), [str(word) for word in words])
    told = next((error for error in reversed(made) if str(error) in done.stderr), None)
    if done.exit_code == 2 and told is not None:
        raise told
    assert done.exit_code == 0, (words, done.output)
