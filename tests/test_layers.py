"""Imports point one way: who may know whom is a table, and the heavy packages have one home each."""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "pelu_fab"
ALLOWED: Mapping[str, frozenset[str]] = {
    "errors": frozenset(),
    "files": frozenset({"errors"}),
    "kinds": frozenset(),
    "memory": frozenset(),
    "worker": frozenset(),
    "network": frozenset({"errors"}),
    "ir": frozenset({"errors", "network"}),
    "hydraulics": frozenset({"errors", "ir"}),
    "sim": frozenset({"errors", "network", "ir", "hydraulics"}),
    "kernels": frozenset({"errors", "ir", "worker"}),
    "stages": frozenset({"errors", "network", "ir", "hydraulics", "sim"}),
    # signoff: never stages, formats or pipeline; files and kinds to read what it judges, and no more
    "signoff": frozenset({"errors", "files", "kinds", "memory", "network", "ir"}),
    "cfd": frozenset(
        {"errors", "network", "ir", "signoff"}
    ),  # sees the files as the judge does, never how they were made
    "layers": frozenset({"errors", "network"}),
    "sources": frozenset({"errors", "files", "kinds", "network", "ir", "layers"}),  # layers: to read .pt alone
    "training": frozenset({"errors", "files", "network", "ir", "layers", "sim", "sources", "stages"}),
    "formats": frozenset({"errors", "files", "network", "ir", "sim", "kernels"}),
    "show": frozenset({"errors", "files", "network", "ir", "hydraulics", "sim", "formats", "worker"}),
    "exports": frozenset({"errors", "files", "ir", "formats", "show", "worker"}),
    "pipeline": frozenset({"errors", "files", "memory", "network", "ir", "kernels", "stages", "formats", "exports"}),
    "commands": frozenset(
        {"errors", "files", "network", "ir", "hydraulics", "sim", "kernels", "stages", "signoff", "layers", "sources"}
        | {"training", "formats", "show", "exports", "pipeline", "cfd", "."}
    ),
    "remembered": frozenset({"files", "memory", "signoff"}),
    "cli": frozenset({"commands", "errors", "."}),
    "__main__": frozenset({"cli"}),
    "__init__": frozenset(
        {"cfd", "errors", "exports", "files", "formats", "ir", "network", "pipeline", "remembered", "show", "signoff"}
        | {"sources"}
    ),
}
# Whose module level may import what is neither Python's own nor numpy; inside a function, each may as it needs.
HOMES: Mapping[str, frozenset[str]] = {
    "torch": frozenset({"layers", "training"}),
    "typer": frozenset({"cli", "commands"}),
    "pydantic": frozenset({"ir", "sources", "signoff", "training"}),
    "pydantic_core": frozenset({"sources"}),
    "scipy": frozenset({"signoff"}),
    "shapely": frozenset({"signoff", "stages"}),
    "manifold3d": frozenset({"signoff"}),
}
ONLY: Mapping[str, frozenset[str]] = {  # even inside functions
    "torch": frozenset({"layers", "training", "signoff"}),  # signoff: to read .pt by itself, never at module level
    "manifold3d": frozenset({"kernels", "signoff"}),  # signoff: whether parts bite into each other, never to build
    "cadquery": frozenset({"kernels"}),
    "OCP": frozenset({"kernels"}),
    "lib3mf": frozenset({"formats"}),
    "pyvista": frozenset({"show"}),
}


def imports(source: str) -> Iterator[tuple[str, bool]]:
    """Every module imported and whether at module level; '.' is a relative import. Types alone don't count."""

    def walk(node: ast.AST, *, at_top: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            match child:
                case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                    continue
                case ast.ImportFrom(level=level) if level > 0:
                    yield ".", at_top
                case ast.ImportFrom(module="pelu_fab", names=names):
                    yield from ((f"pelu_fab.{name.name}", at_top) for name in names)
                case ast.ImportFrom(module=str(module)):
                    yield module, at_top
                case ast.Import(names=names):
                    yield from ((name.name, at_top) for name in names)
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk(child, at_top=at_top and not inside)

    yield from walk(ast.parse(source), at_top=True)


def faults(part: str, source: str) -> list[str]:
    """What a file of `part` imports and must not."""
    found = []
    for module, at_top in imports(source):
        first, *rest = module.split(".")
        if module == ".":
            found.append("a relative import")
        elif first == "pelu_fab":
            own = rest[0] if rest else "."
            own = own if own in ALLOWED else "."  # a name of the package itself: pelu_fab.load
            if own not in ALLOWED[part] | {part}:
                found.append(f"pelu_fab.{own}")
        elif first in ONLY and part not in ONLY[first]:
            found.append(first)
        elif at_top and first not in sys.stdlib_module_names | {"numpy"} and part not in HOMES.get(first, frozenset()):
            found.append(f"{first} at module level")
    return sorted(set(found))


def part_of(file: Path) -> str:
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


FILES = sorted(ROOT.rglob("*.py"))


def test_every_part_of_the_package_has_its_line_in_the_table() -> None:
    assert len(FILES) > 50
    assert {part_of(file) for file in FILES} == set(ALLOWED)


def test_imports_point_one_way_and_heavy_packages_stay_home() -> None:
    wrong = {str(file.relative_to(ROOT)): bad for file in FILES if (bad := faults(part_of(file), file.read_text()))}
    assert wrong == {}


def test_the_sign_off_believes_nobody_who_built() -> None:
    assert ALLOWED["signoff"].isdisjoint(
        {"stages", "formats", "pipeline", "kernels", "sources", "training", "hydraulics", "sim"}
    )


# What sign-off may take of the two parts that it shares with the maker: nouns, and no formula of water or of combs.
NOUNS = {"network.names", "network.model", "network.readout", "network.scaling", "ir.process", "ir.netlist"}


def beyond_nouns(source: str) -> set[str]:
    """Modules of `network` and `ir` that a file knows of beside these nouns."""
    told = {module.removeprefix("pelu_fab.") for module, _ in imports(source) if module.startswith("pelu_fab.")}
    return {name for name in told if name.split(".")[0] in ("network", "ir")} - NOUNS


def test_the_sign_off_shares_nouns_and_no_formula() -> None:
    files = [file for file in FILES if part_of(file) == "signoff"]
    assert len(files) > 40
    assert {file.name: bad for file in files if (bad := beyond_nouns(file.read_text()))} == {}
    assert beyond_nouns("def f():\n    from pelu_fab.network.algebra import outputs") == {"network.algebra"}
    assert beyond_nouns("from pelu_fab.ir.card import Card") == {"ir.card"}


def known(source: str, names: set[str]) -> set[str]:
    """Files of the package that this one knows of: imported, inside functions too, or told to `import_module`."""
    told: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(module=str(module)):
                submodules = {f"{module}.{name.name}" for name in node.names} & names
                told |= submodules or {module}
            case ast.Import():
                told |= {name.name for name in node.names}
            case ast.Constant(value=str(text)) if "." in text:
                told.add(text)
    return told & names


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """A way from a node back to it, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_file_knows_itself_in_a_circle() -> None:
    """Over all imports, file by file: one hidden in a function makes a circle as well as one at the top."""
    names = {".".join(f.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): f for f in FILES}
    graph = {name: known(file.read_text(), set(names)) - {name} for name, file in names.items()}
    assert sum(map(len, graph.values())) > 300
    assert circle(graph) == []
    errors = graph["pelu_fab.errors"]
    for planted in (
        "def f():\n    from pelu_fab.pipeline import write",
        "from importlib import import_module\nimport_module('pelu_fab.pipeline')",
        "from pelu_fab import pipeline",
    ):
        assert "pelu_fab.errors" in circle(graph | {"pelu_fab.errors": errors | known(planted, set(names))})


def test_no_part_knows_itself_in_a_circle() -> None:
    table = {part: set(allowed) for part, allowed in ALLOWED.items()}
    table["."] = table.pop("__init__")
    assert circle(table) == []
    assert circle(table | {"errors": {"pipeline"}})


@pytest.mark.parametrize(
    ("part", "source", "found"),
    [
        ("signoff", "from pelu_fab.stages.size import size", ["pelu_fab.stages"]),
        ("signoff", "def f():\n    import pelu_fab.formats.stl", ["pelu_fab.formats"]),
        ("signoff", "from pelu_fab import pipeline", ["pelu_fab.pipeline"]),
        ("ir", "from pelu_fab import load", ["pelu_fab.."]),
        ("ir", "from .units import on_grid", ["a relative import"]),
        ("ir", "if True:\n    from pelu_fab.sim.flow import flow", ["pelu_fab.sim"]),
        ("sim", "def f():\n    import torch", ["torch"]),
        ("training", "import torch\nfrom torch import nn", []),
        ("stages", "async def f():\n    from manifold3d import Manifold", ["manifold3d"]),
        ("kernels", "import cadquery", ["cadquery at module level"]),
        ("kernels", "def f():\n    import cadquery", []),
        ("formats", "class A:\n    import matplotlib.pyplot", ["matplotlib at module level"]),
        ("formats", "try:\n    import lib3mf\nexcept ImportError:\n    pass", ["lib3mf at module level"]),
        ("stages", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from manifold3d import Manifold", []),
    ],
)
def test_a_planted_import_is_found(part: str, source: str, found: list[str]) -> None:
    assert faults(part, source) == found


def test_import_and_help_load_no_heavy_package() -> None:
    heavy = ["torch", "manifold3d", "cadquery", "OCP", "trimesh", "scipy", "shapely", "matplotlib", "pyvista", "lib3mf"]
    code = (
        "import sys, pelu_fab\n"
        "import pelu_fab.cli\n"
        "try:\n"
        "    sys.argv = ['pelu-fab', '--help']; pelu_fab.cli.main()\n"
        "except SystemExit:\n"
        "    pass\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "compile" in done.stdout
    assert done.stderr.strip().splitlines()[-1] == "[]"
