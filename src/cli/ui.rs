//! All printing, and all questions.
//!
//! Data goes to stdout; everything else to stderr. Whatever comes from outside is made safe first,
//! unless it is the very bytes that were asked for. A reader that closes its pipe has seen enough: what
//! it does not read is dropped, and the command does its work and ends with its own code.

mod color;
mod values;

use std::io::{self, BufRead as _, BufWriter, IsTerminal as _, Read as _, Write as _};

use serde::Serialize;

use crate::cores;
use crate::error::{Code, Error, Problem, masked};
use crate::identity::Ask;
use crate::secret::Plain;
use crate::text::{CleanJson, clean, clean_line};

use super::hidden;
use super::progress::Progress;
use super::streams::{read, read_or_not, written};
pub(crate) use color::Color;
pub(crate) use values::Source;

/// How much is said beside the data.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Talk {
    /// Warnings and errors alone.
    Quiet,
    /// What was done.
    #[default]
    Normal,
    /// More.
    Verbose,
}

/// The person at the other end, or a script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ui {
    talk: Talk,
    json: bool,
    ask: bool,
    yes: bool,
    agent: bool,
}

impl Ui {
    pub(crate) fn new(talk: Talk, json: bool, ask: bool, yes: bool) -> Self {
        Self {
            talk,
            json,
            ask,
            yes,
            agent: false,
        }
    }

    /// The same for somebody who must see and give no value.
    pub(crate) fn for_agent(mut self, agent: bool) -> Self {
        self.agent = agent;
        self
    }

    /// Whether an agent reads what is printed.
    pub(crate) fn is_for_agent(&self) -> bool {
        self.agent
    }

    /// Whether lists and reports are to be JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether somebody can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        self.ask && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Whether warnings and errors alone are to be said.
    pub(crate) fn is_quiet(&self) -> bool {
        self.talk == Talk::Quiet
    }

    /// Whether stdout is a terminal.
    pub(crate) fn shows_to_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Prints bytes as they are.
    pub(crate) fn data(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut out = io::stdout().lock();
        read_or_not(out.write_all(bytes).and_then(|()| out.flush())).map_err(written)
    }

    /// Prints a line of a list, made safe.
    pub(crate) fn line(&self, text: &str) -> Result<(), Error> {
        self.data(format!("{}\n", one_line(text)).as_bytes())
    }

    /// Prints a report.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Error> {
        let mut out = BufWriter::new(io::stdout().lock());
        let printed = serde_json::to_writer_pretty(CleanJson(&mut out), value);
        let ended = printed
            .map_err(io::Error::from)
            .and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush());
        read_or_not(ended).map_err(written)
    }

    /// Prints rows in columns, made safe; nothing for no rows.
    pub(crate) fn table(&self, head: &[&str], rows: Vec<Vec<String>>) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut out = BufWriter::new(io::stdout().lock());
        let mut lines = columns(head, rows).into_iter();
        let all = lines.try_for_each(|line| out.write_all(line.as_bytes()));
        read_or_not(all.and_then(|()| out.flush())).map_err(written)
    }

    /// How far a piece of work is; shown on a terminal alone.
    pub(crate) fn progress(&self, what: &'static str, of: usize) -> Progress {
        let shown = self.talk != Talk::Quiet && io::stderr().is_terminal();
        Progress::new(what, of, shown)
    }

    /// Says what was done, in one line.
    pub(crate) fn say(&self, text: &str) {
        if self.talk != Talk::Quiet {
            to_stderr(&one_line(text));
        }
    }

    /// Whether more is to be said than usual.
    pub(crate) fn is_verbose(&self) -> bool {
        self.talk == Talk::Verbose
    }

    /// Says what a question is about, also to whoever wants it quiet, in one line.
    pub(crate) fn tell(&self, text: &str) {
        to_stderr(&one_line(text));
    }

    /// Says what somebody should know before going on.
    pub(crate) fn warn(&self, text: &str) {
        to_stderr(&format!("warning: {}", indented(text)));
    }

    /// An error that does not end the run, with what to do about it.
    pub(crate) fn warn_of(&self, error: &Error) {
        self.warn(&error.message());
        for hint in error.hints() {
            self.tell(&format!("hint: {hint}"));
        }
    }

    /// Prints an error, on stdout as JSON where that was asked for.
    pub(crate) fn error(&self, error: &Error) {
        if self.json {
            // If that does not go out, nothing would.
            drop(self.json(&error.to_json()));
        }
        print_error(error);
    }

    /// Asks before a plan is carried out; `--yes` answers.
    ///
    /// # Errors
    /// DENIED where nobody can be asked, or the answer is no.
    pub(crate) fn confirm(&self, question: &str) -> Result<(), Error> {
        if self.yes {
            return Ok(());
        }
        self.demand_person(question)?;
        self.demand_yes(question)
    }

    fn demand_yes(&self, question: &str) -> Result<(), Error> {
        match self.is_yes(question)? {
            true => Ok(()),
            false => Err(Problem::new(Code::Denied, "nothing was done").into()),
        }
    }

    /// Asks on the terminal; all but a yes is a no.
    pub(crate) fn is_yes(&self, question: &str) -> Result<bool, Error> {
        let answer = self.question(&format!("{question} [y/N] "))?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// Asks what only a person on a terminal may answer: `--yes` does not.
    ///
    /// # Errors
    /// DENIED if the answer is no, or [`Self::demand_terminal`] refuses.
    pub(crate) fn confirm_in_person(&self, what: &str, question: &str) -> Result<(), Error> {
        self.demand_terminal(what)?;
        self.demand_yes(question)
    }

    /// Refuses `what` where no terminal is, whatever `--yes` says.
    ///
    /// # Errors
    /// DENIED.
    pub(crate) fn demand_terminal(&self, what: &str) -> Result<(), Error> {
        if self.can_ask() {
            return Ok(());
        }
        Err(Problem::new(
            Code::Denied,
            format!("{what} is for a person on a terminal alone"),
        )
        .note("neither `--yes` nor a variable answers for one")
        .into())
    }

    /// Refuses where nobody can be asked.
    fn demand_person(&self, question: &str) -> Result<(), Error> {
        if self.can_ask() {
            return Ok(());
        }
        Err(Problem::new(
            Code::Denied,
            format!("there is nobody here to ask: {question}"),
        )
        .hint("`--yes` answers for you")
        .into())
    }

    /// Asks for a line of text on the terminal.
    pub(crate) fn question(&self, text: &str) -> Result<String, Error> {
        let mut err = io::stderr().lock();
        err.write_all(one_line(text).as_bytes())
            .and_then(|()| err.flush())
            .map_err(written)?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).map_err(read)?;
        Ok(answer)
    }

    /// Asks twice for a new passphrase, without echo.
    ///
    /// # Errors
    /// DENIED where nobody can be asked: a passphrase never comes from a variable or a pipe.
    pub(crate) fn new_passphrase(&self) -> Result<Plain, Error> {
        if !self.can_ask() {
            return Err(Problem::new(
                Code::Denied,
                "a passphrase is asked for on a terminal alone",
            )
            .into());
        }
        let passphrase = hidden::ask("new passphrase: ")?;
        let again = hidden::ask("once more: ")?;
        if passphrase.same_as(&again) {
            Ok(passphrase)
        } else {
            Err(Problem::new(Code::Usage, "the two are not the same").into())
        }
    }

    /// All of stdin, also what is typed on a terminal.
    pub(crate) fn text(&self, what: &str, most: usize) -> Result<Plain, Error> {
        Ok(input(most)?.ok_or_else(|| too_large(what, most))?)
    }
}

/// All of stdin; `None` if it is more than `most` bytes.
fn input(most: usize) -> Result<Option<Plain>, Error> {
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    io::stdin()
        .lock()
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(read)?;
    Ok((bytes.len() <= most).then(|| Plain::new(std::mem::take(&mut *bytes))))
}

fn too_large(what: &str, most: usize) -> Problem {
    let message = format!("the value for {what} is larger than {most} bytes");
    Problem::new(Code::DataErr, message)
}

/// The head and the rows as lines in columns, made safe.
pub(crate) fn columns(head: &[&str], mut rows: Vec<Vec<String>>) -> Vec<String> {
    rows.insert(0, head.iter().map(ToString::to_string).collect());
    let rows = cores::each(rows, cores::LINES, |mut row| {
        row.iter_mut().for_each(|cell| *cell = clean_line(cell));
        row
    });
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let whole = widths.iter().map(|width| width + 2).sum();
    let line = |row: Vec<String>| {
        let mut line = String::with_capacity(whole);
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            let room = width + 2 - cell.chars().count();
            line.extend(std::iter::repeat_n(' ', room));
        }
        // Two cells may make a word to a CI job's runner that neither of them is.
        let mut line = clean_line(line.trim_end());
        line.push('\n');
        line
    };
    cores::each(rows, cores::LINES, line)
}

impl Ask for Ui {
    fn passphrase(&self, what: &str) -> io::Result<Option<Plain>> {
        if !self.can_ask() {
            return Ok(None);
        }
        hidden::ask(&format!("passphrase of {what}: "))
            .map(Some)
            .map_err(|error| io::Error::other(error.message()))
    }

    fn message(&self, text: &str) {
        text.lines().for_each(|line| self.say(line));
    }

    fn confirm(&self, text: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        if !self.can_ask() {
            return None;
        }
        let no = no.unwrap_or("no");
        let answer = self.question(&format!("{text} [{yes}/{no}] ")).ok()?;
        Some(answer.trim().eq_ignore_ascii_case(yes) || answer.trim() == "y")
    }

    fn answer(&self, text: &str) -> Option<String> {
        self.can_ask()
            .then(|| self.question(&format!("{text} ")).ok())
            .flatten()
    }
}

/// Prints an error for people, without what was tried.
pub(super) fn print_message(error: &Error) {
    to_stderr(&format!("error: {}", indented(&error.message())));
}

/// Prints what was wrong about the words of a command, as clap says it.
pub(super) fn print_wrong_use(text: &str) {
    to_stderr(text.trim_end());
}

/// Prints an error for people.
pub(super) fn print_error(error: &Error) {
    let mut text = format!("error: {}", indented(&error.message()));
    for note in error.notes() {
        text.push_str("\n  ");
        text.push_str(&indented(&note));
    }
    for hint in error.hints() {
        text.push_str("\nhint: ");
        text.push_str(&indented(&hint));
    }
    to_stderr(&text);
}

/// Says that clws itself is wrong, with the place in its source and nothing else.
pub(super) fn bug(place: &str) {
    to_stderr(&format!(
        "error: clws has a bug at {place}; nothing half-done was left behind"
    ));
}

/// A text as one line. What it quotes may come from outside, and would else add lines that look like those of
/// clws; tabs stay.
fn one_line(text: &str) -> String {
    clean(text).replace('\n', "\\u{a}")
}

/// A text whose further lines, such as those that a host wrote, stand below its first.
fn indented(text: &str) -> String {
    clean(text).replace('\n', "\n  ")
}

fn to_stderr(text: &str) {
    let text = format!("{}\n", masked(&clean(text)));
    // With stderr gone there is nobody to tell.
    io::stderr()
        .lock()
        .write_all(color::shown(&text).as_bytes())
        .unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_cells_are_a_word_to_the_runner_of_a_job() {
        let cells = ["::notice", "`::notice` is no name"].map(str::to_owned);
        let lines = columns(&["HOST", ""], vec![cells.to_vec()]);
        assert_eq!(lines[1], "\\u{3a}:notice  `::notice` is no name\n");
    }
}
