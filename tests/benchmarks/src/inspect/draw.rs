//! Stacks as a picture: callers above, what they call below, as wide as the time it takes. Plain SVG that needs no
//! script, on light and on dark ground.

use std::fmt::Write as _;

use super::stacks::{Frame, Place, Stacks, Whose};
use crate::sample::as_f64;

pub(super) fn svg(title: &str, stacks: &Stacks) -> String {
    let depth = depth(&stacks.root, stacks.count);
    let height = TOP + ROW * f64::from(depth) + 8.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"where the CPU time of the hub goes\">\n{STYLE}"
    );
    let count = stacks.count;
    // Writing to a text cannot fail.
    let _ = writeln!(
        svg,
        "<text class=\"title\" x=\"0\" y=\"16\">{}</text>\n\
         <text class=\"note\" x=\"0\" y=\"34\">CPU time of the hub, {count} samples; callers above. Frames of the \
         standard library and of tokio's scheduler are their callers'; below {} % nothing is drawn.</text>",
        escaped(title),
        LEAST * 100.0,
    );
    let mut at = 0.0;
    for (whose, name) in LEGEND {
        let class = class(whose);
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{at}\" y=\"42\" width=\"12\" height=\"12\"/>\
             <text class=\"note\" x=\"{}\" y=\"52\">{name}</text>",
            at + 17.0
        );
        at += 170.0;
    }
    let mut canvas = Canvas {
        svg,
        all: as_f64(count),
    };
    canvas.below(&stacks.root, 0.0, 0);
    canvas.svg + "</svg>\n"
}

struct Canvas {
    svg: String,
    /// Samples that are the whole width.
    all: f64,
}

impl Canvas {
    /// What a frame calls, the widest first.
    fn below(&mut self, frame: &Frame, mut from: f64, row: u8) {
        for (place, callee) in in_order(frame) {
            let share = as_f64(callee.count) / self.all;
            if share < LEAST {
                break;
            }
            self.draw(place, share, from, row);
            self.below(callee, from, row + 1);
            from += share;
        }
    }

    fn draw(&mut self, place: &Place, share: f64, from: f64, row: u8) {
        let (x, width) = (from * WIDTH, share * WIDTH);
        let y = TOP + ROW * f64::from(row);
        let name = escaped(&place.name);
        let _ = write!(
            self.svg,
            "<g><title>{name}: {:.1} %</title><rect class=\"{}\" x=\"{x:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"{}\"/>",
            share * 100.0,
            class(place.whose),
            (width - 0.6).max(0.4),
            ROW - 1.0,
        );
        if let Some(label) = label(&place.name, width - 6.0) {
            let (x, y) = (x + 3.0, y + 11.5);
            let _ = write!(
                self.svg,
                "<text x=\"{x:.1}\" y=\"{y}\">{}</text>",
                escaped(&label)
            );
        }
        self.svg.push_str("</g>\n");
    }
}

fn in_order(frame: &Frame) -> Vec<(&Place, &Frame)> {
    let mut below: Vec<_> = frame.below.iter().collect();
    below.sort_by_key(|(_, callee)| std::cmp::Reverse(callee.count));
    below
}

/// How many rows are drawn below a frame.
fn depth(frame: &Frame, all: u64) -> u8 {
    let drawn = frame
        .below
        .values()
        .filter(|callee| as_f64(callee.count) / as_f64(all.max(1)) >= LEAST);
    let deepest = drawn
        .map(|callee| depth(callee, all).saturating_add(1))
        .max();
    deepest.unwrap_or(0)
}

/// As much of a name as fits: its last words, which say most; nothing where too little does.
fn label(name: &str, width: f64) -> Option<String> {
    let mut rest = name;
    loop {
        let count = u32::try_from(rest.chars().count()).unwrap_or(u32::MAX);
        if f64::from(count) * CHARACTER <= width {
            return Some(rest.to_owned());
        }
        match rest.split_once("::") {
            Some((_, tail)) => rest = tail,
            None => break,
        }
    }
    let mut cut = String::new();
    for character in rest.chars() {
        let next = u32::try_from(cut.chars().count() + 2).unwrap_or(u32::MAX);
        if f64::from(next) * CHARACTER > width {
            break;
        }
        cut.push(character);
    }
    (cut.len() >= 3).then(|| cut + "…")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn class(whose: Whose) -> &'static str {
    match whose {
        Whose::Ours => "o",
        Whose::Library => "l",
        Whose::Crypto => "c",
        Whose::System => "s",
        Whose::Kernel => "k",
    }
}

const LEGEND: [(Whose, &str); 5] = [
    (Whose::Ours, "Hubnerite"),
    (Whose::Library, "libraries"),
    (Whose::Crypto, "TLS and hashes"),
    (Whose::System, "C library"),
    (Whose::Kernel, "kernel"),
];
const WIDTH: f64 = 1200.0;
const ROW: f64 = 16.0;
const TOP: f64 = 64.0;
/// Of the whole: what takes less is not drawn.
const LEAST: f64 = 0.004;
/// How wide one is.
const CHARACTER: f64 = 6.1;
const STYLE: &str = "<style>
text { font: 10px ui-monospace, monospace; fill: #1f2328; }
.title { font: 600 14px system-ui, sans-serif; } .note { font: 12px system-ui, sans-serif; fill: #57606a; }
.o { fill: #80b8ff; } .l { fill: #a5dcb0; } .c { fill: #d8b9ff; } .s { fill: #f3d98b; } .k { fill: #ffb8a0; }
@media (prefers-color-scheme: dark) {
  .title { fill: #f0f6fc; } .note { fill: #9198a1; }
}
</style>
";

#[cfg(test)]
mod tests {
    use super::super::stacks;
    use super::*;

    #[test]
    fn a_picture_has_a_box_for_each_function_and_words_that_fit() {
        let text = "1 a::b<T> (/bin/x)\n1 emulator::c (/bin/x)\n\n".repeat(3);
        let svg = svg("method", &stacks::read(&text));
        assert!(
            svg.contains("<title>a::b&lt;T&gt;: 100.0 %</title>"),
            "{svg}"
        );
        assert_eq!(svg.matches("<g>").count(), 2);
        assert_eq!(label("a::bcd", 3.0 * CHARACTER), Some("bcd".into()));
        assert_eq!(label("abcdefgh", 5.0 * CHARACTER), Some("abcd…".into()));
        assert_eq!(label("abcdefgh", 2.0 * CHARACTER), None);
    }
}
