"""`fairseq-validate`, `fairseq-generate` and `fairseq-interactive` with the plugin."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from im2latex_fairseq.data.image_store import ImageStore
from im2latex_fairseq.data.manifest import read_manifest
from im2latex_fairseq.metrics.bleu import corpus_bleu
from tests.fairseq_commands import logged, run_fairseq, train_tiny
from tests.synthetic_data import draw_formula, write_data


def generate(data: Path, path: object, *arguments: object) -> str:
    return run_fairseq(
        "generate", data, "--task", "im2latex", "--path", path, "--gen-subset", "test", "--batch-size", 4,
        "--max-len-b", 12, "--num-workers", 0, *arguments,
    )  # fmt: skip


def lines(output: str, kind: str) -> dict[int, list[str]]:
    """The texts of `H-3<tab>score<tab>text` or `T-3<tab>text` by number, in order."""
    found: dict[int, list[str]] = {}
    for number, rest in re.findall(rf"^{kind}-(\d+)\t(.*)$", output, re.MULTILINE):
        found.setdefault(int(number), []).append(rest.split("\t")[-1])
    return found


def scores(output: str) -> list[float]:
    return [float(score) for score in re.findall(r"^H-\d+\t(\S+)\t", output, re.MULTILINE)]


# -- fairseq-generate ----------------------------------------------------------------------------------


def test_beam_search(prepared_data: Path, checkpoint: Path) -> None:
    output = generate(prepared_data, checkpoint, "--beam", 5, "--nbest", 3)
    entries = read_manifest(prepared_data / "test.tsv")
    assert lines(output, "T") == {number: [entry.formula] for number, entry in enumerate(entries)}
    hypotheses = lines(output, "H")
    assert set(hypotheses) == set(range(len(entries)))
    assert all(len(texts) == 3 for texts in hypotheses.values())
    assert all(len(set(texts)) == 3 for texts in hypotheses.values())
    assert "Generate test with beam=5: BLEU4 = " in output


def test_the_size_of_batches_changes_nothing(prepared_data: Path, checkpoint: Path) -> None:
    alone = generate(prepared_data, checkpoint, "--beam", 3, "--batch-size", 1)
    together = generate(prepared_data, checkpoint, "--beam", 3, "--max-tokens", 1000)
    assert lines(alone, "H") == lines(together, "H")
    by_number = [dict(zip(lines(o, "H"), scores(o), strict=True)) for o in (alone, together)]
    for number, score in by_number[0].items():
        assert by_number[1][number] == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize("options", [(), ("--sampling-topk", 5)])
def test_sampling(prepared_data: Path, checkpoint: Path, options: tuple[object, ...]) -> None:
    arguments = ("--sampling", "--beam", 2, "--nbest", 2, *options)
    first, again, other = (
        generate(prepared_data, checkpoint, *arguments, "--seed", seed) for seed in (1, 1, 2)
    )
    assert lines(first, "H") == lines(again, "H")
    assert lines(first, "H") != lines(other, "H")
    assert all(len(texts) == 2 for texts in lines(first, "H").values())


def test_scoring_by_sacrebleu_is_our_bleu(prepared_data: Path, gated_checkpoint: Path) -> None:
    output = generate(
        prepared_data,
        gated_checkpoint,
        "--beam",
        1,
        "--scoring",
        "sacrebleu",
        "--sacrebleu-tokenizer",
        "none",
    )
    printed = re.search(r"Generate test with beam=1: BLEU = (\S+)", output)
    assert printed is not None
    hypotheses, references = (
        [texts[0].split() for _, texts in sorted(lines(output, kind).items())] for kind in "HT"
    )
    ours = corpus_bleu(hypotheses, references)
    if ours > 0:  # sacrebleu smooths a precision of nothing
        assert float(printed[1]) == pytest.approx(ours, abs=0.01)


def test_validation_scores_what_generate_prints(prepared_data: Path, checkpoint: Path) -> None:
    """The greedy output that --eval-generate scores in training is that of `fairseq-generate --beam 1`."""
    printed = generate(prepared_data, checkpoint, "--beam", 1, "--max-len-b", 20)
    hypotheses, references = (
        [texts[0].split() for _, texts in sorted(lines(printed, kind).items())] for kind in "HT"
    )
    output = run_fairseq(
        "validate", prepared_data, "--task", "im2latex", "--path", checkpoint, "--valid-subset", "test",
        "--batch-size", 3, "--num-workers", 0, "--eval-generate", "--eval-generate-max-len", 20,
        "--log-format", "json",
    )  # fmt: skip
    row = logged(output, "test")[-1]
    assert row["test_bleu"] == pytest.approx(corpus_bleu(hypotheses, references), abs=0.006)
    assert 0.0 <= row["test_token_accuracy"] <= 100.0


def test_prefixes(prepared_data: Path, checkpoint: Path) -> None:
    output = generate(prepared_data, checkpoint, "--prefix-size", 2)
    references = lines(output, "T")
    for number, texts in lines(output, "H").items():
        assert texts[0].split()[:2] == references[number][0].split()[:2]


def test_scores_of_references(prepared_data: Path, checkpoint: Path) -> None:
    output = generate(prepared_data, checkpoint, "--score-reference")
    assert lines(output, "H") == lines(output, "T")


def test_an_ensemble_of_a_model_with_itself_is_the_model(prepared_data: Path, gated_checkpoint: Path) -> None:
    alone = generate(prepared_data, gated_checkpoint, "--beam", 2)
    twice = generate(prepared_data, f"{gated_checkpoint}:{gated_checkpoint}", "--beam", 2)
    assert lines(alone, "H") == lines(twice, "H")


def test_bf16_autocast_in_generation(prepared_data: Path, checkpoint: Path) -> None:
    full = generate(prepared_data, checkpoint, "--score-reference")
    half = generate(prepared_data, checkpoint, "--score-reference", "--bf16-autocast")
    assert scores(half) == pytest.approx(scores(full), abs=0.1)
    assert scores(half) != scores(full)


# -- fairseq-validate ----------------------------------------------------------------------------------


def test_validate(prepared_data: Path, checkpoint: Path) -> None:
    output = run_fairseq(
        "validate", prepared_data, "--task", "im2latex", "--path", checkpoint, "--valid-subset", "valid,test",
        "--batch-size", 4, "--num-workers", 0, "--log-format", "json",
    )  # fmt: skip
    for subset in ("valid", "test"):
        row = logged(output, subset)[-1]
        assert {f"{subset}_loss", f"{subset}_ppl", f"{subset}_token_accuracy"} <= set(row)
        assert f"{subset}_bleu" not in row


def test_train_pictures_are_not_augmented_in_validation(prepared_data: Path, tmp_path: Path) -> None:
    """Though the checkpoint was trained with augmentation."""
    train_tiny(prepared_data, tmp_path, "--augment", "heavy")
    arguments = (
        "--task", "im2latex", "--path", tmp_path / "checkpoint_last.pt", "--valid-subset", "train",
        "--batch-size", 4, "--num-workers", 0, "--log-format", "json",
    )  # fmt: skip
    first, second = (
        logged(run_fairseq("validate", prepared_data, *arguments, "--seed", seed), "train")[-1]["train_loss"]
        for seed in (1, 2)
    )
    assert first == second


# -- fairseq-interactive -------------------------------------------------------------------------------


def interact(data: Path, gated_checkpoint: Path, listing: Path, *arguments: object) -> str:
    return run_fairseq(
        "interactive", data, "--task", "im2latex", "--path", gated_checkpoint, "--input", listing, "--beam", 2,
        "--max-len-b", 8, *arguments,
    )  # fmt: skip


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = []
    for number, tokens in enumerate((["a", "+", "b"], ["x"], ["y", "=", "z", "+", "c"])):
        paths.append(tmp_path / f"formula {number}.png")
        Image.fromarray(draw_formula(tokens)).save(paths[-1])
    return paths


def test_paths_of_pictures(
    prepared_data: Path, gated_checkpoint: Path, pictures: list[Path], tmp_path: Path
) -> None:
    listing = tmp_path / "list.txt"
    listing.write_text("".join(f"{path}\n" for path in pictures))
    one_by_one = interact(prepared_data, gated_checkpoint, listing)
    assert list(lines(one_by_one, "H")) == [0, 1, 2]
    buffered = interact(prepared_data, gated_checkpoint, listing, "--buffer-size", 3, "--batch-size", 3)
    assert lines(buffered, "H") == lines(one_by_one, "H")


def test_a_picture_of_the_test_split_reads_the_same(
    prepared_data: Path, gated_checkpoint: Path, tmp_path: Path
) -> None:
    """Preparing a prepared picture changes nothing: the path from files is that of the data folder."""
    store = ImageStore(prepared_data / "test.images")
    listing = tmp_path / "list.txt"
    for number, image in enumerate(store):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    listing.write_text("".join(f"{tmp_path / f'{number}.png'}\n" for number in range(len(store))))
    from_files = interact(prepared_data, gated_checkpoint, listing)
    from_folder = generate(prepared_data, gated_checkpoint, "--beam", 2, "--max-len-b", 8)
    assert lines(from_files, "H") == {
        number: texts[:1] for number, texts in sorted(lines(from_folder, "H").items())
    }


@pytest.mark.parametrize("buffering", [(), ("--buffer-size", 9, "--batch-size", 9)])
def test_unreadable_pictures_are_named_counted_and_skipped(
    prepared_data: Path,
    gated_checkpoint: Path,
    pictures: list[Path],
    tmp_path: Path,
    buffering: tuple[object, ...],
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    Image.fromarray(np.full((40, 90), 255, dtype=np.uint8)).save(tmp_path / "blank.png")
    Image.fromarray(draw_formula(["x"]).repeat(300, axis=1)).save(tmp_path / "wide.png")
    paths = [
        tmp_path / "text.png",
        pictures[0],
        tmp_path / "missing.png",
        tmp_path / "blank.png",
        pictures[1],
    ]
    paths.append(tmp_path / "wide.png")
    listing = tmp_path / "list.txt"
    listing.write_text("".join(f"{path}\n" for path in paths))
    output = interact(prepared_data, gated_checkpoint, listing, *buffering)
    assert list(lines(output, "H")) == [1, 4]
    skipped = [line for line in output.splitlines() if line.startswith("skipped (")]
    for number, (line, name) in enumerate(
        zip(skipped, ("text.png", "missing.png", "blank.png", "wide.png"), strict=True), 1
    ):
        assert line.startswith(f"skipped ({number} so far): ")
        assert name in line


def test_image_scale(
    prepared_data: Path, gated_checkpoint: Path, pictures: list[Path], tmp_path: Path
) -> None:
    listing = tmp_path / "list.txt"
    listing.write_text(f"{pictures[0]}\n")
    expected = lines(interact(prepared_data, gated_checkpoint, listing), "H")
    doubled = Image.open(pictures[0])
    doubled.resize((doubled.width * 2, doubled.height * 2), Image.Resampling.NEAREST).save(pictures[0])
    assert lines(interact(prepared_data, gated_checkpoint, listing, "--image-scale", 0.5), "H") == expected


def test_any_split_name(tmp_path: Path, gated_checkpoint: Path) -> None:
    data = write_data(tmp_path / "data", {"pages_valid": 3})
    output = generate(data, gated_checkpoint, "--gen-subset", "pages_valid", "--beam", 1)
    assert len(lines(output, "H")) == 3
