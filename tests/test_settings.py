"""Settings: the user's file, then the working directory's, then the environment; later wins."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from timnet.errors import BadInput
from timnet.settings import Notify, Settings, effective, load


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty configuration folder of the user."""
    folder = tmp_path / "config"
    folder.mkdir()
    monkeypatch.setattr(platformdirs, "user_config_dir", lambda *_, **__: str(folder))
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    return folder


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def test_without_files_and_variables_the_defaults_hold(home: Path, here: Path, tmp_path: Path) -> None:
    assert load({}, here) == Settings(cache=tmp_path / "cache")
    assert load({"TIMNET_DB": "", "TIMNET_UNHEARD_OF": "x", "HOME": "/x"}, here) == Settings(cache=tmp_path / "cache")


def test_later_wins(home: Path, here: Path) -> None:
    (home / "timnet.toml").write_text('jobs = 1\nthreads = 2\nmax_crashes = 3\ntheme = "nord"')
    (here / "timnet.toml").write_text('threads = 4\nmax_crashes = 5\ndb = "other.db"')
    loaded = load({"TIMNET_MAX_CRASHES": "7", "TIMNET_DEVICE": "cpu"}, here)
    assert (loaded.jobs, loaded.threads, loaded.max_crashes, loaded.theme) == (1, 4, 7, "nord")
    assert (loaded.db, loaded.device) == (Path("other.db"), "cpu")


def test_the_environment_s_variables_name_every_setting(
    home: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(here))
    loaded = load(
        {
            "TIMNET_DB": "~/a.db", "TIMNET_CACHE": "/c", "TIMNET_JOBS": "0", "TIMNET_THREADS": "3",
            "TIMNET_MAX_CRASHES": "1", "TIMNET_DEVICE": "gpu", "TIMNET_THEME": "gruvbox",
            "TIMNET_NICE": "0",
        },
        here,
    )  # fmt: skip
    assert loaded == Settings(here / "a.db", Path("/c"), 0, 3, 1, "gpu", "gruvbox", nice=0)


def test_the_working_directory_and_the_process_s_environment_count_where_nothing_is_named(
    home: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "timnet.toml").write_text("jobs = 6")
    monkeypatch.chdir(here)
    monkeypatch.setenv("TIMNET_THREADS", "5")
    loaded = load()
    assert (loaded.jobs, loaded.threads) == (6, 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jobs = ", "cannot read the settings"),
        ("jobs = -1", "jobs = -1 in {} is not a whole number of 0 or more"),
        ("threads = 0", "threads = 0 in {} is not a whole number of 1 or more"),
        ("threads = 2.5", "is not a whole number"),
        ("threads = inf", "is not a whole number"),
        ("threads = nan", "is not a whole number"),
        ("threads = true", "is not a whole number"),
        ("threads = [1]", "is not a whole number"),
        ('threads = "many"', "threads = 'many' in {} is not a whole number"),
        ("max_crashes = 0", "max_crashes = 0 in {}"),
        ('device = "tpu"', "device = 'tpu' in {} is no device; there are: auto, cpu, gpu"),
        ("theme = 3", "theme = 3 in {} is not a text"),
        ("db = 3", "db = 3 in {} is not a text"),
        ('db = ""', "db = '' in {} is not a text"),
        ('db = "~nobody-of-this-name/x"', "names the home of a user who is not here"),
        ("colour = 3", "unknown setting 'colour' in {}; known: cache, db, "),
        ("[jobs]\nx = 1", "is not a whole number"),
        ("notify = true", "notify = True in {} is no table; write [notify]"),
        ("[notify]\nblink = true", "unknown setting 'notify.blink' in {}; known: cache"),
        ("[notify]\nbell = 1", "notify.bell = 1 in {} is neither true nor false"),
        ('[notify]\nbell = "true"', "notify.bell = 'true' in {} is neither true nor false"),
        ('[notify]\non = "nan"', "notify.on = 'nan' in {} is no list"),
        ('[notify]\non = ["nan", "rain"]', "notify.on has 'rain' in {}; there are: finish, run, failed, nan, stall"),
        ('[notify]\non = [["nan"]]', "notify.on has ['nan'] in {}"),
        ('glyphs = "emoji"', "glyphs = 'emoji' in {} is no choice of glyphs; there are: auto, unicode, ascii"),
        ("keys = 3", "keys = 3 in {} is no table"),
        ('[keys]\n"grid.pause" = 3', "keys.grid.pause = 3 in {} is no key"),
        ("[keys]\ngrid.pause = []", "keys.grid.pause = [] in {} is no key"),
        ('[keys]\n"grid.pause" = " "', "keys.grid.pause = ' ' in {} is no key"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_with_its_file(home: Path, here: Path, text: str, message: str) -> None:
    for folder in (home, here):
        path = folder / "timnet.toml"
        path.write_text(text)
        with pytest.raises(BadInput) as caught:
            load({}, here)
        assert message.format(path) in str(caught.value)
        assert str(path) in str(caught.value)
        path.unlink()


def test_notifications_and_keys_are_read_from_tables(home: Path, here: Path) -> None:
    (home / "timnet.toml").write_text(
        '[notify]\non = ["failed"]\nbell = true\nwebhook = "https://hooks.example.org/T0/secret"\n'
        'command = ["notify-send", "timnet", "{text}"]\n[keys]\n"grid.pause" = "P"\nrun.back = ["b", "ctrl+b"]\n'
    )
    (here / "timnet.toml").write_text('glyphs = "ascii"\n[notify]\nosc9 = true\n[keys]\n"grid.pause" = "x"')
    loaded = load({"TIMNET_NOTIFY_DESKTOP": "1", "TIMNET_NOTIFY_ON": "nan, stall"}, here)
    assert loaded.notify == Notify(
        ("nan", "stall"), True, True, True, "https://hooks.example.org/T0/secret", False,
        ("notify-send", "timnet", "{text}"),
    )  # fmt: skip
    assert loaded.glyphs == "ascii"
    assert dict(loaded.keys) == {"grid.pause": "x", "run.back": "b,ctrl+b"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('command = "rm -rf"', "notify.command in {} is no list of texts"),
        ("command = [1]", "notify.command in {} is no list of texts"),
        ('webhook = "ftp://x.org/secret"', "notify.webhook in {} is no address that begins with https://"),
        ('webhook = "https://"', "notify.webhook in {} is no address"),
        ('webhook = "https://h:99999/secret"', "notify.webhook in {} is no address"),
        ('webhook = "https://h/ secret"', "notify.webhook in {} is no address"),
        ("webhook = 3", "notify.webhook in {} is no address"),
        ('webhook = "http://h.example.org/secret"', "notify.webhook in {} sends over plain http to h.example.org"),
    ],
)
def test_where_notices_go_is_checked_and_never_repeated(home: Path, here: Path, text: str, message: str) -> None:
    path = home / "timnet.toml"
    path.write_text(f"[notify]\n{text}")
    with pytest.raises(BadInput) as caught:
        load({}, here)
    assert message.format(path) in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:80/x", "http://[::1]/x", "http://localhost:9/x", "https://a.org"])
def test_a_webhook_may_be_https_or_on_this_machine(home: Path, here: Path, url: str) -> None:
    assert load({"TIMNET_NOTIFY_WEBHOOK": url}, here).notify.webhook == url
    plain = {"TIMNET_NOTIFY_WEBHOOK": "http://a.org/x", "TIMNET_NOTIFY_INSECURE": "true"}
    assert load(plain, here).notify.webhook == "http://a.org/x"


@pytest.mark.parametrize("line", ['webhook = "https://a.org/"', 'command = ["touch", "x"]', "insecure = true"])
def test_a_working_directory_cannot_run_commands_or_send_results_away(home: Path, here: Path, line: str) -> None:
    (here / "timnet.toml").write_text(f"[notify]\n{line}")
    with pytest.raises(BadInput, match=r"is not read from a working directory's file; write it in .*config"):
        load({}, here)


def test_every_value_has_a_source_and_a_webhook_shows_its_host_alone(home: Path, here: Path) -> None:
    (home / "timnet.toml").write_text(
        '[notify]\nwebhook = "https://me:pw@hooks.example.org:8443/T0/secret?token=secret"\n[keys]\n"grid.open" = "o"'
    )
    (here / "timnet.toml").write_text("jobs = 3")
    found = {name: (value, source) for name, value, source in effective({"TIMNET_THREADS": "2"}, here).values()}
    assert found["jobs"] == (3, str(here / "timnet.toml"))
    assert found["threads"] == (2, "the environment (TIMNET_*)")
    assert found["device"] == ("auto", "default")
    assert found["notify.webhook"] == ("https://hooks.example.org:8443/…", str(home / "timnet.toml"))
    assert found["keys.grid.open"] == ("o", str(home / "timnet.toml"))


def test_a_file_that_is_no_text_is_told(home: Path, here: Path) -> None:
    (here / "timnet.toml").write_bytes(b"\xff\xfe\0")
    with pytest.raises(BadInput, match="cannot read the settings in"):
        load({}, here)


def test_a_variable_that_cannot_be_used_is_told(home: Path, here: Path) -> None:
    for name, value in (
        ("JOBS", "-1"),
        ("THREADS", "0"),
        ("THREADS", "2.5"),
        ("DEVICE", "tpu"),
        ("DB", "~no-such-user/x"),
        ("NOTIFY_BELL", "yes"),
        ("NOTIFY_ON", "rain"),
        ("NOTIFY_COMMAND", "say 'x"),
        ("GLYPHS", "emoji"),
    ):
        with pytest.raises(BadInput, match=r"in the environment \(TIMNET_\*\)"):
            load({f"TIMNET_{name}": value}, here)


def test_without_a_number_of_jobs_the_cores_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("timnet.settings.cores", lambda: 8)
    assert [Settings(jobs=jobs, threads=threads).jobs_here for jobs, threads in ((0, 1), (0, 4), (0, 16), (3, 4))] == [
        8,
        2,
        1,
        3,
    ]
