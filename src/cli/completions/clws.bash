# Completes clws in bash; printed by `clws completions bash`.
_clws() {
    local word
    local -a answer
    COMPREPLY=()
    # The clws of PATH answers, whatever was typed: ./clws may be somebody else's.
    mapfile -t answer < <(command clws complete bash -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    case ${answer[0]-} in
        words)
            for word in "${answer[@]:1}"; do
                COMPREPLY+=("${word%%$'\t'*}")
            done
            [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=] ]] && compopt -o nospace
            ;;
        files) compopt -o default ;;
        folders) compopt -o dirnames ;;
        programs)
            while IFS= read -r word; do
                # Another name is no program of a package, and would have to be quoted.
                [[ $word == *[!A-Za-z0-9_.+-]* ]] || COMPREPLY+=("$word")
            done < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
            compopt -o default
            ;;
    esac
}
complete -F _clws clws
