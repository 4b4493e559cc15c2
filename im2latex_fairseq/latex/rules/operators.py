r"""Rules on tokens: named operators, which the benchmark spells out (``\operatorname { s i n }``)."""

from __future__ import annotations

_WITHOUT_LIMITS = """arccos arcsin arctan arg cos cosh cot coth csc deg dim exp hom ker lg ln log sec sin
    sinh tan
    tanh""".split()
_WITH_LIMITS = "det gcd inf lim max min Pr sup".split()
# What amsmath sets in two words has a thin space; the benchmark's `l i m s u p` loses it.
_TWO_WORDS = {
    "liminf": ("lim", "inf"),
    "limsup": ("lim", "sup"),
    "injlim": ("inj", "lim"),
    "projlim": ("proj", "lim"),
}

OPERATOR_NAMES = {
    **{f"\\{name}": (r"\operatorname", "{", *name, "}") for name in _WITHOUT_LIMITS},
    **{f"\\{name}": (r"\operatorname*", "{", *name, "}") for name in _WITH_LIMITS},
    **{
        f"\\{name}": (r"\operatorname*", "{", *first, r"\,", *second, "}")
        for name, (first, second) in _TWO_WORDS.items()
    },
}


def spell_operator_names(tokens: list[str]) -> list[str]:
    r"""``\sin`` to ``\operatorname { s i n }``, ``\lim`` to ``\operatorname* { l i m }``."""
    out: list[str] = []
    for token in tokens:
        name = OPERATOR_NAMES.get(token)
        if name is None:
            out.append(token)
        else:
            out += name
    return out
