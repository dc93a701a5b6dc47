"""What came of a study: the best settings, what mattered, every trial; as JSON, Markdown and a preset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import stdev
from typing import Any

from timnet.files import write_text
from timnet.preset_file import OwnPreset, own_of, save_own
from timnet.registry import Registry
from timnet.text import clean
from timnet.tuning.search import Search, made_by
from timnet.tuning.study import FEWEST, Importance, Study, TrialRecord
from timnet.tuning.tuner import folds_text, setting_text, value_text

CAUTION = (
    "The inner validation sets chose these settings; no test fold was looked at. Yet what is tested in one fold is in"
    " the training data of others, so scores of the same folds with these settings are a little too good. For a clean"
    " score, tune on some folds (--only) and test on others, or on another corpus."
)


@dataclass(frozen=True, slots=True)
class StudyReport:
    """A study as it stands. ``best`` is None until a trial is complete; ``importances`` are empty where too few are."""

    search: Search
    trials: tuple[TrialRecord, ...]
    best: TrialRecord | None
    importances: tuple[Importance, ...]

    @property
    def complete(self) -> int:
        """How many trials are complete."""
        return sum(one.value is not None for one in self.trials)

    @property
    def counts(self) -> str:
        """How many trials came to what, in words."""
        states = [one.state for one in self.trials]
        return ", ".join(f"{states.count(one)} {one}" for one in dict.fromkeys(sorted(states)))

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract of ``timnet tune --json``: plain values, shares as fractions."""
        search = self.search
        return {
            "study": search.study,
            "corpus": search.corpus.name,
            "protocol": search.protocol,
            "folds": list(search.used),
            "of_folds": search.folds,
            "seed": search.seed,
            "metric": search.metric,
            "inner": search.base.inner,
            "selection": search.base.selection,
            "preset": search.preset,
            "save_as": search.save_as,
            "sampler": search.sampler,
            "pruner": search.pruner,
            "space": [str(one) for one in search.space.parameters],
            "best": _trial(self.best) if self.best else None,
            "complete": self.complete,
            "importances": {one.name: one.share for one in self.importances},
            "enough_for_importances": bool(self.importances),
            "trials": [_trial(one) for one in self.trials],
            "caution": CAUTION,
        }


def report_of(search: Search, study: Study) -> StudyReport:
    """The report of a study as it stands now."""
    return StudyReport(search, tuple(study.trials()), study.best, study.importances())


def preset_from(report: StudyReport) -> OwnPreset | None:
    """The preset of the best trial; None until there is one."""
    best, search = report.best, report.search
    if best is None or best.value is None:
        return None
    worth = value_text(search.metric, best.value)
    source = (
        f"{made_by(search.study)} trial {best.number} of {len(report.trials)} on {search.corpus.name}, {worth},"
        f" mean of {folds_text(len(search.used))}, protocol {search.protocol}"
    )
    names = [one.name for one in search.space.parameters]
    config = search.config(best.settings)
    return own_of(search.save_as, source, config, search.corpus.tabs, search.protocol, search.folds, always=names)


def save(registry: Registry, report: StudyReport) -> list[Path]:
    """Write the report as JSON and Markdown, and the preset where there is one; returns the files."""
    from timnet.export.contract import to_json

    beside = registry.paths.tuning_report(report.search.study)
    made = [beside.with_name(f"{beside.name}{suffix}") for suffix in (".md", ".json")]
    for path, text in zip(made, (to_markdown(report), to_json(report.to_dict())), strict=True):
        write_text(path, text)
    preset = preset_from(report)
    if preset is not None:
        save_own(registry.paths.presets, preset, replacing=True)
        made.append(registry.paths.presets)
    return made


def to_markdown(report: StudyReport) -> str:
    """The report for people."""
    search = report.search
    folds = ", ".join(map(str, search.used))
    facts = [
        ("corpus", search.corpus.name),
        ("protocol", f"{search.protocol}, seed {search.seed}, folds {folds} of {search.folds}"),
        (
            "judged by",
            f"{search.metric}, mean over {folds_text(len(search.used))}, inner validation set {search.base.inner:g}",
        ),
        ("selection", search.base.selection),
        ("epochs", str(search.base.epochs)),
        ("starts from", f"preset {search.preset}"),
        ("searched", "; ".join(map(str, search.space.parameters))),
        ("trials", f"{len(report.trials)}: {report.counts}"),
        ("sampler, pruner", f"{search.sampler}, {search.pruner}"),
    ]
    lines = [f"# Tuning {search.study}", "", *_table(("", ""), facts), "", "## Best", ""]
    lines += _best(report)
    lines += ["", "## What mattered", "", *_importances(report), "", "## Trials", ""]
    names = [one.name for one in search.space.parameters]
    rows = [
        (
            str(one.number),
            one.state,
            _value(search.metric, one.value),
            *(_setting(one.settings.get(name)) for name in names),
            str(one.experiment or ""),
            one.why,
        )
        for one in report.trials
    ]
    lines += _table(("trial", "state", _heading(search.metric), *names, "experiment", "why"), rows)
    return "\n".join([*lines, "", CAUTION, ""])


def _best(report: StudyReport) -> list[str]:
    best, search = report.best, report.search
    if best is None or best.value is None:
        return ["No trial is complete."]
    spread = f", sd {_value(search.metric, stdev(best.values))}" if len(best.values) > 1 else ""
    first = report.trials[0]
    usual = {name: search.base.to_dict()[name] for name in best.settings}
    before = (
        [f"The preset {search.preset} as it is (trial 0): {value_text(search.metric, first.value)}."]
        if first.value is not None and dict(first.settings) == usual and first.number != best.number
        else []
    )
    return [
        f"Trial {best.number}, experiment {best.experiment}: {value_text(search.metric, best.value)}{spread},"
        f" n = {folds_text(len(best.values))}. It is the preset `{search.save_as}`.",
        *before,
        "",
        *_table(("setting", "value"), [(name, _setting(value)) for name, value in best.settings.items()]),
    ]


def _importances(report: StudyReport) -> list[str]:
    if not report.importances:
        return [f"Too few trials to tell: {report.complete} are complete, {FEWEST} that differ are needed."]
    rows = [(one.name, f"{one.share * 100:.0f} %") for one in report.importances]
    return ["Shares of the variance between complete trials (fANOVA).", "", *_table(("setting", "share"), rows)]


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(clean(cell).replace('|', chr(92) + '|') for cell in cells)} |"

    return [line(headings), line(["---"] * len(headings)), *map(line, rows)]


def _heading(metric: str) -> str:
    return metric if metric == "inner_loss" else f"{metric} %"


def _value(metric: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if metric == "inner_loss" else f"{value * 100:.2f}"


def _setting(value: object) -> str:
    return "" if value is None else setting_text(value)


def _trial(one: TrialRecord) -> dict[str, Any]:
    return {**asdict(one), "settings": dict(one.settings), "values": list(one.values)}
