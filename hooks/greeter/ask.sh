#!/bin/sh
# Asks the greeter once, and compares its answer with what TOKEN gives here.
run=$1
ask=$run/greeter.ask
[ -p "$ask" ] || { echo "the greeter is not there"; exit 1; }
nonce=$(head -c 16 /dev/urandom | sha256sum)
nonce=${nonce%% *}
name=answer.$$
trap 'rm -f "$run/$name"' EXIT
mkfifo -m 600 "$run/$name" || exit 1
printf '%s %s\n' "$nonce" "$name" >"$ask"
answer=$(timeout 3 cat "$run/$name") || { echo "no answer"; exit 1; }
wanted=$(printf '%s%s' "$nonce" "$TOKEN" | sha256sum)
[ "$answer" = "${wanted%% *}" ] || { echo "the answer is wrong: another token"; exit 1; }
