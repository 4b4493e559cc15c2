"""From a trained model to ONNX graphs, built node by node from its weights: no tracing, no torch, no fairseq."""
