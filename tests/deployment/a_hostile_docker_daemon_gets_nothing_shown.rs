//! A Docker daemon that reads the files which it mounts and says them in its errors, with escapes; or
//! that never stops, or never begins. The built program ends with its code, says no value, and stays
//! small.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::site::Site;
use crate::support::lab::{contains, forms};

/// Answers well until a container is created; then as the first argument says.
const DAEMON: &str = r#"
import glob, json, os, socket, sys, threading, time
how = sys.argv[1]
server = socket.socket(socket.AF_UNIX)
server.bind('/run/docker.sock')
server.listen(64)
ID = 'sha256:' + '0f' * 32
def reply(peer, status, body):
    head = 'HTTP/1.1 %s\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n' % (status, len(body))
    peer.sendall(head.encode() + body)
def serve(peer):
    head = b''
    while b'\r\n\r\n' not in head:
        more = peer.recv(65536)
        if not more: return
        head += more
    path = head.split(b' ')[1].decode()
    if path == '/_ping':
        return reply(peer, '200 OK', b'OK')
    if '/images/' in path:
        return reply(peer, '200 OK', json.dumps({'Id': ID, 'Config': {'Cmd': ['x']}}).encode())
    if path.endswith('/info'):
        options = b'["name=seccomp,profile=default", "name=selinux"]' if how == 'labels' else b'[]'
        return reply(peer, '200 OK', b'{"SecurityOptions":' + options + b'}')
    if '/containers/json' in path:
        return reply(peer, '200 OK', b'[]')
    if '/containers/create' not in path:
        return reply(peer, '404 Not Found', b'{"message":"none"}')
    if how == 'labels':
        return reply(peer, '500 No', b'{"message":"enough"}')
    if how == 'echo':
        told = ''.join(open(f).read() for f in sorted(glob.glob('/run/clws/*/web/*/mount/*')))
        words = 'no: \x1b[2J\x1b]0;owned\x07 ' + told
        return reply(peer, '500 No', json.dumps({'message': words}).encode())
    peer.sendall(b'HTTP/1.1 200 OK\r\n\r\n')
    while how == 'endless': peer.sendall(b'{"Id":"x"},' * 10000)
    time.sleep(1000)
def quiet(peer):
    try: serve(peer)
    except OSError: pass
    peer.close()
open('/run/ready', 'w').close()
while True:
    threading.Thread(target=quiet, args=(server.accept()[0],), daemon=True).start()
"#;

/// Runs a command, and prints the most memory that it had, in KiB, as the last line of stderr.
const MEASURED: &str = "import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)";

/// What a deploy to such a daemon said, its exit code, and its memory in KiB.
fn deployed(site: &Site, how: &str) -> (String, i32, u64) {
    let mut daemon = site
        .machine
        .program("python3")
        .args(["-c", DAEMON, how])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while !site.machine.run("test -e /run/ready").status.success() {
        assert!(Instant::now() < until, "no daemon");
    }
    let deploy = site.lab.clws("deploy --on prod --yes").command();
    let mut measured = Command::new("python3");
    measured
        .args(["-c", MEASURED])
        .arg(deploy.get_program())
        .args(deploy.get_args())
        .current_dir(deploy.get_current_dir().unwrap())
        .envs(
            deploy
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    let output = site.machine.runs(&measured).output().unwrap();
    let _gone = daemon.kill();
    let _status = daemon.wait();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    let memory = said.trim_end().lines().last().unwrap().parse().unwrap();
    (said, output.status.code().unwrap(), memory)
}

#[test]
fn a_daemon_that_says_what_it_mounts_is_not_repeated() {
    let site = Site::new();
    let values = ["the-token-of-the-day", "a-password/with \"signs\""];
    site.set("prod/web/TOKEN", values[0]);
    site.set("prod/web/PASSWORD", values[1]);
    let hook = r#"runs_on = { machine_type = "server" }
[container]
image = "shop/web:1"
[env]
TOKEN = { secret = "web/TOKEN" }
[file."config.json"]
secret = "web/PASSWORD"
"#;
    site.hook("web", hook, &[]);
    let (said, code, memory) = deployed(&site, "echo");
    assert_eq!(code, 22, "{said}");
    assert!(
        said.contains("create the container `web.clws-new`: no: "),
        "{said}"
    );
    for value in values {
        for form in forms(value) {
            assert!(!contains(said.as_bytes(), &form), "{said}");
        }
    }
    assert!(!said.contains(['\u{1b}', '\u{7}']), "{said}");
    assert!(memory < 128 << 10, "{memory} KiB");
    assert_eq!(site.remains(), Vec::<String>::new());
}

#[test]
fn a_docker_daemon_without_an_end_is_left_in_its_time() {
    let site = Site::new();
    site.set("prod/web/TOKEN", "the-token-of-the-day");
    let hook = "runs_on = { machine_type = \"server\" }\n[container]\nimage = \"shop/web:1\"\n\
                [env]\nTOKEN = { secret = \"web/TOKEN\" }\n";
    site.hook("web", hook, &[]);
    let (said, code, memory) = deployed(&site, "endless");
    assert_eq!(code, 24, "{said}");
    assert!(
        said.contains("create the container `web.clws-new`"),
        "{said}"
    );
    assert!(memory < 128 << 10, "{memory} KiB");
    assert_eq!(site.remains(), Vec::<String>::new());
}

/// Labels nothing: writes down what it was asked for, and what lay there by then.
const CHCON: &str = r#"mkdir -p /run/bin && cat >/run/bin/chcon <<'END'
#!/bin/sh
echo "$*" >/run/labelled
find "$4" -type f -printf '%P ' >>/run/labelled
END
chmod +x /run/bin/chcon && mount --bind /run/bin /usr/local/sbin"#;

/// No kernel here enforces SELinux, so the daemon that says so and what labels are stand-ins.
#[test]
fn where_selinux_enforces_a_containers_folder_is_labelled_before_it_is_made() {
    let site = Site::new();
    site.machine.sh(CHCON);
    site.set("prod/web/TOKEN", "the-token-of-the-day");
    let hook = "runs_on = { machine_type = \"server\" }\n[container]\nimage = \"shop/web:1\"\n\
                [env]\nTOKEN = { secret = \"web/TOKEN\" }\n[file.\"/etc/token\"]\nsecret = \"web/TOKEN\"\n";
    site.hook("web", hook, &[]);
    let (said, code, _) = deployed(&site, "labels");
    assert_eq!(code, 22, "{said}");
    let labelled = site.machine.sh("cat /run/labelled");
    let (asked, files) = labelled.split_once('\n').unwrap();
    assert!(
        asked.starts_with("-R -t container_file_t /run/clws/"),
        "{asked}"
    );
    let mut files: Vec<&str> = files.split_whitespace().collect();
    files.sort_unstable();
    assert_eq!(files, ["container", "files/0", "mount/env"]);
}
