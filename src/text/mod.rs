//! Text for people: foreign text made safe, words for their shell, lists that read well.

mod clean;
mod list;
mod order;
mod ranges;
mod shell;
mod words;

pub(crate) use clean::is_dangerous;
pub use clean::{CleanJson, clean, clean_for_eyes, clean_json, clean_line};
pub use list::{any_of, count, few, list, nearest};
pub use order::by_number;
pub use ranges::ranges;
pub use shell::{is_plain_path, quoted, shell_word};
pub use words::{in_words, words};
