from __future__ import annotations

from pathlib import Path

import pytest

from im2latex_fairseq.data.prepared_split import load_preparation, load_prepared_split
from im2latex_fairseq.decoding.latex_grammar import LatexGrammarFilter
from im2latex_fairseq.decoding.settings import DecodingSettings
from im2latex_fairseq.images.transforms import pad_to_batch, to_tensor
from im2latex_fairseq.latex.parser import parse
from im2latex_fairseq.metrics.well_formedness import has_balanced_groups
from im2latex_fairseq.recognition.recognizer import Recognizer


@pytest.mark.parametrize("beam", [1, 5])
@pytest.mark.parametrize("max_len", [1, 7, 60])
def test_a_model_that_knows_nothing_writes_valid_formulas(
    prepared_data: Path, gated_checkpoint: Path, beam: int, max_len: int
) -> None:
    recognizer = Recognizer.load(gated_checkpoint)
    decoder = recognizer.decoder
    grammar = LatexGrammarFilter(
        recognizer.dictionary, eos=decoder.eos, pad=decoder.pad, unk=decoder.unk, bos=decoder.bos
    )
    split = load_prepared_split(prepared_data, "valid", load_preparation(prepared_data))
    images, sizes = pad_to_batch([to_tensor(split.images[number]) for number in range(len(split.entries))])
    settings = DecodingSettings(beam=beam, max_len=max_len, nbest=beam)
    for hypotheses in decoder.decode(images, sizes, settings, grammar):
        assert hypotheses
        for hypothesis in hypotheses:
            tokens = [recognizer.dictionary[token] for token in hypothesis.ids]
            assert 1 <= len(tokens) <= max_len
            assert has_balanced_groups(tokens)
            parse(" ".join(tokens))
