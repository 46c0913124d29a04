//! What runs at a boot: a script, and the systemd unit that runs it before Docker.

use crate::text::quoted;

/// The rest of the script, after the lines that say which folders.
///
/// A bundle is opened whole before anything of it is put in place: age says at the end alone that
/// nothing was cut off. One that does not open is named and left out, and its container finds no folder
/// and does not start; the others do.
const OPEN: &str = r#"set -u
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
say() { echo "clws: $*" >&2; }
memory() { case $(stat -f -c %T "$1" 2>/dev/null) in tmpfs|ramfs) return 0;; esac; return 1; }
base=${run%/*}
mkdir -p -m 0700 "$base" || exit 1
if ! memory "$base"; then
    mount -t tmpfs -o mode=0700,nosuid,nodev,noswap clws "$base" 2>/dev/null ||
    mount -t tmpfs -o mode=0700,nosuid,nodev clws "$base"
fi
memory "$base" || { say "$base is no memory"; exit 1; }
command -v age >/dev/null || { say "there is no age any more"; exit 1; }
[ -s "$boot/key" ] || { say "$boot/key is gone"; exit 1; }
mkdir -p "$run" || exit 1
new=$run/.boot
for bundle in "$boot"/bundles/*/*.age; do
    [ -f "$bundle" ] || continue
    deploy=${bundle##*/} component=${bundle%/*}
    deploy=${deploy%.age} component=${component##*/}
    place=$run/$component/$deploy
    [ ! -e "$place" ] || continue
    rm -rf "$new" && mkdir -p "$new" "$run/$component" || exit 1
    if age -d -i "$boot/key" -o "$new/tar" "$bundle" &&
        tar -C "$new" --numeric-owner -xpf "$new/tar" "$component/$deploy"; then
        if command -v selinuxenabled >/dev/null && selinuxenabled; then
            chcon -R -t container_file_t "$new/$component/$deploy"
        fi
        mv "$new/$component/$deploy" "$place" && say "opened $component"
    else
        say "the bundle of $component does not open, so it will not start: deploy it again"
    fi
    rm -rf "$new"
done
exit 0
"#;

/// The script that opens the bundles in `boot` into `run`.
pub(super) fn opener(run: &str, boot: &str) -> String {
    format!(
        "#!/bin/sh\n# Opens sealed secrets into memory before Docker starts. Made by `clws host prepare`, \
         which can take it back.\nrun={}\nboot={}\n{OPEN}",
        quoted(run),
        quoted(boot)
    )
}

/// The unit that runs the script.
pub(super) fn unit(boot: &str) -> String {
    format!(
        "[Unit]
Description=Sealed secrets of clws, opened into memory for Docker
Before=docker.service
RequiresMountsFor={boot}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh {boot}/open

[Install]
RequiredBy=docker.service
"
    )
}
