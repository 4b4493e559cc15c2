"""Build and dependency metadata of im2latex-fairseq; tool settings live in pyproject.toml."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

# One module `fairseq`, several distributions of it: exactly one of these markers is true on each machine
# (tests/test_packaging.py keeps it so). fairseq 0.12.2 itself can't be imported on Python >= 3.11.
PREBUILT_LINUX = 'platform_system == "Linux" and platform_machine == "x86_64" and python_version >= "3.11"'
ELSEWHERE = (
    'platform_system != "Windows" and '
    '(platform_system != "Linux" or platform_machine != "x86_64" or python_version < "3.11")'
)
FAIRSEQ = [
    f"ve-fairseq==0.12.3; {PREBUILT_LINUX}",
    # Built from source: needs a C++ compiler, and torch and Cython installed first (see README.md).
    f"fairseq-fixed==0.12.3.1; {ELSEWHERE}",
    'fairseq-built==0.12.4; platform_system == "Windows"',
]

MATHTEXT = ["matplotlib>=3.8,<4"]
ONNX = ["onnx>=1.16,<2", "onnxruntime>=1.20,<2"]
PDF = ["pypdfium2>=4.30,<6"]
TENSORBOARD = ["tensorboard>=2.14,<3"]
TEST = ["pytest>=8,<10", "pytest-xdist>=3.5,<4", "hypothesis>=6.100,<7", "setuptools>=70.1", "packaging>=23"]
LINT = ["ruff>=0.9,<1", "mypy>=1.13,<3"]
DEV = [*LINT, *TEST, "pre-commit>=3.7,<5"]


def read_version() -> str:
    """The package's `__version__`, read as text since importing the package would need its dependencies."""
    source = (HERE / "im2latex_fairseq" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    if match is None:
        raise ValueError('im2latex_fairseq/__init__.py: no line __version__ = "..."')
    return match.group(1)


setup(
    name="im2latex-fairseq",
    version=read_version(),
    description="A fairseq plugin that reads pictures of formulas as LaTeX, with convolutions alone",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.10,<3.13",
    # preprocess/ and examples/ are run from a checkout: installed, they would claim top-level names
    # in site-packages that belong to nobody.
    packages=find_packages(include=["im2latex_fairseq", "im2latex_fairseq.*"]),
    package_data={
        "im2latex_fairseq": [
            "py.typed",
            "**/*.yaml",
            "**/*.tsv",
            "**/*.txt",
            "**/*.json",
            "**/*.css",
            "**/*.js",
            "**/*.safetensors",
            "**/*.md",
        ]
    },
    entry_points={"console_scripts": ["im2latex=im2latex_fairseq.commands.main:main"]},
    install_requires=[
        *FAIRSEQ,
        # hydra 1.4 is untested with fairseq's configuration code.
        "hydra-core>=1.3.2,<1.4",
        "torch>=2.4,<3",
        "numpy>=1.26,<3",
        "pillow>=10,<14",
        "safetensors>=0.4,<1",
        "sacrebleu>=2.3,<3",
        "rapidfuzz>=3.6,<4",
        "scipy>=1.12,<2",
        "tqdm>=4.66,<5",
        "shtab>=1.13,<2",
        'tomli>=2,<3; python_version < "3.11"',
    ],
    extras_require={
        "mathtext": MATHTEXT,
        "onnx": ONNX,
        "pdf": PDF,
        "tensorboard": TENSORBOARD,
        "test": TEST,
        "lint": LINT,
        "dev": DEV,
        "all": [*MATHTEXT, *ONNX, *PDF, *TENSORBOARD],
    },
    classifiers=[
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
)
