//! Several configurations on one twin: whose values stand where.
//!
//! Of two configurations that write the same section, or one above the other's, the higher rank
//! wins; what does not meet stands side by side. Microsoft's page "Automatic device and module
//! management at scale" speaks of conflicts only ("if there's ever a conflict, the configuration with
//! the highest priority wins").

use smol_str::SmolStr;

use super::content::Assignment;
use crate::twin::patch::{Patch, PatchNode};

/// What is left of each configuration once all of them are folded.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Share {
    /// Sections that do not overlap, neither here nor with another share.
    pub(crate) sections: Vec<Assignment>,
    /// Whether a higher rank took a part of it.
    pub(crate) is_overridden: bool,
}

/// Folds contents, lowest rank first; a share for each, in the same order.
pub(crate) fn fold(contents: &[&[Assignment]]) -> Vec<Share> {
    let mut shares = vec![Share::default(); contents.len()];
    let mut root = Fold::Above(Vec::new());
    for (owner, assignments) in contents.iter().enumerate() {
        for assignment in *assignments {
            let new = Value {
                owner,
                node: assignment.node.clone(),
            };
            root.set(&assignment.path, new, &mut shares);
        }
    }
    root.collect(&mut Vec::new(), &mut shares);
    shares
}

/// A tree of names with values at its leaves.
enum Fold {
    Above(Vec<(SmolStr, Fold)>),
    Value(Value),
}

struct Value {
    owner: usize,
    node: PatchNode,
}

impl Fold {
    /// Depth is bounded by the length of a path.
    fn set(&mut self, path: &[SmolStr], new: Value, shares: &mut [Share]) {
        match (path, &mut *self) {
            ([], old) => {
                old.lose_to(new.owner, shares);
                *self = Self::Value(new);
            }
            (path, Self::Value(old)) => {
                // The lower one wrote all of this; a part of it is the higher one's now.
                if old.owner != new.owner {
                    shares[old.owner].is_overridden = true;
                }
                embed(&mut old.node, path, new.node);
            }
            ([name, below @ ..], Self::Above(children)) => {
                let place = children.iter().position(|(key, _)| key == name);
                let place = place.unwrap_or_else(|| {
                    children.push((name.clone(), Self::Above(Vec::new())));
                    children.len() - 1
                });
                children[place].1.set(below, new, shares);
            }
        }
    }

    /// Everything here gives way to `winner`.
    fn lose_to(&self, winner: usize, shares: &mut [Share]) {
        match self {
            Self::Above(children) => {
                for (_, child) in children {
                    child.lose_to(winner, shares);
                }
            }
            Self::Value(value) => shares[value.owner].is_overridden |= value.owner != winner,
        }
    }

    fn collect(self, path: &mut Vec<SmolStr>, shares: &mut [Share]) {
        match self {
            Self::Above(children) => {
                for (name, child) in children {
                    path.push(name);
                    child.collect(path, shares);
                    path.pop();
                }
            }
            Self::Value(Value { owner, node }) => shares[owner].sections.push(Assignment {
                path: path.clone(),
                node,
            }),
        }
    }
}

/// Puts `new` at `path` inside `node`. Deleting what is not there makes nothing.
fn embed(node: &mut PatchNode, path: &[SmolStr], new: PatchNode) {
    let [name, below @ ..] = path else {
        *node = new;
        return;
    };
    if new == PatchNode::Null && !has_member(node, name) {
        return;
    }
    if !matches!(node, PatchNode::Object(_)) {
        *node = PatchNode::Object(Patch::default());
    }
    let PatchNode::Object(members) = node else {
        unreachable!("made an object above");
    };
    embed(members.member_mut(name), below, new);
}

fn has_member(node: &PatchNode, name: &SmolStr) -> bool {
    match node {
        PatchNode::Object(patch) => patch.entries().iter().any(|(key, _)| key == name),
        PatchNode::Null | PatchNode::Leaf(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Content;
    use crate::limits::Limits;

    /// What each of `contents` (lowest rank first) writes in the end, and who was overridden.
    fn shares(contents: &[&str]) -> Vec<(Vec<String>, bool)> {
        let parse = |text: &&str| {
            let text = format!("{{\"deviceContent\":{text}}}");
            Content::parse(&text, &Limits::default()).unwrap()
        };
        let contents: Vec<Content> = contents.iter().map(parse).collect();
        let contents: Vec<&[Assignment]> = contents
            .iter()
            .map(|content| &*content.parts()[0].assignments)
            .collect();
        let print = |assignment: &Assignment| {
            let mut text = format!("{}=", assignment.path.join("."));
            assignment.node.print(&mut text);
            text
        };
        fold(&contents)
            .iter()
            .map(|share| {
                (
                    share.sections.iter().map(print).collect(),
                    share.is_overridden,
                )
            })
            .collect()
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn the_higher_rank_wins_where_two_meet_and_both_stand_where_they_do_not() {
        // CFG-7
        let low = r#"{"properties.desired.a":{"x":1,"y":1},"properties.desired.b":1}"#;
        assert_eq!(
            shares(&[low, r#"{"properties.desired.c":3}"#]),
            [
                (texts(&[r#"a={"x":1,"y":1}"#, "b=1"]), false),
                (texts(&["c=3"]), false)
            ]
        );
        assert_eq!(
            shares(&[low, r#"{"properties.desired.a":{"z":2}}"#]),
            [(texts(&["b=1"]), true), (texts(&[r#"a={"z":2}"#]), false)]
        );
        assert_eq!(
            shares(&[low, r#"{"properties.desired.a.y":2}"#]),
            [
                (texts(&[r#"a={"x":1,"y":2}"#, "b=1"]), true),
                (texts(&[]), false)
            ]
        );
        assert_eq!(
            shares(&[low, r#"{"properties.desired":{"c":1}}"#]),
            [(texts(&[]), true), (texts(&[r#"={"c":1}"#]), false)]
        );
        assert_eq!(
            shares(&[
                r#"{"properties.desired.b":1}"#,
                r#"{"properties.desired.b.c":1}"#
            ]),
            [(texts(&[r#"b={"c":1}"#]), true), (texts(&[]), false)]
        );
    }
}
