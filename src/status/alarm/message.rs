//! What is said: in words, and as JSON for a program.

use serde_json::{Value, json};

use super::Round;
use crate::status::finding::Finding;
use crate::text::{clean_line, count};
use crate::time::Moment;

/// So many of a kind are said in words; the JSON has all of them.
const SAID: usize = 100;

/// What a message is about.
#[derive(Clone, Debug)]
pub struct About {
    /// The vault's name.
    pub vault: String,
    /// What was asked for, `prod`; all of it without.
    pub on: Option<String>,
    /// When it was looked at.
    pub at: Moment,
}

impl About {
    fn place(&self) -> String {
        match &self.on {
            Some(on) => clean_line(&format!("{}, {on}", self.vault)),
            None => clean_line(&self.vault),
        }
    }
}

/// Something to be told.
#[derive(Clone, Debug)]
pub struct Message {
    /// One line.
    pub subject: String,
    /// The text, safe to print.
    pub text: String,
    /// The same for a program, with subject and text.
    pub json: Value,
}

impl Message {
    /// An alarm, or that something is over.
    #[must_use]
    pub fn of_round(about: &About, round: &Round) -> Self {
        let mut paragraphs = vec![format!("{}, as of {}", about.place(), about.at)];
        let lines = |findings: &[Finding]| findings.iter().map(lines_of).collect::<Vec<_>>();
        paragraphs.extend(paragraph("Wrong", &lines(&round.due)));
        paragraphs.extend(paragraph(
            "Wrong still, and told before",
            &lines(&round.held),
        ));
        let over = round.over.iter().map(|cause| {
            let what = clean_line(&format!("{}: {}", cause.kind, cause.path));
            format!("  {what}, last told {}", cause.told())
        });
        paragraphs.extend(paragraph("Over", &over.collect::<Vec<_>>()));
        let subject = match (round.due.as_slice(), round.over.as_slice()) {
            ([], [only]) => format!("over: {}: {}", only.kind, only.path),
            ([], over) => format!("{} over", count(over.len(), "alarm")),
            ([only], _) => format!("{}: {}", only.kind.as_str(), only.path),
            (due, _) => format!("{} wrong", count(due.len(), "thing")),
        };
        let over = round.over.iter().map(|cause| {
            json!({ "kind": cause.kind, "path": cause.path, "told": cause.told().to_string() })
        });
        let facts = json!({
            "wrong": round.due,
            "still": round.held,
            "over": over.collect::<Vec<_>>(),
        });
        Self::new(about, &subject, &paragraphs, "alarm", facts)
    }

    /// What waits for somebody.
    #[must_use]
    pub fn of_report(about: &About, owner: Option<&str>, due: &[String], facts: Value) -> Self {
        let who = owner.map_or("nobody".to_owned(), clean_line);
        let mut paragraphs = vec![format!("{}, as of {}", about.place(), about.at)];
        paragraphs.extend(paragraph(&format!("Due to {who}"), due));
        let subject = format!("{} due to {who}", count(due.len(), "value"));
        Self::new(about, &subject, &paragraphs, "report", facts)
    }

    fn new(about: &About, subject: &str, paragraphs: &[String], what: &str, facts: Value) -> Self {
        let subject = clean_line(&format!("clws {}: {subject}", about.place()));
        // A line of a header and a subject in a list of mail.
        let subject: String = subject.chars().take(200).collect();
        let text = format!("{}\n", paragraphs.join("\n\n"));
        let mut json = json!({
            "what": what,
            "vault": about.vault,
            "on": about.on,
            "at": about.at.to_string(),
            "subject": subject,
            "text": text,
        });
        if let (Some(all), Value::Object(facts)) = (json.as_object_mut(), facts) {
            all.extend(facts);
        }
        Self {
            subject,
            text,
            json,
        }
    }
}

/// A finding in words, two lines.
fn lines_of(finding: &Finding) -> String {
    let kind = finding.kind.as_str();
    let what = clean_line(&format!("{kind}: {}: {}", finding.path, finding.why));
    format!("  {what}\n    next: {}", clean_line(&finding.next))
}

fn paragraph(head: &str, lines: &[String]) -> Option<String> {
    if lines.is_empty() {
        return None;
    }
    let mut text = vec![format!("{head}:")];
    text.extend(lines.iter().take(SAID).cloned());
    let more = lines.len().saturating_sub(SAID);
    if more > 0 {
        text.push(format!("  and {more} more: `clws status` says them"));
    }
    Some(text.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::finding::Kind;

    #[test]
    fn what_comes_from_outside_stays_in_its_line() {
        let about = About {
            vault: "v\r\nBcc: eve@example.org".into(),
            on: Some("prod\u{202e}".into()),
            at: Moment::from_seconds(1_800_000_000),
        };
        let finding = Finding::new(
            Kind::Unreachable,
            "box\r\nBcc: eve@example.org\r\n\r\n.\r\nQUIT",
            "it says \u{1b}[2J",
            "a\nb",
        );
        let round = Round {
            due: vec![finding],
            ..Round::default()
        };
        let message = Message::of_round(&about, &round);
        assert!(
            !message.subject.contains(['\r', '\n', '\u{202e}']),
            "{}",
            message.subject
        );
        assert!(
            !message.text.contains(['\r', '\u{1b}', '\u{202e}']),
            "{}",
            message.text
        );
        assert!(
            message
                .text
                .lines()
                .all(|line| !line.starts_with("Bcc") && line != ".")
        );
        assert_eq!(message.text.lines().count(), 5, "{}", message.text);
    }
}
