//! `hubnerite sas`

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use hub_proto::sas::{SasKey, sign};

use super::{CliError, say};
use crate::clock::wall_now;
use crate::exit_code;
use crate::target::HubTarget;

/// Print a SAS token, alone: for curl, and as the password of MQTT tools
///
/// It is signed here; of the hub only the key is asked.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  curl -H \"Authorization: $(hubnerite sas)\" 'https://localhost/devices?api-version=2021-04-12'
  mosquitto_pub … -P \"$(hubnerite sas --device pump-1)\"
  hubnerite sas --policy registryRead --for 10m")]
pub(super) struct SasArgs {
    /// For this device, signed with its first key
    #[arg(long, value_name = "ID", conflicts_with = "policy")]
    device: Option<String>,
    /// For a back end, signed with the first key of this policy; default: iothubowner, or the policy
    /// of --hub
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Good for this long: a number and s, m, h or d
    #[arg(long = "for", value_name = "TIME", default_value = "1h")]
    good_for: Span,
    #[command(flatten)]
    target: HubTarget,
}

/// A time as typed: `90s`, `10m`, `1h`, `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span(Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a time is a number and s, m, h or d, as in 90s, 10m, 1h, 7d".to_owned();
        let unit = text.chars().last().ok_or_else(wrong)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(wrong()),
        };
        let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
        let seconds = number.checked_mul(seconds).filter(|s| *s <= SECONDS_MAX);
        let seconds = seconds.ok_or("a token is good for ten years at most")?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

pub(super) async fn run(args: SasArgs) -> Result<u8, CliError> {
    let seconds = i64::try_from(args.good_for.0.as_secs()).expect("ten years fit");
    let expiry = wall_now().unix_seconds().saturating_add(seconds);
    let token = if let Some(id) = &args.device {
        let mut client = args.target.client().await?;
        let device = client.device(id).await?;
        let key = device["authentication"]["symmetricKey"]["primaryKey"].as_str();
        let key = SasKey::from_base64(key.unwrap_or_default())
            .map_err(|_| CliError::failed(format!("device {id:?} has no symmetric key")))?;
        let audience = format!("{}/devices/{id}", client.host_name());
        sign(&audience, &key, expiry, None)
    } else {
        let (name, credential) = args.target.policy(args.policy.as_deref()).await?;
        sign(&credential.host_name, &credential.key, expiry, Some(&name))
    };
    say(token);
    Ok(exit_code::OK)
}

const SECONDS_MAX: u64 = 3_653 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        for (text, seconds) in [
            ("90s", Some(90)),
            ("10m", Some(600)),
            ("1h", Some(3_600)),
            ("7d", Some(604_800)),
            ("0s", Some(0)),
            ("", None),
            ("h", None),
            ("1", None),
            ("1.5h", None),
            ("-1h", None),
            ("1é", None),
            ("99999999999999999999d", None),
            ("4000d", None),
        ] {
            let read = text.parse::<Span>().ok().map(|span| span.0.as_secs());
            assert_eq!(read, seconds, "{text:?}");
        }
    }
}
