"""The report's bytes: everything on one page, nothing from outside, no name that becomes markup."""

import json
import re
import shutil
import subprocess
from base64 import b64decode, b64encode
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import pelu_fab
from exports import device, export
from pelu_fab.errors import FabError
from pelu_fab.show.assembly import stages
from pelu_fab.show.report import to_report, write_report
from pelu_fab.show.report_data import read_facts
from pelu_fab.show.report_parts import pack
from pelu_fab.show.report_proof import asked_and_built, numbers

VIEWER = Path(pelu_fab.__file__).parent / "show" / "viewer_src"
HOSTILE = """<script>alert("1")</script>'&`"""


class Page(HTMLParser):
    """All tags with their attributes, the text outside scripts, and what scripts and styles hold."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.scripts, self.styles = "", [""], [""]
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")
        if tag == "style":
            self.styles.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside == "style":
            self.styles[-1] += data
        else:
            self.text += data

    @property
    def data(self) -> dict[str, object]:
        return json.loads(next(s for s in self.scripts if s.startswith('{"name"')))


def page_of(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_the_page_fetches_nothing_and_allows_only_its_own_script_and_style(tmp_path: Path) -> None:
    page = page_of(export("and-or", tmp_path))
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy and policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy
    for kind, texts in (("script", page.scripts), ("style", page.styles)):
        allowed = re.search(rf"{kind}-src '(sha256-[^']+)'", policy)
        assert allowed and allowed[1] in {f"sha256-{b64encode(sha256(t.encode()).digest()).decode()}" for t in texts}
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "data"):
            value = attributes.get(name)
            assert value is None or value.startswith("data:image/"), f"<{tag} {name}={value!r:.60}>"
        assert not any(name.startswith("on") or name == "style" for name in attributes), f"<{tag}> has code or style"


def test_names_with_markup_stay_text(tmp_path: Path) -> None:
    folder = export("and-or", tmp_path)
    for name in ("manifest.json", "network.json", "lowered.json", "scene.json"):
        table = json.loads((folder / name).read_text())
        for key in ("inputs", "outputs"):
            if name == "manifest.json":
                table["name"] = HOSTILE
            elif key in table:
                table[key] = [f"{HOSTILE}{i}" for i in range(len(table[key]))]
        for glass in table.get("glasses", []):
            glass["label"] = HOSTILE
        for readout in table.get("readouts", []):
            readout |= {"name": HOSTILE, "plus": f"{HOSTILE}0"}
        for pour in table.get("protocol", []):
            pour["title"] = HOSTILE
        (folder / name).write_text(json.dumps(table))
    verify = json.loads((folder / "verify.json").read_text())
    for check in verify["checks"]:
        check["why"] = f"{HOSTILE} {check['why']}"
        check["where"] = HOSTILE
    (folder / "verify.json").write_text(json.dumps(verify))
    calm, wild = page_of(export("and-or", tmp_path / "calm")), Page(to_report(read_facts(folder)).decode())
    assert Counter(tag for tag, _ in wild.tags) == Counter(tag for tag, _ in calm.tags)
    assert wild.data["inputs"] == [f"{HOSTILE}0", f"{HOSTILE}1"]
    assert HOSTILE in wild.text


def test_the_same_export_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = export("and-or", tmp_path)
    assert to_report(read_facts(folder)) == (folder / "report.html").read_bytes()


def test_packed_triangles_are_those_of_the_stl_to_a_hundredth_of_a_millimetre(tmp_path: Path) -> None:
    import gzip

    facts = read_facts(export("drip", tmp_path))
    tables, text = pack(facts.parts)
    blob, at = gzip.decompress(b64decode(text)), 0
    placed = {part.name: part.placed for part in facts.parts if part.placed is not None}
    assert [table["name"] for table in tables] == list(placed)
    for table in tables:
        steps = np.frombuffer(blob, "<u2", 3 * table["corners"], at).reshape(-1, 3).astype(float)
        at += 6 * table["corners"]
        index = np.frombuffer(blob, "<u4", 3 * table["triangles"], at)
        at += 12 * table["triangles"]
        low, high = np.array(table["box"])
        found = (low + steps / 65535 * (high - low))[index].reshape(-1, 3, 3)
        assert np.abs(found - placed[table["name"]]).max() < 0.01
    assert at == len(blob)


def test_the_page_tells_trained_and_built_numbers_side_by_side(tmp_path: Path) -> None:
    facts = read_facts(export("and-or", tmp_path))
    told = numbers(facts)
    trained = facts.trained.layers
    assert list(told) == ["L0.b0", "L0.b1", "L1.b0", "L1.b1"]
    assert told["L1.b0"]["trained"] == f"{trained[1].retained[0]:.2f}" == "16.00"
    assert float(told["L1.b0"]["built"]) == pytest.approx(16.0, abs=0.1)
    assert told["L0.b0"]["label"] == "left jug"


def test_the_page_tells_what_to_pour_before_the_first_pour(tmp_path: Path) -> None:
    folder = export("and-or", tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    told = " ".join(page_of(folder).text.split())
    shares = read_facts(folder).lowered.layers[0].shares
    primed = [f"L0.b{i}" for i, row in enumerate(shares) if (row > 0).sum() > 1]
    assert primed and manifest["priming_ml"] > 0
    assert f"then pour V0, {manifest['priming_ml']:g} mL, into each of {', '.join(primed)}." in told
    assert f"pour one jug after the other, about {manifest['design_flow'] / 1000:g} mL a second" in told
    steps = [stage.words for stage in stages(device("and-or"))]
    assert len(steps) == 6 and all(words in told[told.index("Put it together") :] for words in steps), "the booklet's"
    assert not any(word in told for word in ("chute", "wedge", "side frame"))


def test_what_a_solver_found_stands_beside_the_shares_and_only_then(tmp_path: Path) -> None:
    folder = export("and-or", tmp_path)
    facts = read_facts(folder)
    assert "CFD" not in asked_and_built(facts)
    row = {
        "at": "L0.b0", "kind": "bucket", "pour": "middle", "process": "<b>", "flow": 12.0, "poured": 36.0, "kept": 1.0,
        "shares": {"L1.b0": 0.12345, "L1.b1": 0.87655}, "steady": {}, "left": {"top": 1.25, "side": 0.0}, "lands": {},
        "pictures": ["a.png"],
    }  # fmt: skip
    told = asked_and_built(replace(facts, verify={**facts.verify, "cfd": [row]}, files={"cfd/a.png": b"png"}))
    assert '<th scope="col">CFD</th>' in told
    assert "top 1.25" in told and "side" not in told and "1 pictures" in told
    assert "&lt;b&gt;" in told and "<b>" not in told.split("independent solver")[1]
    assert "<td>12.35 middle</td>" in told or "<td>12.34 middle</td>" in told
    assert told.count(" middle</td>") == 2  # beside the shares of the bucket that was solved, and no other


def test_failed_checks_come_first_with_their_place(tmp_path: Path) -> None:
    folder = export("and-or", tmp_path)
    verify = json.loads((folder / "verify.json").read_text())
    verify["verdict"] = "fail"
    verify["checks"].insert(
        0,
        {"id": "lvs.share", "where": "L0.b0->L1.b1", "status": "fail", "found": 0.61, "limit": 0.5, "unit": "",
         "at": [1.0, 2.0, 3.0], "why": "a tooth too wide"},
    )  # fmt: skip
    (folder / "verify.json").write_text(json.dumps(verify))
    html = to_report(read_facts(folder)).decode()
    proof = html[html.index("The proof") :]
    assert 0 < proof.index("a tooth too wide") < proof.index("<details>")
    assert 'data-at="[1.0, 2.0, 3.0]"' in proof and '<span class="badge fail">fail</span>' in html


def test_a_report_survives_a_missing_and_a_cut_off_part(tmp_path: Path) -> None:
    folder = export("and-or", tmp_path)
    (folder / "parts" / "trestle-1.stl").unlink()
    cut = folder / "parts" / "card-L0-b0.stl"
    cut.write_bytes(cut.read_bytes()[:-7])
    pelu_fab.verify(folder)
    write_report(folder)
    page = page_of(folder)
    names = [part["name"] for part in page.data["parts"]]  # type: ignore[attr-defined]
    assert "card-L0-b0" not in names and "trestle-1" not in names and "card-L1-b0" in names
    assert "fail" in page.text


def test_an_export_without_a_scene_gets_no_report_and_a_broken_scene_is_named(tmp_path: Path) -> None:
    folder = export("drip", tmp_path)
    (folder / "scene.json").write_text("{")
    with pytest.raises(FabError, match=r"scene\.json: is no JSON.*; compile the design again"):
        write_report(folder)
    (folder / "scene.json").unlink()
    assert write_report(folder) is None


def test_the_bundle_was_built_from_its_sources() -> None:
    digest = sha256()
    for file in [*sorted((VIEWER / "src").iterdir()), VIEWER / "package.json", VIEWER / "package-lock.json"]:
        digest.update(file.read_bytes())
    banner = (VIEWER.parent / "assets" / "viewer.js").read_text(encoding="utf-8").splitlines()[0]
    assert banner.endswith(f"sources {digest.hexdigest()} */"), "run `npm ci && npm run build` in viewer_src"
    assert "The MIT License" in (VIEWER.parent / "assets" / "THREE-LICENSE.txt").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("node") is None, reason="no node here")
@pytest.mark.skipif(not (VIEWER / "node_modules" / "esbuild").is_dir(), reason="run npm ci in viewer_src")
def test_building_the_bundle_again_gives_the_same_bytes(tmp_path: Path) -> None:
    shutil.copytree(VIEWER, tmp_path / "viewer_src", ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / "viewer_src" / "node_modules").symlink_to(VIEWER / "node_modules")
    (tmp_path / "assets").mkdir()
    subprocess.run(["node", "build.mjs"], cwd=tmp_path / "viewer_src", check=True, timeout=120)
    assert (tmp_path / "assets" / "viewer.js").read_bytes() == (VIEWER.parent / "assets" / "viewer.js").read_bytes()
