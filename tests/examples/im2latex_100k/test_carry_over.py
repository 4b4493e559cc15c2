"""A trained model goes on with the dictionary of other data."""

import pytest
import torch

from examples.im2latex_100k.carry_over import carry_over

_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def _weights(symbols: int) -> dict[str, torch.Tensor]:
    return {
        "encoder.conv.weight": torch.ones(symbols, 2),  # as many rows by chance
        "decoder.embed_tokens.weight": torch.arange(3.0 * symbols).view(symbols, 3),
        "decoder.output_bias": torch.arange(float(symbols)),
        "decoder.layers.0.conv.weight": torch.ones(symbols, 3),
    }


def test_rows_move_with_their_tokens() -> None:
    old, new = [*_SPECIAL, "a", "b", "c"], [*_SPECIAL, "c", "new", "a"]
    weights = _weights(len(old))
    carried = carry_over(weights, old, new)
    embedding = carried["decoder.embed_tokens.weight"]
    for symbol in (*_SPECIAL, "c", "a"):
        assert torch.equal(
            embedding[new.index(symbol)], weights["decoder.embed_tokens.weight"][old.index(symbol)]
        )
    assert torch.equal(embedding[new.index("new")], weights["decoder.embed_tokens.weight"][4:].mean(0))
    assert carried["decoder.output_bias"].tolist() == [0, 1, 2, 3, 6, 5, 4]


def test_other_weights_and_the_input_stay() -> None:
    old, new = [*_SPECIAL, "a", "b"], [*_SPECIAL, "b"]
    weights = _weights(len(old))
    before = {name: weight.clone() for name, weight in weights.items()}
    carried = carry_over(weights, old, new)
    for name in ("encoder.conv.weight", "decoder.layers.0.conv.weight"):
        assert carried[name] is weights[name]
    assert all(torch.equal(weights[name], before[name]) for name in before)


def test_there_and_back_is_the_same() -> None:
    old, new = [*_SPECIAL, "a", "b", "c"], [*_SPECIAL, "c", "b", "new", "a"]
    weights = _weights(len(old))
    back = carry_over(carry_over(weights, old, new), new, old)
    assert all(torch.equal(back[name], weights[name]) for name in weights)


def test_a_checkpoint_of_another_dictionary_is_refused() -> None:
    with pytest.raises(ValueError, match="has 6 rows, the checkpoint's dictionary 5 symbols"):
        carry_over(_weights(6), [*_SPECIAL, "a"], [*_SPECIAL, "a"])
    with pytest.raises(ValueError, match="no weight of the decoder"):
        carry_over({"encoder.conv.weight": torch.ones(5, 2)}, [*_SPECIAL, "a"], [*_SPECIAL, "a"])
