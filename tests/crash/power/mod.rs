//! A power cut: what was written and not yet synced is lost, torn, or there before what came earlier.
//!
//! strace writes down what the built program writes, names and syncs, in their order; a model of a
//! disk goes through it up to some moment and then keeps of the unsynced what it likes. What is then on
//! the disk is laid out, and the built program looks at it. The program has no seam for this.

mod disk;
mod history;
mod scene;
mod traced;

mod any_history;
mod founding;
mod one_import;
mod one_write;
