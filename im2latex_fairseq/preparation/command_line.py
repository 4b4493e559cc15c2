"""What the commands of `preprocess/` share: options, and errors said in one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields

from im2latex_fairseq.images.transforms import PreparationSettings
from im2latex_fairseq.preparation.report import StepReport
from im2latex_fairseq.preparation.workers import default_processes


def make_parser(description: str, examples: str) -> argparse.ArgumentParser:
    """A parser whose `--help` shows defaults and ends with examples."""

    class Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
        """Defaults beside the options, description and examples as they are written."""

    return argparse.ArgumentParser(
        description=description, epilog=f"examples:\n{examples}", formatter_class=Formatter
    )


def add_processes(parser: argparse.ArgumentParser) -> None:
    """Add `--processes`."""
    parser.add_argument("--processes", type=int, default=default_processes(), help="worker processes")


def add_preparation(parser: argparse.ArgumentParser) -> None:
    """Add one option for each field of `PreparationSettings` (but its version)."""
    group = parser.add_argument_group(
        "preparation of the pictures (stored with them; training data must agree)"
    )
    defaults = PreparationSettings()
    for item in fields(PreparationSettings):
        if item.name == "version":
            continue
        default = getattr(defaults, item.name)
        flag = f"--{item.name.replace('_', '-')}"
        text = item.metadata.get("help", " ")
        if isinstance(default, bool):
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=text)
        else:
            group.add_argument(flag, type=type(default), default=default, help=text)


def preparation_of(arguments: argparse.Namespace) -> PreparationSettings:
    """The settings that the options of `add_preparation` say."""
    names = [item.name for item in fields(PreparationSettings) if item.name != "version"]
    return PreparationSettings(**{name: getattr(arguments, name) for name in names})


def run_command(
    command: Callable[[argparse.Namespace], Sequence[StepReport]],
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None = None,
) -> int:
    """Parse, run, print the reports; a user's mistake becomes one line on stderr and exit status 2.

    Args:
        command: Does the work; returns the reports to print.
        parser: Of its options.
        argv: Arguments; those of the process if None.
    """
    arguments = parser.parse_args(argv)
    try:
        reports = command(arguments)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted; finished work is kept, run it again to go on", file=sys.stderr)
        return 130
    for report in reports:
        print(report.format_table())
    return 0
