//! A real nginx on loopback, with certificates made here by openssl, ended when dropped.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::tool::{run, said, tool};

/// A certificate with its key, and the CA that signed it, as PEM.
pub(crate) struct Pair {
    /// Leaf first, then the CA.
    pub(crate) chain: String,
    pub(crate) key: String,
    pub(crate) ca: String,
}

/// Makes a CA, and a certificate of it for `name` that holds for `days`.
pub(crate) fn pair(name: &str, days: u32) -> Pair {
    made(name, days, "env")
}

/// The same, with a certificate that was made on another day, like `2001-01-01`, and held for a month.
pub(crate) fn pair_of(name: &str, day: &str) -> Pair {
    let faketime = tool("faketime");
    made(name, 30, &format!("{} {day}", faketime.display()))
}

fn made(name: &str, days: u32, by: &str) -> Pair {
    let folder = TempDir::with_prefix("clws-tls-").unwrap();
    let script = r#"
set -e
cd "$1"
new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "$@"; }
new -x509 -days 365 -subj "/CN=test-ca-$(openssl rand -hex 8)" -keyout ca.key -out ca.crt
new -subj "/CN=$2" -keyout leaf.key -out leaf.csr
printf 'subjectAltName=DNS:%s,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' "$2" >ext
$4 openssl x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days "$3" -extfile ext -out leaf.crt
"#;
    let path = folder.path().to_str().unwrap();
    let output = run(
        "sh",
        ["-c", script, "sh", path, name, &days.to_string(), by],
        b"",
    );
    assert!(output.status.success(), "{}", said(&output));
    let read = |file: &str| std::fs::read_to_string(folder.path().join(file)).unwrap();
    Pair {
        chain: read("leaf.crt") + &read("ca.crt"),
        key: read("leaf.key"),
        ca: read("ca.crt"),
    }
}

/// A running nginx.
pub(crate) struct Nginx {
    server: Child,
    pub(crate) folder: TempDir,
    /// Speaks plain HTTP.
    pub(crate) plain: u16,
    /// Speaks HTTPS.
    pub(crate) secure: u16,
}

impl Nginx {
    /// Starts one that shows the pair and has these locations.
    pub(crate) fn start(pair: &Pair, locations: &str) -> Self {
        Self::start_by(|program| Command::new(program), pair, locations)
    }

    /// The same, with the program started in a way of the caller's.
    pub(crate) fn start_by(starts: impl Fn(&str) -> Command, pair: &Pair, locations: &str) -> Self {
        let folder = TempDir::with_prefix("clws-nginx-").unwrap();
        let path = folder.path().display().to_string();
        std::fs::write(folder.path().join("crt"), &pair.chain).unwrap();
        std::fs::write(folder.path().join("key"), &pair.key).unwrap();
        // Somebody else may take a port between our look and its start; then others are tried.
        for _ in 0..5 {
            let (plain, secure) = (free_port(), free_port());
            let config = format!(
                "daemon off; pid {path}/pid; error_log {path}/log; worker_processes 1;\n\
                 events {{}}\nhttp {{ access_log off; client_body_temp_path {path}; proxy_temp_path {path};\n\
                 fastcgi_temp_path {path}; uwsgi_temp_path {path}; scgi_temp_path {path};\n\
                 server {{ listen 127.0.0.1:{plain}; listen 127.0.0.1:{secure} ssl;\n\
                 ssl_certificate {path}/crt; ssl_certificate_key {path}/key; ssl_protocols TLSv1.2 TLSv1.3;\n\
                 {locations} }} }}\n"
            );
            std::fs::write(folder.path().join("conf"), config).unwrap();
            let mut server = starts(tool("nginx").to_str().unwrap())
                .args(["-e", &format!("{path}/log"), "-c", &format!("{path}/conf")])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // It listens when it has written who it is, perhaps where this process does not reach.
            let pid = folder.path().join("pid");
            while server.try_wait().unwrap().is_none() {
                if std::fs::read(&pid).is_ok_and(|pid| !pid.is_empty()) {
                    return Self {
                        server,
                        folder,
                        plain,
                        secure,
                    };
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        let log = std::fs::read_to_string(folder.path().join("log"));
        panic!("no nginx: {log:?}");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end when it is told to, not when it is killed.
        let pid = self.server.id().to_string();
        let _told = Command::new("kill").args(["-s", "TERM", &pid]).status();
        let _status = self.server.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
