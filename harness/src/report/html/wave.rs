//! The wave: devices by state over time, as stacked areas. Two charts over one scale of time, since a
//! device is online or not, and beside that has reported a status or not.

use std::fmt::Write as _;

use super::super::text::{count, duration, float, markup};
use super::axis::{count_ticks, time_ticks};
use super::parts::{close_table, open_table};
use crate::judge::verdict::{Verdict, WavePoint};

/// Points drawn at most; of more, some are left out, never the last.
const POINTS_MAX: usize = 400;
/// States drawn apart at most: there are no more colours that can be told apart.
const STATES_MAX: usize = 8;

/// A stack: what is drawn in one chart.
struct Chart<'a> {
    title: &'a str,
    about: &'a str,
    /// From the bottom up.
    layers: Vec<Layer>,
}

/// One state, or all that are left.
struct Layer {
    name: String,
    class: String,
    /// Devices at each point.
    devices: Vec<u64>,
}

/// Nothing, where nothing was seen.
pub(super) fn section(out: &mut String, index: usize, verdict: &Verdict) {
    let points = thinned(&verdict.wave);
    let charts = charts(&points);
    if charts.iter().all(|chart| chart.layers.is_empty()) {
        return;
    }
    let end_ms = points
        .last()
        .map_or(0, |point| point.at_ms)
        .max(verdict.took_ms);
    let tallest = charts.iter().flat_map(heights).max().unwrap_or(0);
    let most = verdict.devices.max(tallest).max(1);
    out.push_str("<section><h2>The wave</h2>\n");
    for (number, chart) in charts.iter().enumerate() {
        if chart.layers.is_empty() {
            continue;
        }
        let _ = write!(
            out,
            "<figure>\n<h3>{}</h3>\n<p class=\"faint\">{}</p>\n<div class=\"chart\" data-run=\"{index}\" data-end=\"{end_ms}\">\n",
            chart.title, chart.about
        );
        plot(out, chart, &points, end_ms, most);
        out.push_str("</div>\n");
        legend(out, chart);
        figures(out, chart, &points, number);
        out.push_str("</figure>\n");
    }
    out.push_str("</section>\n");
}

fn heights<'a>(chart: &'a Chart<'_>) -> impl Iterator<Item = u64> + 'a {
    let points = chart.layers.first().map_or(0, |layer| layer.devices.len());
    (0..points).map(|at| {
        chart
            .layers
            .iter()
            .map(|layer| layer.devices[at])
            .fold(0, u64::saturating_add)
    })
}

fn thinned(wave: &[WavePoint]) -> Vec<&WavePoint> {
    let every = wave.len().div_ceil(POINTS_MAX).max(1);
    // Counted from the end, so that the last stays.
    let mut points: Vec<&WavePoint> = wave.iter().rev().step_by(every).collect();
    points.reverse();
    points
}

fn charts<'a>(points: &[&WavePoint]) -> [Chart<'a>; 2] {
    let devices = |state: &str| -> Vec<u64> {
        points
            .iter()
            .map(|point| point.devices.get(state).copied().unwrap_or(0))
            .collect()
    };
    let link = ["online", "offline"]
        .into_iter()
        .filter(|state| {
            points
                .iter()
                .any(|point| point.devices.contains_key(*state))
        })
        .map(|state| Layer {
            name: state.to_owned(),
            class: state.to_owned(),
            devices: devices(state),
        })
        .collect();
    // In the order in which they come up, which is the order a device goes through them.
    let mut names: Vec<&str> = Vec::new();
    for point in points {
        for (name, number) in &point.devices {
            if *number > 0
                && !["online", "offline"].contains(&name.as_str())
                && !names.contains(&name.as_str())
            {
                names.push(name);
            }
        }
    }
    let mut layers: Vec<Layer> = names
        .into_iter()
        .map(|name| Layer {
            name: name.to_owned(),
            class: String::new(),
            devices: devices(name),
        })
        .collect();
    fold_rare(&mut layers);
    for (index, layer) in layers.iter_mut().enumerate() {
        layer.class = format!("s{index}");
    }
    [
        Chart {
            title: "Devices online",
            about: "By connection, over the time of the run.",
            layers: link,
        },
        Chart {
            title: "Reported status",
            about: "By the last status the device reported; devices that have not are left out.",
            layers,
        },
    ]
}

/// Beyond [`STATES_MAX`], those that were least at their peak become one.
fn fold_rare(layers: &mut Vec<Layer>) {
    if layers.len() <= STATES_MAX {
        return;
    }
    let mut peaks: Vec<u64> = layers.iter().map(peak).collect();
    peaks.sort_unstable_by(|a, b| b.cmp(a));
    let least = peaks[STATES_MAX - 2];
    let mut kept = 0;
    let (stay, go): (Vec<Layer>, Vec<Layer>) =
        std::mem::take(layers).into_iter().partition(|layer| {
            let stays = kept < STATES_MAX - 1 && peak(layer) >= least;
            kept += usize::from(stays);
            stays
        });
    let points = go.first().map_or(0, |layer| layer.devices.len());
    let devices = (0..points)
        .map(|at| {
            go.iter()
                .map(|layer| layer.devices[at])
                .fold(0, u64::saturating_add)
        })
        .collect();
    *layers = stay;
    layers.push(Layer {
        name: format!("{} other states", go.len()),
        class: String::new(),
        devices,
    });
}

fn peak(layer: &Layer) -> u64 {
    layer.devices.iter().copied().max().unwrap_or(0)
}

fn plot(out: &mut String, chart: &Chart<'_>, points: &[&WavePoint], end_ms: u64, most: u64) {
    let x = |ms: u64| {
        if end_ms == 0 {
            0.0
        } else {
            float(ms) / float(end_ms) * 1000.0
        }
    };
    let y = |devices: u64| 200.0 - float(devices.min(most)) / float(most) * 200.0;
    out.push_str("<div class=\"ylabels\" aria-hidden=\"true\">");
    let rows = count_ticks(most, 4);
    for tick in &rows {
        let _ = write!(
            out,
            "<span style=\"top:{:.2}%\">{}</span>",
            y(*tick) / 2.0,
            count(*tick)
        );
    }
    let _ = write!(
        out,
        "</div>\n<svg class=\"plot\" viewBox=\"0 0 1000 200\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">\n<title>{}</title>\n",
        markup(&summary(chart)),
        chart.title
    );
    let mut below = vec![0_u64; points.len()];
    for layer in &chart.layers {
        let above: Vec<u64> = below
            .iter()
            .zip(&layer.devices)
            .map(|(below, devices)| below.saturating_add(*devices))
            .collect();
        let _ = writeln!(
            out,
            "<path class=\"area {}\" d=\"{}\"/>",
            layer.class,
            area(points, end_ms, &below, &above, x, y)
        );
        below = above;
    }
    for tick in &rows {
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"0\" x2=\"1000\" y1=\"{0:.2}\" y2=\"{0:.2}\"/>",
            y(*tick)
        );
    }
    let columns = time_ticks(end_ms, 6);
    for tick in &columns {
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{0:.2}\" x2=\"{0:.2}\" y1=\"0\" y2=\"200\"/>",
            x(*tick)
        );
    }
    out.push_str("\n</svg>\n<div class=\"xlabels\" aria-hidden=\"true\">");
    for tick in &columns {
        let _ = write!(
            out,
            "<span style=\"left:{:.2}%\">{}</span>",
            x(*tick) / 10.0,
            short(*tick)
        );
    }
    out.push_str("</div>\n");
}

/// Steps, not slopes: between two points nothing changed.
fn area(
    points: &[&WavePoint],
    end_ms: u64,
    below: &[u64],
    above: &[u64],
    x: impl Fn(u64) -> f64,
    y: impl Fn(u64) -> f64,
) -> String {
    let mut path = String::new();
    for (index, point) in points.iter().enumerate() {
        let left = x(point.at_ms);
        let _ = if index == 0 {
            write!(path, "M{left:.1} {:.1}", y(above[index]))
        } else {
            write!(path, "H{left:.1}V{:.1}", y(above[index]))
        };
    }
    let _ = write!(path, "H{:.1}", x(end_ms));
    for (index, point) in points.iter().enumerate().rev() {
        let _ = write!(path, "V{:.1}H{:.1}", y(below[index]), x(point.at_ms));
    }
    path.push('Z');
    path
}

/// The chart in a sentence, for those who do not see it.
fn summary(chart: &Chart<'_>) -> String {
    let layers: Vec<String> = chart
        .layers
        .iter()
        .map(|layer| {
            let last = layer.devices.last().copied().unwrap_or(0);
            format!(
                "{}: at most {}, {} at the end",
                layer.name,
                count(peak(layer)),
                count(last)
            )
        })
        .collect();
    format!("{} over time. {}", chart.title, layers.join("; "))
}

fn legend(out: &mut String, chart: &Chart<'_>) {
    out.push_str("<figcaption>");
    for layer in chart.layers.iter().rev() {
        let last = layer.devices.last().copied().unwrap_or(0);
        let _ = write!(
            out,
            "<span><i class=\"key {}\"></i><span class=\"name\">{}</span> <small>most {}, at the end {}</small></span> ",
            layer.class,
            markup(&layer.name),
            count(peak(layer)),
            count(last)
        );
    }
    out.push_str("</figcaption>\n");
}

/// The same as figures, folded away.
fn figures(out: &mut String, chart: &Chart<'_>, points: &[&WavePoint], number: usize) {
    let _ = writeln!(
        out,
        "<details class=\"figures-{number}\"><summary>Figures</summary>"
    );
    let mut heads = vec!["Time#".to_owned()];
    heads.extend(chart.layers.iter().map(|layer| format!("{}#", layer.name)));
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    open_table(out, "", &heads);
    let rows = points.iter().enumerate().filter(|(at, _)| {
        // A row that says the same as the one before says nothing.
        *at == 0
            || chart
                .layers
                .iter()
                .any(|layer| layer.devices[*at] != layer.devices[at - 1])
    });
    for (at, point) in rows {
        let _ = write!(
            out,
            "<tr><td class=\"figure\">{}</td>",
            duration(point.at_ms)
        );
        for layer in &chart.layers {
            let _ = write!(
                out,
                "<td class=\"figure\">{}</td>",
                count(layer.devices[at])
            );
        }
        out.push_str("</tr>\n");
    }
    close_table(out);
    out.push_str("</details>\n");
}

/// A round time: `0`, `5 s`, `2 min`.
fn short(ms: u64) -> String {
    match ms {
        0 => "0".to_owned(),
        ms if ms % 3_600_000 == 0 => format!("{} h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{} min", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{} s", ms / 1_000),
        ms if ms < 1_000 => format!("{ms} ms"),
        ms => duration(ms),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn point(at_ms: u64, devices: &[(&str, u64)]) -> WavePoint {
        let devices: BTreeMap<String, u64> = devices
            .iter()
            .map(|(name, number)| ((*name).to_owned(), *number))
            .collect();
        WavePoint { at_ms, devices }
    }

    #[test]
    fn areas_are_steps_stacked_on_each_other() {
        let wave = [
            point(0, &[("online", 0), ("offline", 10)]),
            point(500, &[("online", 5), ("offline", 5)]),
        ];
        let points: Vec<&WavePoint> = wave.iter().collect();
        let [link, status] = charts(&points);
        assert!(status.layers.is_empty());
        let mut out = String::new();
        plot(&mut out, &link, &points, 1_000, 10);
        // Online: nothing until the middle, then half the height.
        assert!(
            out.contains("d=\"M0.0 200.0H500.0V100.0H1000.0V200.0H500.0V200.0H0.0Z\""),
            "{out}"
        );
        assert!(
            out.contains("d=\"M0.0 0.0H500.0V0.0H1000.0V100.0H500.0V200.0H0.0Z\""),
            "{out}"
        );
    }

    #[test]
    fn states_beyond_the_colours_become_one_and_no_device_is_lost() {
        let names: Vec<String> = (0..20).map(|index| format!("status{index:02}")).collect();
        let states: Vec<(&str, u64)> = names.iter().map(String::as_str).zip(1..).collect();
        let wave = [point(0, &states)];
        let [_, chart] = charts(&[&wave[0]]);
        assert_eq!(chart.layers.len(), STATES_MAX);
        assert_eq!(chart.layers.last().unwrap().name, "13 other states");
        assert_eq!(heights(&chart).max(), Some((1..=20).sum()));
    }

    #[test]
    fn of_many_points_the_last_stays() {
        let wave: Vec<WavePoint> = (0..10_001).map(|at| point(at, &[])).collect();
        let points = thinned(&wave);
        assert!(points.len() <= POINTS_MAX);
        assert_eq!(points.last().unwrap().at_ms, 10_000);
    }
}
