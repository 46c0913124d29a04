//! What components answered to somebody who only looks.

use crate::time::Moment;

/// What a component answered.
#[derive(Debug, Default)]
pub struct Answers {
    /// Its probes, in the order of its hook.
    pub probes: Vec<ProbeSeen>,
    /// The certificates that are shown where it is asked over TLS.
    pub served: Vec<ServedSeen>,
}

/// A probe that was asked.
#[derive(Debug)]
pub struct ProbeSeen {
    /// What it is called: its command, its URL, its address.
    pub called: String,
    /// What came of it.
    pub answer: Answer,
    /// What its hook says is to be done where the answer is wrong.
    pub next: Option<String>,
    /// Whether a deploy asks it, too, and brings the component anew where the answer is wrong.
    pub of_deploys: bool,
}

/// What came of a probe.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// The answer is right.
    Right,
    /// It is not, and this is what was said: redacted, safe and cut.
    Wrong(String),
    /// It was not asked.
    Unasked {
        /// For this reason.
        why: String,
        /// What has it asked, where it is known.
        next: Option<String>,
    },
}

/// A certificate that is shown to whoever comes.
#[derive(Debug)]
pub struct ServedSeen {
    /// The name that was asked for.
    pub name: String,
    /// `HOST:PORT`, as the host sees it.
    pub address: String,
    /// Its subject.
    pub subject: String,
    /// Until when it holds.
    pub until: Moment,
    /// The secret that it should be, by full name, where one was placed for that name.
    pub secret: Option<String>,
    /// Whether it is the one that was placed; none where none was.
    pub is_placed: Option<bool>,
    /// Whether this vault has another rev of that secret than was placed.
    pub has_newer: bool,
    /// Whether a probe of deploys asks for that very certificate, so that a deploy notices.
    pub is_probed: bool,
}
