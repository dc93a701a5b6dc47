"""``timnet corpora``: the recordings that experiments are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timnet.cli import complete
from timnet.cli.context import creating, reading, settings_of
from timnet.cli.help import examples
from timnet.cli.output import print_json, print_table, progress_bar, say
from timnet.errors import BadInput, UnknownName

app = typer.Typer(help="Register corpora, check them, extract their features.", no_args_is_help=True)

Name = Annotated[
    str,
    typer.Argument(
        metavar="CORPUS", help="A corpus, e.g. EMODB (any case).", show_default=False, autocompletion=complete.corpora
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("ls", epilog=examples("corpora ls", "corpora ls --json"))
def ls(context: typer.Context, as_json: Json = False) -> None:
    """List the registered corpora."""
    with reading(context) as (registry, _):
        sizes = registry.corpora.sizes()
        corpora = registry.corpora.ls()
    rows = [(c, *sizes.get(c.id, (0, 0))) for c in corpora]
    if as_json:
        print_json(
            [
                {
                    "corpus": c.name,
                    "path": c.path,
                    "utterances": utterances,
                    "speakers": speakers,
                    "classes": list(c.classes),
                    "signal_length": c.signal_length,
                    "tabs": c.tabs,
                    "added": c.added,
                }
                for c, utterances, speakers in rows
            ]
        )
        return
    if not rows:
        say("no corpus yet; add one: timnet corpora add EMODB FOLDER (or see it all run: timnet demo)")
        return
    print_table(
        ("corpus", "utterances", "speakers", "classes", "path"),
        [(c.name, str(utterances), str(speakers), str(len(c.classes)), c.path) for c, utterances, speakers in rows],
        right=("utterances", "speakers", "classes"),
    )


@app.command("add", epilog=examples("corpora add EMODB ~/EMODB/wav", "corpora add EMODB ~/EMODB/wav --json"))
def add(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="CORPUS", help="Which corpus it is, e.g. EMODB.", autocompletion=complete.known_corpora),
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder with its raw wav files, in the published layout.")
    ],
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out recordings that cannot be used, and name them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Register a corpus from its raw files, which are only read."""
    from timnet.corpora.service import read_corpus, register
    from timnet.tasks import Progress

    with progress_bar(f"reading {name}") as report:
        corpus = read_corpus(name, folder, lambda done, total: report(Progress(done, total)), skip_bad=skip_bad)
    with creating(context) as (registry, _):
        record, found = register(registry, corpus)
    if as_json:
        print_json(found.to_dict())
        return
    say(f"{record.name}: {found.utterances} utterances, {found.speakers} speakers, {len(record.classes)} classes")
    _say_problems(found.problems)


@app.command("check", epilog=examples("corpora check EMODB", "corpora check EMODB --json"))
def check(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Compare a registered corpus with its files now and with the published counts."""
    from timnet.corpora.service import check_corpus

    with reading(context) as (registry, _):
        found = check_corpus(registry, name)
    if as_json:
        print_json(found.to_dict())
        return
    print_table(("class", "utterances"), [(label, str(n)) for label, n in found.classes.items()], right=("utterances",))
    say(f"{found.corpus}: {found.utterances} utterances, {found.speakers} speakers in {found.path}")
    _say_problems(found.problems)


@app.command("rm", epilog=examples("corpora rm EMODB"))
def rm(context: typer.Context, name: Name) -> None:
    """Forget a corpus. Its files and its experiments stay."""
    with reading(context) as (registry, _):
        registry.corpora.remove(name)
    say(f"{name} is forgotten here; its files and its experiments are as they were")


@app.command(
    "features",
    epilog=examples("corpora features EMODB --jobs 2", "corpora features", "corpora features EMODB --rm"),
)
def features(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="CORPUS",
            help="Extract this corpus's MFCCs now; without it, list the cache.",
            autocompletion=complete.corpora,
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", metavar="N", min=0, max=1024, help="Processes; 0: one a core.")
    ] = 0,
    remove: Annotated[bool, typer.Option("--rm", help="Remove the corpus's cached features instead.")] = False,
    as_json: Json = False,
) -> None:
    """Extract MFCCs into the cache, list what is cached, or remove it."""
    if name is None and remove:
        raise BadInput("name the corpus whose cached features are to be removed")
    if name is None:
        _list_cache(context, as_json)
        return
    from timnet.features.build import ensure_features
    from timnet.features.cache import FeatureCache
    from timnet.features.recipe import MfccRecipe

    with reading(context) as (registry, settings):
        corpus = registry.corpora.get(name)
    recipe = MfccRecipe(corpus.signal_length)
    cache = FeatureCache(settings.cache)
    if remove:
        found = cache.find(corpus.utterances, recipe)
        if found is None:
            raise UnknownName(f"no features of {corpus.name} in {settings.cache}")
        cache.remove(found.stem)
        if as_json:
            print_json({"corpus": corpus.name, "removed": str(found)})
        else:
            say(f"removed the cached features of {corpus.name}")
        return
    with progress_bar(f"MFCCs of {corpus.name}") as report:
        folder = Path(corpus.path)
        path = ensure_features(
            folder, corpus.utterances, recipe, settings.cache, jobs or None, report, corpus=corpus.name
        )
    shape = [len(corpus.utterances), recipe.frames, recipe.n_mfcc]
    if as_json:
        print_json({"corpus": corpus.name, "path": str(path), "shape": shape, "bytes": path.stat().st_size})
        return
    say(f"{corpus.name}: float32 {shape} in {path}")


def _list_cache(context: typer.Context, as_json: bool) -> None:
    from timnet.features.cache import FeatureCache

    settings = settings_of(context)
    entries = FeatureCache(settings.cache).entries()
    if as_json:
        print_json([{"corpus": e.corpus, "key": e.key, "bytes": e.bytes, "made": e.made} for e in entries])
        return
    if not entries:
        say(f"nothing is cached in {settings.cache}")
        return
    rows = [(e.corpus or "?", e.key[:12], f"{e.bytes / 2**20:.1f} MiB", e.made) for e in entries]
    print_table(("corpus", "key", "size", "made"), rows, right=("size",))


def _say_problems(problems: tuple[str, ...]) -> None:
    for problem in problems:
        say(f"  ! {problem}")
