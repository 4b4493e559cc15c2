"""Tokens to a tree, by recursive descent: what TeX would take as argument, script, fence or row.

The parser refuses what it can't read; it never guesses a brace. Nesting is bounded, so that no formula can
exhaust Python's stack.
"""

from __future__ import annotations

from collections.abc import Sequence as Tokens

from im2latex_fairseq.latex.commands import (
    ALIGNMENTS,
    BRACED_ALIGNMENTS,
    INFIXES,
    NUMBERED_ALIGNMENTS,
    ROW_ENDS,
    SIGNATURES,
    UNSUPPORTED_COMMANDS,
)
from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.token_cursor import CLOSERS, END, ParseError, TokenCursor
from im2latex_fairseq.latex.tokenizer import TEXT_ARGUMENTS, tokenize_with_positions
from im2latex_fairseq.latex.tree import (
    Command,
    Environment,
    Fenced,
    Group,
    Infix,
    Inline,
    Leaf,
    Node,
    Raw,
    Row,
    Scripts,
    Sequence,
    Text,
    append,
)

_LIMITS = frozenset([r"\limits", r"\nolimits", r"\displaylimits"])
_CLOSER_STARTS = frozenset(["\\righ", "\\end{"])  # five characters each
_SCRIPT_MARKS = frozenset(["^", "_", "'", r"\sp", r"\sb"]) | _LIMITS


def parse(formula: str) -> list[Row]:
    """Read a formula into rows of cells; all but multi-line formulas have one row with one cell.

    Args:
        formula: LaTeX without macro definitions or math delimiters (`normalizer.normalize` deals with these).

    Returns:
        At least one row with at least one cell.

    Raises:
        LatexError: what can't be read, and where.
    """
    tokens = tokenize_with_positions(formula)
    try:
        return parse_tokens([token.text for token in tokens])
    except ParseError as error:
        position = tokens[error.index].start if error.index < len(tokens) else len(formula)
        raise LatexError(
            error.reason, error.detail, position=position, formula=formula, hint=error.hint
        ) from None


def parse_tokens(tokens: Tokens[str]) -> list[Row]:
    """As `parse`, from tokens.

    Raises:
        ParseError: what can't be read, and at which token.
    """
    parser = _Parser(tokens)
    rows, _ = parser.rows(END)
    if parser.position < len(tokens):
        parser.refuse_stray()
    return rows


class _Parser(TokenCursor):
    """Builds nodes from what the cursor reads; a method a construct."""

    # Sequences and atoms

    def sequence(self) -> Sequence:
        """Nodes up to what closes them: a brace, an alignment mark, ``\\right``, ``\\end`` or the end."""
        self.enter()
        nodes: Sequence = []
        tokens = self.tokens
        while True:
            token = tokens[self.position]
            if token in CLOSERS or (token[:5] in _CLOSER_STARTS and _closes(token)):
                break
            if token in _SCRIPT_MARKS:
                nodes.append(self.scripts(nodes.pop() if nodes else None))
            elif token in INFIXES:
                nodes = [self.infix(nodes)]
                break
            else:
                nodes.append(self.atom())
        self.depth -= 1
        return nodes

    def atom(self) -> Node:
        """One node without its scripts."""
        token = self.tokens[self.position]
        if len(token) == 1:
            if token == "{":
                return self.group()
            if token in "^_&}":
                self.refuse("missing_argument", f"{token!r} where an argument is needed", "put it in braces")
            if token == "$":
                self.refuse("stray_dollar", "'$' inside the formula", "give the formula without dollars")
            if token == "#":
                self.refuse("stray_parameter", "'#' outside a definition")
            self.position += 1
            return Leaf(token)
        signature = SIGNATURES.get(token)
        if signature is not None:
            return self.command(token, signature)
        if token in TEXT_ARGUMENTS:
            return self.text(token)
        if token.startswith(r"\left") and not token[5:6].isalpha():
            return self.fenced()
        if token.startswith(r"\begin{"):
            return self.environment(token[7:-1])
        if token in BRACED_ALIGNMENTS:
            return self.braced_alignment(token)
        if token == r"\root":
            return self.root()
        if token == r"\buildrel":
            return self.buildrel()
        if token in UNSUPPORTED_COMMANDS:
            self.refuse(
                "unsupported_command", f"{token} is no mathematics that can be read", "expand it first"
            )
        if token in CLOSERS or token in INFIXES or token in _SCRIPT_MARKS or _closes(token):
            self.refuse("missing_argument", f"{token or 'the end'!r} where an argument is needed")
        self.position += 1
        return Leaf(token)

    def group(self) -> Group:
        """``{`` ... ``}``; rows that end inside stay as leaves."""
        opening = self.position
        self.position += 1
        children = self.lines()
        self.close(opening)
        return Group(children)

    def lines(self) -> Sequence:
        """A sequence in which rows that end stay as leaves, since no alignment is open."""
        nodes = self.sequence()
        while self.tokens[self.position] in ROW_ENDS:
            self.position += 1
            self.row_gap()
            try:
                nodes = append(append(nodes, [Leaf(r"\\")]), self.sequence())
            except ValueError:
                self.refuse("double_infix", "two infix commands in one group", "put braces around one")
        return nodes

    def argument(self) -> Group:
        """What TeX takes as an argument: a group, or one atom as if it stood in braces."""
        if self.tokens[self.position] == "{":
            return self.group()
        self.enter()
        node = self.atom()
        self.depth -= 1
        return Group([node])

    def scripts(self, base: Node | None) -> Node:
        """Primes, sub- and superscripts behind a base, in any order."""
        if isinstance(base, Scripts) and base.limits and base.sub is None and base.sup is None:
            node = base
        else:
            node = Scripts(base)
        primes = 0
        while True:
            token = self.tokens[self.position]
            if token in _LIMITS:
                node.limits = token
                self.position += 1
            elif token == "'":
                if node.sup is not None and not primes:
                    self.refuse("double_superscript", "a prime after a superscript", "write x^{a\\prime}")
                primes += 1
                sup = node.sup or Group([])
                sup.children.append(Leaf(r"\prime"))
                node.sup = sup
                self.position += 1
            elif token == "^" or token == r"\sp":
                self.position += 1
                script = self.argument()
                if node.sup is None:
                    node.sup = script
                elif primes and len(node.sup.children) == primes:
                    node.sup = Group(node.sup.children + script.children)
                else:
                    self.refuse("double_superscript", "a second superscript", "put braces around the first")
            elif token == "_" or token == r"\sb":
                self.position += 1
                if node.sub is not None:
                    self.refuse("double_subscript", "a second subscript", "put braces around the first")
                node.sub = self.argument()
            else:
                break
        if base is None and primes == 1 and node == Scripts(None, sup=Group([Leaf(r"\prime")])):
            return Leaf("'")  # the benchmark keeps a prime without base as it is
        return node

    def infix(self, left: Sequence) -> Infix:
        token = self.tokens[self.position]
        node = Infix(token, left, [])
        self.position += 1
        if token.endswith("withdelims"):
            for _ in range(2):
                node.delimiters += self.delimiter()
        if token.startswith(r"\above"):
            node.thickness = self.dimension()
        node.right = self.sequence()
        if any(isinstance(child, Infix) for child in node.right):
            self.refuse(
                "double_infix", f"{token} and another of its kind in one group", "put braces around one"
            )
        return node

    # Commands

    def command(self, name: str, signature: str) -> Command:
        start = self.position
        self.position += 1
        arguments: list[Group | Raw] = []
        options: list[Group | Raw] = []
        for letter in signature:
            if letter == "m":
                arguments.append(self.argument())
            elif letter == "o":
                option = self.formula_option()
                if option is not None:
                    options.append(option)
            elif letter == "b":
                raw_option = self.option()
                if raw_option is not None:
                    options.append(raw_option)
            elif letter == "r":
                arguments.append(self.raw_argument(start))
            elif letter == "d":
                arguments.append(Raw(self.dimension()))
            else:
                arguments.append(Raw(self.delimiter()))
        return Command(name, arguments, options)

    def formula_option(self) -> Group | None:
        """A formula in brackets, where one stands."""
        start = self.position + 1
        option = self.option()
        if option is None:
            return None
        end = self.position
        self.position = start
        closer, self.tokens[end - 1] = self.tokens[end - 1], END
        children = self.sequence()
        if self.position != end - 1:
            self.refuse_stray()
        self.tokens[end - 1] = closer
        self.position = end
        return Group(children)

    def fenced(self) -> Fenced:
        opening = self.position
        left = self.tokens[opening][5:]
        if not left:
            self.refuse("bad_delimiter", r"\left without a delimiter", "write \\left. for none")
        self.position += 1
        children = self.lines()
        token = self.tokens[self.position]
        if token[:6] != r"\right":
            if token in (END, "}", "&"):
                self.refuse_at(opening, "unbalanced_fences", r"\left without \right", r"add \right.")
            self.refuse_stray()
        if token == r"\right":
            self.refuse("bad_delimiter", r"\right without a delimiter", "write \\right. for none")
        self.position += 1
        return Fenced(left, children, token[6:])

    def root(self) -> Command:
        opening = self.position
        self.enter()
        self.position += 1
        index: Sequence = []
        while self.tokens[self.position] != r"\of":
            if self.tokens[self.position] in CLOSERS:
                self.refuse_at(opening, "missing_argument", r"\root without \of")
            index.append(self.atom())
        self.position += 1
        self.depth -= 1
        return Command(r"\sqrt", [self.argument()], [Group(index)])

    def buildrel(self) -> Command:
        opening = self.position
        self.enter()
        self.position += 1
        above: Sequence = []
        while self.tokens[self.position] != r"\over":
            if self.tokens[self.position] in CLOSERS:
                self.refuse_at(opening, "missing_argument", r"\buildrel without \over")
            above.append(self.atom())
        self.position += 1
        self.depth -= 1
        return Command(r"\stackrel", [Group(above), self.argument()])

    # Text

    def text(self, name: str) -> Node:
        opening = self.position
        self.position += 1
        prefix: list[str] = []
        for _ in range(TEXT_ARGUMENTS[name]):
            prefix += ["{", *self.raw_argument(opening).tokens, "}"]
        while self.tokens[self.position] == "[":
            option = self.option()
            assert option is not None
            prefix += ["[", *option.tokens, "]"]
        if name == r"\hbox" and "".join(self.tokens[self.position : self.position + 2]) == "to":
            self.position += 2
            prefix += ["t", "o", *self.dimension()]
        if self.tokens[self.position] != "{":
            if self.tokens[self.position] in CLOSERS or prefix:
                self.refuse("missing_argument", f"{name} without its text")
            self.position += 1
            return Text(name, [Leaf(self.tokens[self.position - 1])])
        return Text(name, self.text_group(name), prefix)

    def text_group(self, name: str) -> Sequence:
        """Text between braces: leaves and groups, commands that mean something in text, dollars."""
        opening = self.position
        self.position += 1
        self.enter()
        children: Sequence = []
        while True:
            token = self.tokens[self.position]
            if token == "}":
                self.position += 1
                self.depth -= 1
                return children
            if token == END:
                self.refuse_at(opening, "unbalanced_braces", f"{name} that is never closed", "close it")
            if token == "$" or token == r"\(":
                children.append(self.inline(r"\)" if token == r"\(" else "$"))
            elif token == "{":
                children.append(Group(self.text_group(name)))
            elif token == "&" or token in ROW_ENDS:
                self.refuse("rows_in_text", f"{token!r} inside {name}")
            elif token in ("^", "_"):
                # TeX refuses a script in text; the benchmark's raw lines mean mathematics by it.
                children.append(self.scripts(children.pop() if children else None))
            elif token == "'":
                self.position += 1
                children.append(Leaf(token))
            else:
                children.append(self.atom())

    def inline(self, closer: str) -> Inline:
        opening = self.position
        self.position += 1
        children: Sequence = []
        while self.tokens[self.position] != closer:
            if self.tokens[self.position] in CLOSERS:
                self.refuse_at(opening, "unbalanced_dollars", "'$' that is never closed", "close it")
            token = self.tokens[self.position]
            if token in _SCRIPT_MARKS:
                children.append(self.scripts(children.pop() if children else None))
            elif token in INFIXES:
                self.refuse("infix_in_text", f"{token} between dollars in text", "put braces around it")
            else:
                children.append(self.atom())
        self.position += 1
        return Inline(children)

    # Alignments

    def rows(self, closer: str) -> tuple[list[Row], list[str]]:
        """Rows up to `closer`; the rules (``\\hline``) behind the last row apart."""
        rows: list[Row] = []
        while True:
            rules = self.row_rules()
            if self.tokens[self.position] == closer and rows:
                return rows, rules
            cells = [self.sequence()]
            while self.tokens[self.position] == "&":
                self.position += 1
                cells.append(self.sequence())
            row = Row(cells, rules)
            rows.append(row)
            if self.tokens[self.position] not in ROW_ENDS:
                return rows, []
            while self.tokens[self.position] in ROW_ENDS:
                ender = self.tokens[self.position]
                self.position += 1
                row.gap = self.row_gap()
                if ender != r"\cr" or self.tokens[self.position] != r"\crcr":
                    break

    def environment(self, name: str) -> Environment:
        opening = self.position
        if name not in ALIGNMENTS:
            self.refuse("unsupported_environment", f"environment {name!r}", "only alignments can be read")
        self.position += 1
        environment = Environment(name, [])
        if self.tokens[self.position] == "[" and self.tokens[self.position + 1] in "tbclr":
            option = self.option()
            environment.option = option.tokens if option is not None else []
        if ALIGNMENTS[name]:
            environment.columns = self.raw_argument(opening).tokens
        closer = f"\\end{{{name}}}"
        self.depth += 1
        environment.rows, environment.rules_below = self.rows(closer)
        self.depth -= 1
        token = self.tokens[self.position]
        if token != closer:
            if token == END:
                self.refuse_at(opening, "unbalanced_environments", f"\\begin{{{name}}} that is never ended")
            self.refuse_stray()
        self.position += 1
        return environment

    def braced_alignment(self, token: str) -> Node:
        opening = self.position
        if self.tokens[self.position + 1] != "{":
            self.refuse("missing_argument", f"{token} without rows in braces")
        self.position += 2
        name = BRACED_ALIGNMENTS[token]
        self.depth += 1
        rows, below = self.rows("}")
        self.depth -= 1
        self.close(opening + 1)
        if token in NUMBERED_ALIGNMENTS:
            for row in rows:
                del row.cells[2:]  # the number of the equation
        return Environment(name, rows, rules_below=below, braced=name == "substack")


def _closes(token: str) -> bool:
    """``\\end{...}`` and ``\\right`` with its delimiter, but no arrow."""
    return token[:5] == r"\end{" or (token[:6] == r"\right" and not token[6:7].isalpha())
