r"""Decoding that can only write formulas which parse: a pushdown automaton over a dictionary's tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from im2latex_fairseq.decoding.token_filter import ArrayFilter

from .dictionary_kinds import DictionaryKinds
from .state_table import BEGIN, Bools, Ints, StateTable

# Stacks kept before everything is forgotten, at the begin of a search; 320 rows of 200 tokens meet 64,000 at most.
_MOST_STACKS = 50_000


class LatexGrammarFilter(ArrayFilter):
    r"""Allows the tokens from which a formula can still come that parses, compiles and ends in time.

    What it lets through this package's parser accepts, and TeX (LaTeX with amsmath) sets without an error:

    * groups, `\left` ... `\right` and environments are closed, each by what closes it;
    * an atom has one subscript and one superscript; a prime is a superscript (the parser takes `x ' '`, LaTeX only
      without the blank);
    * commands have their arguments, options their brackets, lengths a number and a unit, `\left` and `\big` a
      delimiter, `\not` something to negate;
    * tables have no more columns than `tex_facts.MAX_COLUMNS`, rows no more `&` than the table has columns; `&`,
      `\\` and `\hline` stand only where TeX takes them;
    * text (`\textrm{...}`) holds what text can, formulas between dollars only;
    * `\over` and its like come once in a list, `\limits` right behind an operator;
    * letters stand only in fonts that have them (`\mathscr` has capitals);
    * something is drawn.

    The end is allowed where everything is closed, and at each step only what can still be closed within the length
    that is left; the fewest tokens to do so are known exactly. A row whose model would end a formula that is open
    closes it on a shortest way (`closing_array`). Unknown commands pass as symbols without arguments,
    as in the parser: whether TeX knows them the filter can't tell.

    States are valid until the next `begin`: searches that run at once need a filter each.

    Args:
        symbols: The dictionary's symbols, in order of their ids, special ones included.
        eos: Id of the end.
        pad: Id of the padding; never allowed.
        unk: Id of the unknown token; never allowed.
        bos: Id of the begin, if there is one; never allowed.

    Attributes:
        refused: Symbols that are never allowed, with the reason.
        kind_of_token: The number of the kind of each symbol, (V,) int64; symbols of a kind are allowed together.

    Raises:
        ValueError: The dictionary lacks what every formula needs, or an id is none of its.
    """

    def __init__(
        self, symbols: Sequence[str], *, eos: int, pad: int, unk: int, bos: int | None = None
    ) -> None:
        special = {pad, unk} if bos is None else {pad, unk, bos}
        for token in (eos, *special):
            if not 0 <= token < len(symbols):
                raise ValueError(f"special symbol {token}: the dictionary has {len(symbols)} symbols")
        kinds = DictionaryKinds(symbols, eos, special)
        self.refused = kinds.refused
        self._end = eos
        self.kind_of_token = kinds.kind_of_token
        self._horizon = kinds.horizon
        self._table = StateTable(kinds.kinds)
        self._masks: Bools = np.zeros((64, len(symbols)), dtype=bool)
        self._known_masks = 0

    def begin(self, rows: int, max_len: int) -> Ints:
        """States of rows without tokens, (rows,) int64; earlier states may be forgotten.

        Raises:
            ValueError: `max_len` is below 1, too little for any formula.
        """
        if max_len < 1:
            raise ValueError(f"max_len is {max_len}; a formula has at least one token")
        if len(self._table) > _MOST_STACKS:
            self._table.clear()
            self._known_masks = 0
        return np.full(rows, BEGIN, dtype=np.int64)

    def allowed_array(self, states: Ints, step: int, max_len: int) -> Bools:
        """Tokens that may follow, (rows, V) bool.

        Args:
            states: (rows,) int64.
            step: Tokens that each row has, 0 to max_len.
            max_len: Longest output, in tokens without the end.
        """
        self._learn_masks()
        mask: Bools = self._masks[self._table.mask_numbers(states)]
        left = max_len - step  # tokens behind the next one, the end among them
        near = np.flatnonzero(self._table.distances(states) + self._horizon > left)
        if len(near):
            in_time = self._table.distances_after(states[near]) <= left
            mask[near] &= in_time[:, self.kind_of_token]
        return mask

    def closing_array(self, states: Ints) -> Bools:
        """Tokens on a shortest way to the end, (rows, V) bool; see `TokenFilter.closing_array`."""
        nearer = self._table.distances_after(states) < self._table.distances(states)[:, None]
        closing: Bools = nearer[:, self.kind_of_token]
        return closing

    def advance(self, states: Ints, tokens: Ints) -> Ints:
        """States after one more token, (rows,) int64.

        Args:
            states: (rows,) int64.
            tokens: (rows,) int64 ids that `allowed` allowed.

        Raises:
            ValueError: A token can't follow.
        """
        return self._table.move(states, self.kind_of_token[tokens])

    def first_refused(self, tokens: Sequence[int]) -> int | None:
        """Where a formula isn't one that decoding could write.

        Args:
            tokens: Ids, without the end.

        Returns:
            The place of the first token that can't follow those before, `len(tokens)` if it is the end, None if
            there is none.
        """
        state = BEGIN
        for place, kind in enumerate(self.kind_of_token[[*tokens, self._end]].tolist()):
            after = self._table.follow(state, kind)
            if after is None:
                return place
            state = after
        return None

    def _learn_masks(self) -> None:
        """Spread masks that the table has met since from kinds to tokens."""
        masks = self._table.masks
        if len(masks) > len(self._masks):
            grown = np.zeros((2 * len(masks), self._masks.shape[1]), dtype=bool)
            grown[: self._known_masks] = self._masks[: self._known_masks]
            self._masks = grown
        for number in range(self._known_masks, len(masks)):
            self._masks[number] = masks[number][self.kind_of_token]
        self._known_masks = len(masks)
