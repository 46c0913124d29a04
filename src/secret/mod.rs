//! Values in the clear, and what keeps them from staying around or getting out.

mod plain;
mod redact;
mod wipe;

pub use plain::Plain;
pub use redact::Redactor;
pub use wipe::WipingAllocator;
