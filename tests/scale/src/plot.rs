//! Draws the figures: three small plots side by side over the number of devices, readable on light and on
//! dark ground. Plain SVG, no library.

use std::fmt::Write as _;

use crate::growth::Growth;
use crate::record::as_f64;

/// One plot.
struct Panel {
    title: &'static str,
    /// Of the axis.
    unit: &'static str,
    curves: &'static [Curve],
}

/// One line of a plot.
struct Curve {
    /// Empty where the title says it.
    name: &'static str,
    /// Of its colour, in the style below.
    class: &'static str,
    of: fn(&Growth) -> f64,
    /// Whether its values stand above its points, or below.
    is_told_above: bool,
}

const PANELS: [Panel; 3] = [
    Panel {
        title: "Rate",
        unit: "devices rebooted a second",
        curves: &[
            Curve {
                name: "of CPU time",
                class: "a",
                of: Growth::rate_of_cpu,
                is_told_above: true,
            },
            Curve {
                name: "by the wall",
                class: "b",
                of: Growth::rate,
                is_told_above: false,
            },
        ],
    },
    Panel {
        title: "CPU time",
        unit: "µs for each device",
        curves: &[Curve {
            name: "",
            class: "a",
            of: Growth::cpu_us,
            is_told_above: true,
        }],
    },
    Panel {
        title: "Peak memory",
        unit: "KB for each device",
        curves: &[Curve {
            name: "",
            class: "a",
            of: Growth::kilobytes,
            is_told_above: true,
        }],
    },
];

/// The plots of `runs`, in the order of their size.
pub fn svg(runs: &[Growth]) -> String {
    let width = PANEL_WIDTH * 3.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" role=\"img\" \
         aria-label=\"rate, CPU time and memory for each device, by number of devices\">\n{STYLE}"
    );
    for (place, panel) in (0_u8..).zip(&PANELS) {
        let left = f64::from(place) * PANEL_WIDTH;
        // Writing to a text cannot fail.
        let _ = writeln!(svg, "<g transform=\"translate({left} 0)\">");
        frame(&mut svg, panel, runs);
        let top = top_of(panel, runs);
        for curve in panel.curves {
            draw(&mut svg, curve, runs, top);
        }
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

/// Title, legend, axes and their labels.
fn frame(svg: &mut String, panel: &Panel, runs: &[Growth]) {
    let Panel { title, unit, .. } = panel;
    text(svg, "title", (LEFT, 20.0), title);
    text(svg, "unit", (LEFT, 38.0), unit);
    let named = panel.curves.iter().filter(|curve| !curve.name.is_empty());
    for (place, curve) in (0_u8..).zip(named) {
        let (from, at) = (LEFT + 106.0 * f64::from(place), 54.0);
        let (to, class) = (from + 14.0, curve.class);
        let _ = writeln!(
            svg,
            "<line class=\"{class}\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{at}\" y2=\"{at}\"/>"
        );
        text(svg, "unit", (to + 4.0, at + 4.0), curve.name);
    }
    let top = top_of(panel, runs);
    for part in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let at = y_of(top * part, top);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>"
        );
        text(svg, "y", (LEFT - 6.0, at + 4.0), &short(top * part));
    }
    for (run, across) in runs.iter().zip(places(runs.len())) {
        text(
            svg,
            "x",
            (across, BOTTOM + 17.0),
            &short(as_f64(run.devices)),
        );
    }
    text(
        svg,
        "x unit",
        (f64::midpoint(LEFT, RIGHT), BOTTOM + 34.0),
        "devices",
    );
}

/// A line through its points, each with its value.
fn draw(svg: &mut String, curve: &Curve, runs: &[Growth], top: f64) {
    let class = curve.class;
    let mut line = String::new();
    for (run, across) in runs.iter().zip(places(runs.len())) {
        let value = (curve.of)(run);
        let up = y_of(value, top);
        let _ = write!(line, "{across:.1},{up:.1} ");
        let _ = writeln!(
            svg,
            "<circle class=\"{class}\" cx=\"{across:.1}\" cy=\"{up:.1}\" r=\"3.5\"/>"
        );
        let beside = if curve.is_told_above { -9.0 } else { 18.0 };
        text(svg, "value", (across, up + beside), &short(value));
    }
    let points = line.trim_end();
    let _ = writeln!(svg, "<polyline class=\"{class}\" points=\"{points}\"/>");
}

fn text(svg: &mut String, class: &str, (x, y): (f64, f64), text: &str) {
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"
    );
}

/// Where the points of runs are: each has ten times the devices of the one before.
fn places(count: usize) -> impl Iterator<Item = f64> {
    let last = f64::from(u32::try_from(count.max(2) - 1).unwrap_or(u32::MAX));
    (0_u32..)
        .map(move |place| LEFT + INSET + f64::from(place) / last * (RIGHT - LEFT - 2.0 * INSET))
}

fn y_of(value: f64, top: f64) -> f64 {
    TOP + (1.0 - value / top) * (BOTTOM - TOP)
}

/// Where the axis ends, with room for the highest value's label.
fn top_of(panel: &Panel, runs: &[Growth]) -> f64 {
    let values = panel
        .curves
        .iter()
        .flat_map(|curve| runs.iter().map(curve.of));
    nice_above(values.fold(0.0, f64::max) * 1.05)
}

/// 1, 2, 3, 4, 6 or 8 times a power of ten, at least `value`.
fn nice_above(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-9).log10().floor());
    let steps = [1.0, 2.0, 3.0, 4.0, 6.0, 8.0];
    let step = steps.into_iter().find(|step| step * power >= value);
    step.unwrap_or(10.0) * power
}

/// `950`, `4.2k`, `1M`
fn short(value: f64) -> String {
    let (scaled, suffix) = match value {
        _ if value >= 1e6 => (value / 1e6, "M"),
        _ if value >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = usize::from(scaled < 100.0 && (scaled - scaled.round()).abs() > 0.05);
    format!("{scaled:.digits$}{suffix}")
}

const PANEL_WIDTH: f64 = 310.0;
const HEIGHT: f64 = 264.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 292.0;
/// Between the frame and the points, so that a value is not written over the axis.
const INSET: f64 = 22.0;
const TOP: f64 = 72.0;
const BOTTOM: f64 = 222.0;
const STYLE: &str = "<style>
text { font: 12px system-ui, sans-serif; fill: #57606a; }
.title { font-size: 14px; font-weight: 600; fill: #1f2328; }
.y { text-anchor: end; } .x, .value { text-anchor: middle; } .value { fill: #1f2328; }
.value { paint-order: stroke; stroke: #fff; stroke-width: 3px; }
.grid { stroke: #d0d7de; }
polyline { fill: none; } .a { stroke: #0969da; stroke-width: 2; } .b { stroke: #bc4c00; stroke-width: 2; }
circle.a { fill: #0969da; } circle.b { fill: #bc4c00; }
@media (prefers-color-scheme: dark) {
  text { fill: #9198a1; } .title, .value { fill: #f0f6fc; } .value { stroke: #0d1117; } .grid { stroke: #3d444d; }
  .a { stroke: #4493f8; } .b { stroke: #f0883e; } circle.a { fill: #4493f8; } circle.b { fill: #f0883e; }
}
</style>
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers_and_labels_are_short() {
        for (value, above) in [
            (0.9, 1.0),
            (1.0, 1.0),
            (11.0, 20.0),
            (450.0, 600.0),
            (9e4, 1e5),
        ] {
            assert!((nice_above(value) - above).abs() < above * 1e-9, "{value}");
        }
        for (value, label) in [
            (0.0, "0"),
            (4.24, "4.2"),
            (950.0, "950"),
            (4200.0, "4.2k"),
            (1e6, "1M"),
        ] {
            assert_eq!(short(value), label);
        }
    }

    #[test]
    fn every_run_is_a_point_of_every_curve() {
        let run = |devices| Growth {
            devices,
            seconds: 1.0,
            cpu_seconds: 0.5,
            peak_bytes: devices * 10_000,
        };
        let svg = svg(&[run(1000), run(10_000), run(100_000)]);
        assert_eq!(svg.matches("<circle").count(), 12);
        assert_eq!(svg.matches("<polyline").count(), 4);
        assert_eq!(svg.matches(">devices</text>").count(), 3);
        assert!(svg.contains("prefers-color-scheme: dark") && !svg.contains("NaN"));
    }
}
