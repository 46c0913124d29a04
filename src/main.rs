//! The `clws` program: hardens the process, runs the command line, returns its code.

use std::process::ExitCode;

use clws::secret::WipingAllocator;

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator;

/// What libraries would log is not in a release program at all; in debug builds tests look it through.
const _: () = assert!(
    cfg!(debug_assertions)
        || (matches!(log::STATIC_MAX_LEVEL, log::LevelFilter::Off)
            && tracing::level_filters::STATIC_MAX_LEVEL
                .into_level()
                .is_none())
);

fn main() -> ExitCode {
    clws::cli::main()
}
