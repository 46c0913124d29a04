#compdef clws
# Completes clws in zsh; printed by `clws completions zsh`.
_clws() {
    local line word
    local -a answer done open
    # The clws of PATH answers, whatever was typed: ./clws may be somebody else's.
    answer=("${(@f)$(command clws complete zsh -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    case ${answer[1]} in
        words)
            for line in "${(@)answer[2,-1]}"; do
                word=${line%%$'\t'*}
                case $word in
                    */|*=) open+=("$word:${line#*$'\t'}") ;;
                    *) done+=("$word:${line#*$'\t'}") ;;
                esac
            done
            _describe -t words clws done -- open -S ''
            ;;
        files)
            [[ $PREFIX != --*=* ]] || compset -P '*='
            _files
            ;;
        folders)
            [[ $PREFIX != --*=* ]] || compset -P '*='
            _files -/
            ;;
        programs) _command_names -e ;;
    esac
}
if [[ ${funcstack[1]} == _clws ]]; then
    _clws "$@"
else
    compdef _clws clws
fi
