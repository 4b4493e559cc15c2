"""Models: image encoders, decoders, and the named architectures that join them.

Kept free of imports: `image_encoders` and `positional_encoding` serve programs that have no need of fairseq.
`im2latex_fairseq.plugin` imports what registers itself.
"""
