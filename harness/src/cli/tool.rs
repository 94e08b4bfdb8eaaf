//! What a tool that shows one thing of a hub is told: how to print it, and which hub.

use clap::Args;

use crate::target::HubTarget;

#[derive(Args, Debug)]
pub(super) struct ToolArgs {
    /// Print JSON on one line
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) target: HubTarget,
}
