# Completes gms in bash. In ~/.bashrc: eval "$(gms completion bash)"

__gms_words() {  # what is typed up to the cursor, of which bash makes words at ":", "=" and "@" too
    local rest=${COMP_LINE:0:COMP_POINT} word last=-1 at
    words=()
    for ((at = 0; at <= COMP_CWORD; at++)); do
        word=${COMP_WORDS[at]}
        if ((last < 0)) || [[ $rest == [[:space:]]* ]]; then
            rest=${rest#"${rest%%[![:space:]]*}"}
            words[++last]=
        fi
        [[ $rest == "$word"* ]] || word=$rest
        rest=${rest#"$word"}
        words[last]+=$word
    done
}

__gms_complete() {  # behind so many words; each candidate ends with $2
    local words line word before breaks=${COMP_WORDBREAKS//[^:=@]/}
    __gms_words
    for word in "${words[@]:$1}"; do :; done
    before=
    [[ -z $breaks ]] || before=${word%"${word##*[$breaks]}"}
    before=${before%@}  # bash replaces an "@" too, and no other of the three
    COMPREPLY=()
    while IFS= read -r line; do
        line=${line%%$'\t'*}
        COMPREPLY[${#COMPREPLY[@]}]=${line#"$before"}$2
    done < <(gms __complete "${words[@]:$1}" 2>/dev/null)
}

_gms() { __gms_complete 1; }

_git_modelstore() {  # which git's own completion calls, and wants the spaces
    local words at
    __gms_words
    for ((at = 1; at < ${#words[@]} - 1; at++)); do
        if [[ ${words[at]} == modelstore ]]; then
            __gms_complete $((at + 1)) " "
            return
        fi
    done
}

complete -o bashdefault -o default -F _gms gms gitmodelstore git-modelstore
