"""From a command's name to what does it."""

import pytest

from promscrape.command.run import action_of
from promscrape.flags.commands import COMMANDS, Command


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_is_there(command: Command) -> None:
    """Service 1.3: they are imported by name, which no type checker follows."""
    name = command.name.replace(" ", "_").replace("-", "_")
    assert action_of(command).__name__ == name
