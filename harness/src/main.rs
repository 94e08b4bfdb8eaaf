//! The `hubnerite` command.

fn main() {}
