//! The phases: one bar each over a logarithmic scale, and their figures.

use std::fmt::Write as _;

use super::super::text::{count, latency, markup, phases_in_order};
use super::parts::{close_table, open_table};
use crate::judge::verdict::{Latency, Verdict};

/// Powers of ten, in milliseconds, from one edge of the scale to the other.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale {
    from: i32,
    to: i32,
}

/// Nothing, where nothing was measured.
pub(super) fn section(out: &mut String, index: usize, verdict: &Verdict) {
    let phases: Vec<(&str, &Latency)> = phases_in_order(verdict)
        .into_iter()
        .filter(|(_, phase)| phase.count > 0)
        .collect();
    if phases.is_empty() {
        return;
    }
    let scale = Scale::over(&phases);
    let _ = write!(
        out,
        "<section><h2 id=\"latency-{index}\">Latency by phase</h2>\n<figure>\n\
         <div class=\"boxes\" role=\"img\" aria-label=\"Latency of {} on a logarithmic scale; the figures are in the table below\">\n",
        phases
            .iter()
            .map(|(name, _)| markup(name))
            .collect::<Vec<_>>()
            .join(", ")
    );
    for (name, phase) in &phases {
        let _ = writeln!(
            out,
            "<div class=\"box\" title=\"{0}: half within {1}, 99 % within {2}\"><span class=\"name\">{0}</span>{3}<span class=\"figure\">{1}</span></div>",
            markup(name),
            latency(phase.p50_ms),
            latency(phase.p99_ms),
            bar(phase, scale)
        );
    }
    scale_row(out, scale);
    figures(out, &phases);
    out.push_str("</figure></section>\n");
}

/// Under the bars: decades, and what the shades mean.
fn scale_row(out: &mut String, scale: Scale) {
    out.push_str("<div class=\"box scale\"><span></span><span class=\"ticks\">");
    for power in scale.from..=scale.to {
        let value = 10_f64.powi(power);
        let _ = write!(
            out,
            "<span style=\"left:{:.2}%\">{}</span>",
            scale.place(value),
            tick(power)
        );
    }
    out.push_str(
        "</span><span></span></div>\n</div>\n<figcaption>\
         <span><i class=\"key q50\"></i>least to median</span> \
         <span><i class=\"key q90\"></i>to 90 %</span> \
         <span><i class=\"key q99\"></i>to 99 %</span> \
         <span><i class=\"key rest\"></i>to the most</span> \
         <span>Figure: median</span></figcaption>\n",
    );
}

fn figures(out: &mut String, phases: &[(&str, &Latency)]) {
    open_table(
        out,
        "",
        &[
            "Phase", "Count#", "Least#", "Median#", "90 %#", "99 %#", "Most#",
        ],
    );
    for (name, phase) in phases {
        let _ = write!(
            out,
            "<tr><td class=\"name\">{}</td><td class=\"figure\">{}</td>",
            markup(name),
            count(phase.count)
        );
        for ms in [
            phase.min_ms,
            phase.p50_ms,
            phase.p90_ms,
            phase.p99_ms,
            phase.max_ms,
        ] {
            let _ = write!(out, "<td class=\"figure\">{}</td>", latency(ms));
        }
        out.push_str("</tr>\n");
    }
    close_table(out);
}

/// From the least to the most, darkest where most values lie.
fn bar(phase: &Latency, scale: Scale) -> String {
    let mut out =
        "<svg viewBox=\"0 0 100 16\" preserveAspectRatio=\"none\" aria-hidden=\"true\">".to_owned();
    for power in scale.from..=scale.to {
        let x = scale.place(10_f64.powi(power));
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{x:.2}\" x2=\"{x:.2}\" y1=\"0\" y2=\"16\"/>"
        );
    }
    for (class, from, to, top, height) in [
        ("rest", phase.p99_ms, phase.max_ms, 7.0, 2.0),
        ("q99", phase.p90_ms, phase.p99_ms, 3.0, 10.0),
        ("q90", phase.p50_ms, phase.p90_ms, 3.0, 10.0),
        ("q50", phase.min_ms, phase.p50_ms, 3.0, 10.0),
    ] {
        let (from, to) = (scale.place(from), scale.place(to));
        // A distribution of one value is still to be seen.
        let width = (to - from).max(if class == "q50" { 0.6 } else { 0.0 });
        let _ = write!(
            out,
            "<rect class=\"{class}\" x=\"{from:.2}\" y=\"{top}\" width=\"{width:.2}\" height=\"{height}\"/>"
        );
    }
    let median = scale.place(phase.p50_ms);
    let _ = write!(
        out,
        "<line class=\"median\" x1=\"{median:.2}\" x2=\"{median:.2}\" y1=\"1\" y2=\"15\"/></svg>"
    );
    out
}

impl Scale {
    /// Wide enough for every phase, at least a decade, at most from a microsecond to some months.
    fn over(phases: &[(&str, &Latency)]) -> Self {
        let values = || {
            phases
                .iter()
                .flat_map(|(_, phase)| [phase.min_ms, phase.p50_ms, phase.p99_ms, phase.max_ms])
                .filter(|ms| ms.is_finite() && *ms > 0.0)
        };
        let least = values().fold(f64::INFINITY, f64::min);
        let most = values().fold(0.0, f64::max);
        if most == 0.0 {
            return Self { from: -1, to: 0 };
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "clamped to a dozen decades"
        )]
        let power = |value: f64| value.clamp(-3.0, 10.0) as i32;
        let from = power(least.log10().floor());
        Self {
            from,
            to: power(most.log10().ceil()).max(from + 1),
        }
    }

    /// In percent of the width.
    fn place(self, ms: f64) -> f64 {
        let (from, to) = (f64::from(self.from), f64::from(self.to));
        let power = if ms > 0.0 {
            ms.log10().clamp(from, to)
        } else {
            from
        };
        (power - from) / (to - from) * 100.0
    }
}

/// `1 ms`, `10 s`: a decade has no decimals.
fn tick(power: i32) -> String {
    match power {
        ..=-3 => "1 µs".to_owned(),
        -2 => "10 µs".to_owned(),
        -1 => "100 µs".to_owned(),
        0 => "1 ms".to_owned(),
        1 => "10 ms".to_owned(),
        2 => "100 ms".to_owned(),
        3 => "1 s".to_owned(),
        4 => "10 s".to_owned(),
        5 => "100 s".to_owned(),
        6 => "17 min".to_owned(),
        7 => "2.8 h".to_owned(),
        8 => "28 h".to_owned(),
        9 => "12 d".to_owned(),
        10.. => "116 d".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(min_ms: f64, max_ms: f64) -> Latency {
        Latency {
            count: 1,
            min_ms,
            p50_ms: min_ms,
            p90_ms: max_ms,
            p99_ms: max_ms,
            max_ms,
        }
    }

    #[test]
    fn the_scale_holds_every_value_and_is_never_empty() {
        let table = [
            ((0.4, 18_020.0), (-1, 5)),
            ((10.0, 10.0), (1, 2)),
            ((0.0, 0.0), (-1, 0)),
            ((f64::NAN, f64::INFINITY), (-1, 0)),
            ((f64::MIN_POSITIVE, 1e300), (-3, 10)),
        ];
        for ((min, max), (from, to)) in table {
            let scale = Scale::over(&[("x", &phase(min, max))]);
            assert_eq!(scale, Scale { from, to }, "{min} {max}");
            for ms in [min, max, 0.0, -1.0] {
                assert!((0.0..=100.0).contains(&scale.place(ms)), "{ms}");
            }
        }
    }
}
