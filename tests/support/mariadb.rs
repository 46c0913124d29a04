//! A real MariaDB server for one test: its own data, socket and port, ended when dropped.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use ring::rand::SecureRandom as _;
use tempfile::TempDir;

use super::tool::{run, said, tool};

/// The address that servers listen on.
pub(crate) const HOST: &str = "127.0.0.1";
/// The user and the database that the server has.
pub(crate) const USER: &str = "codalab";

/// A running server.
pub(crate) struct MariaDb {
    server: Child,
    folder: TempDir,
    port: u16,
    password: String,
    root_password: String,
}

impl MariaDb {
    /// Starts a server with the user `codalab`, who has a random password.
    pub(crate) fn start() -> Self {
        Self::start_with(&random_hex())
    }

    /// Starts a server with the user `codalab`, who has this password.
    pub(crate) fn start_with(password: &str) -> Self {
        let folder = TempDir::with_prefix("clws-mariadb-").unwrap();
        initialise(folder.path());
        let (server, port) = serve(folder.path());
        let server = Self {
            server,
            folder,
            port,
            password: password.to_owned(),
            root_password: random_hex(),
        };
        server.make_users();
        server
    }

    /// The port on [`HOST`].
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The server's process.
    pub(crate) fn pid(&self) -> u32 {
        self.server.id()
    }

    /// The server's unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        socket(self.folder.path())
    }

    /// The password of the user `codalab`.
    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// Logs in over TCP as `codalab` with `password`, and runs the statements.
    ///
    /// The password goes through a file of mode 0600: an argument would stand in `ps`.
    pub(crate) fn client(&self, password: &str, statements: &str) -> Output {
        let tcp = format!("protocol=tcp\nhost={HOST}\nport={}\n", self.port);
        self.login(USER, password, &tcp, statements)
    }

    /// Runs statements as the server's administrator.
    pub(crate) fn administer(&self, statements: &str) -> Output {
        self.login("root", &self.root_password, &self.by_socket(), statements)
    }

    /// A defaults file (mode 0600) with which a program is the server's administrator.
    pub(crate) fn administrators_file(&self) -> PathBuf {
        let file = self.folder.path().join("administrator.cnf");
        let text = format!(
            "[client]\nuser=root\npassword=\"{}\"\n{}",
            self.root_password,
            self.by_socket()
        );
        write_private(&file, &text);
        file
    }

    /// Writes a defaults file (mode 0600) and runs the client with it.
    fn login(&self, user: &str, password: &str, way: &str, statements: &str) -> Output {
        let file = self.folder.path().join("client.cnf");
        let quoted = password.replace('\\', "\\\\").replace('"', "\\\"");
        let text = format!("[client]\nuser={user}\npassword=\"{quoted}\"\n{way}");
        write_private(&file, &text);
        let defaults = format!("--defaults-file={}", file.display());
        let output = run(
            "mariadb",
            [defaults.as_str(), "--batch", "--skip-column-names"],
            statements.as_bytes(),
        );
        fs::remove_file(file).unwrap();
        output
    }

    fn by_socket(&self) -> String {
        format!("socket={}\n", self.socket().display())
    }

    /// The passwords reach the server through the client's standard input alone.
    fn make_users(&self) {
        let statements = format!(
            "CREATE DATABASE {USER};\n\
             CREATE USER '{USER}'@'%' IDENTIFIED BY '{}';\n\
             GRANT ALL ON {USER}.* TO '{USER}'@'%';\n\
             ALTER USER 'root'@'localhost' IDENTIFIED BY '{}';\n",
            self.password.replace('\\', "\\\\").replace('\'', "''"),
            self.root_password
        );
        let output = self.login("root", "", &self.by_socket(), &statements);
        assert!(output.status.success(), "{}", said(&output));
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        // Nobody reads the data again, so there is nothing to close in order.
        let _gone = self.server.kill();
        let _status = self.server.wait();
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("s")
}

fn initialise(folder: &Path) {
    // Temporary tables of several servers have one name in a folder that they share.
    let output = Command::new(tool("mariadb-install-db"))
        .env("TMPDIR", folder)
        .arg("--no-defaults")
        .arg(format!("--datadir={}", folder.join("data").display()))
        .args([
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        ])
        .args(as_root())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// Starts the server and waits until it answers. Somebody else may take the port between our look
/// and its start; then another one is tried.
fn serve(folder: &Path) -> (Child, u16) {
    let log = folder.join("log");
    for _ in 0..5 {
        let port = free_port();
        let mut server = Command::new(tool("mariadbd"))
            .env("TMPDIR", folder)
            .arg("--no-defaults")
            .arg(format!("--datadir={}", folder.join("data").display()))
            .arg(format!("--socket={}", socket(folder).display()))
            .arg(format!("--pid-file={}", folder.join("pid").display()))
            .arg(format!("--log-error={}", log.display()))
            .arg(format!("--bind-address={HOST}"))
            .arg(format!("--port={port}"))
            .args([
                "--skip-name-resolve",
                "--skip-log-bin",
                "--performance-schema=OFF",
                "--innodb-buffer-pool-size=16M",
                "--innodb-flush-log-at-trx-commit=0",
            ])
            .args(as_root())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while server.try_wait().unwrap().is_none() {
            if std::os::unix::net::UnixStream::connect(socket(folder)).is_ok() {
                return (server, port);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    panic!(
        "mariadbd does not start: {}",
        fs::read_to_string(log).unwrap_or_default()
    );
}

/// mariadbd refuses to run as root unless told by name.
fn as_root() -> Option<&'static str> {
    rustix::process::geteuid()
        .is_root()
        .then_some("--user=root")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((HOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn write_private(file: &Path, text: &str) {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

fn random_hex() -> String {
    let mut bytes = [0; 16];
    ring::rand::SystemRandom::new().fill(&mut bytes).unwrap();
    clws::crypto::hex(&bytes)
}
