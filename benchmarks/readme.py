"""Write the tables of README.md from docs/tables, and docs/tables/papers.md from the records.

    python benchmarks/readme.py            # write
    python benchmarks/readme.py --check    # only say whether anything would change

The parts of README.md between `<!-- table: NAME -->` and `<!-- end -->` are docs/tables/NAME.md;
a table that no script has written yet is said to be missing.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "docs" / "tables"
README = ROOT / "README.md"
PART = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

# The command that writes each table.
WRITTEN_BY = {
    "accuracy": "python benchmarks/accuracy.py",
    "burgers": "python benchmarks/burgers.py",
    "coverage": "python benchmarks/coverage.py",
    "darcy": "python benchmarks/darcy.py",
    "demo": "python benchmarks/figures.py RUN",
    "papers": "riesz reproduce --all; python benchmarks/readme.py",
    "speed": "python benchmarks/fno_speed.py --record",
}


def part(name: str) -> str:
    """What stands in README for a table."""
    path = TABLES / f"{name}.md"
    if not path.exists():
        return f"Not recorded yet: `{WRITTEN_BY[name]}` writes this table.\n"
    text = path.read_text().strip()
    # links of the site lead from docs/tables to docs; README lies above docs
    return f"{text.replace('](../', '](docs/')}\n"


def readme(text: str) -> str:
    """README with its tables written anew."""
    return PART.sub(lambda m: f"{m[1]}{part(m[2])}{m[3]}", text)


def papers() -> str:
    """The table of papers, from the records in riesz.papers."""
    from riesz.papers import PAPERS

    lines = ["| paper | claim | published | measured here | seconds | date |"]
    lines.append("|---|---|---|---|---|---|")
    for name, paper in PAPERS.items():
        found = paper.measured
        text = "not recorded yet"
        if found is not None:
            text = "; ".join(f"{what}: {value:.4g}" for what, value in found.items())
        seconds = "" if paper.seconds is None else f"{paper.seconds:.0f}"
        cells = (
            f"{paper.title} (`{name}`)",
            paper.claim,
            paper.published,
            text,
            seconds,
            paper.date or "",
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    for path, wanted in (
        (TABLES / "papers.md", papers),
        (README, lambda: readme(README.read_text())),
    ):
        text = wanted()
        if path.exists() and path.read_text() == text:
            continue
        stale.append(str(path.relative_to(ROOT)))
        if not check:
            path.write_text(text)
    print(("would change: " if check else "written: ") + (", ".join(stale) or "nothing"))
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
