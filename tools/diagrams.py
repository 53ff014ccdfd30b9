"""Draws docs/images/*.svg: `.venv/bin/python tools/diagrams.py`. Plain SVG: the pages need no script for it."""

from __future__ import annotations

from html import escape
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"

INK, LINE = "#1f2d3a", "#607080"
BLUE, GREEN, SAND, ROSE, GREY = "#dbe9f6", "#dff0e2", "#f7edd6", "#f8e0de", "#eef1f4"


class Drawing:
    """Boxes and arrows on a grid of pixels."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            f'font-family="system-ui, sans-serif" font-size="14" fill="{INK}"><title>{escape(title)}</title>'
            f'<defs><marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
            f'orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" fill="{LINE}"/></marker></defs>'
        )
        self._parts: list[str] = []

    def box(self, x: int, y: int, w: int, h: int, title: str, *lines: str, fill: str = BLUE) -> None:
        self._parts.append(f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="6" fill="{fill}" stroke="{LINE}"/>')
        top = y + h / 2 - 9 * len(lines) + 5
        self.text(x + w // 2, top, title, weight="600")
        for number, line in enumerate(lines, 1):
            self.text(x + w // 2, top + 18 * number, line, size=12)

    def frame(self, x: int, y: int, w: int, h: int, title: str) -> None:
        self._parts.append(
            f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="8" fill="none" stroke="{LINE}" '
            'stroke-dasharray="5 4"/>'
        )
        self.text(x + 12, y + 20, title, size=12, anchor="start")

    def text(
        self, x: float, y: float, words: str, *, size: int = 14, weight: str = "400", anchor: str = "middle"
    ) -> None:
        self._parts.append(
            f'<text x="{x}" y="{y:.0f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}">'
            f"{escape(words)}</text>"
        )

    def arrow(self, *points: tuple[int, int], both: bool = False) -> None:
        path = " ".join(f"{x},{y}" for x, y in points)
        start = ' marker-start="url(#a)"' if both else ""
        self._parts.append(
            f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="1.5" marker-end="url(#a)"{start}/>'
        )

    def save(self, name: str) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(self._head + "\n".join(self._parts) + "</svg>\n", encoding="utf-8")


def layers() -> None:
    d = Drawing(760, 430, "The layers of Foedus; imports point down only")
    d.box(20, 20, 720, 44, "main", "names the adapters", fill=GREY)
    for x, name, what in (
        (20, "cli", "commands"),
        (204, "web", "pages"),
        (388, "http", "API, sign-in"),
        (572, "taxii", "TAXII 2.1"),
    ):
        d.box(x, 92, 168, 54, f"faces/{name}", what, fill=SAND)
    d.box(
        20, 174, 720, 54, "node", "the verbs that every face calls: View, publish, ingest, recall, verify", fill=GREEN
    )
    d.box(20, 256, 350, 54, "storage", "journal, projections, accounts")
    d.box(390, 256, 350, 54, "domains", "intelligence, …: pure, discovered")
    d.box(20, 338, 560, 54, "kernel", "records, labels, policies, decisions, trees: no I/O, no clock", fill=ROSE)
    d.box(600, 338, 140, 54, "config", "limits", fill=GREY)
    for x in (104, 288, 472, 656):
        d.arrow((x, 64), (x, 92))
        d.arrow((x, 146), (x, 174))
    for x in (195, 565):
        d.arrow((x, 228), (x, 256))
    d.arrow((195, 310), (195, 338))
    d.arrow((475, 310), (475, 338))
    d.arrow((580, 365), (600, 365))
    d.text(380, 418, "exchange stands beside storage and domains, and is empty in this release", size=12)
    d.save("layers.svg")


def writing() -> None:
    d = Drawing(760, 330, "How a record comes in")
    d.box(20, 30, 150, 64, "a face", "form, command,", "TAXII, API", fill=SAND)
    d.box(210, 30, 150, 64, "read", "all faults at once,", "canonical bytes", fill=GREEN)
    d.box(400, 30, 150, 64, "label", "own markings + given", "or the default", fill=GREEN)
    d.box(590, 30, 150, 64, "writer", "one thread, batches", "of what waits", fill=GREEN)
    for x in (170, 360, 550):
        d.arrow((x, 62), (x + 40, 62))
    d.box(590, 140, 150, 64, "journal", "one fsync a batch,", "signed checkpoint", fill=ROSE)
    d.arrow((665, 94), (665, 140))
    d.box(400, 140, 150, 64, "label table", "pages, versions:", "at once")
    d.arrow((590, 172), (550, 172))
    d.box(20, 140, 340, 64, "acknowledged", "to the face: durable, and in pages and feeds", fill=GREY)
    d.arrow((400, 172), (360, 172))
    d.box(400, 246, 150, 64, "projector", "a process that reads", "the journal's files")
    d.arrow((665, 204), (665, 278), (550, 278))
    d.box(20, 246, 340, 64, "links and full text", "search and graph, about 0.2 s later")
    d.arrow((400, 278), (360, 278))
    d.save("writing.svg")


def reading() -> None:
    d = Drawing(760, 330, "How a record is read")
    d.box(20, 30, 150, 64, "a face", "who asks: session,", "token, account", fill=SAND)
    d.box(210, 30, 150, 64, "View(subject)", "the one way to read", fill=GREEN)
    d.arrow((170, 62), (210, 62))
    d.box(
        400,
        30,
        340,
        64,
        "sight",
        "decides once per label set and clearance,",
        "in release order of this clearance class",
        fill=GREEN,
    )
    d.arrow((360, 62), (400, 62))
    d.box(400, 140, 160, 64, "label table", "which entries")
    d.box(580, 140, 160, 64, "links, full text", "propose candidates")
    d.arrow((480, 140), (480, 94), both=True)
    d.arrow((660, 140), (660, 94), both=True)
    d.box(210, 140, 150, 64, "journal", "the bytes", fill=ROSE)
    d.arrow((285, 94), (285, 140), both=True)
    d.box(210, 246, 530, 64, "release log", "subject, face, entries: durable before the answer leaves", fill=ROSE)
    d.arrow((222, 94), (222, 117), (190, 117), (190, 270), (210, 270))
    d.box(20, 246, 130, 64, "the answer", fill=SAND)
    d.arrow((210, 292), (150, 292))
    d.save("reading.svg")


def processes() -> None:
    d = Drawing(760, 400, "Processes and files of one node")
    d.box(20, 40, 150, 54, "browsers", "HTTP", fill=SAND)
    d.box(20, 114, 150, 54, "TAXII clients", "HTTP", fill=SAND)
    d.box(20, 188, 150, 54, "foedus …", "the command line", fill=SAND)
    d.frame(220, 14, 300, 250, "foedus up")
    d.box(240, 44, 260, 60, "event loop", "web, API, TAXII (uvicorn)", fill=GREEN)
    d.box(240, 118, 122, 60, "writer", "thread", fill=GREEN)
    d.box(378, 118, 122, 60, "releases", "thread", fill=GREEN)
    d.box(240, 192, 260, 54, "operator's socket", "run/foedus.sock, folder's owner only", fill=GREEN)
    d.arrow((170, 67), (240, 67))
    d.arrow((170, 141), (205, 141), (205, 88), (240, 88))
    d.arrow((170, 215), (240, 215))
    d.box(570, 44, 170, 60, "projector", "child process")
    d.arrow((500, 74), (570, 74), both=True)
    d.frame(20, 290, 720, 96, "the node's folder")
    for x, w, name, what in (
        (36, 120, "journal/", "records"),
        (170, 120, "releases/", "who got what"),
        (304, 130, "projections/", "can be dropped"),
        (448, 140, "accounts.sqlite", "people, tokens"),
        (602, 122, "keys/ policies/", "node.json, run/"),
    ):
        d.box(x, 320, w, 52, name, what, fill=ROSE if name in ("journal/", "releases/") else GREY)
    d.arrow((300, 178), (300, 186), (228, 186), (228, 276), (96, 276), (96, 320))
    d.arrow((440, 178), (440, 186), (510, 186), (510, 272), (230, 272), (230, 320))
    d.arrow((655, 104), (655, 276), (370, 276), (370, 320))
    d.save("processes.svg")


if __name__ == "__main__":
    for draw in (layers, writing, reading, processes):
        draw()
