//! `--notify`: who is told what is wrong.

use std::cell::OnceCell;
use std::time::Duration;

use clap::Args;

use super::StatusArgs;
use super::install::Form;
use crate::cli::context::Context;
use crate::cli::runtime::runtime;
use crate::cli::ways::open_secret;
use crate::error::Error;
use crate::identity::{Config, MailConfig};
use crate::recipients::MailAddress;
use crate::status::Status;
use crate::status::alarm::{
    About, AlarmError, Limits, Mailer, Message, Program, Told, tell_program,
};
use crate::text::{clean_line, count};
use crate::vault::{Reader, Vault};

/// A program that is told has so long.
const WITHIN: Duration = Duration::from_secs(60);

/// Telling somebody.
#[derive(Args, Debug)]
pub(crate) struct NotifyArgs {
    /// Tell what is wrong, once in four hours for each cause, and when it is over: a program and its words, which
    /// gets JSON on its stdin, or `smtp`, by [mail] of your config.toml
    #[arg(long, value_name = "COMMAND|smtp", conflicts_with = "watch")]
    pub(super) notify: Option<String>,
    /// What waits for a new value, by owner, and no host; with `--notify` each is told once a week
    #[arg(long, conflicts_with_all = ["watch", "html"])]
    pub(super) report: bool,
    /// Print what makes this machine run this by itself, and install nothing: a systemd service and its timer, one
    /// of them, or a line for cron
    #[arg(long, value_enum, value_name = "systemd|service|timer|cron", num_args = 0..=1,
          default_missing_value = "systemd", requires = "notify", hide_possible_values = true)]
    pub(super) install: Option<Form>,
}

/// By what somebody is told.
pub(super) enum Channel {
    Smtp,
    Program(Program),
}

impl NotifyArgs {
    /// By what, if at all.
    pub(super) fn channel(&self) -> Result<Option<(String, Channel)>, Error> {
        let Some(line) = &self.notify else {
            return Ok(None);
        };
        let channel = match line.as_str() {
            "smtp" => Channel::Smtp,
            line => Channel::Program(Program::parse(line)?),
        };
        Ok(Some((line.clone(), channel)))
    }
}

/// What it takes to tell somebody.
pub(super) struct Desk<'a> {
    pub(super) cx: &'a Context,
    pub(super) vault: &'a Vault,
    pub(super) mail: Option<MailConfig>,
    reader: &'a Reader<'a>,
    line: &'a str,
    channel: &'a Channel,
    password: OnceCell<Option<crate::secret::Plain>>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(
        cx: &'a Context,
        vault: &'a Vault,
        reader: &'a Reader<'a>,
        (line, channel): &'a (String, Channel),
    ) -> Result<Self, Error> {
        let mail = Config::read(&cx.world)?.mail;
        if matches!(channel, Channel::Smtp) && mail.is_none() {
            return Err(AlarmError::NoMail.into());
        }
        Ok(Self {
            cx,
            vault,
            mail,
            reader,
            line,
            channel,
            password: OnceCell::new(),
        })
    }

    pub(super) fn about(&self, args: &StatusArgs) -> About {
        About {
            vault: self.vault.trust().accepted.settings().name.clone(),
            on: args.on.clone(),
            at: self.cx.world.now(),
        }
    }

    /// What was told; nobody else tells it while this is held.
    pub(super) fn told(&self, look: &str) -> Result<Told, Error> {
        let told = Told::open(&self.cx.world, self.vault.id(), look, self.line)?;
        if told.was_damaged() {
            self.cx
                .ui
                .warn("what was told before does not read any more; all of it is told once again");
        }
        Ok(told)
    }

    /// Tells somebody: those of `to`, or by a program, which knows by itself whom.
    pub(super) fn tell(&self, message: &Message, to: &[MailAddress]) -> Result<(), Error> {
        let runtime = runtime()?;
        let world = &self.cx.world;
        let told = match self.channel {
            Channel::Program(program) => {
                runtime.block_on(tell_program(world, program, message, WITHIN))?;
                "the program".to_owned()
            }
            Channel::Smtp => {
                let config = self.mail.as_ref().ok_or(AlarmError::NoMail)?;
                let password = self.password(config)?;
                let mailer = Mailer::new(world, config, password, Limits::default())?;
                for refused in runtime.block_on(mailer.send(message, to))? {
                    self.cx
                        .ui
                        .warn(&format!("{} refuses {refused}", config.server));
                }
                let to = to.iter().map(ToString::to_string).collect::<Vec<_>>();
                to.join(", ")
            }
        };
        // A look-up of a name that hangs is not waited for.
        runtime.shutdown_background();
        self.cx.ui.say(&format!("told {told}: {}", message.subject));
        Ok(())
    }

    /// The password, opened when somebody is to be told and not before.
    fn password(&self, config: &MailConfig) -> Result<Option<crate::secret::Plain>, Error> {
        let Some((_, path)) = &config.login else {
            return Ok(None);
        };
        if self.password.get().is_none() {
            let password = open_secret(self.vault, self.reader, path)?;
            // It was empty, and nobody else fills it.
            drop(self.password.set(Some(password)));
        }
        Ok(self
            .password
            .get()
            .and_then(Option::as_ref)
            .map(crate::secret::Plain::duplicate))
    }
}

/// Tells what is wrong and what is over, as far as it was not told.
pub(super) fn alarm(desk: &Desk<'_>, args: &StatusArgs, status: &Status) -> Result<(), Error> {
    let on = args.on.as_deref().unwrap_or_default();
    // Who does not ask does not know what is answered rightly again.
    let look = match args.probe {
        true => format!("{on} --probe"),
        false => on.to_owned(),
    };
    let mut told = desk.told(&look)?;
    let about = desk.about(args);
    let round = told.round(&status.findings, about.at)?;
    if round.is_quiet() {
        if !round.held.is_empty() {
            let held = count(round.held.len(), "thing");
            desk.cx
                .ui
                .say(&format!("{held} wrong, and told within four hours"));
        }
        return Ok(());
    }
    let to = desk.mail.as_ref().map_or(&[][..], |mail| &mail.to);
    desk.tell(&Message::of_round(&about, &round), to)?;
    told.note(&round, about.at)
}

/// A name for messages.
pub(super) fn owner_of(owner: Option<&str>) -> String {
    owner.map_or_else(|| "nobody".to_owned(), clean_line)
}
