//! A stand-in for `az` and the accounts behind it: the real one cannot speak to Azure here. It prints what the real
//! one prints in shape, with keys made up, and refuses a password or a key among its arguments.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The service principal that may log in.
pub(crate) const CLIENT: &str = "0c0ffee0-0000-4000-8000-000000000001";
pub(crate) const TENANT: &str = "0c0ffee0-0000-4000-8000-000000000002";
pub(crate) const PASSWORD: &str = "kO8Q~of.a-service_principal-that~was-made-up";

/// `stop` holds a number and a word: at that call the program that called is killed `before` or `after` it took
/// effect, or it is told of a fault (`fault`).
const AZ: &str = r#"#!/bin/sh
here=$(dirname "$0")
n=$(($(cat "$here/calls" 2>/dev/null || echo 0) + 1)); echo $n >"$here/calls"
{ echo "az $*"; env | sort; } >>"$here/log"
read -r at how <"$here/stop" 2>/dev/null
[ "$n $how" = "$at before" ] && { kill -9 $PPID; exit 1; }
[ "$n $how" = "$at fault" ] && { printf 'ERROR: \033[2Jkey %s and %s\n' "$(cat "$here/key1")" "$(cat "$here/password")" >&2; exit 3; }
new() { head -c 64 /dev/urandom | base64 -w0; }
[ -s "$here/key1" ] || new >"$here/key1"
[ -s "$here/key2" ] || new >"$here/key2"
case "$*" in
    'login --service-principal -u '*)
        case $5 in -p) ;; *) exit 2;; esac
        case $6 in @/*) ;; *) echo 'a password as an argument' >&2; exit 2;; esac
        [ "$(stat -f -c %T "${6#@}") $(stat -c %a "${6#@}")" = 'tmpfs 600' ] || exit 2
        [ "$4 $(cat "${6#@}") $8" = "$(cat "$here/client") $(cat "$here/password") $(cat "$here/tenant")" ] ||
            { echo 'AADSTS7000215: Invalid client secret provided.' >&2; exit 1; }
        mkdir -p "$AZURE_CONFIG_DIR" && cat "${6#@}" >"$AZURE_CONFIG_DIR/service_principal_entries.json"
        [ "$(stat -f -c %T "$AZURE_CONFIG_DIR")" = tmpfs ] || exit 2;;
    *)
        [ -s "$AZURE_CONFIG_DIR/service_principal_entries.json" ] ||
            { echo "Please run 'az login' to setup account." >&2; exit 1; }
        case "$1 $2" in
            'account show') echo codalab; exit;;
            'vm list') echo '[{"name": "vm-clws-prod-server-0", "osProfile": {"adminUsername": "azureuser"},
                "privateIps": "10.1.0.4", "publicIps": "20.50.0.4", "storageProfile": {"osDisk": {"osType": "Linux"}}}]'; exit;;
        esac
        case "$1 $4 $5 $6 $7 $8" in
            "storage list --account-name $(cat "$here/name") --resource-group codalab-prod") ;;
            "storage renew --account-name $(cat "$here/name") --resource-group codalab-prod") ;;
            "batch list --name $(cat "$here/name") --resource-group codalab-prod") ;;
            "batch renew --name $(cat "$here/name") --resource-group codalab-prod") ;;
            *) echo "(ResourceNotFound) $*" >&2; exit 3;;
        esac
        case "$1 $4 $*" in
            *' renew '*' --key primary '*|*' renew '*' --key-name primary '*) new >"$here/key1"; echo key1 >>"$here/renewed";;
            *' renew '*' --key secondary '*|*' renew '*' --key-name secondary '*) new >"$here/key2"; echo key2 >>"$here/renewed";;
            'storage list '*) printf '[{"creationTime": "2026-01-01T00:00:00.1+00:00", "keyName": "key1", "permissions": "FULL", "value": "%s"},
                {"creationTime": "2026-01-01T00:00:00.1+00:00", "keyName": "key2", "permissions": "FULL", "value": "%s"}]\n' \
                "$(cat "$here/key1")" "$(cat "$here/key2")";;
            'batch list '*) printf '{"accountName": "x", "primary": "%s", "secondary": "%s"}\n' "$(cat "$here/key1")" "$(cat "$here/key2")";;
            *) exit 2;;
        esac;;
esac
[ "$n $how" = "$at after" ] && kill -9 $PPID
exit 0
"#;

/// The accounts, and the folder with the program for PATH.
pub(crate) struct Azure {
    folder: PathBuf,
}

impl Azure {
    /// An account by this name, in `codalab-prod`, with two keys.
    pub(crate) fn new(root: &Path, name: &str) -> Self {
        let azure = Self {
            folder: root.join("azure"),
        };
        std::fs::create_dir_all(&azure.folder).unwrap();
        let program = azure.folder.join("az");
        std::fs::write(&program, AZ).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        for (file, text) in [
            ("name", name),
            ("client", CLIENT),
            ("tenant", TENANT),
            ("password", PASSWORD),
            (
                "key1",
                "MadeUpByUs/first+key/0123456789abcdefghijklmnopqrstuvwxyz==",
            ),
            (
                "key2",
                "MadeUpByUs/second+key/123456789abcdefghijklmnopqrstuvwxyz==",
            ),
            ("stop", ""),
        ] {
            azure.write(file, text);
        }
        azure
    }

    /// The one below a folder that was copied.
    pub(crate) fn of(root: &Path) -> Self {
        Self {
            folder: root.join("azure"),
        }
    }

    /// Where the program lies.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Forgets what it knew to tell whether it is right.
    pub(crate) fn forgets(&self) {
        std::fs::remove_file(self.folder.join("password")).unwrap();
    }

    /// PATH with the program in front.
    pub(crate) fn path(&self) -> String {
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.folder.clone()).chain(std::env::split_paths(&rest));
        let path = std::env::join_paths(folders).unwrap();
        path.into_string().unwrap()
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.join(file), text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.join(file)).unwrap_or_default()
    }

    /// The two keys as they are now.
    pub(crate) fn keys(&self) -> [String; 2] {
        ["key1", "key2"].map(|key| self.read(key))
    }

    /// Which keys were made anew, in order.
    pub(crate) fn renewed(&self) -> Vec<String> {
        self.read("renewed").lines().map(str::to_owned).collect()
    }

    /// Its calls: arguments, and the environment of each.
    pub(crate) fn log(&self) -> String {
        self.read("log")
    }

    /// How often it was called since it was last asked to stop.
    pub(crate) fn calls(&self) -> usize {
        self.read("calls").trim().parse().unwrap_or(0)
    }

    /// At the call with this number from now on it stops: `before`, `after`, `fault`.
    pub(crate) fn stops(&self, at: usize, how: &str) {
        self.write("calls", "0");
        self.write("stop", &format!("{at} {how}\n"));
    }
}
