//! Whom a step or check is about.

use crate::scenario::ast::Target;
use crate::scenario::fields::{Fields, Mistakes};
use crate::scenario::keys;
use crate::scenario::node::Node;

/// `pumps`, `all`, `{device: pump-3}` or `{share: 10%, of: pumps}`.
pub(super) fn target(node: &Node, mistakes: &mut Mistakes) -> Option<Target> {
    if node.entries().is_none() {
        let name = mistakes.text(node, "whom it is about")?;
        return Some(match name.value.as_str() {
            "all" => Target::All,
            _ => Target::Cohort(name),
        });
    }
    let fields = Fields::of(node, &keys::TARGET, mistakes)?;
    match (fields.get("device"), fields.get("share"), fields.get("of")) {
        (Some(device), None, None) => Some(Target::Device(mistakes.text(device, "`device`")?)),
        (None, Some(share), Some(of)) => {
            let share = mistakes.share(share, "`share`");
            let of = mistakes.text(of, "`of`");
            Some(Target::Share {
                share: share?,
                of: of?,
            })
        }
        _ => {
            let help =
                "write a cohort's name, `all`, `{device: pump-3}` or `{share: 10%, of: pumps}`";
            let message = "whom it is about is not clear";
            mistakes.add_with_help(node.place, message, help);
            None
        }
    }
}

/// The target under `key`, which must be there.
pub(super) fn required(fields: &Fields<'_>, key: &str, mistakes: &mut Mistakes) -> Option<Target> {
    let node = fields.require(key, mistakes)?;
    target(node, mistakes)
}
