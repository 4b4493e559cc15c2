"""Entry point of the console script `im2latex`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from im2latex_fairseq import __version__
from im2latex_fairseq.commands.command import Command
from im2latex_fairseq.commands.completion import COMPLETION
from im2latex_fairseq.commands.convert import CONVERT
from im2latex_fairseq.commands.explain import EXPLAIN
from im2latex_fairseq.commands.export import EXPORT
from im2latex_fairseq.commands.predict import PREDICT
from im2latex_fairseq.commands.report import REPORT
from im2latex_fairseq.commands.score import SCORE

COMMANDS: tuple[Command, ...] = (PREDICT, EXPLAIN, SCORE, REPORT, CONVERT, EXPORT, COMPLETION)

_FAILED = 2
_INTERRUPTED = 130


class _Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Defaults beside the options, where there are some; description and examples as they are written."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="im2latex",
        description="Read pictures of formulas as LaTeX; judge systems that do.",
        epilog="im2latex COMMAND --help tells the options of a command, with examples.",
    )
    parser.add_argument("--version", action="version", version=f"im2latex-fairseq {__version__}")
    listed = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for command in COMMANDS:
        part = listed.add_parser(
            command.name,
            help=command.summary,
            description=command.description,
            epilog="examples:\n" + "\n".join(f"  {line}" for line in command.examples),
            formatter_class=_Formatter,
            allow_abbrev=False,
        )
        command.add_options(part)
        part.set_defaults(run=command.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: Arguments; those of the process if None.

    Returns:
        The exit status: 0, 1 where a command says so, 2 for what the user can mend (said in one line on stderr),
        130 if interrupted.
    """
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help(sys.stderr)
        return _FAILED
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (`head`, say) has seen enough.
        _drop_output()
        return 0
    except (ValueError, OSError, RuntimeError) as error:
        if isinstance(error, OSError):
            _drop_output()  # it may be standard output that can't be written
        print(f"im2latex {arguments.command}: error: {error}", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        print(f"im2latex {arguments.command}: interrupted", file=sys.stderr)
        return _INTERRUPTED
    return status


def _drop_output() -> None:
    """Drop what standard output still holds and can't take; without this, Python complains again at its exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
