//! Shared access signatures: parse, sign, verify.
//!
//! `SharedAccessSignature sr={audience}&sig={signature}&se={expiry}[&skn={policy}]`, fields in any
//! order. The signature is over `sr` and `se` exactly as they stand in the token, because each SDK
//! encodes them its own way. Whether a token has run out, and which key ought to have signed it, is
//! for the caller to say: nothing here knows the time, a policy or a device.
//!
//! Source: "Control access by using shared access signatures", and Azure/azure-iot-sdk-csharp
//! `SharedAccessSignature.cs`.

use std::fmt;

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::{DecodeSliceError, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;
use thiserror::Error;

use crate::ids::ClientIdentity;
use crate::percent;
use crate::time::Timestamp;

/// Longest token that is read. A host name and two ids, each character encoded twice over (`%2523`),
/// leave more than half of it unused.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Most fields that are read; four have a meaning.
const FIELDS_MAX: usize = 16;
/// Longest policy name. (Azure/azure-iot-sdk-csharp `SharedAccessSignatureConstants.cs`)
const KEY_NAME_CHARS_MAX: usize = 256;
/// Most segments of an audience that covers anything: `{host}/devices/{d}/modules/{m}/?api-version=…`.
const SEGMENTS_MAX: usize = 6;
/// Room for what a signature of 32 bytes is decoded in, and some more.
const SIGNATURE_BYTES_MAX: usize = 48;
/// Shortest and longest key, decoded.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 16..=64;
/// Longest text that is decoded as a key: more cannot give [`KEY_BYTES`].
const KEY_TEXT_BYTES_MAX: usize = 88;
/// The text of a key of 32 bytes.
const USUAL_TEXT_BYTES: usize = 44;

/// What `urllib.parse.quote(text, safe="")` of Python leaves as it is.
pub(crate) const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A key: its base64 text, byte for byte. `Debug` prints `***`.
///
/// What it decodes to is not kept: that is a small part of an HMAC, and every device has a key or two.
#[derive(Clone, PartialEq, Eq)]
pub struct SasKey(KeyText);

#[derive(Clone, PartialEq, Eq)]
enum KeyText {
    /// Of 32 bytes, as hubs make them.
    Usual([u8; USUAL_TEXT_BYTES]),
    Other(Box<str>),
}

/// A token, read but not yet believed.
#[derive(Clone, PartialEq, Eq)]
pub struct SasToken<'a> {
    audience_raw: &'a str,
    expiry_raw: &'a str,
    expiry: Timestamp,
    /// `None`: base64 of another length than any signature's.
    signature: Option<[u8; 32]>,
    key_name: Option<String>,
}

/// What a token must cover to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The whole hub: the service side.
    Hub,
    /// One device or module.
    Client(&'a ClientIdentity),
}

/// Why a text is not a SAS token or a key. Never names the secret part.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SasError {
    /// Not `SharedAccessSignature …`.
    #[error("the token does not start with SharedAccessSignature")]
    NotASignature,
    /// Longer than any client makes it.
    #[error("the token has {bytes} bytes, at most {TOKEN_BYTES_MAX} are allowed")]
    TokenTooLong {
        /// How long it is.
        bytes: usize,
    },
    /// More fields than any client sends.
    #[error("the token has more than {FIELDS_MAX} fields")]
    TooManyFields,
    /// A required field is missing or empty.
    #[error("the token has no {0}")]
    Missing(&'static str),
    /// A field stands twice, so that it says two things.
    #[error("the token has {0} twice")]
    Twice(&'static str),
    /// `se` is not a number of seconds.
    #[error("the token's expiry is not a number of seconds")]
    Expiry,
    /// `sig` is not base64.
    #[error("the token's signature is not base64")]
    Signature,
    /// `skn` is too long, or not UTF-8.
    #[error("the token's policy name is too long or not UTF-8")]
    KeyName,
    /// The key is not base64.
    #[error("the key is not base64")]
    KeyNotBase64,
    /// The key is too short or too long.
    #[error("the key decodes to {bytes} bytes; 16 to 64 are allowed")]
    KeyLength {
        /// What it decodes to.
        bytes: usize,
    },
}

impl SasKey {
    /// Reads a key of 16 to 64 bytes from base64 text.
    pub fn from_base64(text: &str) -> Result<Self, SasError> {
        if text.len() > KEY_TEXT_BYTES_MAX {
            // Not worth decoding: the answer is known, and the text is not bounded.
            return Err(SasError::KeyLength {
                bytes: text.len() / 4 * 3,
            });
        }
        let bytes = BASE64.decode(text).map_err(|_| SasError::KeyNotBase64)?;
        if !KEY_BYTES.contains(&bytes.len()) {
            return Err(SasError::KeyLength { bytes: bytes.len() });
        }
        Ok(Self::of_text(text))
    }

    /// A key from random bytes that the caller drew.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self::of_text(&BASE64.encode(bytes))
    }

    /// Of a text that was decoded before.
    fn of_text(text: &str) -> Self {
        Self(match text.as_bytes().try_into() {
            Ok(usual) => KeyText::Usual(usual),
            Err(_) => KeyText::Other(text.into()),
        })
    }

    /// The base64 text, for a response or a connection string. Never log it.
    pub fn expose(&self) -> &str {
        match &self.0 {
            // It came out of a text.
            KeyText::Usual(text) => std::str::from_utf8(text).unwrap_or_default(),
            KeyText::Other(text) => text,
        }
    }

    fn hmac(&self, audience: &str, expiry: &str) -> Hmac<Sha256> {
        // The decoder wants room for whole groups.
        let mut bytes = [0; KEY_TEXT_BYTES_MAX / 4 * 3];
        let length = BASE64.decode_slice(self.expose(), &mut bytes);
        let length = length.expect("the text was decoded before");
        let mut hmac = Hmac::<Sha256>::new_from_slice(&bytes[..length])
            .expect("HMAC takes a key of any length");
        hmac.update(audience.as_bytes());
        hmac.update(b"\n");
        hmac.update(expiry.as_bytes());
        hmac
    }
}

impl<'a> SasToken<'a> {
    /// Reads a token.
    pub fn parse(text: &'a str) -> Result<Self, SasError> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(SasError::TokenTooLong { bytes: text.len() });
        }
        let fields = fields_part(text).ok_or(SasError::NotASignature)?;
        let Fields { sr, sig, se, skn } = Fields::split(fields)?;
        Ok(Self {
            audience_raw: required("sr", sr)?,
            signature: decode_signature(required("sig", sig)?)?,
            expiry_raw: required("se", se)?,
            expiry: parse_expiry(required("se", se)?)?,
            key_name: decode_key_name(skn)?,
        })
    }

    /// When the token runs out.
    pub fn expiry(&self) -> Timestamp {
        self.expiry
    }

    /// The policy's name (`skn`), percent-decoded; `None` for a device's own key.
    pub fn key_name(&self) -> Option<&str> {
        self.key_name.as_deref()
    }

    /// Whether `key` made the signature; takes the same time whatever differs.
    pub fn is_signed_by(&self, key: &SasKey) -> bool {
        self.signature.is_some_and(|signature| {
            let hmac = key.hmac(self.audience_raw, self.expiry_raw);
            hmac.verify_slice(&signature).is_ok()
        })
    }

    /// Whether the audience covers `resource`, segment by segment, on a host that `is_host` accepts
    /// (it gets the host as the token spells it, so it is to ignore case).
    ///
    /// Who signed decides how far an audience reaches. A policy's token (`skn` is there) covers all
    /// that lies below its path: `{host}` covers everything. A device's or module's own key covers
    /// exactly its owner: a device's audience never covers one of its modules, nor the reverse.
    pub fn covers(&self, is_host: impl Fn(&str) -> bool, resource: Resource<'_>) -> bool {
        let audience = percent::decode_or_keep(self.audience_raw);
        let mut segments = [""; SEGMENTS_MAX];
        let mut count = 0;
        for segment in audience.trim_end_matches('/').split('/') {
            let Some(place) = segments.get_mut(count) else {
                // Longer than anything it could cover.
                return false;
            };
            *place = segment;
            count += 1;
        }
        let mut segments = &segments[..count];
        // Microsoft's editor tooling leaves `/?api-version=…` behind a device's or module's path:
        // an even number of segments. Elsewhere the text may be an id, and must not be cut away.
        if segments.len() >= 4
            && segments.len().is_multiple_of(2)
            && segments
                .last()
                .is_some_and(|last| last.starts_with("?api-version="))
        {
            segments = &segments[..count - 1];
        }
        let (host, path) = (segments[0], &segments[1..]);
        if host.is_empty() || !is_host(host) {
            return false;
        }
        let by_policy = self.key_name.is_some();
        let wanted: &[&str] = match resource {
            Resource::Hub => return by_policy && path.is_empty(),
            Resource::Client(ClientIdentity::Device(device)) => &["devices", device.as_str()],
            Resource::Client(ClientIdentity::Module(module)) => &[
                "devices",
                module.device().as_str(),
                "modules",
                module.id().as_str(),
            ],
        };
        let is_long_enough = by_policy || path.len() == wanted.len();
        is_long_enough
            && path.len() <= wanted.len()
            && path
                .iter()
                .zip(wanted)
                .all(|(segment, wanted)| is_same_segment(segment, wanted))
    }
}

/// Makes a token over `audience` (not yet encoded) that runs until `expiry_unix_s`.
pub fn sign(audience: &str, key: &SasKey, expiry_unix_s: i64, key_name: Option<&str>) -> String {
    let audience = utf8_percent_encode(audience, UNRESERVED).to_string();
    let expiry = expiry_unix_s.to_string();
    let signature = BASE64.encode(key.hmac(&audience, &expiry).finalize().into_bytes());
    let signature = utf8_percent_encode(&signature, UNRESERVED);
    let mut token = format!("SharedAccessSignature sr={audience}&sig={signature}&se={expiry}");
    if let Some(key_name) = key_name {
        token.push_str("&skn=");
        token.extend(utf8_percent_encode(key_name, UNRESERVED));
    }
    token
}

/// What stands behind `SharedAccessSignature` and white space, and has none in itself.
fn fields_part(text: &str) -> Option<&str> {
    let fields = text.trim_ascii().strip_prefix("SharedAccessSignature")?;
    let is_apart = fields.starts_with(|first: char| first.is_ascii_whitespace());
    let fields = fields.trim_ascii_start();
    let is_one_word = !fields.bytes().any(|byte| byte.is_ascii_whitespace());
    (is_apart && is_one_word).then_some(fields)
}

/// The raw values of the fields that have a meaning.
#[derive(Default)]
struct Fields<'a> {
    sr: Option<&'a str>,
    sig: Option<&'a str>,
    se: Option<&'a str>,
    skn: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn split(text: &'a str) -> Result<Self, SasError> {
        let mut fields = Self::default();
        for (index, field) in text.split('&').enumerate() {
            if index == FIELDS_MAX {
                return Err(SasError::TooManyFields);
            }
            let Some((name, value)) = field.split_once('=') else {
                continue;
            };
            let known = [
                ("sr", &mut fields.sr),
                ("sig", &mut fields.sig),
                ("se", &mut fields.se),
                ("skn", &mut fields.skn),
            ];
            for (known_name, slot) in known {
                if known_name.eq_ignore_ascii_case(name) && slot.replace(value).is_some() {
                    return Err(SasError::Twice(known_name));
                }
            }
        }
        Ok(fields)
    }
}

fn required<'a>(name: &'static str, value: Option<&'a str>) -> Result<&'a str, SasError> {
    value
        .filter(|value| !value.is_empty())
        .ok_or(SasError::Missing(name))
}

/// Whole seconds, and perhaps a fraction, which is cut off.
fn parse_expiry(raw: &str) -> Result<Timestamp, SasError> {
    let (seconds, fraction) = raw.split_once('.').unwrap_or((raw, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(seconds) || !is_number(fraction) {
        return Err(SasError::Expiry);
    }
    let seconds = seconds.parse().map_err(|_| SasError::Expiry)?;
    Ok(Timestamp::from_unix_seconds(seconds))
}

fn decode_signature(raw: &str) -> Result<Option<[u8; 32]>, SasError> {
    let mut text = percent::decode_bytes(raw);
    for byte in &mut text {
        // A plus that went through a form encoder twice arrives as a space; base64 has none.
        if *byte == b' ' {
            *byte = b'+';
        }
    }
    let mut bytes = [0; SIGNATURE_BYTES_MAX];
    match BASE64.decode_slice(&text, &mut bytes) {
        Ok(length) => Ok(bytes[..length].try_into().ok()),
        // What is too long to be a signature may yet be base64.
        Err(DecodeSliceError::OutputSliceTooSmall) if BASE64.decode(&text).is_ok() => Ok(None),
        Err(_) => Err(SasError::Signature),
    }
}

fn decode_key_name(raw: Option<&str>) -> Result<Option<String>, SasError> {
    let Some(raw) = raw.filter(|raw| !raw.is_empty()) else {
        return Ok(None);
    };
    let name = percent::decode(raw).ok_or(SasError::KeyName)?;
    if name.chars().count() > KEY_NAME_CHARS_MAX {
        return Err(SasError::KeyName);
    }
    Ok(Some(name.into_owned()))
}

/// Case is ignored, since the documentation asks for a lower-cased URI. A segment may be encoded once
/// more than the whole (ids with `%` or `#`: Azure/iotedge#759, Azure/azure-iot-sdk-csharp#771).
fn is_same_segment(segment: &str, wanted: &str) -> bool {
    segment.eq_ignore_ascii_case(wanted)
        || percent::decode_or_keep(segment).eq_ignore_ascii_case(wanted)
}

impl fmt::Debug for SasKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SasKey(***)")
    }
}

impl fmt::Debug for SasToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SasToken")
            .field("audience", &self.audience_raw)
            .field("expiry", &self.expiry)
            .field("key_name", &self.key_name)
            .finish_non_exhaustive()
    }
}
