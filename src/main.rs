//! The `clws` program.

fn main() {}
