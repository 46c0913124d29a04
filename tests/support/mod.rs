//! What several test binaries share: real servers, and the tree that is imported.
#![allow(
    dead_code,
    reason = "each test binary compiles all of this and uses its own part"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a helper of tests fails the test that called it"
)]

pub(crate) mod azure;
pub(crate) mod bao;
pub(crate) mod bao_cluster;
pub(crate) mod desk;
pub(crate) mod docker_image;
pub(crate) mod dotenvx;
pub(crate) mod fixture;
pub(crate) mod keyring;
pub(crate) mod lab;
pub(crate) mod machine;
pub(crate) mod mariadb;
pub(crate) mod random;
pub(crate) mod registry;
pub(crate) mod smtp;
pub(crate) mod sops;
pub(crate) mod sshd;
pub(crate) mod terminal;
pub(crate) mod tool;
pub(crate) mod web;
