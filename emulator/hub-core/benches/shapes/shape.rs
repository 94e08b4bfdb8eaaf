//! Twins of a kilobyte: what a fleet's properties look like, in three shapes.
//!
//! Of each shape, tags, desired and reported properties are 1,024 bytes of JSON text together, a few
//! bytes more or less. Devices of one shape differ in their values, not in their keys.

use std::fmt::Write as _;

/// How the reported properties of a device are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Forty scalars side by side.
    Flat,
    /// Components with a few properties each, some of them objects.
    Nested,
    /// A few scalars and two long arrays.
    Arrays,
}

impl Shape {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Flat, Self::Nested, Self::Arrays];

    /// The name in a table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Nested => "nested",
            Self::Arrays => "arrays",
        }
    }

    /// The first report of a device: everything.
    pub(crate) fn report(self, device: u32) -> String {
        let state = if device % 100_000 == 77 {
            "failed"
        } else {
            "idle"
        };
        let temperature = f64::from(device % 1000) / 10.0;
        let mut out = format!(
            r#"{{"firmware":"1.4.{}","reboot":{{"state":"{state}","count":{}}},"engine":{{"rpm":{},"temperature":{temperature:.1}}}"#,
            device % 9,
            device % 50,
            800 + device % 6000,
        );
        let mut push = |text: std::fmt::Arguments<'_>| {
            out.write_fmt(text).expect("a String takes any text");
        };
        match self {
            Self::Flat => {
                for place in 0..38 {
                    let value = f64::from((device + place * 37) % 10_000) / 100.0;
                    push(format_args!(r#","channel{place:02}Mean":{value:.2}"#));
                }
            }
            Self::Nested => {
                let parts = [
                    "pump", "valve", "motor", "filter", "intake", "outlet", "brake", "mixer",
                    "heater",
                ];
                for (place, part) in (1..).zip(parts) {
                    let value = (device + place) % 100;
                    push(format_args!(
                        r#","{part}":{{"status":"running","hours":{},"limits":{{"low":{value},"high":{}}},"serial":"SN-{device:07}"}}"#,
                        device % 10_000,
                        value + 100,
                    ));
                }
            }
            Self::Arrays => {
                for name in ["samples", "hourly"] {
                    push(format_args!(r#","{name}":["#));
                    for place in 0..70 {
                        let comma = if place == 0 { "" } else { "," };
                        let value = f64::from((device + place * 13) % 1000) / 10.0;
                        push(format_args!("{comma}{value:.2}"));
                    }
                    push(format_args!("]"));
                }
            }
        }
        out.push('}');
        out
    }

    /// What the service writes.
    pub(crate) fn update(device: u32) -> String {
        format!(
            r#"{{"tags":{{"site":"plant-{}","line":{}}},"properties":{{"desired":{{"telemetry":{{"interval":{}}},"logLevel":"info"}}}}}}"#,
            device % 12,
            device % 40,
            10 + device % 50,
        )
    }

    /// A later report: two values that were there before.
    pub(crate) fn later_report(device: u32) -> String {
        format!(
            r#"{{"engine":{{"temperature":{:.1}}},"firmware":"1.5.0"}}"#,
            f64::from(device % 997) / 10.0
        )
    }
}
