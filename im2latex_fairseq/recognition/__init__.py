"""From pictures to LaTeX without fairseq: the model file, the recogniser, the size and confidence of a picture."""
