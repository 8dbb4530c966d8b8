"""Titles and lines as a text, and as a page for notebooks. Standard library only."""

from html import escape

#: a level of a page: its title, and what stands below it
Section = tuple[str, list[str]]

_STYLE = (
    "font-family:monospace;white-space:pre-wrap;margin:0.2em 0 0.6em 1.5em;font-size:90%;"
    "line-height:1.4"
)


def plain(headline: str, sections: list[Section]) -> str:
    """A text."""
    lines = [headline]
    for title, below in sections:
        lines += [f"  {title}", *(f"    {line}" for line in below)]
    return "\n".join(lines)


def page(headline: str, sections: list[Section]) -> str:
    """HTML that needs nothing else: each section can be folded."""
    parts = [f"<div><strong>{escape(headline)}</strong>"]
    for title, below in sections:
        if below:
            text = escape("\n".join(below))
            parts.append(f"<details><summary>{escape(title)}</summary>")
            parts.append(f'<div style="{_STYLE}">{text}</div></details>')
        else:
            parts.append(f"<p>{escape(title)}</p>")
    return "\n".join([*parts, "</div>"])
