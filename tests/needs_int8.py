"""The mark of tests that compute in int8: skipped, saying why, where that can't be done."""

from __future__ import annotations

import pytest

from im2latex_fairseq.decoding.int8_products import int8_obstacle

needs_int8 = pytest.mark.skipif(int8_obstacle() is not None, reason=int8_obstacle() or "")
