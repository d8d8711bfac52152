"""Scripts that complete the command line, one for each shell.

They hold every word, option and value themselves, so that a Tab starts no Python and is answered at once. Only the names of the
site's sources and institutions are looked up, in the site's file as it stands at that moment.
"""

import shlex
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

from yibao.commands import Command, Takes, Value


class Shell(StrEnum):
    """A shell whose language we write."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_SOURCES: Final = r"""'
        /^sources:[ \t]*(#.*)?$/ { on = 1; next }
        on && /^[^ \t#]/ { exit }
        on && match($0, /^ +[A-Za-z]/) { if (!deep) deep = RLENGTH
            if (RLENGTH == deep) { sub(/^ +/, ""); sub(/:.*/, ""); print } }'"""
_INSTITUTIONS: Final = r"""'s/^[ {-]*code: *\([HP][0-9]\{11\}\).*/\1/p'"""

_SITE: Final = f"""
_yibao_site() {{ # the sources or institutions of the site's file that the words behind the first one name
    local file=${{YIBAO_CONFIG:-site.yaml}} kind=$1 before= word
    shift
    for word in "$@"; do
        case "$before" in -c|--config) file=$word ;; esac
        case "$word" in --config=*) file=${{word#--config=}} ;; esac
        [ "$word" = "=" ] || before=$word
    done
    [ -f "$file" ] || return 0
    if [ "$kind" = source ]; then
        awk {_SOURCES} "$file"
    else
        sed -n {_INSTITUTIONS} "$file"
    fi
}}
"""
"""In the language that bash and zsh share. A file that is written in another style completes nothing."""

_BASH: Final = """\
# Completion of yibao for bash. For this shell:  source <(yibao completion bash)
# For every shell:  yibao completion bash > ~/.local/share/bash-completion/completions/yibao
{tables}{site}
_yibao() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} at= i words REPLY=
    if [ "$cur" = "=" ]; then cur=; elif [ "$before" = "=" ]; then before=${{COMP_WORDS[COMP_CWORD - 2]}}; fi
    for ((i = 1; i < COMP_CWORD && i < 3; i++)); do
        _yibao_words "$at"
        case "${{COMP_WORDS[i]}}" in -*) break ;; esac
        case " $REPLY " in *" ${{COMP_WORDS[i]}} "*) at=${{at:+$at }}${{COMP_WORDS[i]}} ;; *) break ;; esac
    done
    _yibao_value "$at" "$before"
    if [ -z "$REPLY" ]; then
        _yibao_words "$at"
        words=$REPLY
        _yibao_value "$at" ""
        case "$cur:$REPLY" in -*|*:) REPLY="words $words" ;; esac
    fi
    case "$REPLY" in
    file) words=$(compgen -f -- "$cur") ;;
    folder) words=$(compgen -d -- "$cur") ;;
    source|institution) words=$(compgen -W "$(_yibao_site "$REPLY" "${{COMP_WORDS[@]}}")" -- "$cur") ;;
    words\\ *) words=$(compgen -W "${{REPLY#words }}" -- "$cur") ;;
    *) words= ;;
    esac
    case "$REPLY" in file|folder) compopt -o filenames 2> /dev/null ;; esac
    COMPREPLY=()
    [ -z "$words" ] || mapfile -t COMPREPLY <<< "$words"
}}
complete -F _yibao yibao
"""

_ZSH: Final = """\
#compdef yibao
# Completion of yibao for zsh. For this shell:  source <(yibao completion zsh)
# For every shell:  yibao completion zsh > "${{fpath[1]}}/_yibao"
{tables}{site}
_yibao() {{
    local at= before=$words[CURRENT-1] i known REPLY=
    local -a offered
    for ((i = 2; i < CURRENT && i < 4; i++)); do
        _yibao_words "$at"
        [[ $words[i] != -* && " $REPLY " == *" $words[i] "* ]] || break
        at=${{at:+$at }}$words[i]
    done
    if [[ $PREFIX == --*=* ]]; then before=${{PREFIX%%=*}}; compset -P '*='; fi
    _yibao_value "$at" "$before"
    if [[ -z $REPLY ]]; then
        _yibao_words "$at"
        known=$REPLY
        _yibao_value "$at" ""
        if [[ $PREFIX == -* || -z $REPLY ]]; then
            for i in ${{=known}}; do
                _yibao_about "$at" "$i"
                offered+=("$i:$REPLY")
            done
            _describe 'yibao' offered
            return
        fi
    fi
    case $REPLY in
    file) _files ;;
    folder) _files -/ ;;
    source|institution) offered=(${{(f)"$(_yibao_site $REPLY $words)"}}); compadd -a offered ;;
    words\\ *) offered=(${{=REPLY#words }}); compadd -a offered ;;
    esac
}}
if [[ $funcstack[1] == _yibao ]]; then _yibao "$@"; else compdef _yibao yibao; fi
"""

_FISH: Final = """\
# Completion of yibao for fish. For this shell:  yibao completion fish | source
# For every shell:  yibao completion fish > ~/.config/fish/completions/yibao.fish
function __yibao_at # whether the words typed so far begin with these verbs
    set -l typed (commandline -opc)[2..] ""
    string match -q -- "$argv *" "$typed"
end
function __yibao_just # whether nothing but these verbs was typed so far
    set -l typed yibao (commandline -opc)[2..]
    test "$typed" = "$(string join " " yibao $argv)"
end
function __yibao_site # the sources or institutions of the site's file
    set -l file site.yaml
    set -q YIBAO_CONFIG; and set file $YIBAO_CONFIG
    set -l before
    for word in (commandline -opc)
        contains -- "$before" -c --config; and set file $word
        string match -q -- '--config=*' $word; and set file (string replace -- --config= '' $word)
        set before $word
    end
    test -f "$file"; or return 0
    if test $argv[1] = source
        awk {sources} $file
    else
        sed -n {institutions} $file
    end
end
complete -c yibao -f
{lines}
"""


def script(shell: Shell, commands: Sequence[Command]) -> str:
    """What a shell reads to complete these commands."""
    match shell:
        case Shell.BASH:
            return _BASH.format(tables=_words(commands) + _values(commands), site=_SITE)
        case Shell.ZSH:
            return _ZSH.format(tables=_words(commands) + _values(commands) + _abouts(commands), site=_SITE)
        case Shell.FISH:
            lines = "\n".join(line for command in commands for line in _fish(command))
            return _FISH.format(sources=_SOURCES, institutions=_INSTITUTIONS, lines=lines)


def _words(commands: Sequence[Command]) -> str:
    """The words that may stand behind the verbs in $1."""
    cases = {" ".join(command.words): " ".join((*command.children, *command.options_by_name)) for command in commands}
    return _table("_yibao_words", "$1", cases)


def _values(commands: Sequence[Command]) -> str:
    """What may stand behind the option $2 of the verbs in $1; behind none of them: as their argument."""
    cases: dict[str, str] = {}
    for command in commands:
        at = " ".join(command.words)
        found = [(name, option.value) for name, option in command.options_by_name.items()]
        found += [("", argument) for argument in command.arguments[:1]]
        cases |= {f"{at} {name}": told for name, value in found if (told := _told(value))}
    return _table("_yibao_value", "$1 $2", cases)


def _told(value: Value) -> str:
    if value.choices:
        return f"words {' '.join(value.choices)}"
    return "" if value.takes is Takes.NOTHING else value.takes.value


def _abouts(commands: Sequence[Command]) -> str:
    """What a word behind the verbs in $1 is for."""
    cases: dict[str, str] = {}
    for command in commands:
        at = " ".join(command.words)
        cases |= {f"{at} {name}": about for name, about in command.children.items()}
        cases |= {f"{at} {name}": option.about for name, option in command.options_by_name.items()}
    return _table("_yibao_about", "$1 $2", cases)


def _table(name: str, key: str, cases: dict[str, str]) -> str:
    lines = [f"    {shlex.quote(at)}) REPLY={shlex.quote(reply)} ;;" for at, reply in cases.items()]
    return "\n".join([f"{name}() {{", f'    case "{key}" in', *lines, "    *) REPLY= ;;", "    esac", "}", ""])


def _fish(command: Command) -> Iterator[str]:
    here = f"complete -c yibao -n {_quoted(' '.join(('__yibao_just', *command.words)))}"
    for word, about in command.children.items():
        yield f"{here} -a {word} -d {_quoted(about)}"
    here = f"complete -c yibao -n {_quoted(' '.join(('__yibao_at', *command.words) if command.words else ('__yibao_just',)))}"
    for option in command.options:
        for name in option.names:
            form = f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
            yield " ".join((here, form, *_fish_value(option.value), "-d", _quoted(option.about)))
    for argument in command.arguments[:1]:
        yield " ".join((here, *_fish_value(argument)))


def _fish_value(value: Value) -> tuple[str, ...]:
    if value.choices:
        return ("-x", "-a", _quoted(" ".join(value.choices)))
    match value.takes:
        case Takes.NOTHING:
            return ()
        case Takes.WORD:
            return ("-x",)
        case Takes.FILE:
            return ("-r", "-F")
        case Takes.FOLDER:
            return ("-x", "-a", "'(__fish_complete_directories)'")
        case Takes.SOURCE | Takes.INSTITUTION:
            return ("-x", "-a", f"'(__yibao_site {value.takes})'")


def _quoted(text: str) -> str:
    """As fish reads it: in single quotes only the backslash and the quote itself are escaped."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
