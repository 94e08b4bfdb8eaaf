//! Tiers and units, and the figures that go with them: messages a day, blocks, counts.
//!
//! Source: "Choose the right IoT Hub tier and size for your solution", "IoT Hub quotas and throttling".

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::rate::Row;
use crate::limits::Limits;

/// An edition of IoT Hub, by the name its resource has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Free: all features, one unit, 8,000 messages a day.
    F1,
    /// Basic, size 1.
    B1,
    /// Basic, size 2.
    B2,
    /// Basic, size 3.
    B3,
    /// Standard, size 1.
    S1,
    /// Standard, size 2.
    S2,
    /// Standard, size 3.
    S3,
}

/// A tier with a number of units that it can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    tier: Tier,
    units: u16,
}

/// Why something is no scale of a hub.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScaleError {
    /// No tier has that name.
    #[error("there is no tier `{0}`; the tiers are F1, B1, B2, B3, S1, S2, S3")]
    UnknownTier(String),
    /// The tier has not so many units.
    #[error("{tier} has 1 to {max} units, not {units}", max = tier.units_max())]
    Units {
        /// The tier.
        tier: Tier,
        /// What was asked for.
        units: u16,
    },
}

/// The three sizes; what is free is as large as the smallest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    One,
    Two,
    Three,
}

impl Tier {
    /// Every tier, the cheaper first.
    pub const ALL: [Self; 7] = [
        Self::F1,
        Self::B1,
        Self::B2,
        Self::B3,
        Self::S1,
        Self::S2,
        Self::S3,
    ];

    /// The name, `S1`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F1 => "F1",
            Self::B1 => "B1",
            Self::B2 => "B2",
            Self::B3 => "B3",
            Self::S1 => "S1",
            Self::S2 => "S2",
            Self::S3 => "S3",
        }
    }

    /// Whether it is one of the basic tiers, which lack whatever goes from the cloud to a device.
    pub fn is_basic(self) -> bool {
        matches!(self, Self::B1 | Self::B2 | Self::B3)
    }

    /// How many units a hub of this tier can have.
    pub fn units_max(self) -> u16 {
        match self {
            Self::F1 => 1,
            Self::B1 | Self::B2 | Self::S1 | Self::S2 => 200,
            Self::B3 | Self::S3 => 10,
        }
    }

    /// Bytes that are charged as one message.
    pub fn block_bytes(self) -> u64 {
        match self {
            Self::F1 => 512,
            _ => 4096,
        }
    }

    /// Identities, devices and modules, that a hub may hold. The free tier's figure stands on the pricing page.
    pub fn identities_max(self) -> usize {
        match self {
            Self::F1 => 500,
            _ => 1_000_000,
        }
    }

    /// Jobs on devices that may run at the same time; none in the basic tiers.
    pub fn jobs_active_max(self) -> usize {
        match self {
            Self::B1 | Self::B2 | Self::B3 => 0,
            Self::F1 | Self::S1 => 1,
            Self::S2 => 5,
            Self::S3 => 10,
        }
    }

    /// Automatic configurations, and likewise deployments, that a hub may hold; none in the basic
    /// tiers.
    pub fn configurations_max(self) -> usize {
        match self {
            Self::B1 | Self::B2 | Self::B3 => 0,
            Self::F1 => 10,
            Self::S1 | Self::S2 | Self::S3 => 100,
        }
    }

    pub(super) fn size(self) -> Size {
        match self {
            Self::F1 | Self::B1 | Self::S1 => Size::One,
            Self::B2 | Self::S2 => Size::Two,
            Self::B3 | Self::S3 => Size::Three,
        }
    }

    fn messages_per_unit_and_day(self) -> u64 {
        match self {
            Self::F1 => 8_000,
            Self::B1 | Self::S1 => 400_000,
            Self::B2 | Self::S2 => 6_000_000,
            Self::B3 | Self::S3 => 300_000_000,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Tier {
    type Err = ScaleError;

    /// Reads a tier's name in either case.
    fn from_str(text: &str) -> Result<Self, ScaleError> {
        let named = |tier: &Self| tier.name().eq_ignore_ascii_case(text);
        let unknown = || ScaleError::UnknownTier(text.to_owned());
        Self::ALL.into_iter().find(named).ok_or_else(unknown)
    }
}

impl Scale {
    /// `units` of `tier`.
    pub fn new(tier: Tier, units: u16) -> Result<Self, ScaleError> {
        if (1..=tier.units_max()).contains(&units) {
            Ok(Self { tier, units })
        } else {
            Err(ScaleError::Units { tier, units })
        }
    }

    /// One unit, which every tier can have.
    pub fn one(tier: Tier) -> Self {
        Self { tier, units: 1 }
    }

    /// The tier.
    pub fn tier(self) -> Tier {
        self.tier
    }

    /// How many units.
    pub fn units(self) -> u16 {
        self.units
    }

    /// Messages that the hub takes a day, counted in blocks of [`Tier::block_bytes`].
    pub fn messages_per_day(self) -> u64 {
        self.tier.messages_per_unit_and_day() * u64::from(self.units)
    }

    /// Holds `limits` to what a hub of this scale may have of identities, jobs and configurations.
    pub fn bind(self, limits: &mut Limits) {
        let tier = self.tier;
        limits.identities = limits.identities.min(tier.identities_max());
        limits.jobs.active = limits.jobs.active.min(tier.jobs_active_max());
        limits.configurations = limits.configurations.min(tier.configurations_max());
        let per_second = Row::JobDevices
            .rate(self)
            .map(|rate| rate.per_minute() / 60);
        let per_second = per_second.and_then(|rate| u32::try_from(rate).ok());
        if per_second.is_some() {
            limits.jobs.operations_per_second = per_second;
        }
    }
}

impl fmt::Display for Scale {
    /// `S1 × 2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.tier, self.units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tiers_are_as_microsofts_page_has_them() {
        // LIM-1: messages a day and unit, block, most units, jobs, configurations.
        let rows = [
            (Tier::F1, 8_000, 512, 1, 1, 10),
            (Tier::B1, 400_000, 4096, 200, 0, 0),
            (Tier::B2, 6_000_000, 4096, 200, 0, 0),
            (Tier::B3, 300_000_000, 4096, 10, 0, 0),
            (Tier::S1, 400_000, 4096, 200, 1, 100),
            (Tier::S2, 6_000_000, 4096, 200, 5, 100),
            (Tier::S3, 300_000_000, 4096, 10, 10, 100),
        ];
        for (tier, messages, block, units, jobs, configurations) in rows {
            let seen = (
                Scale::one(tier).messages_per_day(),
                tier.block_bytes(),
                tier.units_max(),
                tier.jobs_active_max(),
                tier.configurations_max(),
            );
            assert_eq!(
                seen,
                (messages, block, units, jobs, configurations),
                "{tier}"
            );
        }
        let mut limits = Limits::default();
        Scale::new(Tier::S2, 20).unwrap().bind(&mut limits);
        let jobs = (limits.jobs.active, limits.jobs.operations_per_second);
        assert_eq!(jobs, (5, Some(20)));
        assert_eq!((limits.identities, limits.configurations), (1_000_000, 100));
        Scale::one(Tier::F1).bind(&mut limits);
        assert_eq!((limits.identities, limits.configurations), (500, 10));
        let two = Scale::new(Tier::S2, 2).unwrap();
        assert_eq!(two.messages_per_day(), 12_000_000);
        assert_eq!(two.to_string(), "S2 × 2");
    }

    #[test]
    fn a_tier_is_read_by_name_and_has_only_so_many_units() {
        assert_eq!("s3".parse(), Ok(Tier::S3));
        assert_eq!(
            "S4".parse::<Tier>().unwrap_err().to_string(),
            "there is no tier `S4`; the tiers are F1, B1, B2, B3, S1, S2, S3"
        );
        for (tier, units) in [
            (Tier::F1, 2),
            (Tier::S3, 11),
            (Tier::S1, 0),
            (Tier::B2, 201),
        ] {
            assert!(Scale::new(tier, units).is_err(), "{tier} {units}");
        }
        assert_eq!(
            Scale::new(Tier::S3, 11).unwrap_err().to_string(),
            "S3 has 1 to 10 units, not 11"
        );
    }
}
