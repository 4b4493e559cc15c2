"""Prepared data: manifests, image stores, and the data sets that feed them to fairseq.

Kept free of imports: `manifest` and `image_store` serve programs that have no need of fairseq or torch.
"""
