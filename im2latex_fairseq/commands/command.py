"""What a command of `im2latex` is made of."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass


class CommandError(ValueError):
    """What the user asked for can't be done; the message says why and what to do instead."""


@dataclass(frozen=True)
class Command:
    """A command of `im2latex`.

    Attributes:
        name: As it is typed.
        summary: One line for the list of commands.
        description: What its `--help` says before the options.
        examples: Command lines, one each line, that `--help` ends with.
        add_options: Adds its options to a parser.
        run: Does the work; returns the exit status. A ValueError, OSError or RuntimeError that it raises is
            said in one line, without a traceback.
    """

    name: str
    summary: str
    description: str
    examples: tuple[str, ...]
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
