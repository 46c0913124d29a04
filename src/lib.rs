//! clws keeps a team's secrets encrypted in git and injects them where they are needed.
//!
//! The folders of `src/` are its strata, and nothing points back up: `cli` parses and prints, the
//! features (`membership`, `edit`, `exec`, `export`, `import`, `deploy`, `doctor`, `check`, `history`, `merge`,
//! `rotate`, `scan`, `ansible`, `server`) each do one thing that a person wants done, `status` lays beside each
//! other what several of them know, the model says what a vault is (`name`, `recipients`, `identity`, `audit`,
//! `trust`, `vault`, `hook`, `plaintext`) and how its hosts are reached (`fleet`, `channel`, `docker`), and the
//! base (`world`, `text`, `secret`, `crypto`, `fs`, `git`, `lines` and what all lean on) knows no vault at all.

// base
pub mod error;

pub mod cores;
pub mod env;
pub mod time;
pub mod world;

pub mod text;

pub mod secret;

pub mod crypto;
pub mod fs;
pub mod git;
pub mod lines;

// model
pub mod name;

pub mod recipients;

pub mod identity;

pub mod audit;

pub mod trust;

pub mod vault;

pub mod fleet;

pub mod channel;
pub mod docker;

pub mod hook;

pub mod plaintext;

// features
pub mod membership;

pub mod edit;
pub mod exec;
pub mod export;
pub mod import;

pub mod deploy;
pub mod doctor;

pub mod check;
pub mod history;
pub mod merge;
pub mod rotate;
pub mod scan;

pub mod ansible;
pub mod server;

// overview
pub mod status;

// cli
pub mod cli;
