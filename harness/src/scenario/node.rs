//! A YAML document as a tree in which everything has its place in a scenario's files.

use super::span::Span;

/// A value.
pub(super) type Node = yaml_tree::Node<Span>;
/// What a value is.
pub(super) type Kind = yaml_tree::Kind<Span>;
/// A key of a mapping.
pub(super) type Key = yaml_tree::Key<Span>;
/// A key and its value.
pub(super) type Entry = yaml_tree::Entry<Span>;

/// What a value is, as a message shows it.
pub(super) fn found(node: &Node) -> String {
    node.describe(quote)
}

/// `text` between back ticks, shortened, without what could steer a terminal.
pub(super) fn quote(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("`{}`", shown.replace(char::is_control, " "))
}

/// Characters of a value that a message shows.
const SHOWN_MAX: usize = 60;
