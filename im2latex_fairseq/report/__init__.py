"""An evaluation as one HTML file that one can look at: scores, curves, confusions, samples with their pictures."""
