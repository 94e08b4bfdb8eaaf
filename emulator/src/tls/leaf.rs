//! Leaves: what a server shows for one name, signed by the CA.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use hub_proto::time::{Now, Timestamp};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::pki_types::CertificateDer;

use super::TlsError;
use super::ca::{Ca, DAY, date, day_before};

/// What a leaf is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// The name in the client's SNI, lower case.
    Name(String),
    /// The address dialled by a client that sends no name.
    Address(IpAddr),
}

/// A leaf and when to issue it anew.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) not_before: Timestamp,
    pub(super) renew_at: Timestamp,
}

/// Signs a leaf over `key`. A leaf for an address also names `localhost`, its addresses and
/// `host_names`: behind a forwarded port (a container's, say) the address that was dialled is not
/// the one that is seen here, and a client too old for SNI may have dialled any name of ours.
pub(super) fn issue(
    ca: &Ca,
    key: &KeyPair,
    subject: &Subject,
    host_names: &[String],
    now: Now,
) -> Result<Leaf, TlsError> {
    let not_before = day_before(now.wall).max(ca.not_before);
    let not_after = now.wall.saturating_add(LIFE).min(ca.not_after);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name(subject));
    params.subject_alt_names = alternative_names(subject, host_names)?;
    params.not_before = date(not_before);
    params.not_after = date(not_after);
    // Written out, since only then is a subject key identifier written as well, for which Python's
    // strict verification asks.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(key, &ca.issuer)?.der().clone();
    let lasts = not_after.saturating_since(now.wall);
    Ok(Leaf {
        certificate,
        not_before,
        renew_at: now.wall.saturating_add(lasts / 4 * 3),
    })
}

fn alternative_names(subject: &Subject, host_names: &[String]) -> Result<Vec<SanType>, TlsError> {
    let address = match subject {
        Subject::Name(name) => return Ok(vec![SanType::DnsName(name.as_str().try_into()?)]),
        Subject::Address(address) => *address,
    };
    let mut names = vec![SanType::IpAddress(address)];
    let mut add = |name| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    add(SanType::IpAddress(Ipv4Addr::LOCALHOST.into()));
    add(SanType::IpAddress(Ipv6Addr::LOCALHOST.into()));
    add(SanType::DnsName("localhost".try_into()?));
    for name in host_names {
        match name.parse() {
            Ok(address) => add(SanType::IpAddress(address)),
            Err(_) => add(SanType::DnsName(name.as_str().try_into()?)),
        }
    }
    Ok(names)
}

/// Nobody checks it any more, but people read it. At most 64 bytes (RFC 5280, `ub-common-name`).
fn common_name(subject: &Subject) -> String {
    match subject {
        Subject::Name(name) if name.len() <= COMMON_NAME_BYTES_MAX => name.clone(),
        Subject::Name(_) => "Hubnerite".to_owned(),
        Subject::Address(address) => address.to_string(),
    }
}

/// With the day before, under the 825 days that Apple's verifier allows at most.
const LIFE: Duration = DAY.saturating_mul(823);
const COMMON_NAME_BYTES_MAX: usize = 64;
