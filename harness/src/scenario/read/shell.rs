//! `shell:`

use std::time::Duration;

use super::condition::{predicates, transposed};
use super::steps::texts;
use super::target::target;
use crate::scenario::ast::{Predicate, Shell};
use crate::scenario::fields::{Fields, Mistakes};
use crate::scenario::keys;
use crate::scenario::node::{Node, quote};

/// A command of the user's.
pub(super) fn shell(node: &Node, mistakes: &mut Mistakes) -> Option<Shell> {
    let fields = Fields::of(node, &keys::SHELL, mistakes)?;
    let command = fields
        .require("command", mistakes)
        .and_then(|node| mistakes.text(node, "`command`"));
    let devices = fields.get("as").map(|node| target(node, mistakes));
    let env = fields
        .get("env")
        .map_or(Some(Vec::new()), |node| env(node, mistakes));
    let background = fields
        .get("background")
        .map_or(Some(false), |node| mistakes.boolean(node, "`background`"));
    let timeout = fields
        .get("timeout")
        .map(|node| mistakes.some_time(node, "`timeout`"));
    let (exit, stdout) = fields
        .get("expect")
        .map_or(Some((0, Vec::new())), |node| expectation(node, mistakes))?;
    if background == Some(true)
        && stdout.is_empty()
        && let Some(node) = fields.get("timeout")
    {
        let message = "nothing is waited for, so that there is nothing to time out";
        let help = "say what its output must hold first: `expect: {stdout: {contains: ready}}`";
        mistakes.add_with_help(node.place, message, help);
    }
    Some(Shell {
        command: command?,
        devices: transposed(devices)?,
        env: env?,
        background: background?,
        timeout: transposed(timeout)?.unwrap_or(TIMEOUT),
        exit,
        stdout,
    })
}

fn env(node: &Node, mistakes: &mut Mistakes) -> Option<Vec<(String, String)>> {
    let env = texts(node, "`env`", mistakes)?;
    let is_name = |name: &str| !name.is_empty() && !name.contains(['=', '\0']);
    for (name, value) in &env {
        if !is_name(name) || value.contains('\0') {
            let message = format!("{} is no variable of a process", quote(name));
            mistakes.add(node.place, message);
            return None;
        }
    }
    Some(env)
}

fn expectation(node: &Node, mistakes: &mut Mistakes) -> Option<(i32, Vec<Predicate>)> {
    let fields = Fields::of(node, &keys::SHELL_EXPECT, mistakes)?;
    let exit = fields
        .get("exit")
        .map_or(Some(0), |node| mistakes.whole(node, "`exit`", 0..=255));
    let stdout = fields
        .get("stdout")
        .map_or(Some(Vec::new()), |node| predicates(node, mistakes));
    Some((exit?, stdout?))
}

/// Default of `timeout`.
const TIMEOUT: Duration = Duration::from_mins(1);
