//! Which paths there are.

use super::{hub, twins, wire};
use crate::meter::Meter;

/// One hot path.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// As in the committed file.
    pub name: &'static str,
    /// How many operations are counted: fewer where one takes long.
    pub operations: usize,
    /// Runs it.
    pub run: fn(&mut Meter),
}

/// All of them, in the order of the committed file.
pub const PATHS: &[Path] = &[
    path("decode-connect", wire::decode_connect),
    path("decode-publish", wire::decode_publish),
    path("decode-puback", wire::decode_puback),
    path("encode-publish", wire::encode_publish),
    path("encode-method-request", wire::encode_method_request),
    path("encode-puback", wire::encode_puback),
    path("topic-telemetry", wire::topic_telemetry),
    path("topic-method-response", wire::topic_method_response),
    path("topic-reported-patch", wire::topic_reported_patch),
    path("property-bag", wire::property_bag),
    path("login", wire::login),
    path("sas-parse", wire::sas_parse),
    path("sas-verify", wire::sas_verify),
    path("sas-covers", wire::sas_covers),
    path("twin-merge-patch", twins::merge_patch),
    path("twin-document", twins::document),
    path("twin-device-view", twins::device_view),
    slow_path("query-1000-twins", twins::query),
    path("hub-register", hub::register),
    path("hub-connect-disconnect", hub::connect_disconnect),
    path("hub-telemetry", hub::telemetry),
    path("hub-reported-patch", hub::reported_patch),
    path("hub-desired-patch", hub::desired_patch),
    path("hub-method", hub::method),
    path("hub-message-to-device", hub::message_to_device),
];

const fn path(name: &'static str, run: fn(&mut Meter)) -> Path {
    Path {
        name,
        operations: 400,
        run,
    }
}

const fn slow_path(name: &'static str, run: fn(&mut Meter)) -> Path {
    Path {
        name,
        operations: 8,
        run,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_runs_as_often_as_it_says() {
        for path in PATHS {
            let mut meter = Meter::new(8);
            (path.run)(&mut meter);
            assert_eq!(meter.counted(), 8, "{}", path.name);
        }
    }
}
