"""A hypothesis beside its reference, in every form that a metric reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal, NamedTuple, TypeAlias

from im2latex_fairseq.images.renderer import GreyImage
from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.normalizer import normalize
from im2latex_fairseq.latex.tokenizer import tokenize
from im2latex_fairseq.latex.unified_form import unified_form
from im2latex_fairseq.metrics.symbol_counts import SymbolCounts

#: Which tokens of a formula a metric reads: those of the normal form, those that were given, or those of the
#: normal form without redundant braces and spaces.
Form: TypeAlias = Literal["normal", "given", "unified"]

#: What fairseq writes in references for tokens outside of the dictionary, so that no hypothesis matches them.
UNKNOWN_OF_REFERENCES = "<<unk>>"
#: The same in hypotheses, and in references.
UNKNOWN_TOKENS = ("<unk>", UNKNOWN_OF_REFERENCES)
#: Reason for which a formula with one of them has no normal form.
UNKNOWN_TOKEN = "unknown_token"


@dataclass(frozen=True)
class FormulaPair:
    """What a system said of one picture, beside what is right.

    Attributes:
        id: Of the picture.
        hypothesis: Text as it was given; "" if there was none.
        reference: Text as it was given.
        hypothesis_tokens: As given: see `given_tokens`.
        reference_tokens: The same of the reference.
        normal_hypothesis: Tokens after the normaliser; what it refuses stays as `hypothesis_tokens`.
        normal_reference: The same of the reference.
        hypothesis_refusal: Why the normaliser refused the hypothesis, as a slug; "" if it took it, and of a
            blank one, which it isn't asked about.
        reference_refusal: The same of the reference.
        missing: No hypothesis was given; it counts as an empty one everywhere.
        hypothesis_image: (H, W) uint8, 255 = paper; None if it doesn't render or rendering wasn't asked for.
        reference_image: The same of the reference.
        hypothesis_render_error: "slug: detail"; "" with no picture means that rendering wasn't asked for.
        reference_render_error: The same of the reference.
        confidence: Probability in [0, 1], the geometric mean over tokens, if given.
        symbols: What the symbol-level metrics counted; None if they weren't asked.

    Pairs are compared by all but their pictures.
    """

    id: str
    hypothesis: str
    reference: str
    hypothesis_tokens: tuple[str, ...]
    reference_tokens: tuple[str, ...]
    normal_hypothesis: tuple[str, ...]
    normal_reference: tuple[str, ...]
    hypothesis_refusal: str = ""
    reference_refusal: str = ""
    missing: bool = False
    hypothesis_image: GreyImage | None = field(default=None, compare=False, repr=False)
    reference_image: GreyImage | None = field(default=None, compare=False, repr=False)
    hypothesis_render_error: str = ""
    reference_render_error: str = ""
    confidence: float | None = None
    symbols: SymbolCounts | None = None

    def tokens(self, form: Form) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The tokens of hypothesis and reference in one form."""
        if form == "normal":
            return self.normal_hypothesis, self.normal_reference
        if form == "unified":
            return self._unified
        return self.hypothesis_tokens, self.reference_tokens

    @cached_property
    def _unified(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return tuple(unified_form(self.normal_hypothesis)), tuple(unified_form(self.normal_reference))


def make_pair(
    id: str, hypothesis: str | None, reference: str, *, confidence: float | None = None
) -> FormulaPair:
    """Read both formulas; never refuses a formula.

    Args:
        id: Of the picture.
        hypothesis: LaTeX or a line of tokens; None if there is none.
        reference: LaTeX or a line of tokens.
        confidence: Of the hypothesis, in [0, 1].

    Raises:
        ValueError: The confidence is no probability.
    """
    if confidence is not None and not 0.0 <= confidence <= 1.0:  # NaN isn't either
        raise ValueError(
            f"{id}: confidence {confidence!r} is no probability in [0, 1]; "
            "exponentiate log-probabilities before"
        )
    text = "" if hypothesis is None else hypothesis
    said, right = _read(text), _read(reference)
    return FormulaPair(
        id=id,
        hypothesis=text,
        reference=reference,
        hypothesis_tokens=said.tokens,
        reference_tokens=right.tokens,
        normal_hypothesis=said.normal,
        normal_reference=right.normal,
        hypothesis_refusal=said.refusal,
        reference_refusal=right.refusal,
        missing=hypothesis is None,
        confidence=confidence,
    )


def given_tokens(formula: str) -> tuple[str, ...]:
    r"""The tokens of a formula without any change of form.

    A line of which each piece between two spaces is one token (`x ^ { 2 }`) is those pieces, so that another
    project's division (`\left (` as two tokens, `<unk>`) counts as it was given. All else is divided by the
    project's tokenizer; what that can't read is divided at white space.
    """
    pieces = tuple(piece for piece in formula.strip().split(" ") if piece)
    if all(map(_is_token, pieces)):
        return pieces
    try:
        return tuple(tokenize(formula))
    except LatexError:
        return tuple(formula.split())


class _Formula(NamedTuple):
    tokens: tuple[str, ...]
    normal: tuple[str, ...]
    refusal: str


def _read(formula: str) -> _Formula:
    tokens = given_tokens(formula)
    if not tokens and not formula.strip():
        return _Formula(tokens, tokens, "")
    if _has_unknown(tokens):
        return _Formula(tokens, tokens, UNKNOWN_TOKEN)
    try:
        return _Formula(tokens, tuple(normalize(formula)), "")
    except LatexError as error:
        return _Formula(tokens, tokens, error.reason)


def _has_unknown(tokens: Sequence[str]) -> bool:
    return any(token in UNKNOWN_TOKENS for token in tokens)


@lru_cache(maxsize=1 << 16)
def _is_token(piece: str) -> bool:
    if piece in UNKNOWN_TOKENS:
        return True
    try:
        return tokenize(piece) == [piece]
    except LatexError:
        return False
