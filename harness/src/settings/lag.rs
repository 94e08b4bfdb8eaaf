//! How far a read lags, as a person writes it: `5s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use hub_core::Lags;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::scenario;

/// A lag: `0s`, `500ms`, `5s`; a day at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag(pub(crate) Duration);

impl FromStr for Lag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lag = scenario::duration(text)
            .map_err(|problem| format!("it {problem}; write `500ms`, `5s` or `2m`"))?;
        if lag > Lags::MAX {
            return Err("a read lags a day at most".to_owned());
        }
        Ok(Self(lag))
    }
}

/// The largest unit of which it is a whole number.
impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            ms if ms % 1000 == 0 => write!(f, "{}s", ms / 1000),
            ms => write!(f, "{ms}ms"),
        }
    }
}

impl<'de> Deserialize<'de> for Lag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Lag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_is_printed_as_it_may_be_written() {
        for (text, printed) in [
            ("0s", "0s"),
            ("1500ms", "1500ms"),
            ("1.5s", "1500ms"),
            ("2m", "120s"),
            ("24h", "86400s"),
        ] {
            let lag: Lag = text.parse().unwrap();
            assert_eq!(lag.to_string(), printed);
            assert_eq!(printed.parse(), Ok(lag));
        }
        for text in ["5", "", "25h", "-1s"] {
            assert!(text.parse::<Lag>().is_err(), "{text}");
        }
    }
}
