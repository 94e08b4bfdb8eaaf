//! SAS tokens against signatures computed elsewhere, and the audiences that clients send.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hub_proto::ids::{ClientIdentity, DeviceId, ModuleId};
use hub_proto::sas::{Resource, SasError, SasKey, SasToken, TOKEN_BYTES_MAX, sign};
use hub_proto::time::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const HOST: &str = "myhub.azure-devices.net";

/// Each producer's spelling of the audience, with the signature computed apart from this code
/// (Python's `hmac`) over that spelling and `se=1893456000`.
const VECTORS: [(&str, &str); 4] = [
    (
        "myhub.azure-devices.net%2Fdevices%2Fdev1",
        "MLMb9mfGGKt00TL7mIqeMsK/9ViHgXLyY2kJs/BSm/M=",
    ),
    (
        "myhub.azure-devices.net%2fdevices%2fdev1",
        "1HsygLjwjl/C+5MkgPBGyzihQepx9Em5hEXZ3o8k7hI=",
    ),
    (
        "myhub.azure-devices.net/devices/dev1",
        "HenFdM/DE+vK7Pk3+y/jZAJe6lpy5tBLFv1x9HbW+Fs=",
    ),
    (
        "myhub.azure-devices.net",
        "khSw3Hu42nfiGmvv0z8UfhaVjclOsrYKOsP3H0wMCJU=",
    ),
];

fn key() -> SasKey {
    SasKey::from_base64(KEY).unwrap()
}

fn is_host(host: &str) -> bool {
    host.eq_ignore_ascii_case(HOST)
}

fn device(id: &str) -> ClientIdentity {
    ClientIdentity::Device(DeviceId::parse(id).unwrap())
}

fn module(device: &str, module: &str) -> ClientIdentity {
    ClientIdentity::module(
        DeviceId::parse(device).unwrap(),
        ModuleId::parse(module).unwrap(),
    )
}

#[test]
fn the_signature_is_over_the_audience_as_it_stands_in_the_token() {
    // AUTH-1
    for (sr, signature) in VECTORS {
        let encoded = utf8_percent_encode(signature, NON_ALPHANUMERIC).to_string();
        let half_encoded = signature.replace('+', "%2B").replace('=', "%3D");
        let form_encoded = signature.replace('+', "%20");
        for sig in [signature, &encoded, &half_encoded, &form_encoded] {
            for text in [
                format!("SharedAccessSignature sr={sr}&sig={sig}&se=1893456000"),
                format!("SharedAccessSignature sr={sr}&sig={sig}&skn=p&se=1893456000"),
                format!("SharedAccessSignature sig={sig}&se=1893456000&sr={sr}"),
                format!("SharedAccessSignature SE=1893456000&x=y&SIG={sig}&Sr={sr}"),
            ] {
                let token = SasToken::parse(&text).unwrap();
                assert!(token.is_signed_by(&key()), "{text}");
                assert_eq!(token.expiry(), Timestamp::from_unix_seconds(1_893_456_000));
                assert!(!token.is_signed_by(&SasKey::from_bytes(&[7; 32])));
            }
        }
    }
}

#[test]
fn a_token_is_signed_as_the_python_sdk_signs() {
    let (sr, signature) = VECTORS[0];
    let encoded = utf8_percent_encode(signature, NON_ALPHANUMERIC);
    let audience = format!("{HOST}/devices/dev1");
    assert_eq!(
        sign(&audience, &key(), 1_893_456_000, Some("iothubowner")),
        format!("SharedAccessSignature sr={sr}&sig={encoded}&se=1893456000&skn=iothubowner"),
    );
}

#[test]
fn a_changed_token_is_not_signed() {
    let text = sign("h/devices/d", &key(), 1_893_456_000, None);
    for changed in [
        text.replace("se=1893456000", "se=1893456001"),
        text.replace("devices%2Fd", "devices%2Fe"),
        text.replace("%2F", "%2f"),
        text.replace("sig=", "sig=AAAA"),
    ] {
        assert_ne!(changed, text);
        assert!(
            !SasToken::parse(&changed).unwrap().is_signed_by(&key()),
            "{changed}"
        );
    }
}

#[test]
fn malformed_tokens_say_what_is_wrong() {
    let long = format!("SharedAccessSignature {}", "x".repeat(TOKEN_BYTES_MAX));
    let many = format!("SharedAccessSignature {}", "a=b&".repeat(17));
    let cases = [
        ("", SasError::NotASignature),
        ("Bearer abc", SasError::NotASignature),
        ("SharedAccessSignature", SasError::NotASignature),
        ("SharedAccessSignature sr=a sig=b", SasError::NotASignature),
        (&long, SasError::TokenTooLong { bytes: long.len() }),
        (&many, SasError::TooManyFields),
        (
            "SharedAccessSignature sig=QQ==&se=1",
            SasError::Missing("sr"),
        ),
        (
            "SharedAccessSignature sr=a&sig=&se=1",
            SasError::Missing("sig"),
        ),
        (
            "SharedAccessSignature sr=a&sig=QQ==",
            SasError::Missing("se"),
        ),
        (
            "SharedAccessSignature sr=a&sr=b&sig=QQ==&se=1",
            SasError::Twice("sr"),
        ),
        (
            "SharedAccessSignature sr=a&sig=QQ==&se=-1",
            SasError::Expiry,
        ),
        (
            "SharedAccessSignature sr=a&sig=QQ==&se=1.",
            SasError::Expiry,
        ),
        (
            "SharedAccessSignature sr=a&sig=QQ==&se=99999999999999999999",
            SasError::Expiry,
        ),
        ("SharedAccessSignature sr=a&sig=!&se=1", SasError::Signature),
        (
            "SharedAccessSignature sr=a&sig=QQ==&se=1&skn=%FF",
            SasError::KeyName,
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(SasToken::parse(text).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn an_expiry_may_carry_a_fraction_and_an_empty_policy_is_none() {
    let token = SasToken::parse("SharedAccessSignature sr=a&sig=QQ==&se=12.75&skn=").unwrap();
    assert_eq!(token.expiry(), Timestamp::from_unix_seconds(12));
    assert_eq!(token.key_name(), None);
    let token = SasToken::parse("SharedAccessSignature sr=a&sig=QQ==&se=0&skn=a%2Db").unwrap();
    assert_eq!(token.key_name(), Some("a-b"));
}

/// Audience; covers dev1, its module m, the device `a#b%c`, the hub: by own key, by policy.
const REACH: &[(&str, &str, &str)] = &[
    ("myhub.azure-devices.net", "----", "dmoh"),
    ("MYHUB.azure-devices.net/", "----", "dmoh"),
    ("myhub.azure-devices.net/devices", "----", "dmo-"),
    ("myhub.azure-devices.net%2Fdevices%2Fdev1", "d---", "dm--"),
    ("myhub.azure-devices.net%2fdevices%2fDEV1", "d---", "dm--"),
    ("myhub.azure-devices.net/devices/dev1/", "d---", "dm--"),
    ("myhub.azure-devices.net/devices/dev", "----", "----"),
    ("myhub.azure-devices.net/devices/dev12", "----", "----"),
    ("myhub.azure-devices.net/twins/dev1", "----", "----"),
    (
        "myhub.azure-devices.net%2Fdevices%2Fdev1%2Fmodules%2Fm",
        "-m--",
        "-m--",
    ),
    (
        "myhub.azure-devices.net/devices/dev1/modules",
        "----",
        "-m--",
    ),
    (
        "myhub.azure-devices.net/devices/dev1/modules/m/x",
        "----",
        "----",
    ),
    (
        "myhub.azure-devices.net%2Fdevices%2Fdev1%2F%3Fapi-version%3D2016",
        "d---",
        "dm--",
    ),
    // Not a suffix here, but the id of a device: it must not open all devices.
    (
        "myhub.azure-devices.net/devices/?api-version=2016",
        "----",
        "----",
    ),
    // Nor the id of a module: it must not open all modules.
    (
        "myhub.azure-devices.net/devices/dev1/modules/?api-version=2016",
        "----",
        "----",
    ),
    (
        "myhub.azure-devices.net%2Fdevices%2Fa%23b%25c",
        "--o-",
        "--o-",
    ),
    (
        "myhub.azure-devices.net%2Fdevices%2Fa%2523b%2525c",
        "--o-",
        "--o-",
    ),
    ("other.azure-devices.net/devices/dev1", "----", "----"),
    ("/devices/dev1", "----", "----"),
    ("%FF", "----", "----"),
];

#[test]
fn an_audience_reaches_as_far_as_its_signer_may() {
    // AUTH-3
    let dev1 = device("dev1");
    let odd = device("a#b%c");
    let module = module("dev1", "m");
    for (sr, by_key, by_policy) in REACH {
        for (skn, expected) in [("", by_key), ("&skn=p", by_policy)] {
            let text = format!("SharedAccessSignature sr={sr}&sig=QQ==&se=1{skn}");
            let token = SasToken::parse(&text).unwrap();
            let covered: String = [
                ('d', Resource::Client(&dev1)),
                ('m', Resource::Client(&module)),
                ('o', Resource::Client(&odd)),
                ('h', Resource::Hub),
            ]
            .map(|(letter, resource)| {
                if token.covers(is_host, resource) {
                    letter
                } else {
                    '-'
                }
            })
            .iter()
            .collect();
            assert_eq!(covered, *expected, "{text}");
        }
    }
}

#[test]
fn keys_are_16_to_64_bytes_and_never_shown() {
    // AUTH-6
    assert_eq!(
        SasKey::from_base64("1").unwrap_err(),
        SasError::KeyNotBase64
    );
    for (bytes, is_legal) in [(0, false), (15, false), (16, true), (36, true), (64, true)] {
        assert_eq!(
            SasKey::from_base64(&BASE64.encode(vec![1; bytes])).is_ok(),
            is_legal
        );
    }
    for bytes in [65, 66, 67, 4096] {
        let error = SasKey::from_base64(&BASE64.encode(vec![1; bytes])).unwrap_err();
        assert!(
            matches!(error, SasError::KeyLength { bytes } if bytes > 64),
            "{error}"
        );
    }
    for bytes in 16..=64 {
        let text = BASE64.encode(vec![bytes; usize::from(bytes)]);
        let key = SasKey::from_base64(&text).unwrap();
        assert_eq!(key.expose(), text);
        let token = sign("h", &key, 1, None);
        assert!(SasToken::parse(&token).unwrap().is_signed_by(&key));
    }
    assert_eq!(key().expose(), KEY);
    assert_eq!(format!("{:?}", key()), "SasKey(***)");
    let text = sign("h", &key(), 1, None);
    assert!(!format!("{:?}", SasToken::parse(&text).unwrap()).contains("sig"));
}
