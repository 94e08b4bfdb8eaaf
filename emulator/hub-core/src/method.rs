//! Direct methods: calls that wait for a device, or for its answer.

use std::fmt;
use std::time::Duration;

use hub_proto::ids::{ClientIdentity, MethodName};
use hub_proto::time::Instant;

use crate::error::HubError;

/// One call of the service, unique in its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// The request id of a call as the device sees it: prints as lower-case hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rid(pub u64);

impl fmt::Display for Rid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl Rid {
    /// Reads a rid as a device echoes it: hex in either case, nothing before or after.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // `from_str_radix` alone would take a sign, and leading zeros that the hub never sends.
        let first = text.bytes().next()?;
        if first == b'0' || !first.is_ascii_hexdigit() {
            return None;
        }
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}

/// A call, with its bounds checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvokeMethod {
    /// On whom.
    pub client: ClientIdentity,
    /// What.
    pub name: MethodName,
    /// JSON text, byte for byte; the four bytes `null` when the service gave none.
    pub payload: Vec<u8>,
    /// How long each step may take.
    pub timeouts: Timeouts,
}

/// How long a call may take. Made by [`Timeouts::checked`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// How long the device may take to be there; zero: it must be there now.
    pub connect: Duration,
    /// How long the device may take to answer, from the moment it has the call.
    pub response: Duration,
}

impl Timeouts {
    /// Checks what a service asked for, in seconds; what it left out gets the hub's default.
    pub fn checked(response_s: Option<i64>, connect_s: Option<i64>) -> Result<Self, HubError> {
        let response = seconds("responseTimeoutInSeconds", response_s.unwrap_or(30), 5)?;
        let connect = seconds("connectTimeoutInSeconds", connect_s.unwrap_or(0), 0)?;
        if connect > response {
            // The hub's words, as far as they are on record.
            return Err(HubError::Argument(format!(
                "Device connection timeout {} cannot be longer than an overall call timeout {}",
                connect.as_secs(),
                response.as_secs()
            )));
        }
        Ok(Self { connect, response })
    }
}

fn seconds(field: &str, value: i64, min: u64) -> Result<Duration, HubError> {
    match u64::try_from(value) {
        Ok(value) if (min..=TIMEOUT_S_MAX).contains(&value) => Ok(Duration::from_secs(value)),
        _ => Err(HubError::Argument(format!(
            "{field} must be within [{min}; {TIMEOUT_S_MAX}]."
        ))),
    }
}

const TIMEOUT_S_MAX: u64 = 300;

/// The device's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodResult {
    /// The device's status: any integer.
    pub status: i32,
    /// The device's body, byte for byte; may be empty.
    pub payload: Vec<u8>,
}

/// A call that is not answered yet.
#[derive(Debug)]
pub(crate) struct OpenCall {
    pub(crate) id: CallId,
    pub(crate) name: MethodName,
    pub(crate) response_time: Duration,
    pub(crate) stage: Stage,
    /// When the present stage is given up.
    pub(crate) until: Instant,
}

/// What a call waits for.
#[derive(Debug)]
pub(crate) enum Stage {
    /// The device: it is not there, or does not listen to this method. The payload waits too.
    Parked(Vec<u8>),
    /// The answer: the device has the call, on its current link.
    Delivered,
}

impl OpenCall {
    pub(crate) fn is_delivered(&self) -> bool {
        matches!(self.stage, Stage::Delivered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rids_are_read_in_either_case_and_in_their_canonical_form_only() {
        let cases = [
            ("1f", Some(Rid(0x1f))),
            ("1F", Some(Rid(0x1f))),
            ("ffffffffffffffff", Some(Rid(u64::MAX))),
            ("", None),
            ("0", None),
            ("01f", None),
            ("+1f", None),
            ("-1", None),
            ("1f ", None),
            ("1ffffffffffffffff", None),
            ("ä", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Rid::parse(text), expected, "{text:?}");
        }
        assert_eq!(Rid::parse(&Rid(0xBEEF).to_string()), Some(Rid(0xBEEF)));
    }

    #[test]
    fn timeouts_are_held_to_the_bounds_of_the_service() {
        let response = "responseTimeoutInSeconds must be within [5; 300].";
        let connect = "connectTimeoutInSeconds must be within [0; 300].";
        let order = "Device connection timeout 31 cannot be longer than an overall call timeout 30";
        let cases = [
            (None, None, Ok((30, 0))),
            (Some(5), Some(5), Ok((5, 5))),
            (Some(300), Some(300), Ok((300, 300))),
            (Some(4), None, Err(response)),
            (Some(0), None, Err(response)),
            (Some(301), None, Err(response)),
            (Some(i64::MIN), None, Err(response)),
            (Some(300), Some(-1), Err(connect)),
            (Some(300), Some(301), Err(connect)),
            (None, Some(31), Err(order)),
        ];
        for (response_s, connect_s, expected) in cases {
            let actual = Timeouts::checked(response_s, connect_s)
                .map(|t| (t.response.as_secs(), t.connect.as_secs()))
                .map_err(|error| error.to_string());
            assert_eq!(
                actual,
                expected.map_err(str::to_owned),
                "{response_s:?} {connect_s:?}"
            );
        }
    }
}
