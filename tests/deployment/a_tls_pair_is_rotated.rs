//! A server's key and certificate are replaced together while clients come, and what does not fit is
//! refused before anything changes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::site::{Site, write};
use crate::support::bao::{Bao, TOKEN};
use crate::support::tool::tool;
use crate::support::web::{Nginx, Pair};

const NAME: &str = "worksheets.codalab.example";
const KEY: &str = "prod/tls/site.key";
const CRT: &str = "prod/tls/site.crt";
/// What a script that issues it says that it is for.
const FOR: &str = "scripts_for = [\"prod/tls/site.crt\"]\n";

/// A CA of the test's own, a site with nginx on it, and the pair that nginx shows.
struct Served {
    site: Site,
    nginx: Nginx,
    ca: tempfile::TempDir,
}

fn openssl(folder: &Path, script: &str) {
    let mut command = Command::new("sh");
    let output = command
        .args(["-ec", script])
        .current_dir(folder)
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {err}");
}

impl Served {
    fn new() -> Self {
        let ca = tempfile::tempdir().unwrap();
        openssl(
            ca.path(),
            &format!(
                "new() {{ openssl req -nodes \"$@\"; }}
                new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -x509 -days 365 -subj '/CN=a CA' -keyout ca.key -out ca.crt
                new -newkey rsa:2048 -subj '/O=CodaLab/CN={NAME}' -addext 'subjectAltName=DNS:{NAME},DNS:www.{NAME}' -keyout old.key -out old.csr
                openssl x509 -req -in old.csr -CA ca.crt -CAkey ca.key -CAcreateserial -copy_extensions copy -days 20 -out old.leaf
                cat old.leaf ca.crt >old.crt"
            ),
        );
        let read = |name: &str| std::fs::read_to_string(ca.path().join(name)).unwrap();
        let pair = Pair {
            chain: read("old.crt"),
            key: read("old.key"),
            ca: read("ca.crt"),
        };
        let site = Site::new();
        let nginx = Nginx::start_by(
            |program| site.machine.program(program),
            &pair,
            "location / { return 200 \"<html>Worksheets</html>\"; }",
        );
        for (path, text) in [(KEY, &pair.key), (CRT, &pair.chain)] {
            site.clws(&format!("secret set {path} --type file"))
                .stdin(text.as_bytes())
                .succeeds();
        }
        site.clws(&format!("secret policy {KEY} --rotator tls"))
            .succeeds();
        let at = nginx.folder.path().display();
        let program = tool("nginx");
        let hook = format!(
            r#"runs_on = {{ machine_type = "server" }}
file."site.key" = {{ secret = "tls/site.key" }}
file."site.crt" = {{ secret = "tls/site.crt" }}
[[before]]
run = ["sh", "-c", "ln -sfn {{{{ place }}}}/site.crt {at}/crt && ln -sfn {{{{ place }}}}/site.key {at}/key && {nginx} -e {at}/log -c {at}/conf -s reload"]
[[probe]]
http = "https://{NAME}/"
at = "127.0.0.1:{secure}"
within = "10s"
certificate = {{ secret = "tls/site.crt", days = 1 }}
"#,
            nginx = program.display(),
            secure = nginx.secure,
        );
        site.hook("front", &hook, &[]);
        site.deploy().succeeds();
        Self { site, nginx, ca }
    }

    /// A CA that signs whatever it is asked for.
    fn has_an_issuer(&self) {
        let at = self.ca.path().display();
        write(&self.site.lab, "hooks/our-ca.toml", FOR);
        let script = format!(
            "[ \"$1\" = {CRT} ] || exit 9\n\
             openssl x509 -req -CA {at}/ca.crt -CAkey {at}/ca.key -CAcreateserial -copy_extensions copy -days 90\n\
             cat {at}/ca.crt\n"
        );
        write(&self.site.lab, "hooks/our-ca/issue.sh", &script);
        self.site.clws("hook sign our-ca --yes").succeeds();
        self.site
            .clws(&format!("secret policy {CRT} --rotator our-ca"))
            .succeeds();
    }

    fn get(&self, path: &str) -> String {
        let ran = self.site.clws(&format!("secret get {path}")).succeeds();
        ran.text()
    }

    /// The certificate that is served to a client who trusts the CA.
    fn served(&self) -> Vec<u8> {
        let ca = std::fs::read(self.ca.path().join("ca.crt")).unwrap();
        ask(&client(&ca), self.nginx.secure).unwrap()
    }

    /// After a reload both the old workers of nginx and the new ones take connections, for a moment.
    fn comes_to_serve(&self, wanted: &[u8]) {
        for _ in 0..100 {
            if self.served() == wanted {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("nginx serves another certificate");
    }

    /// Both sidecars, as they lie there.
    fn sidecars(&self) -> [String; 2] {
        [KEY, CRT].map(|path| {
            let file = self
                .site
                .lab
                .vault()
                .join(format!("secrets/{path}.age.toml"));
            std::fs::read_to_string(file).unwrap()
        })
    }

    fn is_settled(&self) {
        assert!(!self.sidecars().concat().contains("[pending]"));
        self.site.clws("rotate --resume").exits(18);
        self.site.clws("check --full").succeeds();
    }
}

fn leaf(chain: &str) -> Vec<u8> {
    let leaf = CertificateDer::from_pem_slice(chain.as_bytes()).unwrap();
    leaf.to_vec()
}

fn client(ca: &[u8]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// One connection, one request; gives the certificate that was shown.
fn ask(client: &Arc<ClientConfig>, port: u16) -> Result<Vec<u8>, String> {
    let socket = TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
    let name = ServerName::try_from(NAME).unwrap();
    let connection = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    let request = format!("GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer);
    if !String::from_utf8_lossy(&answer).ends_with("Worksheets</html>") {
        return Err(format!("{end:?}: {}", String::from_utf8_lossy(&answer)));
    }
    let shown = stream.conn.peer_certificates().unwrap();
    Ok(shown[0].to_vec())
}

#[test]
fn a_pair_is_replaced_without_a_refused_connection() {
    let served = Served::new();
    served.has_an_issuer();
    let old = (served.get(KEY), served.get(CRT));
    assert_eq!(served.served(), leaf(&old.1));
    let done = Arc::new(AtomicBool::new(false));
    let asking = std::thread::spawn({
        let (done, port) = (Arc::clone(&done), served.nginx.secure);
        let client = client(&std::fs::read(served.ca.path().join("ca.crt")).unwrap());
        move || {
            let (mut shown, mut failed) = (Vec::new(), Vec::new());
            while !done.load(Ordering::Relaxed) {
                match ask(&client, port) {
                    Ok(certificate) => shown.push(certificate),
                    Err(error) => failed.push(error),
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            (shown, failed)
        }
    });
    let settle = || std::thread::sleep(Duration::from_millis(700));
    settle();
    served.site.clws(&format!("rotate {KEY} --yes")).succeeds();
    settle();
    let new = (served.get(KEY), served.get(CRT));
    served.comes_to_serve(&leaf(&new.1));
    done.store(true, Ordering::Relaxed);
    let (shown, failed) = asking.join().unwrap();
    let of = |pair: &(String, String)| shown.iter().filter(|one| **one == leaf(&pair.1)).count();
    println!(
        "{} connections: {} old, {} new",
        shown.len(),
        of(&old),
        of(&new)
    );
    assert_eq!(failed, Vec::<String>::new());
    assert!(of(&old) > 50 && of(&new) > 0 && of(&old) + of(&new) == shown.len());

    assert!(new.0 != old.0 && new.0.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(served.nginx.folder.path().join("key").is_symlink());
    // Until when it holds is known of both, and nothing is due any more.
    for sidecar in served.sidecars() {
        let expires = sidecar.lines().find(|line| line.starts_with("expires = "));
        assert!(expires.is_some(), "{sidecar}");
    }
    served.is_settled();
    served
        .site
        .lab
        .nowhere(&[new.0.lines().nth(1).unwrap().to_owned()]);
}

#[test]
fn a_certificate_that_comes_later_is_taken_when_it_fits() {
    let served = Served::new();
    let (before, shown) = (served.sidecars(), served.served());
    let rotate = || served.site.clws(&format!("rotate {KEY} --yes"));
    let at = served.ca.path();
    let read = |name: &str| std::fs::read(at.join(name)).unwrap();

    // A whole pair is handed in, and does not fit: nothing is kept.
    let other = [read("ca.key"), read("old.crt")].concat();
    for (wrong, said) in [
        (other, "for another key"),
        (read("old.crt"), "for another key"),
        (read("old.key"), "no certificate"),
        (
            b"-----BEGIN CERTIFICATE-----\nAA".to_vec(),
            "begins nothing whole",
        ),
    ] {
        let refused = rotate().stdin(&wrong).exits(10);
        assert!(refused.err.contains(said), "{}", refused.err);
        assert_eq!(served.sidecars(), before);
        served.site.clws("rotate --resume").exits(18);
    }
    assert_eq!(served.served(), shown);

    // It comes later: the key waits, and is nobody's yet.
    let waits = rotate().exits(31);
    assert!(
        waits.err.contains(&format!("clws rotate --resume {CRT}")),
        "{}",
        waits.err
    );
    std::fs::write(at.join("new.csr"), &waits.out).unwrap();
    openssl(
        at,
        &format!(
            "openssl req -in new.csr -noout -verify
             openssl req -in new.csr -noout -subject -nameopt RFC2253 | grep -q 'CN={NAME},O=CodaLab'
             openssl req -in new.csr -noout -text | grep -q 'DNS:{NAME}, DNS:www.{NAME}'
             openssl req -in new.csr -noout -text | grep -q prime256v1
             openssl x509 -req -in new.csr -CA ca.crt -CAkey ca.key -days 90 -copy_extensions copy -out new.leaf
             openssl x509 -req -in new.csr -CA ca.crt -CAkey ca.key -days 90 -out nameless.leaf
             printf 'subjectAltName=DNS:{NAME}' >ext
             openssl x509 -req -in new.csr -CA ca.crt -CAkey ca.key -days 90 -extfile ext -out fewer.leaf
             openssl x509 -req -in new.csr -CA ca.crt -CAkey ca.key -days -1 -copy_extensions copy -out ended.leaf
             openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=other -keyout other.key -out other.crt -days 90
             for name in new nameless fewer ended; do cat $name.leaf ca.crt >$name.crt; done
             cat new.leaf other.crt >astray.crt"
        ),
    );
    let [key, crt] = served.sidecars();
    assert!(key.contains("[pending]") && crt == before[1]);
    assert_eq!(served.get(KEY).as_bytes(), read("old.key"));
    let again = served
        .site
        .clws(&format!("rotate --resume {KEY}"))
        .exits(31);
    let key_of = |request: &[u8]| {
        std::fs::write(at.join("again.csr"), request).unwrap();
        openssl(
            at,
            "openssl req -in again.csr -noout -pubkey -out again.pub",
        );
        read("again.pub")
    };
    assert_eq!(key_of(&again.out), key_of(&waits.out));

    let half = served.sidecars();
    for (wrong, said) in [
        ("old.crt", "for another key"),
        ("nameless.crt", "names no host"),
        ("fewer.crt", &*format!("not for www.{NAME}")),
        ("ended.crt", "held until"),
        ("astray.crt", "does not lead from the first to the last"),
    ] {
        let resumed = served.site.clws("rotate --resume").stdin(&read(wrong));
        let refused = resumed.exits(10);
        assert!(refused.err.contains(said), "{wrong}: {}", refused.err);
        assert_eq!(served.sidecars()[1], half[1], "{wrong}");
        assert_eq!(served.served(), shown, "{wrong}");
    }
    served
        .site
        .clws("rotate --resume")
        .stdin(&read("new.crt"))
        .succeeds();
    served.comes_to_serve(&leaf(&served.get(CRT)));
    assert_eq!(served.get(CRT).as_bytes(), read("new.crt"));
    served.is_settled();

    // A pair of somebody else's making is as good, and what waits can be given up.
    rotate().exits(31);
    served.site.clws("rotate --undo --yes").succeeds();
    served.is_settled();
    let pair = [read("new.crt"), served.get(KEY).into_bytes()].concat();
    rotate().stdin(&pair).succeeds();
    served.is_settled();

    // Values of a document are a pair by their names, and either name means both.
    let values = ["TLS_KEY", "TLS_CERT"].map(|name| format!("prod/front/{name}"));
    for (path, half) in values.iter().zip(["old.key", "old.crt"]) {
        let set = served.site.clws(&format!("secret set {path}"));
        set.stdin(&read(half)).succeeds();
    }
    let [key, certificate] = &values;
    served
        .site
        .clws(&format!("secret policy {key} --rotator tls"))
        .succeeds();
    served
        .site
        .clws(&format!("rotate {certificate} --yes"))
        .stdin(&pair)
        .succeeds();
    assert_eq!(served.get(key), served.get(KEY));
    assert_eq!(served.get(certificate), served.get(CRT));
    served.is_settled();
}

#[test]
fn a_key_that_somebody_put_back_gets_no_certificate() {
    let served = Served::new();
    let waits = |words: &str| {
        served
            .site
            .clws(&format!("rotate {words} --yes"))
            .exits(31)
            .out
    };
    let table = || {
        let [key, _] = served.sidecars();
        let at = key.find("[pending]").unwrap();
        key[at..].split("\n\n").next().unwrap().to_owned()
    };
    let key_of = |request: Vec<u8>| {
        std::fs::write(served.ca.path().join("csr"), request).unwrap();
        openssl(
            served.ca.path(),
            "openssl req -in csr -noout -pubkey -out pub",
        );
        std::fs::read(served.ca.path().join("pub")).unwrap()
    };
    let first = key_of(waits(KEY));
    let known = table();
    served.site.clws("rotate --undo --yes").succeeds();
    // What was made is known by its number and its second.
    std::thread::sleep(Duration::from_millis(1100));
    let second = key_of(waits(KEY));
    assert_ne!(first, second);
    // The first one may have got about since. It was signed, and lies there again.
    let file = served
        .site
        .lab
        .vault()
        .join(format!("secrets/{KEY}.age.toml"));
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(&table(), &known)).unwrap();
    let third = key_of(waits("--resume"));
    assert!(third != first && third != second);
    assert_ne!(table(), known);
    assert_eq!(key_of(waits("--resume")), third);
}

#[test]
fn what_ends_is_replaced_with_all_that_waits_where_a_script_issues_it() {
    let served = Served::new();
    let before = served.served();
    // A person would have to be asked.
    let left = served.site.clws("rotate --due --yes").succeeds().text();
    assert!(left.contains(&format!("{CRT}\n  expiring since")), "{left}");
    assert_eq!(served.served(), before);
    served.has_an_issuer();
    let left = served.site.clws("rotate --due --yes").succeeds().text();
    assert!(!left.contains(CRT), "{left}");
    let issued = leaf(&served.get(CRT));
    assert_ne!(issued, before);
    served.comes_to_serve(&issued);
    served.is_settled();
}

/// The script is the one of docs/rotation.md, with another address.
#[test]
fn a_pki_of_openbao_issues_the_certificate() {
    let served = Served::new();
    let before = served.served();
    let bao = Bao::start();
    let ca = ["ca.key", "ca.crt"].map(|name| std::fs::read(served.ca.path().join(name)).unwrap());
    bao.bao(&["secrets", "enable", "pki"], b"");
    bao.bao(&["secrets", "tune", "-max-lease-ttl=8760h", "pki"], b"");
    bao.bao(&["write", "pki/config/ca", "pem_bundle=-"], &ca.concat());
    let role = [
        "write",
        "pki/roles/web",
        "allowed_domains=codalab.example",
        "allow_subdomains=true",
        "key_type=any",
        "ttl=2160h",
    ];
    bao.bao(&role, b"");
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rotation.md"));
    let docs = docs.unwrap();
    let lines = docs
        .lines()
        .skip_while(|line| !line.contains("# hooks/pki/issue.sh"));
    let script: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    let script = script
        .join("\n")
        .replace("https://bao.example:8200", &bao.address);
    assert!(
        script.contains(&bao.address) && script.contains("pki/sign/web"),
        "{script}"
    );
    write(&served.site.lab, "hooks/pki.toml", FOR);
    write(&served.site.lab, "hooks/pki/issue.sh", &script);
    served.site.clws("hook sign pki --yes").succeeds();
    served
        .site
        .clws(&format!("secret policy {CRT} --rotator pki"))
        .succeeds();

    // Nobody is logged in there yet.
    let failed = served.site.clws(&format!("rotate {KEY} --yes")).run();
    assert_ne!(failed.code, 0);
    assert_eq!(served.served(), before);

    let token = served.site.lab.home("ada").join(".vault-token");
    std::fs::write(token, TOKEN).unwrap();
    let rotated = served.site.clws(&format!("rotate {KEY} --yes")).succeeds();
    assert!(!format!("{}{}", rotated.text(), rotated.err).contains(TOKEN));
    let issued = leaf(&served.get(CRT));
    assert_ne!(issued, before);
    served.comes_to_serve(&issued);
    served.is_settled();
}
