"""The command line: finds each verb, and turns what can go wrong into one line and an exit code."""

import contextlib
import functools
import importlib
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from pelu_fab import __version__
from pelu_fab.commands import INTERRUPTED, OUR_BUG, USER_ERROR, printable
from pelu_fab.errors import FabError, FabWarning

VERBS = {  # verb: module and function below pelu_fab.commands, which loads what is heavy only when called
    "compile": "compile:compile_design",
    "verify": "verify:verify",
    "inspect": "inspect:inspect",
    "fit": "fit:fit",
    "simulate": "simulate:simulate",
    "view": "view:view",
    "yield": "yield_:forecast_yield",
    "coupon": "coupon:coupon",
    "calibrate": "calibrate:calibrate",
    "train": "train:train",
    "slice": "slice:slice_parts",
    "cfd": "cfd:solve_water",
}


def guarded(verb: Callable[..., None]) -> Callable[..., None]:
    """The same verb, ending in an exit code instead of a traceback: 2 the user's input, 70 our bug, 130 Ctrl-C."""

    @functools.wraps(verb)
    def run(*args: object, **kwargs: object) -> None:
        try:
            with _notes():
                verb(*args, **kwargs)
            sys.stdout.flush()
        except FabError as error:
            _tell(f"error: {error}")
            raise typer.Exit(USER_ERROR) from error
        except KeyboardInterrupt as error:
            _tell("interrupted; files that were there before are untouched")
            raise typer.Exit(INTERRUPTED) from error
        except BrokenPipeError as error:  # whoever read our output has enough
            _leave(sys.stdout)
            raise typer.Exit(0) from error
        except typer.Exit:
            raise
        except OSError as error:
            if not _is_the_users(error):
                raise _bug(error) from error
            _tell(f"error: {_place_of(error)}: {error.strerror}; check the path, its permissions and the disk")
            raise typer.Exit(USER_ERROR) from error
        except Exception as error:
            raise _bug(error) from error

    return run


def _bug(error: Exception) -> typer.Exit:
    """Say that it is ours; the exit code with it."""
    if os.environ.get("PELU_FAB_DEBUG") == "1":
        traceback.print_exc()
    cause = " ".join(str(error).split()) or "no reason given"
    _tell(f"error: this is our bug, not yours: {type(error).__name__}: {cause}")
    _tell("PELU_FAB_DEBUG=1 shows where; please report it with the design that caused it")
    return typer.Exit(OUR_BUG)


def _is_the_users(error: OSError) -> bool:
    """Whether a file or stream failed us that isn't one of our own: a full disk, a path too long, a folder locked."""
    if error.errno is None:
        return False
    return not str(error.filename or "").startswith(str(Path(__file__).parent))


def _place_of(error: OSError) -> str:
    return "a stream" if error.filename is None else os.fsdecode(str(error.filename))


@contextlib.contextmanager
def _notes() -> Iterator[None]:
    """Each `FabWarning` once, as a line on stderr; other libraries' warnings as Python shows them."""
    said: set[str] = set()
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if not issubclass(category, FabWarning):
                usual(message, category, *place, **more)
            elif str(message) not in said:
                said.add(str(message))
                _tell(f"note: {message}")

        warnings.simplefilter("always", FabWarning)
        warnings.showwarning = show
        yield


def _tell(line: str) -> None:
    print(printable(line), file=sys.stderr)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"pelu_fab {__version__}")
        raise typer.Exit


def application() -> typer.Typer:
    """The typer application with all verbs."""
    app = typer.Typer(
        name="pelu-fab",
        help="Compile a trained PeLU network into a printable device that runs on water, and prove it from the STL.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def options(
        _: Annotated[
            bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it and leave.")
        ] = False,
    ) -> None:
        pass

    for name, place in VERBS.items():
        module, function = place.split(":")
        verb = getattr(importlib.import_module(f"pelu_fab.commands.{module}"), function)
        app.command(name)(guarded(verb))
    return app


def main() -> None:
    """Entry point of `pelu-fab`. SIGTERM unwinds like Ctrl-C, so that a half-written export is rolled back."""

    def stop(number: int, _: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever called us: there is nobody to tell
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
        getattr(sys, name).reconfigure(errors="backslashreplace")
    sys.exit(_code(application()))


def _code(app: typer.Typer) -> int:
    """Run the application to its exit code, whatever becomes of the streams that it speaks to."""
    code: int | str | None = 0
    stdout = sys.stdout
    try:
        app(prog_name="pelu-fab")
    except SystemExit as end:
        gone = sys.stdout is not stdout or isinstance(end.__context__, BrokenPipeError)  # so say click and rich
        code = 0 if gone else end.code
    except OSError:
        code = USER_ERROR
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            _leave(stream)
        except OSError:  # a full disk
            _leave(stream)
            code = code or USER_ERROR
    return code if isinstance(code, int) else 0 if code is None else 1


def _leave(stream: TextIO) -> None:
    """Turn a stream that no longer takes anything away, so that Python's own end does not stumble over it."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
