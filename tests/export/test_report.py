"""Reports: what they hold, that foreign text stays text, and that they are the same every time."""

import re
from html.parser import HTMLParser

import pytest

from tests.support import add_corpus, add_experiment, filled_registry, finish, start_next, train
from timnet.errors import BadInput, UnknownName
from timnet.export import report as module
from timnet.export.report import export_report, report_stem
from timnet.provenance import on_disk
from timnet.registry import Registry

HOSTILE = '<script>alert("x")</script>\x1b[31m\u202e|[a](javascript:b)'


class Page(HTMLParser):
    """What a browser would see: tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    with Registry.open(tmp_path_factory.mktemp("hostile") / "runs.db") as registry:
        corpus = add_corpus(registry, HOSTILE, 40)
        add_experiment(registry, corpus, folds=2, note=HOSTILE, tags=("<img/src=x>",), code=on_disk().code)
        for _ in range(2):
            run = start_next(registry)
            train(registry, run, 3)
            finish(registry, run)
        yield registry


def test_a_report_of_two_holds_everything(registry, tmp_path):
    [path] = export_report(registry, [2, 1], [tmp_path / "r.html"])
    page = Page(path.read_text("utf-8"))
    said = " ".join(" ".join(page.words).split())
    for part in (
        "best-test (optimistic)",
        "Optimistic: the test fold itself chose the epoch that is scored.",
        "84.80 ± 7.97",
        "github-2023-08: the authors' repository",
        "1 and 2 cannot be paired fold by fold: they are of different corpora",
        "95% bootstrap intervals, 2000 draws of 10 speakers",
        "sentence in the same emotion",
        "check_every 5",
        "testhost",
        "random folds as published",
        "digest-SAVEE",
        "scikit-learn",
        "Not known: it was queued by an older timnet",
    ):
        assert part in said, part
    assert page.tags.count("img") == page.tags.count("source") == 10
    assert "script" not in page.tags
    for name, value in page.attributes:
        if name in ("src", "srcset", "href"):
            assert value.startswith("data:image/")
    assert "prefers-color-scheme: dark" in path.read_text("utf-8")


def test_a_preset_s_own_value_stands_beside_what_was_set_otherwise(registry):
    made = module.report_of(registry, [registry.experiments.get(2)])
    sheets = {part.header: part for part in made.parts if isinstance(part, module.Sheet)}
    rows = {row[0]: row[1:] for row in sheets["setting", "value", "preset has"].rows}
    assert rows["check_every"] == ("5", "2")
    assert rows["batch_size"] == ("64", "512")
    assert rows["monitor"] == ("val_loss", "")
    leaks = {row[0]: row for row in sheets["also in training", "%", "utterances that tell"].rows}
    assert leaks["speaker"][1] == "100.0"


def test_foreign_text_stays_text(hostile, tmp_path):
    html, md, *pictures = export_report(hostile, [1], [tmp_path / "r.html", tmp_path / "r.md"])
    page = Page(html.read_text("utf-8"))
    assert "script" not in page.tags
    assert set(page.tags) <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "div", "table", "thead", "tbody", "tr",
        "th", "td", "figure", "picture", "source", "img", "figcaption",
    }  # fmt: skip
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert any('<script>alert("x")</script>' in word for word in page.words)
    assert any(word.startswith(f"timnet {on_disk().code.version}") for word in page.words)
    text = md.read_text("utf-8")
    for raw in (html.read_text("utf-8"), text):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", raw)
    assert "<script" not in text.replace("\\<", "")
    assert "[a](" not in text.replace("\\[", "").replace("\\]", "")
    assert not re.search(r"(?<!\\)<(?!r-files/)", text)
    assert {path.parent for path in pictures} == {tmp_path / "r-files"}
    assert len(pictures) == 5


def test_markdown_names_its_pictures(registry, tmp_path):
    md, *pictures = export_report(registry, [1], [tmp_path / "paper.md"])
    named = re.findall(r"!\[[^\]]*\]\(<([^>]+)>\)", md.read_text("utf-8"))
    assert [tmp_path / name for name in named] == pictures
    assert all(picture.read_bytes().startswith(b"<?xml") for picture in pictures)


def test_two_reports_are_byte_identical(registry, tmp_path):
    first, second = (
        export_report(registry, [1], [tmp_path / name / "r.html", tmp_path / name / "r.md"]) for name in "ab"
    )
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_many_points_are_put_in_as_png(registry, monkeypatch):
    monkeypatch.setattr(module, "MANY_POINTS", 10)
    made = module.report_of(registry, [registry.experiments.get(1)])
    forms = {part.name.rpartition("-")[2]: part.form for part in made.parts if isinstance(part, module.Picture)}
    assert forms == {"accuracy": "svg", "loss": "svg", "confusion": "svg", "recall": "svg", "tsne": "png"}


def test_what_cannot_be_drawn_is_told(tmp_path):
    with filled_registry(tmp_path / "runs.db") as registry:
        registry.paths.run(registry.runs.get("1.2").uid).embeddings.unlink()
        made = module.report_of(registry, [registry.experiments.get(1)])
    said = [part.text for part in made.parts if isinstance(part, module.Words)]
    assert any("t-SNE" in text and "not drawn, the embeddings of run 1.2 are gone" in text for text in said)


def test_reports_that_cannot_be_made(registry, tmp_path):
    for name in ("r.pdf", "r", "r.html.gz"):
        with pytest.raises(BadInput, match="is no name for a report"):
            export_report(registry, [1], [tmp_path / name])
    with pytest.raises(UnknownName):
        export_report(registry, [9], [tmp_path / "r.html"])
    with pytest.raises(BadInput, match="no experiment to report on"):
        export_report(registry, [], [tmp_path / "r.html"])
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot write"):
        export_report(registry, [1], [tmp_path / "file" / "r.html"])
    with Registry.open(tmp_path / "runs.db") as empty:
        add_experiment(empty, add_corpus(empty), folds=3)
        with pytest.raises(BadInput, match="no fold of experiment 1 is finished"):
            export_report(empty, [1], [tmp_path / "r.html"])
    assert not (tmp_path / "r.html").exists()


def test_a_report_s_name_carries_every_label(registry):
    one, two = registry.experiments.get(1), registry.experiments.get(2)
    assert report_stem([two]) == "EMODB-2-random-best-test-optimistic-report"
    assert report_stem([one, two]) == "report-1-2-random-last+random-best-test-optimistic"
