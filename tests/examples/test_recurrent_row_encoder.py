"""The recurrent row encoder keeps the contract that the sweep tests, and reads both ways."""

from __future__ import annotations

import subprocess
import sys
from itertools import chain

from tests.fairseq_commands import ROOT, finish

USER_DIR = ROOT / "examples" / "recurrent_row_encoder"

# In a process of its own, so that what it registers stays out of the sweep over the package's architectures.
CHECK = '''
import sys
import torch
from fairseq import utils
utils.import_user_module(type("Args", (), {"user_dir": sys.argv[1]}))
from im2latex_fairseq.models.image_encoders import PaddingMask
from tests.models import test_architectures as sweep
dictionary = sweep.make_dictionary()


def check_rows(encoder):
    """A mark at either end of a row reaches the other end, and no other row; a row has a state of its own."""
    channels = encoder.feature_channels
    grid, mask = torch.rand(1, channels, 3, 40), PaddingMask(torch.tensor([[24, 320]]), 24, 320)
    before = encoder.row_rnn(grid, mask)
    for marked, other in ((0, 39), (39, 0)):
        changed = grid.clone()
        changed[:, :, 1, marked] += 3.0
        difference = (encoder.row_rnn(changed, mask) - before).abs().amax(dim=(0, 1))
        assert difference[1, other] > 0, (marked, other)
        assert difference[0].max() == difference[2].max() == 0
    equal = encoder.row_rnn(grid[:, :, :1].expand(-1, -1, 3, -1), mask)
    assert (equal[:, :, 0] - equal[:, :, 1]).abs().max() > 1e-3
    # more rows than there are states
    encoder.row_rnn(torch.rand(1, channels, 40, 2), PaddingMask(torch.tensor([[320, 16]]), 320, 16))


def check_bfloat16(encoder):
    """Forward and backward as in training, and near float32."""
    images, sizes = sweep.pad(sweep.make_pictures(), *sweep.BATCH_SIZE_PX)
    keys = encoder(images, sizes)["encoder_out"][0]
    with torch.autocast("cpu", torch.bfloat16):
        lower = encoder(images, sizes)["encoder_out"][0]
    lower.float().sum().backward()
    assert (lower.float() - keys).abs().mean() < 0.05 * keys.abs().mean()


for arch, options in zip(sys.argv[2::2], sys.argv[3::2]):
    print(arch, options)
    torch.manual_seed(1)
    model = sweep.build(arch, dictionary, image_encoder_options=options, dropout=0.0)
    with torch.no_grad():
        check_rows(model.encoder)
    check_bfloat16(model.encoder)
    sweep.randomise(model)
    sweep.train_some(model, dictionary)
    sweep.test_every_parameter_gets_a_finite_gradient(model, dictionary)
    sweep.test_a_picture_alone_is_as_in_a_padded_batch(model, dictionary)
    sweep.test_decoding_step_by_step_is_as_decoding_at_once(model, dictionary)
    sweep.test_training_does_not_see_how_far_a_batch_is_padded(model)
print("kept")
'''

VARIANTS = (
    ("im2latex_gconv_row_rnn", '{"stem_channels": 16, "grid_channels": 64, "row_hidden": 24}'),
    ("im2latex_gconv_row_rnn", '{"grid_channels": 64, "row_hidden": 32, "horizontal_stride": 4}'),
    ("im2latex_gconv_deng_row_rnn", '{"width_multiplier": 0.25, "row_hidden": 64}'),  # no linear map behind
)


def test_it_keeps_the_contract() -> None:
    checked = subprocess.Popen(
        [sys.executable, "-c", CHECK, str(USER_DIR), *chain.from_iterable(VARIANTS)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert "kept" in finish(checked)
