"""What README and docs tell people to type is typed here: commands parse, blocks of Python run, links lead on."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

import pelu_fab
from pelu_fab.cli import VERBS, application
from pelu_fab.commands.coupon import JUG_ML, POUR_ML_S, coupon_design, coupon_water
from pelu_fab.sim.calibrate import Weighing, expected
from pelu_fab.sources.process import read_process

HOME = Path(__file__).parents[1]
PAGES = sorted(
    [*HOME.glob("*.md"), *HOME.glob("docs/*.md"), *HOME.glob("designs/*/*.md"), *HOME.glob("benchmarks/*.md")]
)
UsageError: Any = typer.BadParameter.__base__  # whichever click typer comes with
LANGUAGES = {"python", "sh", "text"}
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^    (pelu-fab .*)$", re.MULTILINE)
INLINE = re.compile(r"`(pelu-fab [^`]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)\s]*)?\)")
HEAVY = {  # commands that have a test of their own, since they take minutes or a solver
    "train designs/iris-robust": "tests/test_training_command.py",
    "cfd": "tests/test_cfd_solver.py",
}


def named(page: Path) -> str:
    return page.relative_to(HOME).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in FENCED.findall(page.read_text()) if kind == language]


def commands(page: Path) -> Iterator[list[str]]:
    """Every command line of ours on a page, fenced, indented or in a sentence, as words."""
    text = page.read_text()
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    lines += [
        line.removeprefix("$ ") for block in blocks(page, "text") for line in block.splitlines() if line[:1] == "$"
    ]
    lines += INDENTED.findall(text) + INLINE.findall(FENCED.sub("", text))
    for line in lines:
        for command in re.split(r"\s{2,}|\s&&\s|,\s", line.strip()):
            if command.startswith("pelu-fab "):
                yield shlex.split(command.split(" #")[0])


@cache
def group() -> Any:
    return typer.main.get_command(application())


def parsed(words: list[str]) -> Any:
    """The verb's own parser on a command line: unknown verbs, options and values raise."""
    verb = group().commands[words[1]]
    return verb.make_context(words[1], words[2:], parent=group().context_class(group(), info_name="pelu-fab"))


def test_every_page_is_looked_at_and_every_block_has_a_language_that_is_run() -> None:
    assert {"README.md", "CONTRIBUTING.md", "docs/tutorial.md", "designs/drip/README.md"} <= set(map(named, PAGES))
    for page in PAGES:
        assert {kind for kind, _ in FENCED.findall(page.read_text())} <= LANGUAGES, page
        assert page.read_text().count("\n```") + page.read_text().startswith("```") == 2 * len(
            FENCED.findall(page.read_text())
        ), f"{page}: a block that does not end"


def test_every_command_on_a_page_is_one_that_the_program_knows() -> None:
    seen = [(page, words) for page in PAGES for words in commands(page)]
    assert len(seen) > 50 and {words[1] for _, words in seen} == {*VERBS, "--install-completion"}
    for page, words in seen:
        if all(word.startswith(("-", "…")) for word in words[2:]):  # a verb is mentioned, or options of it
            known = (
                {opt for one in group().commands[words[1]].params for opt in one.opts} if words[1] in VERBS else set()
            )
            assert set(words[2:]) - {"…"} <= known, f"{named(page)}: {words}"
            continue
        try:
            parsed(words)
        except UsageError as error:
            pytest.fail(f"{named(page)}: {shlex.join(words)}: {error.format_message()}")


@pytest.mark.parametrize("wrong", ["compile a --no-such-option", "yield a --prints many", "slice"])
def test_a_command_that_is_wrong_is_found(wrong: str) -> None:
    with pytest.raises(UsageError):
        parsed(["pelu-fab", *wrong.split()])


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.parent.name == "docs" and blocks(page, "python")], ids=named
)
def test_python_on_a_page_runs_from_its_first_block_to_its_last(page: Path) -> None:
    space: dict[str, object] = {}
    for body in blocks(page, "python"):
        exec(compile(body, named(page), "exec"), space)


def test_every_link_on_a_page_leads_somewhere_in_the_project() -> None:
    links = [(page, link) for page in PAGES for link, _ in LINK.findall(page.read_text()) if "://" not in link]
    assert len(links) > 30
    assert [f"{named(page)}: {link}" for page, link in links if not (page.parent / link).exists()] == []


# ---- the long way: typed, one after the other, as a new user would ----


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A folder with the designs in it and nothing else."""
    shutil.copytree(HOME / "designs", tmp_path / "designs")
    return tmp_path


def module(file: str) -> Any:
    """A script of the project, imported."""
    spec = importlib.util.spec_from_file_location(Path(file).stem, HOME / file)
    assert spec and spec.loader
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def typed(words: list[str], folder: Path, code: int = 0) -> str:
    environment = {**os.environ, "PYTHONPATH": str(HOME), "BROWSER": "true"}
    command = [sys.executable, "-m", "pelu_fab", *words[1:]]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    if done.returncode == 2 and (jugs := re.search(r"--set '(input_max=[^']*)'", done.stderr)):  # do as it says
        command += ["--set", jugs[1]]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    fair = (
        (0, 1) if words[-1] == "trained/penguins" else (code,)
    )  # a network that nobody has seen may fail its sign-off
    assert done.returncode in fair, f"{shlex.join(words)}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
    return done.stdout


@pytest.mark.slow
def test_the_five_lines_of_the_readme_say_what_they_say(fresh: Path) -> None:
    (body,) = blocks(HOME / "README.md", "python")
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    done = subprocess.run([sys.executable, "-c", body], cwd=fresh, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "pass\n"), done.stderr


@pytest.mark.slow
def test_the_verdicts_in_the_readme_are_those_that_are_printed(fresh: Path) -> None:
    """Line by line but for places, as many as stand there in a row; a line that is `…` stands for any."""
    typed(["pelu-fab", "compile", "designs/iris"], fresh)
    shutil.copytree(fresh / "exports" / "iris", fresh / "exports" / "plugged")
    figures = module("docs/device_figures.py")
    figures.glue(pelu_fab.compile(pelu_fab.load(fresh / "designs" / "iris")), fresh / "exports" / "plugged")
    told = [block for block in blocks(HOME / "README.md", "text") if "verdict: " in block]
    assert len(told) == 2
    for block, code in zip(told, (0, 1), strict=True):
        command, wanted = block.split("\n", 1)
        printed = typed(shlex.split(command.removeprefix("$ ")), fresh, code)
        pattern = ".*".join(map(re.escape, wanted.strip("…\n").split("\n…\n")))
        pattern = re.sub(r"at\\ \\\([^)]*\\\)", r"at \\([^)]*\\)", pattern)  # wherever it was placed
        assert re.search(f"^{pattern}$", printed, re.MULTILINE | re.DOTALL), printed


def test_a_law_fitted_on_half_of_the_solved_cards_tells_the_rest() -> None:
    laws = module("docs/cfd_laws.py")
    teeth = [((2.4, 2.9, 2.9), (2.9, 3.3)), ((3.0,), (2.6, 2.6, 3.4))]
    planted = [laws.Run("planted", "even", one, laws.shares(one, 1.7), np.zeros(2)) for one in teeth]
    assert laws.shares(((2.0,), (2.0, 3.0)), 1.0) == pytest.approx([3.0 / 10.0, 7.0 / 10.0])  # by hand
    assert laws.shares(((2.0,), (2.0, 3.0)), 1.0, 0.5) == pytest.approx([4.5 / 13.5, 9.0 / 13.5])
    assert laws.fitted(planted) == pytest.approx(1.7, abs=1e-4)
    found, comb = laws.cards(laws.runs()), read_process("fdm-pla-detergent")
    assert len(found) >= 7
    assert laws.fitted(found) == pytest.approx(comb.comb.kappa, abs=comb.scatter.kappa)
    assert laws.worst(found, comb.comb.kappa) < 1.0 < laws.worst(found, 0.0)
    assert np.median([missed for _, missed in laws.halves(found)]) < 1.0
    assert "\n".join(laws.told()) in (HOME / "docs" / "cfd.md").read_text()


def weighed(table: str) -> str:
    """The coupon's table, filled in with what a coupon of the plain process would weigh."""
    process = read_process("fdm-pla-detergent")
    water = coupon_water(coupon_design(process))
    bucket, cups = water.rows[0][0], [port for port, _ in water.outputs]
    run = Weighing(JUG_ML, 1000.0 * POUR_ML_S, (0.0, 0.0, 0.0))
    found = dict(zip(cups, expected(bucket, process, run, cups, 0.0), strict=True))
    found |= {"poured": JUG_ML, "width": bucket.width, "depth": bucket.depth}
    return re.sub(r"^(\d*),([\w.]+),$", lambda m: f"{m[1]},{m[2]},{found[m[2]]:.3f}", table, flags=re.MULTILINE)


def prepared(words: list[str], folder: Path) -> list[str]:
    """What a user does between two commands of the tutorial; and fewer steps, for the trainers."""
    match words[1]:
        case "view":
            return [*words, "--no-open"]
        case "calibrate":  # the coupon's protocol: pour, weigh, write down
            table = folder / "exports" / "coupon" / "measured.csv"
            table.write_text(weighed(table.read_text()))
        case "train":
            return [*words, "--set", "steps=1000", "--set", "restarts=4"]
        case "fit":
            return [*words, "--steps", "200"]
    return words


@pytest.mark.slow
def test_the_tutorial_works_as_it_stands(fresh: Path) -> None:
    pages = [HOME / "docs" / "tutorial.md", *sorted(HOME.glob("designs/*/README.md"))]
    done = []
    for page in pages:
        for words in commands(page):
            told = " ".join(words[1:])
            if len(words) > 2 and not any(told.startswith(heavy) for heavy in HEAVY) and told not in done:
                if words[1] == "slice" and shutil.which("prusa-slicer") is None:
                    continue  # tests/test_slicer.py says so
                typed(prepared(words, fresh), fresh)
                done.append(told)
    assert len(done) > 8
    assert all((HOME / test).is_file() for test in HEAVY.values())


def test_the_version_is_written_once() -> None:
    places = [HOME / "pyproject.toml", HOME / "CITATION.cff", *HOME.glob("pelu_fab/**/*.py")]
    assert [named(f) for f in places if f'"{pelu_fab.__version__}"' in f.read_text()] == ["pelu_fab/__init__.py"]
