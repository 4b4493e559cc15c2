"""`im2latex completion`: commands and options that the shell completes by the tab key."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from im2latex_fairseq.commands.command import Command

SHELLS = ("bash", "zsh", "fish", "tcsh", "powershell")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("shell", choices=SHELLS, help="which completes")


def run(arguments: argparse.Namespace) -> int:
    """Print the shell's code."""
    import shtab

    from im2latex_fairseq.commands.main import build_parser

    parser = build_parser()
    for action in _actions(parser):
        if _takes_files(action):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(parser, shell=arguments.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for part in action.choices.values():
                yield from _actions(part)
        else:
            yield action


def _takes_files(action: argparse.Action) -> bool:
    return action.type is Path or action.metavar in ("FILE", "PICTURE")


COMPLETION = Command(
    name="completion",
    summary="print code by which the shell completes commands and options",
    description="Print code by which the shell completes the commands and options of im2latex, and names of files.",
    examples=(
        "im2latex completion bash > ~/.local/share/bash-completion/completions/im2latex",
        "im2latex completion zsh > ~/.zfunc/_im2latex                # a folder of $fpath",
        "im2latex completion fish > ~/.config/fish/completions/im2latex.fish",
    ),
    add_options=add_options,
    run=run,
)
