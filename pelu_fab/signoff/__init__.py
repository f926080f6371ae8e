"""Sign-off: recovers the network from the STL files and judges every part. Imports no stage and no writer.

What judges is imported on first use: a report that is remembered needs none of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pelu_fab.signoff.report import Check, Report, report_of

if TYPE_CHECKING:
    from pelu_fab.signoff.inspection import Inspection, inspect
    from pelu_fab.signoff.question import Question, read_question
    from pelu_fab.signoff.verdict import verify

__all__ = ["Check", "Inspection", "Question", "Report", "inspect", "read_question", "report_of", "verify"]

_HOMES = {
    "Inspection": "inspection",
    "inspect": "inspection",
    "Question": "question",
    "read_question": "question",
    "verify": "verdict",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
