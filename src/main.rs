//! The `clws` program: hardens the process, runs the command line, returns its code.

use std::process::ExitCode;

use clws::secret::WipingAllocator;

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator;

fn main() -> ExitCode {
    clws::cli::main()
}
