//! What is shown while a deploy runs: lines as they come, and on a terminal below them who is at work.
//!
//! All lines of a deploy go through here, whole and one at a time, so that two hosts' never mix and
//! none runs into the line at the bottom.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};

use super::table::{self, MANY};
use crate::cli::progress::draw;
use crate::cli::ui::{Ui, print_error, print_message};
use crate::deploy::{Done, Event, Fate, StepFailed};
use crate::error::Error;
use crate::text::{clean_line, count};

/// Where the terminal does not say.
const WIDTH: usize = 80;

/// The screen of one deploy.
pub(super) struct Live<'a> {
    ui: &'a Ui,
    /// Whether there is a line at the bottom.
    draws: bool,
    hosts: usize,
    /// Whether there are too many hosts to tell of each.
    counts: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The hosts at work, with what they work on.
    at_work: BTreeMap<String, String>,
    left: usize,
    failed: usize,
    /// How many errors of each code were told.
    told: BTreeMap<&'static str, usize>,
    drawn: bool,
}

impl<'a> Live<'a> {
    pub(super) fn new(ui: &'a Ui, hosts: usize) -> Self {
        Self {
            ui,
            draws: !ui.is_quiet() && std::io::stderr().is_terminal(),
            hosts,
            counts: hosts > MANY && !ui.is_verbose(),
            state: Mutex::default(),
        }
    }

    /// Says a line.
    pub(super) fn say(&self, line: &str) {
        self.above(|| self.ui.say(line));
    }

    /// Says what somebody should know.
    pub(super) fn warn(&self, line: &str) {
        self.above(|| self.ui.warn(line));
    }

    /// Whether each host is told of, and not their number in the end alone.
    pub(super) fn tells_each(&self) -> bool {
        !self.counts
    }

    /// Shows an error, but for what was shown already. Of a large fleet's errors of one code the first ones
    /// are shown: where a network is down, all hosts have the same to say.
    pub(super) fn error(&self, error: &Error) {
        if self.counts {
            let code = error.code().name();
            let mut state = self.lock();
            let told = state.told.entry(code).or_default();
            *told += 1;
            let told = *told;
            drop(state);
            if told > MANY + 1 {
                return;
            }
            if told > MANY {
                return self.say(&format!(
                    "more errors of the kind {code} are counted below; `--verbose` shows each"
                ));
            }
        }
        let was_shown = !self.ui.is_quiet() && error.downcast_ref::<StepFailed>().is_some();
        self.above(|| {
            if was_shown {
                print_message(error);
            } else {
                print_error(error);
            }
        });
    }

    /// Takes what happened.
    pub(super) fn event(&self, event: Event<'_>) {
        match event {
            Event::Connects(host) => self.works(host, "connects"),
            Event::Begins(host, component) => self.works(host, component.as_str()),
            Event::Leaves(host) => {
                let mut state = self.lock();
                state.left += 1;
                state.at_work.remove(host);
            }
            Event::Ended(row) => match &row.fate {
                Fate::Failed(error) => {
                    self.lock().failed += 1;
                    self.error(error);
                }
                Fate::Done(Done::Unchanged) | Fate::Left(_) => {}
                Fate::Done(_) if self.draws && !self.counts => {
                    let component = row.component.iter().map(ToString::to_string);
                    let component: String = component.collect();
                    let result = table::result(row);
                    let seconds = row.seconds;
                    self.say(&format!(
                        "{} {component}: {result} ({seconds:.1} s)",
                        row.host
                    ));
                }
                Fate::Done(_) => {}
            },
        }
        self.above(|| {});
    }

    /// Takes the line at the bottom away.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.at_work.clear();
        drop(state);
        self.above(|| {});
    }

    fn works(&self, host: &str, on: &str) {
        self.lock().at_work.insert(host.to_owned(), on.to_owned());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints something above the line at the bottom.
    fn above(&self, print: impl FnOnce()) {
        let mut state = self.lock();
        if std::mem::take(&mut state.drawn) {
            draw("\r\x1b[K");
        }
        print();
        if self.draws && !state.at_work.is_empty() {
            state.drawn = true;
            draw(&self.line(&state));
        }
    }

    fn line(&self, state: &State) -> String {
        let failed = match state.failed {
            0 => String::new(),
            some => format!(", {some} failed"),
        };
        let at_work = state
            .at_work
            .iter()
            .map(|(host, on)| format!("{host} {on}"));
        let at_work: Vec<String> = at_work.collect();
        let line = format!(
            "[{}/{}{failed}] {}",
            state.left.min(self.hosts),
            count(self.hosts, "host"),
            at_work.join(", ")
        );
        let columns = rustix::termios::tcgetwinsize(std::io::stderr());
        let columns = columns.map_or(0, |size| usize::from(size.ws_col));
        let width = if columns == 0 { WIDTH } else { columns };
        clean_line(&line).chars().take(width - 1).collect()
    }
}
