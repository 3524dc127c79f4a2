"""`print-config`: the configuration that takes effect, secrets masked."""

import msgspec

from promscrape.command.console import Console
from promscrape.config.dump import dump
from promscrape.config.include import load_scrape_configs
from promscrape.config.load import load
from promscrape.errors import ConfigError
from promscrape.flags.invocation import Invocation


def print_config(invocation: Invocation, console: Console) -> int:
    """Print one file that stands for all: the jobs of included files are among its own."""
    (path,) = invocation.arguments
    try:
        config = load(path)
        whole = msgspec.structs.replace(
            config, scrape_configs=load_scrape_configs(config), scrape_config_files=()
        )
    except ConfigError as exc:
        console.complain(exc.report())
        return 1
    console.write(dump(whole))
    return 0
