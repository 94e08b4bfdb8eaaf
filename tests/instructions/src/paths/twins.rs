//! Twins by themselves: patching, printing, and searching many of them.

use std::hint::black_box;

use hub_core::query::Query;
use hub_core::registry::Authentication;
use hub_core::twin::{DocumentIdentity, Twin};
use hub_core::{Limits, SearchBounds};
use hub_proto::time::Timestamp;

use super::hub::{FIRST_CHANGE, NOW, TwinnedShard, device, reported};
use crate::meter::Meter;

const AT: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

pub(super) fn merge_patch(meter: &mut Meter) {
    let limits = Limits::default();
    let mut twin = twin();
    let patch = |number| reported(number + FIRST_CHANGE).into_bytes();
    meter.each(patch, |patch| {
        let change = twin.patch_reported(AT, black_box(&patch), None, &limits);
        assert!(change.unwrap().changed);
    });
}

pub(super) fn document(meter: &mut Meter) {
    let (twin, client) = (twin(), device(0));
    let identity = DocumentIdentity::new(&client, "AAAAAAAAAAE=", &Authentication::None);
    meter.repeat(|| black_box(&twin).document(&identity));
}

pub(super) fn device_view(meter: &mut Meter) {
    let twin = twin();
    meter.repeat(|| black_box(&twin).device_view());
}

pub(super) fn query(meter: &mut Meter) {
    let shard = TwinnedShard::with_devices(1000).shard;
    let text = "SELECT * FROM devices WHERE properties.reported.engine.temperature > 70";
    let query = Query::parse(text).unwrap();
    let bounds = SearchBounds {
        found_max: usize::MAX,
        looked_at_max: usize::MAX,
    };
    meter.repeat(|| {
        let found = shard.search(&query, query.ids(), None, bounds).found;
        assert!(!found.is_empty());
    });
}

fn twin() -> Twin {
    let mut twin = Twin::new(NOW.wall);
    let report = reported(0);
    let patched = twin.patch_reported(AT, report.as_bytes(), None, &Limits::default());
    assert!(patched.unwrap().changed);
    twin
}
