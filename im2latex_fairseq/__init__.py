"""im2latex_fairseq: pictures of formulas to LaTeX, as a plugin of fairseq.

`fairseq-train --user-dir im2latex_fairseq --task im2latex ...` loads this package. The rooms:

* `latex`: formula text to tokens and normal form; pure Python.
* `images`: pictures: rendering, loading, preparing, augmenting.
* `data`: manifests, image stores, fairseq datasets.
* `models`: image encoders and their registry, decoders, architectures.
* `tasks`: the task `im2latex`.
* `decoding`: from encoder features to tokens, with grammar and confidence; no fairseq.
* `recognition`: from pictures to LaTeX: the model file, `Recognizer`; no fairseq.
* `metrics`: figures of merit, pure functions.
* `evaluation`: files of formulas to scores: reading, aligning, comparing; `report` shows them as a page.
* `scoring`: the metrics as fairseq's `--scoring`.
* `commands`: the console script `im2latex`.

Importing the package is light: what registers itself with fairseq (`models`, `scoring`, `tasks`) is imported here
only where fairseq is already loaded, as its command lines do. A program that imports this package first
calls `import im2latex_fairseq.plugin` before it uses fairseq. `Recognizer` is imported when it is first asked for,
and needs no fairseq.
"""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from im2latex_fairseq.recognition.recognizer import Recognizer

__all__ = ["Recognizer", "__version__"]
__version__ = "0.1.0"

if sys.modules.get("fairseq") is not None:  # None: a program that shuts it out
    # `--user-dir` imports tasks/ and models/ by itself only when the package wasn't imported before.
    from im2latex_fairseq import plugin  # noqa: F401


def __getattr__(name: str) -> object:
    if name == "Recognizer":
        from im2latex_fairseq.recognition.recognizer import Recognizer

        return Recognizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
