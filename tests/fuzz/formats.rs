//! Files of values as people have them: what is accepted comes back, byte for byte.

use clws::plaintext::ansible_vault::Passwords;
use clws::plaintext::sops::{self, Form};
use clws::plaintext::{Fault, Read, blocks, format_named, recognise};

use crate::drive::{fuzz, said};

/// What a reader of formats said.
fn why<T>(result: &Result<T, Fault>) -> String {
    said(&result.as_ref().map_err(|fault| &fault.why))
}

/// Reads a text of a format; `Read::of` itself proves that its values put back give the text, and what our
/// own spelling of them is must read as the same.
fn read(kind: &str, text: &[u8]) -> String {
    let format = format_named(kind).unwrap_or_else(|| panic!("no format {kind}"));
    let passwords = Passwords::default();
    let result = Read::of(text, format, &passwords);
    let Ok(text) = std::str::from_utf8(text) else {
        return why(&result);
    };
    if let Ok(parsed) = format.parse(text, &passwords) {
        let entries = parsed.into_entries();
        if let Ok(printed) = format.print(&entries) {
            let again = format.parse(&printed, &passwords);
            let again = again.unwrap_or_else(|fault| panic!("{fault:?} in {printed:?}"));
            assert!(
                again.into_entries() == entries,
                "{printed:?} says something else"
            );
        }
    }
    why(&result)
}

#[test]
fn dotenv() {
    let seed = b"# a\nexport A=1\nB='x y'\nC=\"a\\nb $D\"\nD=`x`\nE=\nF=a#b\nG=\"line\nline\"\n";
    fuzz(
        "dotenv",
        &[seed],
        &["export ", "='", "=\"", "\"\n", "'\n", "\\\n", "$A", "${A}"],
        |text| read("dotenv", text),
    );
}

#[test]
fn ini() {
    let seed =
        b"; a\n[client]\nuser = root\npassword = \"x y\"\n[mysqld]\nskip\n!include x\nport=1\n";
    fuzz(
        "ini",
        &[seed],
        &[
            "[a]\n",
            "[a.b]\n",
            " = ",
            ": ",
            "  continued\n",
            "!includedir /\n",
            "%(a)s",
        ],
        |text| format!("{}; {}", read("ini", text), read("my.cnf", text)),
    );
}

#[test]
fn yaml() {
    let seed = b"---\na: 1\nb: 'x'\nc: \"y\\n\"\nd:\n  - 1\n  - {e: f}\ng: |\n  text\n  more\nh: >-\n  folded\ni: ~\nj: &k v\nl: *k\n";
    let vault = b"a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n  63\nb: 1\n";
    let words = [
        "- ",
        ": ",
        "? ",
        "&a ",
        "*a",
        "!!binary |\n",
        "!vault ",
        "|+\n",
        ">-\n",
        "<<: ",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "[",
        "{",
    ];
    fuzz("yaml", &[seed, vault], &words, |text| read("yaml", text));
}

#[test]
fn json_and_toml() {
    let json = br#"{"a":1,"b":"x\u00e9","c":[1,2.5e3,null,true],"d":{"e":{}}}"#;
    let toml = b"a = 1\nb = \"x\"\nc = [1, 2]\n[d]\ne = '''x\ny'''\nf = 1979-05-27T07:32:00Z\n[[g]]\nh.i = {j = 1}\n";
    let words = [
        "{\"a\":", "[[", "\\ud800", "\\u0000", "'''", "\"\"\"", "a.b = ", "0x", "1_0", "e+400",
    ];
    fuzz("json-toml", &[json, toml], &words, |text| {
        format!("{}; {}", read("json", text), read("toml", text))
    });
}

#[test]
fn ansible_vaults() {
    let seed = b"$ANSIBLE_VAULT;1.2;AES256;prod\n\
        36316138323062376262353861656236616565393963326366393637613264316538376237353164\n\
        6665366561383431336438306131353030316165343664340a323537396634613833383264383232\n\
        3135\n";
    let mut passwords = Passwords::default();
    passwords.add(None, b"password");
    fuzz(
        "ansible-vault",
        &[seed],
        &["$ANSIBLE_VAULT;1.1;AES256\n", ";", "0a", "61"],
        |text| said(&passwords.open(text)),
    );
}

#[test]
fn sops_files() {
    let yaml = b"a: ENC[AES256_GCM,data:Tr7o,iv:1vIGhD,tag:PQ2Jng==,type:str]\nsops:\n    age:\n        - recipient: age1x\n          enc: |\n            -----BEGIN AGE ENCRYPTED FILE-----\n            YWdl\n            -----END AGE ENCRYPTED FILE-----\n    lastmodified: '2022-01-01T00:00:00Z'\n    mac: ENC[AES256_GCM,data:aa,iv:bb,tag:cc,type:str]\n    unencrypted_suffix: _unencrypted\n    version: 3.7.3\n";
    let json = br#"{"a":"ENC[AES256_GCM,data:Tr7o,iv:1vI=,tag:PQ==,type:int]","sops":{"age":[{"recipient":"age1x","enc":"x"}],"lastmodified":"2022-01-01T00:00:00Z","mac":"ENC[AES256_GCM,data:aa,iv:bb,tag:cc,type:str]","encrypted_regex":"^(a+)+$","version":"3.7.3"}}"#;
    let dotenv = b"a=ENC[AES256_GCM,data:Tr7o,iv:1vI=,tag:PQ==,type:str]\nsops_version=3.7.3\nsops_age__list_0__map_recipient=age1x\nsops_mac=ENC[AES256_GCM,data:aa,iv:bb,tag:cc,type:str]\nsops_lastmodified=2022-01-01T00:00:00Z\n";
    let words = [
        "ENC[AES256_GCM,data:",
        ",iv:",
        ",tag:",
        ",type:",
        "]",
        "encrypted_regex",
        "(((((",
        "shamir_threshold",
        "key_groups",
        "sops_age__list_99999999__map_enc=",
    ];
    fuzz("sops", &[yaml, json, dotenv], &words, |text| {
        let all = String::from_utf8_lossy(text);
        let forms = ["a.yaml", "a.json", "a.env", "a.ini"].map(|name| Form::of(name, text));
        let opened = forms
            .into_iter()
            .flatten()
            .map(|form| said(&sops::open(&all, form, &[])));
        opened.collect::<Vec<_>>().join("; ")
    });
}

#[test]
fn kinds_and_blocks() {
    let pem = b"x\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n-----END OPENSSH PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUGkz\n-----END CERTIFICATE-----\n";
    let words = [
        "-----BEGIN ",
        "-----END ",
        " PRIVATE KEY-----\n",
        "RSA",
        "ENCRYPTED",
        "Proc-Type: 4,ENCRYPTED\n",
        "AGE-SECRET-KEY-1",
    ];
    fuzz("kinds", &[pem], &words, |text| {
        let found = blocks(&String::from_utf8_lossy(text)).len();
        let kinds = ["a.pem", "a.env", "a", "a.json", "id_ed25519"]
            .map(|name| recognise(name, text).as_str());
        format!("{} {kinds:?}", found.min(3))
    });
}
