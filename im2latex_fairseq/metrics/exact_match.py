r"""Exact match, by what counts as the same, and the share of formulas with few errors.

Five meanings of "the same", by and large from strict to generous:

* `exact_match_text`: the same characters, white space at both ends aside.
* `exact_match_no_spaces`: the same characters once all white space is dropped. It can't tell `\in t` from `\int`.
* `exact_match_given`: the same tokens as they were given, blanks between them aside.
* `exact_match`: the same tokens in the normal form. It still tells apart what the normal form does, redundant
  braces for one, though the pictures may be the same.
* `exact_match_unified`: the same tokens in the normal form without redundant braces and spaces, which nobody reads
  in a picture (`latex/unified_form.py`).

`exp_rate_1`, `_2` and `_3` are the expression rates with at most so many errors that CROHME reports (Mouchere et
al. 2016). There an error is a wrong symbol or relation in a graph; here, as in publications on systems that write
LaTeX (Zhang et al. 2017, WAP), it is one edit of a token. An empty hypothesis of a reference of two tokens has two
errors, no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from rapidfuzz.distance import Levenshtein

from im2latex_fairseq.metrics.metric import VERSION, Share
from im2latex_fairseq.metrics.pair import Form, FormulaPair


def is_exact_match(hypothesis: Sequence[str], reference: Sequence[str]) -> bool:
    """Whether both are the same tokens in the same order; two empty ones are."""
    return list(hypothesis) == list(reference)


def exact_match(hypotheses: Iterable[Sequence[str]], references: Iterable[Sequence[str]]) -> float:
    """100 * matches / pairs, in [0, 100]; no pairs at all is perfect.

    Raises:
        ValueError: There are more of one than of the other.
    """
    matches = [is_exact_match(h, r) for h, r in zip(hypotheses, references, strict=True)]
    return 100.0 * sum(matches) / len(matches) if matches else 100.0


def is_same_text(pair: FormulaPair) -> bool:
    """Whether the texts are the same, character by character, between their outer blanks."""
    return pair.hypothesis.strip() == pair.reference.strip()


def is_same_without_spaces(pair: FormulaPair) -> bool:
    """Whether the texts are the same once all white space is dropped."""
    return "".join(pair.hypothesis.split()) == "".join(pair.reference.split())


def has_errors_up_to(most: int, form: Form, pair: FormulaPair) -> bool:
    """Whether at most so many insertions, deletions and substitutions of tokens part the two."""
    hypothesis, reference = pair.tokens(form)
    return Levenshtein.distance(hypothesis, reference, score_cutoff=most) <= most


def exact_match_metrics() -> tuple[Share, ...]:
    """One for each meaning of "the same"."""
    return (
        Share(
            "exact_match_text",
            "Exact match, text as given",
            f"exact|text:given|spaces:kept|{VERSION}",
            is_same_text,
        ),
        Share(
            "exact_match_no_spaces",
            "Exact match, text without white space",
            f"exact|text:given|spaces:dropped|{VERSION}",
            is_same_without_spaces,
        ),
        Share(
            "exact_match_given",
            "Exact match, given tokens",
            f"exact|tokens:given|{VERSION}",
            partial(has_errors_up_to, 0, "given"),
        ),
        Share(
            "exact_match",
            "Exact match, normal tokens",
            f"exact|tokens:normal|{VERSION}",
            partial(has_errors_up_to, 0, "normal"),
        ),
        Share(
            "exact_match_unified",
            "Exact match, unified tokens",
            f"exact|tokens:unified|{VERSION}",
            partial(has_errors_up_to, 0, "unified"),
        ),
    )


def exp_rate(most: int, form: Form = "normal") -> Share:
    """The share of formulas with at most so many token errors."""
    return Share(
        f"exp_rate_{most}" + ("" if form == "normal" else "_given"),
        f"ExpRate, up to {most} error{'' if most == 1 else 's'}, {form} tokens",
        f"exprate|tokens:{form}|errors:{most}|cost:1,1,1|{VERSION}",
        partial(has_errors_up_to, most, form),
    )
