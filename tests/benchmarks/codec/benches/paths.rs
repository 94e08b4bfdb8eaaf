//! The pure hot paths by the clock; what they cost in instructions is held by `tests/instructions`.
//!
//! `cargo bench --bench paths`

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use hub_core::Limits;
use hub_core::query::{Query, Row};
use hub_core::registry::Authentication;
use hub_core::twin::{DocumentIdentity, Twin};
use hub_proto::ids::{ClientIdentity, DeviceId};
use hub_proto::property_bag::PropertyBag;
use hub_proto::sas::{SasKey, SasToken, sign};
use hub_proto::time::Timestamp;
use hub_proto::topic::parse_publish;

const AT: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);
const REPORT: &[u8] = br#"{"firmware":"1.4.2","uptime":100017,"engine":{"rpm":1200,"temperature":71.5,"state":"running"},"battery":{"level":81,"charging":false}}"#;

fn texts(criterion: &mut Criterion) {
    let client = ClientIdentity::Device(DeviceId::parse("myDeviceId").unwrap());
    for (name, topic) in [
        (
            "telemetry",
            "devices/myDeviceId/messages/events/%24.mid=4d3c7f0e&%24.ct=application%2Fjson",
        ),
        (
            "method response",
            "$iothub/methods/res/200/?$rid=65539a0000001",
        ),
        (
            "reported patch",
            "$iothub/twin/PATCH/properties/reported/?$rid=d1c4a8e7-2a0b-4b5b-8df1",
        ),
    ] {
        criterion.bench_function(&format!("topic: {name}"), |bencher| {
            bencher.iter(|| parse_publish(black_box(topic), &client).is_ok());
        });
    }
    let bag = "%24.mid=4d3c7f0e-5f0b-4a53-9a61&%24.ct=application%2Fjson&%24.ce=utf-8&temperatureAlert=true";
    criterion.bench_function("property bag", |bencher| {
        bencher.iter(|| PropertyBag::parse(black_box(bag)));
    });
}

fn tokens(criterion: &mut Criterion) {
    let key = SasKey::from_bytes(&[7; 32]);
    let text = sign("localhost/devices/myDeviceId", &key, 1_900_000_000, None);
    criterion.bench_function("SAS: parse", |bencher| {
        bencher.iter(|| SasToken::parse(black_box(&text)).is_ok());
    });
    let token = SasToken::parse(&text).unwrap();
    criterion.bench_function("SAS: verify", |bencher| {
        bencher.iter(|| black_box(&token).is_signed_by(&key));
    });
}

fn twins(criterion: &mut Criterion) {
    let limits = Limits::default();
    let mut twin = Twin::new(AT);
    criterion.bench_function("twin: merge patch", |bencher| {
        bencher.iter(|| {
            twin.patch_reported(AT, black_box(REPORT), None, &limits)
                .is_ok()
        });
    });
    let client = ClientIdentity::Device(DeviceId::parse("myDeviceId").unwrap());
    let identity = DocumentIdentity::new(&client, "AAAAAAAAAAE=", &Authentication::None);
    criterion.bench_function("twin: document", |bencher| {
        bencher.iter(|| black_box(&twin).document(&identity));
    });
    let text = "SELECT * FROM devices WHERE properties.reported.engine.temperature > 70";
    let query = Query::parse(text).unwrap();
    criterion.bench_function("query: one twin", |bencher| {
        bencher.iter(|| query.matches(Row::twin(black_box(&twin), &identity)));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = texts, tokens, twins
}
criterion_main!(benches);
