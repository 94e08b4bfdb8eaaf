//! How a client shows who it is, as the registry reads it.

use hub_core::registry::{Authentication, SymmetricKeys, Thumbprints};
use hub_proto::sas::{SasError, SasKey};

use super::error::Refusal;
use super::json::JsonObject;
use crate::random::fresh_keys;

/// Whose authentication it is: the rules differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Device,
    Module,
}

/// Reads an `authentication` object; what is missing is `sas` with fresh keys. Of keys and
/// thumbprints in one request, the type says which count.
pub(super) fn read(
    authentication: Option<&JsonObject<'_>>,
    owner: Owner,
) -> Result<Authentication, Refusal> {
    let Some(authentication) = authentication else {
        return Ok(Authentication::Sas(fresh_keys()));
    };
    let thumbprints = authentication.object("x509Thumbprint")?;
    let has_thumbprint = thumbprints.as_ref().is_some_and(|thumbprints| {
        thumbprints.is_set("primaryThumbprint") || thumbprints.is_set("secondaryThumbprint")
    });
    let missing = if has_thumbprint { "selfSigned" } else { "sas" };
    let kind = authentication
        .string("type")?
        .unwrap_or_else(|| missing.to_owned());
    match kind.to_ascii_lowercase().as_str() {
        "sas" => read_keys(authentication).map(Authentication::Sas),
        "selfsigned" => read_thumbprints(thumbprints.as_ref()).map(Authentication::SelfSigned),
        "certificateauthority" => Ok(Authentication::CertificateAuthority),
        // A module that asks for none gets keys: only the hub's own modules go without.
        "none" if owner == Owner::Module => Ok(Authentication::Sas(fresh_keys())),
        "none" => Err(Refusal::argument("DeviceAuthenticationTypeIsMissing")),
        _ => Err(Refusal::argument(format!(
            "The authentication type '{kind}' is not known."
        ))),
    }
}

/// The caller's keys, or fresh ones where the caller gave none: missing, null and empty are alike
/// (Node sends empty texts, Explorer nulls, Python an empty object).
fn read_keys(authentication: &JsonObject<'_>) -> Result<SymmetricKeys, Refusal> {
    let Some(keys) = authentication.object("symmetricKey")? else {
        return Ok(fresh_keys());
    };
    let primary = keys.string("primaryKey")?.filter(|key| !key.is_empty());
    let secondary = keys.string("secondaryKey")?.filter(|key| !key.is_empty());
    match (primary, secondary) {
        (None, None) => Ok(fresh_keys()),
        (Some(primary), Some(secondary)) => Ok(SymmetricKeys {
            primary: read_key(&primary)?,
            secondary: read_key(&secondary)?,
        }),
        _ => Err(Refusal::argument("Either no keys or both keys can be set")),
    }
}

fn read_key(text: &str) -> Result<SasKey, Refusal> {
    SasKey::from_base64(text).map_err(|error| match error {
        SasError::KeyLength { .. } => Refusal::argument("Invalid device key length"),
        other => Refusal::argument(format!("Invalid device key: {other}")),
    })
}

/// A self-signed identity without any thumbprint is accepted, as the real hub does.
fn read_thumbprints(thumbprints: Option<&JsonObject<'_>>) -> Result<Thumbprints, Refusal> {
    let read = |name: &str| -> Result<Option<Box<str>>, Refusal> {
        let Some(thumbprints) = thumbprints else {
            return Ok(None);
        };
        let text = thumbprints.string(name)?.filter(|text| !text.is_empty());
        text.map(|text| check_thumbprint(name, text)).transpose()
    };
    Ok(Thumbprints {
        primary: read("primaryThumbprint")?,
        secondary: read("secondaryThumbprint")?,
    })
}

fn check_thumbprint(name: &str, text: String) -> Result<Box<str>, Refusal> {
    let is_length = text.len() == SHA1_DIGITS || text.len() == SHA256_DIGITS;
    if is_length && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.into());
    }
    Err(Refusal::argument(format!(
        "StringIsNotThumbprint: {name} must be {SHA1_DIGITS} or {SHA256_DIGITS} hexadecimal digits without separators"
    )))
}

const SHA1_DIGITS: usize = 40;
const SHA256_DIGITS: usize = 64;
