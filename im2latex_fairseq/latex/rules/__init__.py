"""The rules of the normal form, one file a family; `normalizer` puts them in order."""
