"""Reads pictures with an exported model: numpy, onnxruntime and Pillow, neither torch nor fairseq."""
