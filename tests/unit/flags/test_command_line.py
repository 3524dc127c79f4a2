from pathlib import Path

import pytest

from promscrape.flags.command_line import Exit, parse
from promscrape.flags.flags import Flags
from promscrape.model.duration import Duration
from promscrape.model.go_duration import GoDuration
from promscrape.model.size import Size

VERSION = "promscrape, version 0 (branch: b, revision: r)\n  build user: u"
ERROR = "Error parsing command line arguments: "


def parsed(*arguments: str) -> Flags:
    flags = parse(arguments, version=VERSION, width=80)
    assert isinstance(flags, Flags), flags
    return flags


def ended(*arguments: str) -> Exit:
    end = parse(arguments, version=VERSION, width=80)
    assert isinstance(end, Exit), end
    return end


def test_without_arguments_every_flag_has_prometheuss_default() -> None:
    """Service 1.2: the stock file in the working directory is served on the stock port."""
    flags = parsed()
    assert flags.config_file == "prometheus.yml"
    assert flags.web_listen_address == ("0.0.0.0:9090",)  # Prometheus's default
    assert flags.web_read_timeout == Duration(300_000)
    assert flags.storage_agent_path == "data-agent/"
    assert flags.storage_agent_wal_segment_size == Size()
    assert flags.scrape_timestamp_tolerance == GoDuration(2_000_000)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config.file=a.yml", "--web.enable-lifecycle", "--no-auto-gomaxprocs"],
        ["--config.file", "a.yml", "--web.enable-lifecycle", "--no-auto-gomaxprocs"],
        ["--no-auto-gomaxprocs", "--web.enable-lifecycle", "--config.file", "a.yml", "--"],
    ],
)
def test_values_stand_behind_an_equals_sign_or_alone(arguments: list[str]) -> None:
    """Service 1.1: both forms, in any order, and booleans by name."""
    flags = parsed(*arguments)
    assert flags.config_file == "a.yml"
    assert flags.web_enable_lifecycle
    assert not flags.auto_gomaxprocs


@pytest.mark.parametrize(
    ("argument", "value"),
    [("--config.file=a=b", "a=b"), ("--config.file=", ""), ("--config.file=--x", "--x")],
)
def test_a_value_is_all_that_follows_the_first_equals_sign(argument: str, value: str) -> None:
    """Service 1.1: a value may be empty, have an equals sign or begin like a flag."""
    assert parsed(argument).config_file == value


def test_a_flag_that_starts_with_no_is_not_a_negation() -> None:
    """Service 1.1: --storage.agent.no-lockfile is a name; --no- in front of it negates."""
    assert parsed("--storage.agent.no-lockfile").storage_agent_no_lockfile
    assert not parsed("--no-storage.agent.no-lockfile").storage_agent_no_lockfile


def test_a_repeatable_flag_collects_its_values() -> None:
    """Service 1.1, 1.2: the first value replaces the default, each further one is added."""
    flags = parsed("--web.listen-address=:9091", "--web.listen-address", "[::1]:9092")
    assert flags.web_listen_address == (":9091", "[::1]:9092")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--bogus"], "unknown long flag '--bogus'"),
        (["--bogus=1"], "unknown long flag '--bogus'"),
        (["--no-config.file"], "unknown long flag '--no-config.file'"),
        (["--no-bogus"], "unknown long flag '--no-bogus'"),
        (["--web.config.file=x"], "unknown long flag '--web.config.file'"),
        (
            ["--storage.remote.flush=1m"],
            "unknown long flag '--storage.remote.flush'",
        ),
        (["-x"], "unknown short flag '-x'"),
        (["-"], "unknown short flag '-'"),
        (["-hx"], "unknown short flag '-x'"),
        (["--config.file"], "expected argument for flag '--config.file'"),
        (["--config.file", "--log.level=info"], "expected argument for flag '--config.file'"),
        (["--config.file", "-"], "expected argument for flag '--config.file'"),
        (["extra"], "unexpected extra"),
        (["--agent=false"], "unexpected false"),
        (["--web.enable-lifecycle", "true"], "unexpected true"),
        (["--", "--config.file=x"], "unexpected --config.file=x"),
        (["--web.read-timeout=abc", "--bogus"], "unknown long flag '--bogus'"),
        (["--help", "--bogus"], "unknown long flag '--bogus'"),
        (["@"], "expected @ file to expand arguments from"),
    ],
)
def test_a_syntax_error_is_two_lines_and_exit_code_1(arguments: list[str], error: str) -> None:
    """Service 3, 4, 1.1: what cannot be understood is named on stderr, without the usage."""
    assert ended(*arguments) == Exit(1, stderr=f"{ERROR}{error}\npromscrape: error: {error}\n")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--config.file=a", "--config.file=b"], "flag 'config.file' cannot be repeated"),
        (["--agent", "--no-agent"], "flag 'agent' cannot be repeated"),
        (["--web.read-timeout=abc"], 'not a valid duration string: "abc"'),
        (["--web.read-timeout="], "empty duration string"),
        (["--scrape.timestamp-tolerance=5"], 'time: missing unit in duration "5"'),
        (["--storage.agent.wal-segment-size=10"], "units: unknown unit  in 10"),
        (
            ["--storage.agent.wal-compression-type=gzip"],
            "enum value must be one of snappy,zstd, got 'gzip'",
        ),
        (
            ["--storage.agent.wal-fsync=never"],
            "enum value must be one of segment,interval,commit, got 'never'",
        ),
        (["--web.max-connections=x"], 'strconv.ParseFloat: parsing "x": invalid syntax'),
        (
            ["--web.max-connections=1e999"],
            'strconv.ParseFloat: parsing "1e999": value out of range',
        ),
        (["--web.max-connections=1_0"], 'strconv.ParseFloat: parsing "1_0": invalid syntax'),
        (["--auto-gomemlimit.ratio=nan"], 'strconv.ParseFloat: parsing "nan": invalid syntax'),
        (["--log.level=foo"], "unrecognized log level foo"),
        (["--log.format=JSON"], "unrecognized log format JSON"),
        (["--query.timeout=abc"], 'not a valid duration string: "abc"'),
    ],
)
def test_a_bad_value_brings_the_usage_and_exit_code_2(arguments: list[str], error: str) -> None:
    """Service 5, 6, 7, 8: the flag is known, so the usage can help."""
    end = ended(*arguments)
    assert (end.code, end.stderr) == (2, f"{ERROR}{error}\n")
    assert end.stdout == ended("--help").stdout


@pytest.mark.parametrize("level", ["warn", "WARN", "Warn"])
def test_a_log_level_is_read_in_any_case(level: str) -> None:
    """Service 7: --log.level=WARN is accepted."""
    assert parsed(f"--log.level={level}").effective()["log.level"] == "warn"


@pytest.mark.parametrize(("text", "number"), [("5e2", 500), ("64.9", 64), ("+1", 1), (".5e1", 5)])
def test_an_integer_is_read_as_a_number_and_cut(text: str, number: int) -> None:
    """Service 1.1: as the reference's library reads integers."""
    assert parsed(f"--web.max-connections={text}").web_max_connections == number


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--version", "--bogus"],
        ["--web.read-timeout=x", "--version"],
        ["--no-version"],
    ],
)
def test_version_wins_over_errors_behind_it(arguments: list[str]) -> None:
    """Service 1: the version block and exit code 0 even when another argument is wrong."""
    assert ended(*arguments) == Exit(0, stdout=f"{VERSION}\n")


@pytest.mark.parametrize("argument", ["--help", "-h"])
def test_help_shows_the_usage_without_hidden_flags(argument: str) -> None:
    """Service 2: hidden flags work but are not advertised, nor are those that are refused."""
    end = ended(argument, "--web.read-timeout=abc")
    assert (end.code, end.stderr) == (0, "")
    assert end.stdout.startswith("usage: promscrape [<flags>]\n")
    shown = {line.strip().partition(" ")[0] for line in end.stdout.splitlines()}
    assert '--config.file="prometheus.yml"' in shown
    assert "--[no-]web.enable-lifecycle" in shown
    assert "--enable-feature=ENABLE-FEATURE" in shown
    assert "--enable-feature=ENABLE-FEATURE ..." in end.stdout
    assert "--web.listen-address=0.0.0.0:9090 ..." in end.stdout
    assert "--web.external-url=<URL>" in shown
    for hidden in ("--scrape.adjust-timestamps", "--storage.tsdb.path"):
        assert not any(name.startswith(hidden) for name in shown)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_usage_keeps_to_the_terminals_width(width: int) -> None:
    """Service 1.1: help is wrapped in its column; a name is never broken."""
    end = parse(["--help"], version=VERSION, width=width)
    assert isinstance(end, Exit)
    long = [line for line in end.stdout.splitlines() if len(line) > width]
    assert all(line.lstrip().startswith("--") or not line.startswith(" ") for line in long)


def test_a_tiny_terminal_still_gets_its_help() -> None:
    """Service 1.1: a pipe that claims to be 10 columns wide must not break the wrapping."""
    end = parse(["--help"], version=VERSION, width=10)
    assert isinstance(end, Exit)
    assert "Show this help." in end.stdout


def test_arguments_are_read_from_a_file(tmp_path: Path) -> None:
    """Service 1.1: `@file` stands for its lines; blank ones and comments are left out."""
    file = tmp_path / "arguments"
    file.write_text("# the port\n--web.listen-address=:1\n\n   \n--config.file\na b.yml\n")
    flags = parsed("--web.listen-address=:0", f"@{file}", "--web.listen-address=:2")
    assert flags.web_listen_address == (":0", ":1", ":2")
    assert flags.config_file == "a b.yml"


def test_an_argument_file_may_name_another(tmp_path: Path) -> None:
    """Service 1.1: the lines are arguments like any other."""
    (tmp_path / "inner").write_text("--config.file=inner.yml\n")
    (tmp_path / "outer").write_text(f"@{tmp_path}/inner\n")
    assert parsed(f"@{tmp_path}/outer").config_file == "inner.yml"


def test_a_missing_argument_file_is_an_error(tmp_path: Path) -> None:
    """Service 1.1: in the words of the reference."""
    end = ended(f"@{tmp_path}/none")
    reason = f'failed to open arguments file "{tmp_path}/none": '
    reason += f"open {tmp_path}/none: no such file or directory"
    assert end == Exit(1, stderr=f"{ERROR}{reason}\npromscrape: error: {reason}\n")


def test_an_argument_file_that_names_itself_ends(tmp_path: Path) -> None:
    """Service 1.1: the reference would read it forever."""
    file = tmp_path / "loop"
    file.write_text(f"@{file}\n")
    end = ended(f"@{file}")
    assert end.code == 1
    assert "does" in end.stderr
    assert str(file) in end.stderr


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--storage.tsdb.path=x"], '"--storage.tsdb.path"'),
        (
            ["--query.timeout=1m", "--log.level=info", "--storage.tsdb.path", "x"],
            '"--query.timeout" "--storage.tsdb.path"',
        ),
        (["--no-storage.tsdb.no-lockfile"], '"--storage.tsdb.no-lockfile"'),
        (["--no-agent"], '"--no-agent"'),
    ],
)
def test_a_servers_flag_ends_with_exit_code_3(arguments: list[str], names: str) -> None:
    """Service 9: a server's command line must not run as an agent by accident."""
    text = f"The following flag(s) can not be used in agent mode: [{names}]"
    assert ended(*arguments) == Exit(3, stderr=text)


@pytest.mark.parametrize(
    ("arguments", "code", "stderr"),
    [
        (
            ["--storage.agent.checkpoint-batch-size=0"],
            1,
            "--storage.agent.checkpoint-batch-size must be greater than 0.\n",
        ),
        (
            ["--auto-gomemlimit.ratio=0", "--no-auto-gomemlimit"],
            1,
            "--auto-gomemlimit.ratio must be greater than 0 and less than or equal to 1.",
        ),
        (
            ["--auto-gomemlimit.ratio=1.01"],
            1,
            "--auto-gomemlimit.ratio must be greater than 0 and less than or equal to 1.",
        ),
        (
            ["--storage.agent.wal-segment-size=9MB"],
            1,
            "flag 'storage.agent.wal-segment-size' must be set between 10MB and 256MB\n",
        ),
        (
            ["--storage.agent.wal-segment-size=257MB"],
            1,
            "flag 'storage.agent.wal-segment-size' must be set between 10MB and 256MB\n",
        ),
        (["--web.max-connections=0"], 1, "--web.max-connections must be greater than 0.\n"),
        (
            ['--web.external-url="x"'],
            2,
            (r'parse external URL "\"x\"": URL must not begin or end with quotes' "\n"),
        ),
        (
            ["--web.cors.origin=("],
            2,
            (
                'could not compile CORS regex string "(": error parsing regexp: '
                "missing closing ): `^(?s:()$`\n"
            ),
        ),
        (
            ["--web.listen-address=nowhere"],
            2,
            'parse external URL "": address nowhere: missing port in address\n',
        ),
        (
            ["--enable-feature=otlp-deltatocumulative,otlp-native-delta-ingestion"],
            1,
            (
                "Error parsing feature list: cannot enable otlp-deltatocumulative and "
                "otlp-native-delta-ingestion features at the same time\n"
            ),
        ),
    ],
)
def test_values_are_checked_after_parsing(arguments: list[str], code: int, stderr: str) -> None:
    """Service 8, 12, 1.3: each check with its own text and exit code."""
    assert ended(*arguments) == Exit(code, stderr=stderr)


def test_the_checks_have_an_order() -> None:
    """Service 1.3: features, mode, batch size, ratio, URL, CORS."""
    faults = [
        ("--enable-feature=otlp-deltatocumulative,otlp-native-delta-ingestion", "feature list"),
        ("--storage.tsdb.path=x", "agent mode"),
        ("--storage.agent.checkpoint-batch-size=0", "checkpoint-batch-size"),
        ("--auto-gomemlimit.ratio=0", "ratio"),
        ("--web.external-url='", "external URL"),
        ("--web.cors.origin=(", "CORS"),
    ]
    for first, (_, part) in enumerate(faults):
        assert part in ended(*(argument for argument, _ in faults[first:])).stderr


@pytest.mark.parametrize("size", ["10MB", "12MB", "256MB"])
def test_a_segment_size_in_its_range_is_taken(size: str) -> None:
    """Service 8: the ends belong to the range."""
    flags = parsed(f"--storage.agent.wal-segment-size={size}")
    assert flags.storage_agent_wal_segment_size == Size.parse(size)


def test_effective_values_are_texts_of_all_flags() -> None:
    """Service 42, 6.5: normalized, with the hidden and the server's, without help and version."""
    flags = parsed(
        "--config.file=./my.yml",
        "--web.read-timeout=300s",
        "--web.listen-address=:1",
        "--web.listen-address=:2",
        "--web.enable-lifecycle",
        "--storage.agent.wal-segment-size=16MB",
        "--web.external-url=http://e:8080/pre/",
        "--enable-feature=a,b",
        "--enable-feature=c",
    )
    texts = flags.effective()
    assert texts["config.file"] == "./my.yml"
    assert texts["web.read-timeout"] == "5m"
    assert texts["web.listen-address"] == ":1,:2"
    assert texts["web.enable-lifecycle"] == "true"
    assert texts["storage.agent.wal-segment-size"] == "16MiB"
    assert texts["storage.agent.path"] == "data-agent/"
    assert texts["auto-gomemlimit.ratio"] == "0.9"
    assert texts["auto-gomemlimit.refresh-interval"] == "0s"
    assert texts["scrape.timestamp-tolerance"] == "2ms"
    assert texts["storage.tsdb.path"] == "data/"
    assert texts["storage.remote.read-sample-limit"] == "50000000"
    assert texts["web.external-url"] == "http://e:8080/pre/"
    assert texts["web.route-prefix"] == "/pre"
    assert texts["enable-feature"] == "a,b,c"
    assert not {"help", "version"} & texts.keys()
    assert all(type(text) is str for text in texts.values())


@pytest.mark.parametrize(
    ("external_url", "prefix", "route_prefix"),
    [
        ("", "", "/"),
        ("http://e/", "", "/"),
        ("http://e/pre/", "", "/pre"),
        ("http://e/a/b", "", "/a/b"),
        ("http://e/pre", "/", "/"),
        ("http://e/pre", "other/", "/other"),
    ],
)
def test_the_route_prefix_follows_the_external_url(
    external_url: str, prefix: str, route_prefix: str
) -> None:
    """Service 4.2, 27, 28: a proxy that strips the path sets the prefix to `/`."""
    flags = parsed(f"--web.external-url={external_url}", f"--web.route-prefix={prefix}")
    assert flags.route_prefix() == route_prefix


def test_features_are_split_but_not_trimmed() -> None:
    """Service 1.4: ` b` is another name than `b`."""
    assert parsed("--enable-feature=a, b", "--enable-feature=c").features == ("a", " b", "c")
    assert parsed().features == ()
