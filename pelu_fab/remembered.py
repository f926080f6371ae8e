"""A whole sign-off, remembered: a folder's report under the hash of everything that it rests on."""

import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pelu_fab.files import LEFT
from pelu_fab.memory import machinery, memory, program
from pelu_fab.signoff import Report, report_of

if TYPE_CHECKING:
    from pelu_fab.signoff import Question

MOST = 100  # reports, of some 100 kB each
LARGEST = 1 << 31  # bytes of a folder: a larger one is judged again
State = Mapping[str, str]  # sha256 by name


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about a folder: all that a report rests on beside the folder's files."""

    directory: str
    question: "Question | None"
    process: str | None
    settings: Sequence[str]
    trace: Sequence[float] | None

    def key(self, state: State) -> str:
        """Hash of it, of the folder's files, and of program and libraries."""
        files = [] if self.question is None else [(f.kind, f.name, f.sha256) for f in self.question.files]
        told = [
            self.directory,
            self.question is None,
            files,
            self.process,
            *map(list, (self.settings, self.trace or ())),
        ]
        return sha256(json.dumps([told, sorted(state.items()), program(), machinery()]).encode()).hexdigest()


def state_of(directory: Path) -> State | None:
    """Every file below a folder; None where there is anything but files and folders, or too much to be read again."""
    found: dict[str, str] = {}
    total = 0
    try:
        for home, folders, names in os.walk(directory, onerror=_raise):
            for name in (*folders, *names):
                path = Path(home, name)
                status = path.lstat()
                if stat.S_ISDIR(status.st_mode):
                    continue
                total += status.st_size
                if not stat.S_ISREG(status.st_mode) or total > LARGEST:
                    return None
                found[path.relative_to(directory).as_posix()] = sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return None
    return found


def recalled(asked: Asked, state: State | None) -> Report | None:
    """The report that was left in this folder when all was as it is now."""
    text = None if state is None else memory("verdicts", MOST).recall(asked.key(state))
    return None if text is None else report_of(text)


def note(asked: Asked, before: State | None, report: Report) -> None:
    """Keep a report with the folder as it is now, what was left beside the files and all; not if anything else there
    is other than `before` it was judged, or if the manifest lists what is left: then it was judged, too.
    """
    home, after = Path(asked.directory), state_of(Path(asked.directory))
    if before is None or after is None or report.unwritten or _own(before) != _own(after):
        return
    try:
        manifest, left = (json.loads((home / name).read_bytes()) for name in ("manifest.json", "verify.json"))
    except (OSError, ValueError):
        return
    listed = json.dumps(manifest, ensure_ascii=False).casefold()
    if left == json.loads(json.dumps(report.to_dict())) and not any(name in listed for name in LEFT):
        memory("verdicts", MOST).note({asked.key(after): report.to_text()})


def is_as(home: Path, before: State | None) -> bool:
    """Whether a folder's export is as it was `before`; where that was not known, it can't be told to be another."""
    after = None if before is None else state_of(home)
    return before is None or (after is not None and _own(after) == _own(before))


def _own(state: State) -> State:
    return {name: told for name, told in state.items() if name not in LEFT}


def _raise(error: OSError) -> None:
    raise error
