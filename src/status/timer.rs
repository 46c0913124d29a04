//! What makes a machine look by itself: a systemd service with its timer, or a line for cron.
//!
//! Only printed; who installs it reads it first.

use crate::text::{clean_line, shell_word};

/// As what it is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Install {
    /// A service and its timer for systemd, with where each belongs.
    Systemd,
    /// The service alone, as its file has it.
    Service,
    /// The timer alone, as its file has it.
    Timer,
    /// A line for a crontab.
    Cron,
}

/// What is to be run, and how often.
#[derive(Clone, Debug)]
pub struct Job {
    /// The program and its words. None of them is secret: no secret is an argument of ours.
    pub words: Vec<String>,
    /// Where it runs: what its words name is seen from there.
    pub folder: String,
    /// Variables that it needs.
    pub variables: Vec<(String, String)>,
    /// Whether it is a weekly report, and not a look every five minutes.
    pub is_weekly: bool,
    /// Whether root runs it, so that it is a unit of the machine.
    pub is_root: bool,
    /// What tells its files from another vault's: letters, digits, `-`.
    pub name: String,
}

/// Why a job cannot be written down for something that reads lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a word has a line break or a control character in it, which neither systemd nor cron can be given"
)]
pub struct NotALine;

/// Prints a job.
///
/// # Errors
/// [`NotALine`].
pub fn install(job: &Job, as_what: Install) -> Result<String, NotALine> {
    let values = job.variables.iter().map(|(_, value)| value);
    let mut all = job.words.iter().chain([&job.folder]).chain(values);
    // A unit has no quotes around a folder; a `\\` at its end would join the next line to it.
    let is_cut = job.folder.ends_with(['\\', ' ']);
    if is_cut || all.any(|word| word.chars().any(char::is_control)) {
        return Err(NotALine);
    }
    Ok(match as_what {
        Install::Service => service(job),
        Install::Timer => timer(job),
        Install::Cron => cron(job),
        Install::Systemd => {
            let (folder, systemctl) = match job.is_root {
                true => ("/etc/systemd/system", "systemctl"),
                false => ("~/.config/systemd/user", "systemctl --user"),
            };
            let unit = unit_of(job);
            let linger = match job.is_root {
                true => "",
                false => {
                    "# so that it also runs while you are not logged in: loginctl enable-linger\n"
                }
            };
            format!(
                "# {folder}/{unit}.service\n{}\n# {folder}/{unit}.timer\n{}\n\
                 # then: {systemctl} daemon-reload && {systemctl} enable --now {unit}.timer\n{linger}",
                service(job),
                timer(job),
            )
        }
    })
}

fn unit_of(job: &Job) -> String {
    match job.is_weekly {
        true => format!("clws-report-{}", job.name),
        false => format!("clws-status-{}", job.name),
    }
}

fn what(job: &Job) -> &'static str {
    match job.is_weekly {
        true => "clws: what is due, to each owner",
        false => "clws: tell what is wrong",
    }
}

/// systemd.service(5). Exit code 1 says that something is wrong and was told, which is no failure of the
/// service; every other one is.
fn service(job: &Job) -> String {
    let variables = job.variables.iter();
    let variables: String = variables
        .map(|(name, value)| {
            format!(
                "Environment={}\n",
                for_systemd(&format!("{name}={value}"), false)
            )
        })
        .collect();
    let words: Vec<String> = job
        .words
        .iter()
        .map(|word| for_systemd(word, true))
        .collect();
    format!(
        "[Unit]\nDescription={}\nWants=network-online.target\nAfter=network-online.target\n\n\
         [Service]\nType=oneshot\nWorkingDirectory={}\n{variables}ExecStart={}\nSuccessExitStatus=1\nTimeoutStartSec=15min\n\
         UMask=0077\n",
        what(job),
        job.folder.replace('%', "%%"),
        words.join(" "),
    )
}

/// systemd.timer(5). The delay keeps many machines from asking at the same second.
fn timer(job: &Job) -> String {
    let (when, delay) = match job.is_weekly {
        true => ("Mon 08:00", "10min"),
        false => ("*:0/5", "30s"),
    };
    format!(
        "[Unit]\nDescription={}\n\n[Timer]\nOnCalendar={when}\nRandomizedDelaySec={delay}\nPersistent=true\n\n\
         [Install]\nWantedBy=timers.target\n",
        what(job),
    )
}

/// crontab(5): what stands behind a `%` that is not protected is no part of the command.
fn cron(job: &Job) -> String {
    let when = match job.is_weekly {
        true => "0 8 * * 1",
        false => "*/5 * * * *",
    };
    let variables = job.variables.iter();
    let variables = variables.map(|(name, value)| format!("{name}={}", shell_word(value)));
    let words = job.words.iter().map(|word| shell_word(word));
    let line: Vec<String> = variables.chain(words).collect();
    let line = format!("cd {} && {}", shell_word(&job.folder), line.join(" "));
    let line = line.replace('%', "\\%");
    format!("{when} {line} >/dev/null\n")
}

/// One word of a unit's line (systemd.syntax(7), systemd.service(5)): `%` begins a specifier, and in a
/// command `$` a variable.
fn for_systemd(word: &str, is_command: bool) -> String {
    let mut text = word
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%");
    if is_command {
        text = text.replace('$', "$$");
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:@,+%".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text,
        false => format!("\"{text}\""),
    }
}

/// What of a text can be in the name of a unit.
#[must_use]
pub(crate) fn unit_name(text: &str) -> String {
    let mut name = String::new();
    for character in clean_line(text).chars().take(60) {
        match character.is_ascii_alphanumeric() {
            true => name.push(character.to_ascii_lowercase()),
            false if name.ends_with('-') || name.is_empty() => {}
            false => name.push('-'),
        }
    }
    name.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(words: &[&str]) -> Job {
        Job {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            folder: "/srv/50% vault".into(),
            variables: vec![("CLWS_STATE_DIR".into(), "/var/lib/my state".into())],
            is_weekly: false,
            is_root: false,
            name: "prod".into(),
        }
    }

    #[test]
    fn each_word_stays_one_whatever_is_in_it() {
        let job = job(&["/usr/bin/clws", "--notify", r#"sh -c 'echo "$1" 100%'"#, ""]);
        let service = install(&job, Install::Service).unwrap();
        let line = service
            .lines()
            .find(|line| line.starts_with("ExecStart="))
            .unwrap();
        assert_eq!(
            line,
            r#"ExecStart=/usr/bin/clws --notify "sh -c 'echo \"$$1\" 100%%'" """#
        );
        assert!(service.contains("WorkingDirectory=/srv/50%% vault\n"));
        assert!(service.contains("Environment=\"CLWS_STATE_DIR=/var/lib/my state\"\n"));
        let cron = install(&job, Install::Cron).unwrap();
        assert_eq!(
            cron,
            "*/5 * * * * cd '/srv/50\\% vault' && CLWS_STATE_DIR='/var/lib/my state' /usr/bin/clws --notify \
             'sh -c '\\''echo \"$1\" 100\\%'\\''' '' >/dev/null\n"
        );
    }

    #[test]
    fn a_line_break_is_refused() {
        for word in ["a\nExecStart=/bin/sh", "a\r", "a\u{85}b"] {
            let job = job(&[word]);
            for form in [Install::Systemd, Install::Cron] {
                assert_eq!(install(&job, form), Err(NotALine), "{word:?}");
            }
        }
    }

    #[test]
    fn a_unit_is_called_by_letters_digits_and_dashes() {
        assert_eq!(
            unit_name("../My vault, prod_server*"),
            "my-vault-prod-server"
        );
    }
}
