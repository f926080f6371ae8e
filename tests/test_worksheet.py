"""The lesson's numbers are the designs': every solution, what stays where, how many pieces, jugs and millilitres."""

import re
from pathlib import Path

import numpy as np
import pytest

import pelu_fab
from exports import DESIGNS, device
from pelu_fab.formats.pour import priming
from pelu_fab.network.algebra import outputs

PAGE = (Path(__file__).parents[1] / "docs" / "worksheet.md").read_text()
LESSON, SOLUTIONS = PAGE.split("## Solutions\n")
TAUGHT = ("drip", "and-or", "xor", "half-adder", "petals")


def rows(text: str) -> list[list[str]]:
    """The cells of the first table of a text, its head first."""
    lines = re.search(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    assert lines
    table = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in lines[0].splitlines()]
    return [table[0], *table[2:]]


def solution(name: str) -> str:
    return SOLUTIONS.split(f"### `{name}`\n")[1].split("\n### ")[0].split("\n## ")[0]


@pytest.mark.parametrize("name", TAUGHT)
def test_every_solution_is_what_the_network_delivers(name: str) -> None:
    network = device(name).lowered.network
    head, *table = rows(solution(name))
    short = [words.split(" (")[0] for words in (*network.inputs, *network.outputs)]
    assert head == short and len(table) > 2
    for line in table:
        poured, told = np.split(np.array(line, float), [len(network.inputs)])
        assert outputs(network, poured[None])[0].round(1) == pytest.approx(told, abs=1e-9), line


@pytest.mark.parametrize("name", TAUGHT)
def test_what_a_teacher_prints_and_fills_is_what_is_compiled(name: str) -> None:
    found = device(name)
    _, *table = rows(LESSON)
    _, pieces, jugs, full, v0, _ = next(line for line in table if line[0] == f"`{name}`")
    assert int(pieces) == found.pieces and int(jugs) == len(found.design.network.inputs)
    limits = sorted({f"{volume:g}" for volume in found.design.input_max}, key=float, reverse=True)
    assert full == " and ".join(limits)
    assert v0 == (f"{priming(found).ml:g}" if priming(found).cards else "none")
    assert all(card.startswith("L0.") for card in priming(found).cards), "the first row's"


def test_what_the_answers_say_besides_is_so() -> None:
    kept = {name: pelu_fab.load(DESIGNS / name).network.layers for name in TAUGHT}
    assert kept["drip"][0].retained.tolist() == [5.0] and "the kink is at 5 mL" in solution("drip")
    assert kept["and-or"][1].retained.tolist() == [16.0, 4.0] and "more than 32 mL" in solution("and-or")
    assert (kept["and-or"][0].shares == 0.5).all() and kept["xor"][0].shares[:, 1].tolist() == [0.75, 0.75]
    flush = pelu_fab.load(DESIGNS / "half-adder").network
    stays = [pelu_fab.simulate(flush, pour).kept[1][0, 0] for pour in ([12.0, 0.0], [12.0, 12.0])]
    assert stays == [12.0, 1.0] and "12 mL after one jug, 1 mL after both" in solution("half-adder")


def test_where_petals_changes_its_mind_and_how_often_it_errs() -> None:
    design = pelu_fab.load(DESIGNS / "petals")
    lengths = np.arange(470, 600) / 10.0
    found = outputs(design.network, np.column_stack([lengths, np.full(len(lengths), 14.0)])).argmax(axis=1)
    turns = float(lengths[found == design.network.outputs.index("virginica")][0])
    assert f"from {np.ceil(turns) / 10:.1f} cm on" in solution("petals"), turns
    assert design.samples is not None and design.samples.labels is not None
    wrong = np.flatnonzero(outputs(design.network, design.samples.inputs).argmax(axis=1) != design.samples.labels)
    told = re.search(r"It is wrong for (\d+) of (\d+) flowers", LESSON)
    assert told and (int(told[1]), int(told[2])) == (len(wrong), len(design.samples.inputs))
    assert [48.0, 18.0] in design.samples.inputs[wrong].tolist()


def test_ten_minutes_are_ten() -> None:
    _, *table = rows(PAGE.split("## Ten minutes between two groups\n")[1])
    assert sum(int(minutes) for minutes, _ in table) == 10
