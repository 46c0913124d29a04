//! Why nobody was told.

use crate::error::{Code, Explain};
use crate::text::clean_line;

/// Why an alarm or a report did not reach anybody. It counts as not given, and the next run gives it.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum AlarmError {
    #[error("`--notify` names no program: a quote is not closed, or nothing is in it")]
    NoProgram,
    #[error("nobody was told: `{}` cannot be started: {why}", clean_line(.name))]
    NotStarted { name: String, why: String },
    #[error("nobody was told: `{}` {how}", clean_line(.name))]
    Failed {
        name: String,
        how: String,
        /// The last lines that it wrote to stderr.
        said: Vec<String>,
    },
    #[error("there is no [mail] in your config.toml, so it is not known who sends mail")]
    NoMail,
    #[error("`{}` holds no certificate that serves as a CA", clean_line(.path))]
    BadCa { path: String },
    #[error("the password of [mail] is no line of text")]
    BadPassword,
    #[error("nobody was told: {server} is not reached: {why}")]
    Unreached { server: String, why: String },
    #[error("nobody was told: {server} offers no STARTTLS, and nothing is said in clear")]
    InClear { server: String },
    #[error("nobody was told: {server} is not who it should be: {why}")]
    Stranger { server: String, why: String },
    #[error("nobody was told: {server} did not finish within {seconds} s")]
    Slow { server: String, seconds: u64 },
    #[error("nobody was told: {server} broke off or spoke no SMTP: {why}")]
    Garbled { server: String, why: String },
    #[error("nobody was told: {server} takes no login by PLAIN or LOGIN")]
    NoLogin { server: String },
    #[error("nobody was told: {server} refuses {what}: {answer}")]
    Refused {
        server: String,
        what: &'static str,
        answer: String,
        /// Whether it says that it may take it later.
        is_for_now: bool,
    },
    #[error("nobody was told: the message cannot be written: {why}")]
    Unwritable { why: String },
}

impl Explain for AlarmError {
    fn code(&self) -> Code {
        match self {
            Self::NoProgram => Code::Usage,
            Self::NoMail | Self::BadCa { .. } => Code::Config,
            Self::BadPassword => Code::DataErr,
            _ => Code::Backend,
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::Failed { said, .. } => said.clone(),
            _ => Vec::new(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::NoProgram => {
                "a program and its words: `--notify '/usr/local/bin/page --team ops'`; or `smtp`"
            }
            Self::NotStarted { .. } => "name it by its whole path: a timer has a PATH of its own",
            Self::NoMail => {
                "write [mail] there: server, from, to, and user and password for a login (docs/oncall.md)"
            }
            Self::BadCa { .. } => "`ca` in [mail] names a file of certificates in PEM",
            Self::BadPassword => "set it anew: `clws secret set PATH` with one line, without a NUL",
            Self::InClear { .. } => {
                "use the port for submission, 587, or `tls = \"implicit\"` with 465"
            }
            Self::Stranger { .. } => {
                "`server` in [mail] must be the name in its certificate; `ca` names who may have signed it"
            }
            Self::NoLogin { .. } => "many servers offer a login on port 587 or 465 alone",
            Self::Refused {
                is_for_now: true, ..
            }
            | Self::Slow { .. }
            | Self::Unreached { .. }
            | Self::Garbled { .. } => "it was not marked as told, and the next run tries again",
            _ => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}
