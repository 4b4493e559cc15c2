"""The frame of a page that loads nothing: one HTML document with its own script and style.

Its content security policy allows the one script and the one style that it brings along, by their hashes, and
pictures as data URIs; whatever else gets in, by an oversight, neither runs nor loads.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files


def html_document(title: str, style: str, script: str, body: str) -> str:
    """The whole document.

    Args:
        title: As HTML.
        style: CSS, without `</style`.
        script: JavaScript, without `</script`; it runs behind the body.
        body: HTML.
    """
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"{body}\n<script>{script}</script>\n</body>\n</html>\n"
    )


def asset(name: str) -> str:
    """A style or script that lies in this room."""
    return files("im2latex_fairseq.report").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The source expression of an inline script or style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}"
