//! The few styles in use. Text is always printed through `anstream`, which drops them where they do
//! not belong.

use anstyle::{AnsiColor, Style};

/// A label, a heading.
pub(crate) const LABEL: Style = AnsiColor::Cyan.on_default();
/// Something good.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Something bad.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Something to watch.
pub(crate) const NOTE: Style = AnsiColor::Yellow.on_default();
/// What matters least.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// What matters most.
pub(crate) const STRONG: Style = Style::new().bold();
/// The help of clap.
pub(crate) const CLAP: clap::builder::Styles = clap::builder::Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// `text` in `style`.
pub(crate) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
