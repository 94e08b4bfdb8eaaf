//! `hubnerite completions`

use clap::{Args, Command};
use clap_complete::Shell;

use crate::exit_code;

/// Print the completion script of a shell
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite completions bash > ~/.local/share/bash-completion/completions/hubnerite
  hubnerite completions zsh > ~/.zfunc/_hubnerite
  hubnerite completions fish > ~/.config/fish/completions/hubnerite.fish")]
pub(super) struct CompletionsArgs {
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs, mut command: Command) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "hubnerite", &mut script);
    super::say(String::from_utf8_lossy(&script));
    exit_code::OK
}
