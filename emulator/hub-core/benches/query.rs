//! A query over 100,000 twins with one comparison on a reported property, against walking the same
//! documents by hand along a path that was split beforehand.
//!
//! `cargo bench -p hub-core --bench query`

#![expect(clippy::unwrap_used, reason = "a measurement that fails is a panic")]
#![expect(clippy::print_stdout, reason = "the result of a measurement")]
#![expect(
    clippy::disallowed_methods,
    reason = "a measurement is about the real clock"
)]

use std::time::{Duration, Instant};

use hub_core::Limits;
use hub_core::query::{Query, Row};
use hub_core::registry::Authentication;
use hub_core::twin::{DocumentIdentity, Twin};
use hub_proto::ids::{ClientIdentity, DeviceId};
use hub_proto::time::Timestamp;
use serde_json::Value;

const TWINS: u32 = 100_000;
const ROUNDS: usize = 9;
const PATH: [&str; 4] = ["properties", "reported", "engine", "temperature"];

fn main() {
    let clients: Vec<(ClientIdentity, Twin)> = (0..TWINS).map(client).collect();
    let documents: Vec<Value> = clients
        .iter()
        .map(|(client, twin)| {
            let identity = DocumentIdentity::new(client, "", &Authentication::None);
            serde_json::from_str(&twin.document(&identity).json).unwrap()
        })
        .collect();
    let text = "SELECT * FROM devices WHERE properties.reported.engine.temperature > 70";
    let query = Query::parse(text).unwrap();
    let by_query = || {
        let keeps = |(client, twin): &&(ClientIdentity, Twin)| {
            let identity = DocumentIdentity::new(client, "", &Authentication::None);
            query.matches(Row::twin(twin, &identity))
        };
        clients.iter().filter(keeps).count()
    };
    let by_hand = || {
        let keeps = |document: &&Value| {
            let found = PATH.iter().try_fold(*document, |value, key| value.get(key));
            found
                .and_then(Value::as_f64)
                .is_some_and(|number| number > 70.0)
        };
        documents.iter().filter(keeps).count()
    };
    assert_eq!(by_query(), by_hand());
    let (query_time, hand_time) = (median(by_query), median(by_hand));
    println!("{TWINS} twins, median of {ROUNDS} rounds");
    println!("query    {:>8.2} ms", query_time.as_secs_f64() * 1e3);
    println!("by hand  {:>8.2} ms", hand_time.as_secs_f64() * 1e3);
    println!(
        "ratio    {:>8.2}",
        query_time.as_secs_f64() / hand_time.as_secs_f64()
    );
}

fn median(work: impl Fn() -> usize) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(work());
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

fn client(number: u32) -> (ClientIdentity, Twin) {
    let mut twin = Twin::new(Timestamp::NEVER);
    let temperature = f64::from(number % 1000) / 10.0;
    let report = format!(
        r#"{{"firmware":"1.4.2","uptime":{number},"engine":{{"rpm":{},"temperature":{temperature},"state":"running"}},"battery":{{"level":81,"charging":false}}}}"#,
        number % 6000
    );
    twin.patch_reported(
        Timestamp::NEVER,
        report.as_bytes(),
        None,
        &Limits::default(),
    )
    .unwrap();
    let id = DeviceId::parse(&format!("device-{number:06}")).unwrap();
    (ClientIdentity::Device(id), twin)
}
