r"""What can be said of a hypothesis without its reference: whether it is whole, compiles, and comes to an end.

* `balanced_rate`: share of hypotheses whose braces, environments and `\left`...`\right` match.
* `compile_rate`: share of hypotheses that TeX draws without an error.
* `repetition_rate`: share of hypotheses that end in a loop.

They tell how a system fails, not how good it is. An empty hypothesis is balanced and repeats nothing, but there
is nothing to compile.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from im2latex_fairseq.metrics.metric import VERSION, Share
from im2latex_fairseq.metrics.pair import FormulaPair

#: A loop is a block of tokens that comes at least so many times ...
LOOP_REPEATS = 3
#: ... and fills at least so many tokens.
LOOP_TOKENS = 12

# `\left(`, `\left\langle`, `\left` alone; not `\leftarrow`.
_LEFT = re.compile(r"\\left(?![a-zA-Z])")
_RIGHT = re.compile(r"\\right(?![a-zA-Z])")


def has_balanced_groups(tokens: Sequence[str]) -> bool:
    r"""Whether `{`...`}`, `\begin{x}`...`\end{x}` and `\left`...`\right` match and nest; true of no tokens."""
    open_groups: list[str] = []
    for token in tokens:
        if token == "{":
            open_groups.append("}")
        elif token.startswith(r"\begin{"):
            open_groups.append(r"\end{" + token[len(r"\begin{") :])
        elif _LEFT.match(token):
            open_groups.append(r"\right")
        elif token in (r"\begin", r"\end"):  # of nothing that has a name
            return False
        elif token == "}" or token.startswith(r"\end{"):
            if not open_groups or open_groups.pop() != token:
                return False
        elif _RIGHT.match(token) and (not open_groups or open_groups.pop() != r"\right"):
            return False
    return not open_groups


def ends_in_loop(
    tokens: Sequence[str], *, repeats: int = LOOP_REPEATS, least_tokens: int = LOOP_TOKENS
) -> bool:
    """Whether the end is one block of tokens again and again, the last time cut short perhaps.

    True if for some block length p the longest end in which each token equals the one p before it (the block's
    first p tokens included) has at least `repeats` * p and at least `least_tokens` tokens.

    Follows Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", who count texts that end in a
    phrase repeated three times or more. The least number of tokens is ours: formulas end in `} } }` or `. . . . .`
    for good reasons. Of 9,363 references of IM2LATEX-100K none ends in what counts as a loop.
    """
    length = len(tokens)
    for period in range(1, length // repeats + 1):
        wanted = max(repeats * period, least_tokens) - period
        if wanted + period > length:
            continue
        if all(tokens[at] == tokens[at - period] for at in range(length - 1, length - 1 - wanted, -1)):
            return True
    return False


def is_balanced(pair: FormulaPair) -> bool:
    """Whether the groups of the hypothesis match."""
    return has_balanced_groups(pair.hypothesis_tokens)


def compiles(pair: FormulaPair) -> bool:
    """Whether there is a hypothesis and TeX drew it.

    Raises:
        ValueError: It wasn't rendered, which says nothing about it.
    """
    if not pair.hypothesis_tokens:
        return False
    if pair.hypothesis_image is None and not pair.hypothesis_render_error:
        raise ValueError(f"{pair.id}: the hypothesis was not rendered; render the pairs before")
    return pair.hypothesis_image is not None


def is_loop(pair: FormulaPair) -> bool:
    """Whether the hypothesis ends in a loop."""
    return ends_in_loop(pair.hypothesis_tokens)


BALANCED_RATE = Share(
    "balanced_rate", "Balanced groups", f"balanced|tokens:given|groups:brace,env,left|{VERSION}", is_balanced
)
COMPILE_RATE = Share(
    "compile_rate", "Compile rate", f"compile|errors:none|empty:fails|{VERSION}", compiles, needs_images=True
)
REPETITION_RATE = Share(
    "repetition_rate",
    "Repetition rate",
    f"repetition|tokens:given|repeats:{LOOP_REPEATS}|least:{LOOP_TOKENS}|{VERSION}",
    is_loop,
    higher_is_better=False,
)
