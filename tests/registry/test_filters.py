"""The filter language: what each operator finds, and that nothing a user types is anything but a value."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support import add_corpus, add_experiment, filled_registry
from timnet.errors import BadInput
from timnet.records import Run, RunState
from timnet.registry import Registry, filters

# experiment 1: SAVEE, 3 folds, done, tagged paper; 2: EMODB, 10 folds in all states, optimistic, with a note


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with filled_registry(tmp_path_factory.mktemp("filters") / "runs.db") as registry:
        registry.experiments.note(2, "first try, 100% of_it \\ 'here'")
        yield registry


EVERY = "1.1 1.2 1.3 2.1 2.2 2.3 2.4 2.5 2.6 2.7 2.8 2.9 2.10"
FIRST, SECOND = EVERY[:11], EVERY[12:]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", EVERY),
        ("   ", EVERY),
        ("corpus:SAVEE", FIRST),
        ("corpus:savee", FIRST),
        ("corpus=SAVEE", FIRST),
        ("corpus:SAVEE,EMODB", EVERY),
        ("corpus:SAV", ""),
        ("-corpus:SAVEE", SECOND),
        ("-corpus:SAVEE,EMODB", ""),
        ("protocol:random preset:seed", SECOND),
        ("protocol:loso", ""),
        ("selection:best-test", SECOND),
        ("source:trained host:testhost state:done", "1.1 1.2 1.3 2.1 2.2"),
        ("state:done", "1.1 1.2 1.3 2.1 2.2"),
        ("state:running,failed", "2.3 2.4 2.5"),
        ("-state:done,queued", "2.3 2.4 2.5 2.8"),
        ("-state:done -state:queued", "2.3 2.4 2.5 2.8"),
        ("-host:testhost", "2.6 2.7 2.8 2.9 2.10"),
        ("tag:paper", FIRST),
        ("tag:pap", ""),
        ("-tag:paper", SECOND),
        ("optimistic:yes", SECOND),
        ("optimistic:FALSE", FIRST),
        ("-optimistic:true", FIRST),
        ("id:1", FIRST),
        ("id:2.10,1.2", "1.2 2.10"),
        ("fold:2", "1.2 2.2"),
        ("fold:2,3", "1.2 1.3 2.2 2.3"),
        ("fold=2.0", "1.2 2.2"),
        ("fold>8", "2.9 2.10"),
        ("fold>=8", "2.8 2.9 2.10"),
        ("fold<2", "1.1 2.1"),
        ("fold<=2", "1.1 1.2 2.1 2.2"),
        ("-fold>2", "1.1 1.2 2.1 2.2"),
        ("fold>1 fold<3", "1.2 2.2"),
        ("folds:3 seed:44", FIRST),
        ("folds:10 seed:44", ""),
        ("experiment:2 epoch>=12", "2.1 2.2 2.3"),
        ("epoch:12 epochs:20 attempt:1 priority:0", "2.3"),
        ("uar>0", "1.1 1.2 1.3 2.1 2.2"),
        ("-uar>0", "2.3 2.4 2.5 2.6 2.7 2.8 2.9 2.10"),
        ("war>=0.9", "1.1"),
        ("war>1e-1 loss<1 accuracy>.5 val_loss<2 val_accuracy>0 val_uar>0 fold:1", "1.1 2.1"),
        ("uar>nan", ""),
        ("best<1 seconds:1.5 fold:1", "1.1 2.1"),
        ("smoothed_val_uar>0.4 smoothed_loss<2 fold:1", "1.1 2.1"),
        ("smoothed_accuracy>1", ""),
        ("STATE", ""),
        ("state:DONE fold:1", "1.1 2.1"),
        ("pinned:yes", ""),
        ("pinned:no", EVERY),
        ("created>2020-01-31", EVERY),
        ("created<=2020-01-31", ""),
        ("-updated>=2020-01-31T10:30", ""),
        ("uar<inf", "1.1 1.2 1.3 2.1 2.2"),
        ("emodb", SECOND),
        ("mod", SECOND),
        ("-emodb", FIRST),
        ("seed", SECOND),
        ("github", FIRST),
        ('note:"first try"', SECOND),
        ("note:'FIRST try' fold:1", "2.1"),
        ('"first try" fold:1', "2.1"),
        ("note:first note:here fold:1", "2.1"),
        ("100% fold:1", "2.1"),
        ("note:% fold:1", "2.1"),
        ("note:_ fold:1", "2.1"),
        ("note:_f fold:1", ""),
        ("note:0%of fold:1", ""),
        (r"note:'\' fold:1", "2.1"),
        ("-note:first", FIRST),
        ("nothing-like-this", ""),
        ("-", ""),
        ('""', EVERY),
    ],
)  # fmt: skip
def test_a_filter_finds(filled: Registry, text: str, expected: str) -> None:
    assert " ".join(run.key for run in filled.runs.ls(text)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour:red", "no field 'colour' to filter by; there are: corpus, protocol,"),
        ("corpus>EMODB", "corpus is text"),
        ("tag>=x", "tag is text"),
        ("corpus:", "has no value"),
        ("uar>", "has no value"),
        ("uar>high", "needs a number"),
        ("fold:1,two", "needs a number"),
        ("fold:1,", "needs a number"),
        ("uar>0.1,0.2", "compares with more than one number"),
        ("optimistic:maybe", "optimistic is yes or no"),
        ("id:first", "is no id"),
        ("id:1.x", "is no id"),
        ("id:1.2.3", "is no id"),
        ("created>yesterday", "needs a date like 2026-01-31"),
        ("updated:2026-02-30", "needs a date like 2026-01-31"),
        ("created<9999-12-31,2026-01-01", "needs a date like 2026-01-31"),
        ("pinned:maybe", "pinned is yes or no"),
        (" ".join("abcde" * 30), "a filter of 150 terms is too long; 100 is the most"),
        ('note:"first', "No closing quotation"),
        ("corpus:a\\", "No escaped character"),
        ("a " * 501, "too long"),
    ],
)
def test_what_cannot_be_understood_is_told(filled: Registry, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=re.escape(message)) as caught:
        filled.runs.ls(text)
    assert str(caught.value).isprintable()


INJECTIONS = (
    "x' OR '1'='1", 'x" OR "1"="1', "x); DROP TABLE runs; --", "x') UNION SELECT * FROM runs --", "?", "?1", ":name",
    "1; DELETE FROM runs", "runs.state", "NULL", "0 OR 1", "%", "*", "\0", "é", "🎓", "\u202e",
)  # fmt: skip
fields = st.sampled_from([*filters.FIELDS, "colour", "", "runs.state", "1=1 --"])
words = st.one_of(
    st.text(max_size=30),
    st.text(st.characters(), max_size=10),  # lone surrogates too
    st.sampled_from(INJECTIONS),
    st.integers().map(str),
    st.floats().map(str),
    st.builds("{}.{}".format, st.integers(0), st.integers(0)),
)
terms = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "-", "--"]),
    fields,
    st.sampled_from([":", "=", "<", ">", "<=", ">=", "", "=="]),
    words,
    st.sampled_from(["", "", ",", ",x", ",1"]),
)
quoted = terms.map(lambda term: '"' + term.replace("\\", "\\\\").replace('"', '\\"') + '"')


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(terms, quoted, words), max_size=6).map(" ".join))
@example("id:" + "9" * 400)
@example("uar>" + "9" * 400)
@example("corpus:" + ",".join("a" * 480))
@example(" ".join("a" * 500))
@example("note:" + "%" * 900)
@example("\udcff")
def test_any_text_lists_some_runs_or_is_bad_input(filled: Registry, text: str) -> None:
    found, refusal = [], "none"
    try:
        found = filled.runs.ls(text)
    except BadInput as error:
        refusal = str(error)
    assert refusal.isprintable()
    assert {run.key for run in found} <= set(EVERY.split())
    assert len(filled.runs.ls()) == 13


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([*filters.TEXT_FIELDS, "tag"]), st.one_of(st.text(min_size=1), st.sampled_from(INJECTIONS)))
def test_what_a_user_types_is_only_ever_a_parameter(name: str, value: str) -> None:
    plain = filters.parse(f"{name}:x").sql
    value = value.replace(",", "") or "x"
    word = f"{name}:{value}".replace("\\", "\\\\").replace('"', '\\"')
    condition = filters.parse(f'"{word}"')
    assert condition.sql == plain
    assert len(condition.parameters) == 1
    (parameter,) = condition.parameters
    unescaped = re.sub(r"\\(.)", r"\1", parameter[1:-1], flags=re.DOTALL) if name == "note" else parameter
    assert unescaped == value


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["fold", "epoch", "uar", "val_loss"]),
    st.sampled_from([":", "=", "<", "<=", ">", ">="]),
    st.one_of(st.integers(-2, 21), st.floats(0, 2, allow_nan=False)),
    st.booleans(),
)
def test_numbers_compare_as_numbers_and_no_value_never_matches(
    filled: Registry, name: str, op: str, number: float, negated: bool
) -> None:
    def matches(run: Run) -> bool:
        value = {"fold": run.fold, "epoch": run.epoch, "uar": run.uar, "val_loss": run.last_val_loss}[name]
        if value is None:
            return False
        return {"<": value < number, "<=": value <= number, ">": value > number, ">=": value >= number}.get(
            op, value == number
        )

    found = filled.runs.ls(f"{'-' if negated else ''}{name}{op}{number}")
    assert found == [run for run in filled.runs.ls() if matches(run) != negated]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["corpus:EMODB", "state:done", "fold<3", "tag:paper", "uar>0.8", "seed"]), max_size=4),
       st.sampled_from(["corpus:EMODB", "state:done", "fold<3", "tag:paper", "uar>0.8", "seed"]))  # fmt: skip
def test_terms_must_all_hold_and_a_term_and_its_negation_share_out_all_runs(
    filled: Registry, some: list[str], one: str
) -> None:
    def found(text: str) -> set[str]:
        return {run.key for run in filled.runs.ls(text)}

    both = found(" ".join([*some, one]))
    assert both == found(" ".join(some)) & found(one)
    assert found(f"-{one}") == set(EVERY.split()) - found(one)


def test_runs_are_sorted_as_asked_with_missing_values_last(filled: Registry) -> None:
    def keys(**how: object) -> list[str]:
        return [run.key for run in filled.runs.ls(**how)]  # type: ignore[arg-type]

    every = filled.runs.ls()
    assert keys() == EVERY.split()
    assert keys(descending=True) == EVERY.split()[::-1]
    for name in ("uar", "war"):
        scored = [run for run in every if getattr(run, name) is not None]
        rising = [getattr(run, name) for run in filled.runs.ls(sort=name)]
        falling = [getattr(run, name) for run in filled.runs.ls(sort=name, descending=True)]
        assert rising[: len(scored)] == sorted(getattr(run, name) for run in scored)
        assert falling[: len(scored)] == rising[: len(scored)][::-1]
        assert rising[len(scored) :] == falling[len(scored) :] == [None] * (13 - len(scored))
    losses = [run.last_loss for run in filled.runs.ls(sort="loss")]
    assert losses[:8] == sorted(losses[:8])
    assert losses[8:] == [None] * 5
    assert [run.id for run in filled.runs.ls(sort="created")] == sorted(run.id for run in every)
    assert [r.updated for r in filled.runs.ls(sort="updated")] == sorted(r.updated for r in every)
    with pytest.raises(BadInput, match="cannot sort by 'colour'; there are: id, created"):
        keys(sort="colour")
    with pytest.raises(BadInput):
        keys(sort="id; DROP TABLE runs")


def test_a_long_list_can_be_read_page_by_page(filled: Registry) -> None:
    pages = [filled.runs.ls(limit=5, offset=offset) for offset in range(0, 15, 5)]
    assert [len(page) for page in pages] == [5, 5, 3]
    assert [run.key for page in pages for run in page] == EVERY.split()
    assert filled.runs.ls(limit=0) == []
    assert [run.key for run in filled.runs.ls("state:done", sort="uar", descending=True, limit=1)] == ["1.1"]


def test_runs_are_counted_in_every_state(filled: Registry) -> None:
    counts = filled.runs.counts()
    assert counts == {state: sum(run.state is state for run in filled.runs.ls()) for state in RunState}
    assert sum(counts.values()) == 13


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("created:2026-01-31", "31"),
        ("created>2026-01-31", "01 02"),
        ("created>=2026-01-31", "31 01 02"),
        ("created<2026-01-31", "30"),
        ("created<=2026-01-31", "30 31"),
        ("-created:2026-01-31", "30 01 02"),
        ("created>2026-01-31T23:58", "31 01 02"),
        ("created>2026-01-31T23:59", "01 02"),
        ("created=2026-02-01T00:00", "01"),
        ("created>9999-12-30", ""),
    ],
)
def test_a_date_is_a_whole_day_and_a_time_a_whole_minute(registry: Registry, text: str, days: str) -> None:
    corpus = add_corpus(registry)
    times = (
        "2026-01-30T23:59:59.999Z",
        "2026-01-31T23:59:00.000Z",
        "2026-02-01T00:00:00.000Z",
        "2026-02-02T12:00:00.000Z",
    )
    for place, time in enumerate(times, 1):
        add_experiment(registry, corpus, only=(1,))
        registry.db.connection.execute("UPDATE runs SET created = ? WHERE id = ?", (time, place))
    assert " ".join(run.created[8:10] for run in registry.runs.ls(text)) == days
