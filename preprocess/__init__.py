"""Command lines over the package, one file a step: ``python -m preprocess.<step> --help``."""
