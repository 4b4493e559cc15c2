"""From files of formulas to scores: reading, aligning, counting, evaluating, comparing, showing.

Nothing is dropped silently: what has no hypothesis counts as an empty one, and `PairCounts` says how many there
were of everything.
"""
