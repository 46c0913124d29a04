//! What a live command is connected to on this side.

use tokio::sync::mpsc;
use zeroize::Zeroizing;

use crate::channel::Source;

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Size {
    /// Characters in a line.
    pub columns: u32,
    /// Lines.
    pub rows: u32,
}

/// What happens to a command while it runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// The terminal has another size.
    Resize(Size),
    /// It is sent a signal: `INT`, `TERM`.
    Signal(&'static str),
    /// It is to be ended.
    Leave,
}

/// A piece of output.
pub type Piece = (Source, Zeroizing<Vec<u8>>);

/// What a live command is connected to on this side.
#[derive(Debug)]
pub struct Ends {
    /// What it reads; its standard input ends with the sender.
    pub input: mpsc::Receiver<Zeroizing<Vec<u8>>>,
    /// What happens meanwhile.
    pub changes: mpsc::Receiver<Change>,
    /// What it writes. Where nobody takes it any more, the command is ended.
    pub output: mpsc::Sender<Piece>,
}
