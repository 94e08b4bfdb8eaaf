//! The rows of the throttle table: how much of each kind a hub does a minute.
//!
//! Source: "IoT Hub quotas and throttling", operation throttles; the table has stood since 2019.

use std::fmt;

use super::scale::{Scale, Size};

/// A row of the throttle table: what is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Row {
    /// Create, read, list, update, delete identities; each one of a bulk request counts.
    Registry,
    /// New connections of devices.
    Connections,
    /// Messages from devices, each one whatever its size.
    DeviceToCloud,
    /// Messages to devices, as the service sends them.
    CloudToDevice,
    /// Messages to devices, as devices fetch them over HTTPS. What is pushed is not counted.
    CloudToDeviceReceives,
    /// File uploads begun.
    Uploads,
    /// Direct methods, in blocks of [`METHOD_BLOCK_BYTES`] of the request's payload.
    Methods,
    /// Queries, page by page.
    Queries,
    /// Twins read, by devices and services.
    TwinReads,
    /// Twins changed, by devices and services.
    TwinUpdates,
    /// Jobs created, read, listed, cancelled.
    Jobs,
    /// Devices that jobs reach.
    JobDevices,
    /// Configurations created, read, changed, deleted.
    Configurations,
    /// Device streams begun.
    Streams,
}

/// A rate: so many a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u64);

/// Bytes of a method's payload that count as one.
pub const METHOD_BLOCK_BYTES: u64 = 4096;

/// A cell of the table: so many a minute and unit, but never below a floor that is the hub's.
#[derive(Clone, Copy, Debug)]
struct Cell {
    floor: u64,
    per_unit: u64,
}

impl Row {
    /// Every row, in the page's order.
    pub const ALL: [Self; 14] = [
        Self::Registry,
        Self::Connections,
        Self::DeviceToCloud,
        Self::CloudToDevice,
        Self::CloudToDeviceReceives,
        Self::Uploads,
        Self::Methods,
        Self::Queries,
        Self::TwinReads,
        Self::TwinUpdates,
        Self::Jobs,
        Self::JobDevices,
        Self::Configurations,
        Self::Streams,
    ];

    /// The row in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registry => "identity registry",
            Self::Connections => "new connections",
            Self::DeviceToCloud => "device-to-cloud sends",
            Self::CloudToDevice => "cloud-to-device sends",
            Self::CloudToDeviceReceives => "cloud-to-device receives",
            Self::Uploads => "file uploads",
            Self::Methods => "direct methods",
            Self::Queries => "queries",
            Self::TwinReads => "twin reads",
            Self::TwinUpdates => "twin updates",
            Self::Jobs => "job operations",
            Self::JobDevices => "devices of jobs",
            Self::Configurations => "configurations",
            Self::Streams => "device streams",
        }
    }

    /// How much of it a hub of that scale does; `None`: its tier has no such thing.
    pub fn rate(self, scale: Scale) -> Option<Rate> {
        if scale.tier().is_basic() && !self.is_in_basic() {
            return None;
        }
        let [one, two, three] = self.cells();
        let cell = match scale.tier().size() {
            Size::One => one,
            Size::Two => two,
            Size::Three => three,
        };
        Some(Rate(
            cell.floor.max(cell.per_unit * u64::from(scale.units())),
        ))
    }

    fn is_in_basic(self) -> bool {
        match self {
            Self::Registry
            | Self::Connections
            | Self::DeviceToCloud
            // Open, though there is never anything to fetch.
            | Self::CloudToDeviceReceives
            | Self::Uploads
            | Self::Queries => true,
            Self::CloudToDevice
            | Self::Methods
            | Self::TwinReads
            | Self::TwinUpdates
            | Self::Jobs
            | Self::JobDevices
            | Self::Configurations
            | Self::Streams => false,
        }
    }

    /// Sizes one, two and three.
    fn cells(self) -> [Cell; 3] {
        let each = |per_unit| Cell { floor: 0, per_unit };
        let hub = |floor| Cell { floor, per_unit: 0 };
        let either = |floor, per_unit| Cell { floor, per_unit };
        match self {
            Self::Registry | Self::CloudToDevice | Self::Uploads | Self::Jobs => {
                [each(100), each(100), each(5_000)]
            }
            // 100 or 12 a second and unit; 120; 6,000.
            Self::Connections | Self::DeviceToCloud => {
                [either(6_000, 720), each(7_200), each(360_000)]
            }
            Self::CloudToDeviceReceives => [each(1_000), each(1_000), each(50_000)],
            // 160 KB, 480 KB, 24 MB a second and unit.
            Self::Methods => [each(2_400), each(7_200), each(368_640)],
            Self::Queries => [each(20), each(20), each(1_000)],
            // 100 a second; 100 or 10 a unit; 500.
            Self::TwinReads => [hub(6_000), either(6_000, 600), hub(30_000)],
            // 50 a second; 50 or 5 a unit; 250.
            Self::TwinUpdates => [hub(3_000), either(3_000, 300), hub(15_000)],
            // 10 a second; 10 or 1 a unit; 50.
            Self::JobDevices => [hub(600), either(600, 60), hub(3_000)],
            Self::Configurations => [each(20), each(20), each(20)],
            Self::Streams => [hub(300), hub(300), hub(300)],
        }
    }
}

impl Rate {
    /// So many a minute.
    pub fn per_minute(self) -> u64 {
        self.0
    }

    #[cfg(test)]
    pub(super) const fn of(per_minute: u64) -> Self {
        Self(per_minute)
    }
}

impl fmt::Display for Rate {
    /// `100/s` where that is whole, `100/min` elsewhere.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(60) {
            write!(f, "{}/s", self.0 / 60)
        } else {
            write!(f, "{}/min", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scale::Tier;
    use super::*;

    fn per_minute(row: Row, units: u16) -> [u64; 3] {
        [Tier::S1, Tier::S2, Tier::S3].map(|tier| {
            let scale = Scale::new(tier, units).unwrap();
            row.rate(scale).unwrap().per_minute()
        })
    }

    #[test]
    fn every_row_is_as_microsofts_page_has_it() {
        // LIM-2: a minute of one unit of S1, S2 and S3, and of ten.
        let hundreds = ([100, 100, 5_000], [1_000, 1_000, 50_000]);
        let connections = ([6_000, 7_200, 360_000], [7_200, 72_000, 3_600_000]);
        let receives = ([1_000, 1_000, 50_000], [10_000, 10_000, 500_000]);
        // 160 KB, 480 KB and 24 MB a second and unit, in blocks of 4 KB.
        let methods = ([2_400, 7_200, 368_640], [24_000, 72_000, 3_686_400]);
        let queries = ([20, 20, 1_000], [200, 200, 10_000]);
        let same = |rates| (rates, rates);
        let table = [
            (Row::Registry, hundreds),
            (Row::Connections, connections),
            (Row::DeviceToCloud, connections),
            (Row::CloudToDevice, hundreds),
            (Row::CloudToDeviceReceives, receives),
            (Row::Uploads, hundreds),
            (Row::Methods, methods),
            (Row::Queries, queries),
            (Row::TwinReads, same([6_000, 6_000, 30_000])),
            (Row::TwinUpdates, same([3_000, 3_000, 15_000])),
            (Row::Jobs, hundreds),
            (Row::JobDevices, same([600, 600, 3_000])),
            (Row::Configurations, ([20, 20, 20], [200, 200, 200])),
            (Row::Streams, same([300, 300, 300])),
        ];
        assert_eq!(table.map(|(row, _)| row), Row::ALL);
        for (row, (one, ten)) in table {
            assert_eq!(
                (per_minute(row, 1), per_minute(row, 10)),
                (one, ten),
                "{row:?}"
            );
        }
    }

    #[test]
    fn the_worked_numbers_of_the_page_hold() {
        // LIM-2
        let connections = |units| Row::Connections.rate(Scale::new(Tier::S1, units).unwrap());
        assert_eq!(connections(2).unwrap().to_string(), "100/s");
        assert_eq!(connections(9).unwrap().to_string(), "108/s");
        let reads = |units| Row::TwinReads.rate(Scale::new(Tier::S2, units).unwrap());
        assert_eq!(reads(11).unwrap().to_string(), "110/s");
    }

    #[test]
    fn the_free_tier_is_as_fast_as_s1_and_basic_lacks_what_goes_to_devices() {
        // LIM-4
        for row in Row::ALL {
            let of = |tier| row.rate(Scale::one(tier));
            assert_eq!(of(Tier::F1), of(Tier::S1), "{row:?}");
            for (basic, standard) in [
                (Tier::B1, Tier::S1),
                (Tier::B2, Tier::S2),
                (Tier::B3, Tier::S3),
            ] {
                assert!(of(basic).is_none() || of(basic) == of(standard), "{row:?}");
            }
        }
        let open = Row::ALL
            .into_iter()
            .filter(|row| row.rate(Scale::one(Tier::B1)).is_some());
        assert_eq!(
            open.collect::<Vec<_>>(),
            [
                Row::Registry,
                Row::Connections,
                Row::DeviceToCloud,
                Row::CloudToDeviceReceives,
                Row::Uploads,
                Row::Queries,
            ]
        );
    }
}
