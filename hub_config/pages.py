"""Where the hub's own pages lie: JupyterHub's templates, extended. Texts are Korean first, English beside."""

from __future__ import annotations

from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"
LOGO = TEMPLATES / "logo.svg"
