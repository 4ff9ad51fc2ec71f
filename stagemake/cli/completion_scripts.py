"""What shells source so that TAB asks stagemake. Each asks `stagemake completion SHELL -- …`.

The answer has a line for each candidate: `word` (a space follows) or `part` (more follows), a tab, the
text, a tab, a help text; or `file` or `dir` for what the shell knows better.
"""

from __future__ import annotations

BASH = r"""# Completion of stagemake for bash.
_stagemake() {
    local program=${1/#\~\//$HOME/} line text parts=0
    COMPREPLY=()
    while IFS= read -r line; do
        text=${line#*$'\t'}
        text=${text%%$'\t'*}
        case ${line%%$'\t'*} in
            word) COMPREPLY+=("$text") ;;
            part) COMPREPLY+=("$text"); parts=1 ;;
            file) compopt -o default 2>/dev/null ;;
            dir) compopt -o dirnames -o nospace 2>/dev/null ;;
        esac
    done < <("$program" completion bash -- "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null </dev/null)
    if [[ $parts == 1 && ${#COMPREPLY[@]} == 1 ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o nosort -F _stagemake stagemake 2>/dev/null || complete -F _stagemake stagemake
"""

ZSH = r"""#compdef stagemake
# Completion of stagemake for zsh.
_stagemake() {
    local -a values shown parts answer
    local line kind text help
    local -i found=1
    answer=("${(@f)$(${(Q)~words[1]} completion zsh -- \
        "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
    for line in "${answer[@]}"; do
        kind=${line%%$'\t'*}
        line=${line#*$'\t'}
        text=${line%%$'\t'*}
        help=${line#*$'\t'}
        case $kind in
            word)
                values+=("$text")
                line="${text}${help:+  -- $help}"
                shown+=("${line[1,COLUMNS-1]}") ;;
            part) parts+=("$text") ;;
            file) compset -P '*='; _files && found=0 ;;
            dir) compset -P '*='; _files -/ && found=0 ;;
        esac
    done
    if (( $#values )); then
        if [[ "$shown" == "$values" ]]; then
            compadd -V stagemake -a values && found=0
        else
            compadd -V stagemake -l -d shown -a values && found=0
        fi
    fi
    (( $#parts )) && compadd -V stagemake-parts -S '' -a parts && found=0
    return found
}
if [[ ${funcstack[1]} == _stagemake ]]; then
    _stagemake "$@"
else
    compdef _stagemake stagemake
fi
"""

FISH = r"""# Completion of stagemake for fish.
function __stagemake_complete
    set -l given (commandline -opc)
    set -l current (commandline -ct)
    set -l prefix (string match -r -- '^--[^=]*=' $current)
    set -l rest (string replace -r -- '^--[^=]*=' '' $current)
    set -l program $given[1]
    set -e given[1]
    $program completion fish -- $given "$current" 2>/dev/null </dev/null | while read -l line
        set -l fields (string split \t -- $line)
        switch $fields[1]
            case word part
                printf '%s\t%s\n' $fields[2] $fields[3]
            case file
                printf "$prefix%s\n" (__fish_complete_path $rest)
            case dir
                printf "$prefix%s\n" (__fish_complete_directories $rest '')
        end
    end
end
complete -c stagemake -f -k -a '(__stagemake_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
