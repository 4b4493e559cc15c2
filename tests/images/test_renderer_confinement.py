"""A formula can neither read nor write anything outside its own folder, nor start a program."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from PIL import Image

from im2latex_fairseq.images import tex_process
from im2latex_fairseq.images.renderer import RenderSettings, render_formulas
from im2latex_fairseq.images.tex_document import format_source
from im2latex_fairseq.images.tex_faces import FACES

pytestmark = pytest.mark.tex

FAST = RenderSettings(dpi=100)
# Ways to the primitives that a formula may try. {} is the file.
READERS = [
    r"\input {}",
    r"\input{{{}}}",
    r"\include{{{}}}",
    r"\makeatletter\@@input {}\relax",
    r"\makeatletter\@input{{{}}}",
    r"\makeatletter\@input@{{{}}}",
    r"\InputIfFileExists{{{}}}{{x}}{{}}",
    r"\IfFileExists{{{}}}{{\rule{{9pt}}{{200pt}}}}{{}}",
    r"\openin5={}\relax \read5 to\x \x",
    r"\openin5={}\relax \ifeof5 \else\rule{{9pt}}{{200pt}}\fi",
    r"\csname tex_input:D\endcsname {}\relax",
    r"\csname tex_openin:D\endcsname5={}\relax \ifeof5 \else\rule{{9pt}}{{200pt}}\fi",
    r"\ExplSyntaxOn\file_input:n{{{}}}",
    r"\ExplSyntaxOn\file_get:nnN{{{}}}{{}}\l_tmpa_tl\l_tmpa_tl",
    r"\pdfprimitive\input {}\relax",
    r"\csname primitive\endcsname\input {}\relax",
    r"\csname tex_primitive:D\endcsname\input {}\relax",
    r"^^5cinput {}",
    r"\scantokens{{\input {}}}",
    r"\lowercase{{\input}} {}",
    r"\everyeof{{x}}\csname @@input\endcsname {} ",
    r"\pdffilesize{{{}}}",
    r"\pdffiledump length 20 {{{}}}",
    r"\pdfmdfivesum file {{{}}}",
    r"\csname tex_filedump:D\endcsname length 20 {{{}}}",
    r"\csname tex_mdfivesum:D\endcsname file {{{}}}",
    r"\verbatiminput{{{}}}",
    r"\usepackage{{{}}}",
    r"\includegraphics{{{}}}",
    r"\pdfoutput=1 \pdfximage{{{}}}\pdfrefximage\pdflastximage",
    r"\special{{psfile={}}}\rule{{1pt}}{{1pt}}",
    r"\csname tex_special:D\endcsname{{psfile={}}}\rule{{1pt}}{{1pt}}",
    r"\csname special\endcsname{{PSfile=\"{}\" llx=0 lly=0 urx=100 ury=100}}\rule{{1pt}}{{1pt}}",
]
WRITERS = [
    r"\immediate\openout5={} \immediate\write5{{owned}}\immediate\closeout5 x",
    r"\openout5={} \write5{{owned}} x",
    r"\newwrite\x\immediate\openout\x={} \immediate\write\x{{owned}} x",
    r"\csname tex_immediate:D\endcsname\csname tex_openout:D\endcsname5={} x",
    r"\ExplSyntaxOn\iow_open:Nn\g_tmpa_iow{{{}}} x",
    r"\begin{{filecontents}}{{{}}}owned\end{{filecontents}}",
    r"\pdfoutput=1 \immediate\pdfobj file {{{}}} x",
]
SHELLS = [
    r"\immediate\write18{{touch {}}} x",
    r"\write18{{touch {}}} x",
    r"\input|\"touch {}\"",
    r"\csname tex_input:D\endcsname|\"touch {}\" ",
    r"\ExplSyntaxOn\sys_shell_now:n{{touch~{}}} x",
    r"\special{{ps: `touch {}}} x",
    r"\special{{psfile=\"`touch {}\"}} x",
]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file which, if it is read as TeX, draws something 200 pt high, as no line of text is."""
    path = tmp_path / "secret.tex"
    path.write_text(r"\rule{9pt}{200pt}")
    return path


def _is_small(image) -> bool:
    return image is None or image.shape[0] < 150


def test_readers_find_nothing(secret):
    formulas = [reader.format(secret) for reader in READERS]
    for formula, result in zip(formulas, render_formulas(formulas, FAST, timeout_s=1), strict=True):
        assert _is_small(result.image), formula


def test_readers_would_be_noticed(secret, tmp_path):
    """The control experiment: an unconfined TeX reads the file."""
    source = (
        r"\documentclass{article}\begin{document}$\input " + str(secret) + r"\relax$\showbox0\end{document}"
    )
    (tmp_path / "free.tex").write_text(source)
    subprocess.run(
        ["latex", "-interaction=nonstopmode", "free.tex"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    assert str(secret) in (tmp_path / "free.log").read_text().replace("\n", "")


def test_pictures_are_not_included(tmp_path):
    path = tmp_path / "picture.png"
    Image.new("L", (100, 400)).save(path)
    formula = r"\csname special\endcsname{psfile=" + str(path) + r"}\rule{1pt}{1pt}"
    assert _is_small(render_formulas([formula], FAST, timeout_s=1)[0].image)


@pytest.mark.parametrize("where", ["absolute", "parent", "own"])
def test_writers_and_shells_leave_no_file(tmp_path, monkeypatch, where):
    target = {"absolute": str(tmp_path / "owned.txt"), "parent": "../owned.txt", "own": "owned.txt"}[where]
    monkeypatch.chdir(tmp_path)
    seen: list[str] = []
    remove = tex_process.tempfile.TemporaryDirectory.cleanup

    def look_then_remove(folder):
        seen.extend(path.name for path in Path(folder.name).parent.rglob("*"))
        remove(folder)

    monkeypatch.setattr(tex_process.tempfile.TemporaryDirectory, "cleanup", look_then_remove)
    monkeypatch.setattr(
        tex_process.tempfile.TemporaryDirectory, "__exit__", lambda folder, *_: look_then_remove(folder)
    )
    formulas = [trick.format(target) for trick in (*WRITERS, *SHELLS)]
    render_formulas(formulas, FAST, timeout_s=1)
    assert "batch.tex" in seen, "the folders were looked at before they went"
    assert not [name for name in seen if name.startswith("owned")]
    assert not list(tmp_path.rglob("owned*"))


@pytest.mark.parametrize(
    "attempt",
    [
        r"\openin5={secret} \message{{READ=\ifeof5 no\else yes\fi}}",
        r"\openin5=../secret.tex \message{{READ=\ifeof5 no\else yes\fi}}",
        r"\message{{READ=no}}\immediate\openout5=../owned.txt ",
        r"\message{{READ=no}}\immediate\openout5={secret}.owned ",
        r"\message{{READ=no}}\immediate\write18{{touch owned.txt}}",
    ],
)
def test_the_environment_alone_keeps_tex_in_its_folder(secret, attempt):
    """The second wall: a TeX that has its primitives still can't leave its folder."""
    engine = tex_process.engine_for(FACES["computer_modern"], 12, 390.0)
    folder = secret.parent / "folder"
    folder.mkdir()
    (folder / "x.tex").write_text(attempt.format(secret=secret) + r"\csname @@end\endcsname")
    outcome = tex_process.run_confined(
        [engine._latex, "-no-shell-escape", "-interaction=nonstopmode", "x.tex"],
        folder=folder,
        environment=tex_process._environment(folder, secret.parent),
        limits=tex_process.ProcessLimits(cpu_s=10),
    )
    assert b"READ=no" in outcome.output
    assert not list(secret.parent.rglob("*owned*"))


def test_the_format_removes_every_primitive_under_all_its_names():
    source = format_source(FACES["computer_modern"], 10, 345.0, "nonce", "colour", 1000.0)
    for name in (
        "input",
        "openin",
        "openout",
        "special",
        "pdffiledump",
        "pdfprimitive",
        "tex_input:D",
        "@@input",
    ):
        assert rf"\csname {name}\endcsname\nonceundefined" in source


def test_output_floods_are_cut():
    flood = r"\loop\message{" + "x" * 5000 + r"}\iftrue\repeat"
    pages = r"\loop\shipout\hbox{x}\iftrue\repeat"
    flood_result, page_result, neighbour = render_formulas([flood, pages, "x"], FAST, timeout_s=1)
    assert flood_result.reason in ("too_much_output", "timeout")
    assert page_result.reason in ("too_much_output", "timeout")
    assert neighbour.error is None
