//! The modules of `src/` form strata, and nothing points back up.
//!
//! A module may use the modules above it in [`ORDER`], and features may not use each other. In one
//! crate no compiler keeps this so; this test does, by reading the `crate::` paths of the sources.
//! What belongs in one place alone (SSH, Docker, age, printing) is held to it in the same way.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails that test")]

mod crates;
mod promises;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use source::{Source, Use};

/// All top-level modules, the ones that know least first.
const ORDER: &[(Stratum, &[&str])] = &[
    (
        Stratum::Base,
        &[
            "error", "env", "cores", "time", "world", "text", "secret", "crypto", "fs", "git",
            "lines",
        ],
    ),
    (
        Stratum::Model,
        &[
            "name",
            "recipients",
            "identity",
            "audit",
            "trust",
            "vault",
            "plaintext",
            "fleet",
            "channel",
            "docker",
            "hook",
        ],
    ),
    (
        Stratum::Features,
        &[
            "membership",
            "edit",
            "exec",
            "export",
            "import",
            "deploy",
            "check",
            "history",
            "merge",
            "rotate",
            "scan",
            "ansible",
            "server",
        ],
    ),
    (Stratum::Overview, &["doctor", "status"]),
    (Stratum::Cli, &["cli"]),
];

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Stratum {
    Base,
    Model,
    /// One thing each that a person wants done; they do not know each other.
    Features,
    /// What several features know, side by side; it does nothing of its own.
    Overview,
    Cli,
}

/// Crates and macros that have their places: name, what of it counts, the folders where it may be.
const PLACES: &[(&str, Kind, &[&str])] = &[
    ("russh", Kind::Crate, &["channel/ssh"]),
    ("bollard", Kind::Crate, &["docker"]),
    (
        "age",
        Kind::Crate,
        &["crypto", "identity", "recipients", "vault"],
    ),
    ("vaultrs", Kind::Crate, &["server"]),
    ("rustify", Kind::Crate, &["server"]),
    ("reqwest", Kind::Crate, &["server"]),
    ("saphyr_parser", Kind::Crate, &["plaintext/format/yaml"]),
    ("aes", Kind::Crate, &["plaintext"]),
    (
        "aes_gcm",
        Kind::Crate,
        &["plaintext/dotenvx", "plaintext/sops"],
    ),
    ("k256", Kind::Crate, &["plaintext/dotenvx"]),
    ("regex_lite", Kind::Crate, &["plaintext/sops"]),
    ("bcrypt", Kind::Crate, &["secret"]),
    ("flate2", Kind::Crate, &["git", "scan"]),
    ("lettre", Kind::Crate, &["status/alarm"]),
    ("println", Kind::Macro, &["cli"]),
    ("eprintln", Kind::Macro, &["cli"]),
    ("print", Kind::Macro, &["cli"]),
    ("eprint", Kind::Macro, &["cli"]),
    ("dbg", Kind::Macro, &[]),
];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Crate,
    Macro,
}

#[test]
fn nothing_points_back_up() {
    let sources = all_sources();
    assert!(sources.len() > 15, "src/ was not found");
    let faults: Vec<String> = sources.iter().flat_map(faults_of).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_module_has_its_place_in_the_order() {
    let root = all_sources()
        .into_iter()
        .find(|source| source.file == Path::new("lib.rs"))
        .unwrap();
    let declared = root.declared_modules();
    assert!(declared.contains(&"crypto".to_owned()));
    for module in declared {
        assert!(
            rank(&module).is_some(),
            "`{module}` of src/lib.rs is not in ORDER: say what it may use"
        );
    }
}

/// What is wrong in one file, a line each.
fn faults_of(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |line: usize, what: String| {
        faults.push(format!("src/{}:{line}: {what}", source.file.display()));
    };
    if let Some(own) = source.module() {
        for Use { line, name } in source.uses() {
            if name != own && !may_use(&own, &name) {
                fault(line, format!("`{own}` may not use `{name}`"));
            }
        }
    }
    for &(name, kind, places) in PLACES {
        if places.iter().any(|place| source.is_in(place)) {
            continue;
        }
        let lines = match kind {
            Kind::Crate => source.uses_of_crate(name),
            Kind::Macro => source.uses_of_macro(name),
        };
        for line in lines {
            fault(line, format!("`{name}` may be used in {places:?} alone"));
        }
    }
    faults
}

/// Whether `own` may use `other`: both known, the other above, and not two features.
fn may_use(own: &str, other: &str) -> bool {
    match (rank(own), rank(other)) {
        (Some(own), Some(other)) => {
            other < own && !(own.0 == Stratum::Features && other.0 == Stratum::Features)
        }
        _ => false,
    }
}

/// The stratum of a module and its place there.
fn rank(module: &str) -> Option<(Stratum, usize)> {
    ORDER.iter().find_map(|(stratum, modules)| {
        let place = modules.iter().position(|name| *name == module)?;
        Some((*stratum, place))
    })
}

fn all_sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files
        .iter()
        .map(|file| {
            let text = fs::read_to_string(file).unwrap();
            Source::new(file.strip_prefix(&root).unwrap(), &text)
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The checker finds what it is there to find.
mod checker {
    use super::*;

    fn faults(file: &str, text: &str) -> Vec<String> {
        faults_of(&Source::new(Path::new(file), text))
    }

    #[test]
    fn a_use_downwards_is_a_fault_in_every_spelling() {
        for text in [
            "use crate::vault::Document;",
            "use crate::{error::Code, vault};",
            "use crate::{error::{Code, Explain}, vault::{self, Document}};",
            "use {crate::error::Code, crate::vault};",
            "pub(crate) use crate::vault as other;",
            "fn f() { crate::vault::open() }",
            "fn f(x: &'static crate::vault::Document) -> char { 'x' }",
            "use super::super::vault::Document;",
            "macro_rules! m { () => { $crate::vault::open() } }",
        ] {
            assert_eq!(
                faults("crypto/seal.rs", &format!("\n{text}\n")),
                ["src/crypto/seal.rs:2: `crypto` may not use `vault`"],
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_above_or_ones_own_may_be_used() {
        for (file, text) in [
            ("vault/document.rs", "use crate::{crypto::seal, vault::X};"),
            (
                "vault/document.rs",
                "use super::file; use super::super::trust;",
            ),
            (
                "cli/secret/get.rs",
                "use crate::deploy; use crate::error::Error;",
            ),
            ("deploy.rs", "pub(crate) fn f() { crate::vault::open(); }"),
            ("lib.rs", "pub mod cli; pub mod error;"),
            ("main.rs", "fn main() { clws::cli::main() }"),
        ] {
            assert_eq!(faults(file, text), [""; 0], "{file}: {text}");
        }
    }

    #[test]
    fn features_do_not_know_each_other_in_either_direction() {
        let text = "use crate::deploy::Plan;";
        assert_eq!(faults("edit/save.rs", text).len(), 1);
        assert_eq!(faults("check/drift.rs", text).len(), 1);
        assert_eq!(faults("cli/deploy.rs", text).len(), 0);
    }

    #[test]
    fn a_module_that_nobody_placed_is_a_fault_from_both_sides() {
        assert_eq!(
            faults("vault/document.rs", "use crate::wizard::X;").len(),
            1
        );
        assert_eq!(faults("wizard.rs", "use crate::error::Error;").len(), 1);
        assert_eq!(faults("vault/document.rs", "use crate::*;").len(), 1);
    }

    #[test]
    fn comments_strings_and_unit_tests_are_not_read() {
        let text = r##"
            //! Like `crate::vault`, but
            /* use crate::vault; /* nested */ println!("no"); */
            const A: &str = "use crate::vault; \" println!()";
            const B: &str = r#"use crate::vault; " russh::x"#;
            const C: (char, u8) = ('"', b'\'');
            #[cfg(test)]
            mod tests {
                use crate::vault::Document;
                fn f() { if true { println!("{}", 1) } }
            }
            #[cfg(test)]
            use crate::vault::{A, B};
        "##;
        assert_eq!(faults("crypto/seal.rs", text), [""; 0]);
        let after = format!("{text}\nuse crate::vault;");
        assert_eq!(faults("crypto/seal.rs", &after).len(), 1);
    }

    #[test]
    fn ssh_docker_age_and_printing_stay_in_their_places() {
        for (text, places) in [
            (
                "use russh::client;",
                ["channel/ssh/connect.rs", "deploy/run.rs"],
            ),
            (
                "fn f(k: russh::keys::PublicKey) {}",
                ["channel/ssh.rs", "identity/ssh_key.rs"],
            ),
            ("use bollard::Docker;", ["docker/mod.rs", "deploy/mod.rs"]),
            (
                "use age::x25519;",
                ["recipients/recipient.rs", "membership/sign.rs"],
            ),
            ("use {std::io, age};", ["crypto/wrap.rs", "trust/pin.rs"]),
            ("fn f() { println!() }", ["cli/ui.rs", "main.rs"]),
            (
                "fn f() { std::eprintln!(\"x\") }",
                ["cli/mod.rs", "deploy/run.rs"],
            ),
        ] {
            let [allowed, refused] = places;
            assert_eq!(faults(allowed, text), [""; 0], "{allowed}: {text}");
            assert_eq!(faults(refused, text).len(), 1, "{refused}: {text}");
        }
        // Words that only look like it.
        for text in [
            "fn f(x: T) -> u8 { x.age + crate::vault::age::X }",
            "use std::io; fn f() { S { x, age } } struct S { age: u8 }",
            "fn f() { writeln!(out, \"x\"); print(1) }",
        ] {
            assert_eq!(
                faults("cli_like.rs", text)
                    .iter()
                    .filter(|f| f.contains("alone"))
                    .count(),
                0
            );
        }
    }
}
