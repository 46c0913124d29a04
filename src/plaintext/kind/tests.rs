use super::*;

#[test]
fn content_decides_before_the_name_does() {
    for (name, text, kind) in [
        (".env", "A=1", Kind::Dotenv),
        (".env.local", "A=1", Kind::Dotenv),
        ("web.ENV", "A=1", Kind::Dotenv),
        (".envrc", "A=1", Kind::Text),
        ("x.env.bak", "A=1", Kind::Text),
        ("x", "{\"a\": 1}", Kind::Json),
        ("x.json", "[1]", Kind::Json),
        (
            "a.json",
            "{\"type\": \"service_account\", \"private_key\": \"\"}",
            Kind::ServiceAccount,
        ),
        ("x.yml", "a: 1\n", Kind::Yaml),
        ("x.yml", "$ANSIBLE_VAULT;1.1;AES256\n", Kind::AnsibleVault),
        ("config", "apiVersion: v1\nkind: Config\n", Kind::Kubeconfig),
        ("my.cnf", "[client]\n", Kind::MyCnf),
        ("x.txt", "-----BEGIN CERTIFICATE-----\n", Kind::Certificate),
        (
            "x.crt",
            "-----BEGIN CERTIFICATE-----\n-----BEGIN RSA PRIVATE KEY-----\n",
            Kind::PemBundle,
        ),
        ("k", "-----BEGIN OPENSSH PRIVATE KEY-----\n", Kind::SshKey),
        ("k.pub", "ssh-ed25519 AAAAC3 a@b\n", Kind::PublicKey),
        ("k.pub", "hunter2\n", Kind::Text),
        (
            "known_hosts",
            "h,1.2.3.4 ssh-ed25519 AAAAC3\n@revoked * ssh-rsa AAAAB3\n",
            Kind::KnownHosts,
        ),
        (".netrc", "machine a login b password c\n", Kind::Netrc),
        (".pgpass", "h:5432:db:u:p\n", Kind::Pgpass),
        ("users", "ada:$2y$05$abc\n", Kind::Htpasswd),
        (
            "credentials",
            "[default]\naws_access_key_id = A\n",
            Kind::Ini,
        ),
        (
            "age.txt",
            "# public key: age1\nAGE-SECRET-KEY-1\n",
            Kind::PrivateKey,
        ),
        (
            "x.ppk",
            "PuTTY-User-Key-File-3: ssh-ed25519\n",
            Kind::SshKey,
        ),
        (
            "x.asc",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
            Kind::PrivateKey,
        ),
        (
            "a.yaml",
            "a: ENC[AES256_GCM,data:x\n",
            Kind::Sops(Form::Yaml),
        ),
        (
            "a.env",
            "a=ENC[AES256_GCM,data:x\n",
            Kind::Sops(Form::Dotenv),
        ),
        (
            "key.pem",
            "{\"data\": \"ENC[AES256_GCM,data:x\", \"sops\": {}}",
            Kind::Sops(Form::Binary),
        ),
        ("notes.md", "such as ENC[AES256_GCM,data:x\n", Kind::Text),
        ("db.age", "age-encryption.org/v1\n", Kind::Age),
        ("db", "-----BEGIN AGE ENCRYPTED FILE-----\n", Kind::Age),
        ("db.asc", "-----BEGIN PGP MESSAGE-----\n", Kind::Gpg),
        (
            ".age-recipients",
            "# us\nage1abc\nssh-ed25519 AAAAC3 a\n",
            Kind::PublicKey,
        ),
        (".env", "A=\"encrypted:BD8\"\n", Kind::Dotenvx),
        (".env.keys", "DOTENV_PRIVATE_KEY=1\n", Kind::DotenvxKeys),
        ("run", "#!/bin/sh\n", Kind::Script),
        ("web.env~", "A=1", Kind::Backup),
        (".web.env.swp", "b0VIM", Kind::Backup),
        (".DS_Store", "x", Kind::Junk),
        ("x", "", Kind::Empty),
        ("x.p12", "\u{30}\u{3}\u{2}\u{1}\u{3}0\0", Kind::Pkcs12),
    ] {
        assert_eq!(recognise(name, text.as_bytes()), kind, "{name}: {text}");
    }
    assert_eq!(
        recognise("x.p12", b"\x30\x82\x01\x00\x02\x01\x03\x30\x82\0"),
        Kind::Pkcs12
    );
    assert_eq!(recognise("x", b"\0\xff"), Kind::File);
}

#[test]
fn names_give_documents_their_names() {
    for (kind, name, stem) in [
        (Kind::Dotenv, ".env", &[][..]),
        (Kind::Dotenv, ".env.local", &["local"]),
        (
            Kind::Dotenv,
            ".env.production.local",
            &["production", "local"],
        ),
        (
            Kind::Dotenv,
            "rest-server.prod.env",
            &["rest-server", "prod"],
        ),
        (Kind::Dotenv, "Web.ENV", &["Web"]),
        (Kind::Json, "principal.json", &["principal"]),
        (Kind::Yaml, "dev.yml", &["dev"]),
        (Kind::Json, "config", &["config"]),
        (Kind::Sops(Form::Yaml), "web.enc.yaml", &["web"]),
        (Kind::Sops(Form::Yaml), "sops.yaml", &["sops"]),
        (Kind::Sops(Form::Dotenv), "web.sops.env", &["web"]),
    ] {
        assert_eq!(kind.stem(name), stem, "{name}");
    }
}
