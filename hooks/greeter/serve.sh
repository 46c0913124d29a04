#!/bin/sh
# Answers each challenge `NONCE NAME` on greeter.ask with sha256(NONCE, TOKEN) on the pipe NAME.
# The token itself goes nowhere: printf is built into the shell, so it is no argument either.
run=$1
ask=$run/greeter.ask
text=$(sed -n 's/^text = //p' greeting.ini)
[ -n "$text" ] && [ -n "$TOKEN" ] || { echo "greeter: no greeting or no token"; exit 1; }
trap 'rm -f "$ask"; exit 0' TERM INT
rm -f "$ask"
mkfifo -m 600 "$ask" || exit 1
echo "greeter: ready"
# Open for both, so that it does not end when an asker goes.
exec 3<>"$ask"
while read -r nonce name <&3; do
    case $name in '' | *[!a-z0-9.]*) continue ;; esac
    [ -p "$run/$name" ] || continue
    answer=$(printf '%s%s' "$nonce" "$TOKEN" | sha256sum)
    # An asker that went away must not hold the others up.
    printf '%s\n' "${answer%% *}" | timeout 2 dd of="$run/$name" 2>/dev/null
done
