"""Formula text: tokens, trees, macros and the normal form; standard library only."""
