//! Every environment variable that clws reads, in one place. Each of ours has a flag that wins over it.

/// The vault's folder; `--vault`.
pub const VAULT: &str = "CLWS_VAULT";
/// The folder of an identity bundle, or an age identity file for reading only; `--identity`.
pub const IDENTITY: &str = "CLWS_IDENTITY";
/// Where identities and the person's `config.toml` lie, instead of `$XDG_CONFIG_HOME/clws`.
pub const CONFIG_DIR: &str = "CLWS_CONFIG_DIR";
/// Where pins, locks, journals and the audit log lie, instead of `$XDG_STATE_HOME/clws`.
pub const STATE_DIR: &str = "CLWS_STATE_DIR";
/// Whether somebody's agent is at work, which sees and gives no value; `--agent`. `0` says no.
pub const AGENT: &str = "CLWS_AGENT";
/// What a first use on this machine may trust, `FINGERPRINT@N`; `--expect`.
pub const TRUST: &str = "CLWS_TRUST";
/// Private keys of dotenvx, for `clws import` alone, with nothing or `_` and an environment behind it: the name that
/// dotenvx gives them. No flag, since a key is no argument; `.env.keys` beside a file wins.
pub const DOTENV_PRIVATE_KEY: &str = "DOTENV_PRIVATE_KEY";
