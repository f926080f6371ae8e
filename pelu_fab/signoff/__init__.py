"""Sign-off: recovers the network from the STL files and judges every part. Imports no stage and no writer."""

from pelu_fab.signoff.inspection import Inspection, inspect
from pelu_fab.signoff.question import Question, read_question
from pelu_fab.signoff.report import Check, Report
from pelu_fab.signoff.verify import verify

__all__ = ["Check", "Inspection", "Question", "Report", "inspect", "read_question", "verify"]
