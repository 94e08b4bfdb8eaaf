//! Shared access signatures by the recipe that Microsoft publishes ("Control access to IoT Hub with
//! shared access signatures"), apart from the hub's own code.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;

/// A token over `audience`, signed with `key`, good until `expiry` in seconds since 1970. `policy` is
/// the name of the key; a device's own key has none.
pub fn token(audience: &str, key: &str, expiry: u64, policy: Option<&str>) -> String {
    let audience = encoded(audience);
    let key = STANDARD.decode(key).expect("a key is base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length will do");
    mac.update(format!("{audience}\n{expiry}").as_bytes());
    let signature = encoded(&STANDARD.encode(mac.finalize().into_bytes()));
    let policy = policy
        .map(|name| format!("&skn={name}"))
        .unwrap_or_default();
    format!("SharedAccessSignature sr={audience}&sig={signature}&se={expiry}{policy}")
}

/// An hour from now.
pub fn soon() -> u64 {
    now().as_secs() + 3600
}

/// An hour ago: well past the five minutes for which a late token is still good.
pub fn long_ago() -> u64 {
    now().as_secs() - 3600
}

#[expect(
    clippy::disallowed_methods,
    reason = "a client outside the hub has a clock of its own"
)]
fn now() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("it is after 1970")
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_what_another_implementation_makes() {
        // Made by azure-iot-device 2.14.0, its expiry set to 1.
        let key = STANDARD.encode([b'k'; 32]);
        let made = token("h/devices/d", &key, 1, None);
        assert_eq!(made, PYTHON);
    }

    const PYTHON: &str = "SharedAccessSignature sr=h%2Fdevices%2Fd&sig=1efTMd8mpPhKVFftxhKJj0csptx6tGhdVEi4lQnmkG8%3D&se=1";
}
