"""A --user-dir outside the package trains, decodes, and keeps the contract that the sweep tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from tests.fairseq_commands import ROOT, finish, logged, start_fairseq, tiny_options

USER_DIR = ROOT / "examples" / "custom_encoder"

# In a process of its own, so that what it registers stays out of the sweep over the package's architectures.
CHECK = """
import sys
import torch
from fairseq import utils
utils.import_user_module(type("Args", (), {"user_dir": sys.argv[1]}))
from tests.models import test_architectures as sweep
dictionary = sweep.make_dictionary()
torch.manual_seed(1)
model = sweep.build("im2latex_gconv_strip_mixer", dictionary)
sweep.randomise(model)
sweep.test_every_parameter_gets_a_finite_gradient(model, dictionary)
sweep.test_a_picture_alone_is_as_in_a_padded_batch(model, dictionary)
sweep.test_decoding_step_by_step_is_as_decoding_at_once(model, dictionary)
from tests.synthetic_data import draw_formula
from im2latex_fairseq.models.im2latex_model import Im2LatexModel
hub = Im2LatexModel.from_pretrained(sys.argv[2], user_dir=sys.argv[1])
print(len(hub.predict([draw_formula("a")], max_len=5)), "picture read")
"""


def test_it_trains_and_decodes(prepared_data: Path, tmp_path: Path) -> None:
    user_dir = ("--user-dir", USER_DIR)
    options = ("--image-encoder-options", '{"channels": 32, "blocks": 1}', "--max-update", 3)
    trained = start_fairseq(
        "train", prepared_data, *tiny_options(tmp_path), "--arch", "im2latex_gconv_strip_mixer", *options, *user_dir
    )  # fmt: skip
    output = finish(trained)
    assert len(logged(output)) == 3
    assert "StripMixerEncoder" in output
    checkpoint = tmp_path / "checkpoint_best.pt"
    assert torch.load(checkpoint)["model"]["encoder.patches.weight"].shape == (32, 1, 8, 8)
    generated = start_fairseq(
        "generate", prepared_data, "--task", "im2latex", "--path", checkpoint, "--gen-subset", "test",
        "--batch-size", 4, "--max-len-b", 5, "--beam", 2, "--num-workers", 0, *user_dir,
    )  # fmt: skip
    checked = subprocess.Popen(
        [sys.executable, "-c", CHECK, str(USER_DIR), str(checkpoint)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert finish(generated).count("\nH-") == 6
    assert "1 picture read" in finish(checked)
