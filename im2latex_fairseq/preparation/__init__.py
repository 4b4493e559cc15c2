"""From formula lists and pictures to prepared splits: what the commands in `preprocess/` do.

`formula_table` holds text on its way, `prepared_set` pictures with their formulas; every step between them
ends with a `StepReport` in which kept plus dropped by reason equals read.
"""
