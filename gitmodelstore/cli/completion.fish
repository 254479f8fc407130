# Completes gms in fish. In ~/.config/fish/config.fish: gms completion fish | source

function __gms_complete
    set -l words (commandline -opc)
    if set -l at (contains -i -- modelstore $words)
        set words $words[$at..-1]
    end
    set -l found (gms __complete $words[2..-1] (commandline -ct) 2>/dev/null)
    if set -q found[1]
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end

for name in gms gitmodelstore git-modelstore
    complete -c $name -f -k -a '(__gms_complete)'
end
complete -c git -n '__fish_seen_subcommand_from modelstore' -f -k -a '(__gms_complete)'
