"""`yibao completion`: a script that completes commands in a shell."""

from typing import Annotated

import typer

from yibao.commands import tree
from yibao.completion import Shell, script
from yibao.main import build


def completion(shell: Annotated[Shell, typer.Argument(help="The shell that reads it.")]) -> None:
    """Print a script that completes verbs, options and their values, and the names of the site's sources and institutions.

    It asks nothing of this program again: a Tab is answered at once, and a new version needs a new script.

    \b
    Examples:
      yibao completion bash > ~/.local/share/bash-completion/completions/yibao
      yibao completion zsh > ~/.zfunc/_yibao     with `fpath+=~/.zfunc` before `compinit` in ~/.zshrc
      yibao completion fish > ~/.config/fish/completions/yibao.fish
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    typer.echo(script(shell, list(tree(build((), whole=True)))), nl=False)
