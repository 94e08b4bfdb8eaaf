//! Where a check stands, as `file:line`.

use crate::scenario::span::{Source, Span};

/// `scenarios/reboot.yaml:14`, if the scenario came from a file.
pub(super) fn place(span: Span, sources: &[Source]) -> Option<String> {
    let source = sources.get(usize::from(span.source))?;
    (span.line > 0).then(|| format!("{}:{}", source.path, span.line))
}
