#compdef gms gitmodelstore git-modelstore
# Completes gms in zsh. In ~/.zshrc, after compinit: eval "$(gms completion zsh)"

_gms() {
    local line
    local -a found
    while IFS= read -r line; do
        found+=("${${line%%$'\t'*}//:/\\:}:${${line#*$'\t'}#$line}")
    done < <(gms __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
    if (($#found)); then
        _describe -V gms found
    else
        _files
    fi
}

_git-modelstore() { _gms "$@"; }

if [[ $funcstack[1] == _gms ]]; then
    _gms "$@"
else
    compdef _gms gms gitmodelstore git-modelstore
fi
