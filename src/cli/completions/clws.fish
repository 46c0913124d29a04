# Completes clws in fish; printed by `clws completions fish`.
function __clws_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    # The clws of PATH answers, whatever was typed: ./clws may be somebody else's.
    set -l answer (command clws complete fish -- $words[2..] "$typed" 2>/dev/null)
    set -l kind "$answer[1]"
    set -e answer[1]
    # A file may stand behind `--flag=`.
    set -l flag (string match -r -- '^--[^=]*=' "$typed")
    set -l path (string replace -r -- '^--[^=]*=' '' "$typed")
    switch $kind
        case words
            printf '%s\n' $answer
        case files
            printf '%s\n' "$flag"(__fish_complete_path $path)
        case folders
            printf '%s\n' "$flag"(__fish_complete_directories $path)
        case programs
            complete -C (string escape -- "$typed")
    end
end
complete -c clws -f -a '(__clws_complete)'
