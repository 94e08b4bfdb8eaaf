//! Draws the figures: three small plots side by side over the number of devices, readable on light and on
//! dark ground. Plain SVG, no library.

use std::fmt::Write as _;

use crate::record::Run;

/// One plot.
struct Panel {
    title: &'static str,
    unit: &'static str,
    of: fn(&Run) -> f64,
}

const PANELS: [Panel; 3] = [
    Panel {
        title: "devices rebooted a second",
        unit: "",
        of: Run::rate,
    },
    Panel {
        title: "CPU time for each device",
        unit: " µs",
        of: Run::cpu_us,
    },
    Panel {
        title: "peak memory for each device",
        unit: " KB",
        of: Run::kilobytes,
    },
];

/// The plots of `runs`, in the order of their size.
pub(crate) fn svg(runs: &[Run]) -> String {
    let width = PANEL_WIDTH * 3.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" role=\"img\" \
         aria-label=\"rate, CPU time and memory for each device, by number of devices\">\n{STYLE}"
    );
    for (place, panel) in (0_u8..).zip(&PANELS) {
        let left = f64::from(place) * PANEL_WIDTH;
        // Writing to a text cannot fail.
        let _ = writeln!(svg, "<g transform=\"translate({left} 0)\">");
        draw(&mut svg, panel, runs);
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, panel: &Panel, runs: &[Run]) {
    let top = nice_above(runs.iter().map(panel.of).fold(0.0, f64::max));
    let y = |value: f64| TOP + (1.0 - value / top) * (BOTTOM - TOP);
    let last = f64::from(u32::try_from(runs.len().max(2) - 1).unwrap_or(u32::MAX));
    let x = |place: u32| LEFT + INSET + f64::from(place) / last * (RIGHT - LEFT - 2.0 * INSET);
    let title = panel.title;
    let _ = writeln!(
        svg,
        "<text class=\"title\" x=\"{LEFT}\" y=\"18\">{title}</text>"
    );
    for part in [0.0, 0.5, 1.0] {
        let (at, label) = (y(top * part), short(top * part));
        let unit = panel.unit;
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"y\" x=\"{:.1}\" y=\"{:.1}\">{label}{unit}</text>",
            LEFT - 6.0,
            at + 4.0,
        );
    }
    let mut line = String::new();
    for (place, run) in (0_u32..).zip(runs) {
        let (across, up) = (x(place), y((panel.of)(run)));
        let _ = write!(line, "{across:.1},{up:.1} ");
        let _ = writeln!(
            svg,
            "<circle cx=\"{across:.1}\" cy=\"{up:.1}\" r=\"3.5\"/>\
             <text class=\"value\" x=\"{across:.1}\" y=\"{:.1}\">{}</text>\
             <text class=\"x\" x=\"{across:.1}\" y=\"{:.1}\">{}</text>",
            up - 8.0,
            short((panel.of)(run)),
            BOTTOM + 18.0,
            short(run.count()),
        );
    }
    let _ = writeln!(svg, "<polyline points=\"{}\"/>", line.trim_end());
}

/// 1, 2 or 5 times a power of ten, at least `value`.
fn nice_above(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-9).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
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

const PANEL_WIDTH: f64 = 300.0;
const HEIGHT: f64 = 210.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 272.0;
/// Between the frame and the points, so that a value is not written over the axis.
const INSET: f64 = 16.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 176.0;
const STYLE: &str = "<style>
text { font: 12px system-ui, sans-serif; fill: #57606a; }
.title { font-weight: 600; fill: #1f2328; }
.y { text-anchor: end; } .x, .value { text-anchor: middle; } .value { fill: #1f2328; }
.grid { stroke: #d0d7de; }
polyline { fill: none; stroke: #0969da; stroke-width: 2; } circle { fill: #0969da; }
@media (prefers-color-scheme: dark) {
  text { fill: #9198a1; } .title, .value { fill: #f0f6fc; } .grid { stroke: #3d444d; }
  polyline { stroke: #4493f8; } circle { fill: #4493f8; }
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
            (450.0, 500.0),
            (7e4, 1e5),
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
    fn every_run_is_a_point_of_every_plot() {
        let run = |devices| Run {
            devices,
            seconds: 1.0,
            cpu_seconds: 0.5,
            peak_bytes: devices * 10_000,
        };
        let svg = svg(&[run(1000), run(10_000), run(100_000)]);
        assert_eq!(svg.matches("<circle").count(), 9);
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert!(svg.contains("prefers-color-scheme: dark") && !svg.contains("NaN"));
    }
}
