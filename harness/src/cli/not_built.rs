//! Commands that are promised and not there yet: each is refused by its name, not as a slip of the
//! keyboard.

use std::ffi::OsString;

use clap::Args;

use super::CliError;

/// Whatever stands behind the name of a command that is not built
#[derive(Args, Debug)]
#[command(disable_help_flag = true)]
pub(super) struct NotBuiltArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

/// The refusal of `command`, which would do `what`.
pub(super) fn refuse(command: &str, what: &str) -> CliError {
    CliError::usage(format!(
        "`hubnerite {command}` is not built yet: it will {what}"
    ))
    .with_remedy("`hubnerite --help` lists what there is")
}
