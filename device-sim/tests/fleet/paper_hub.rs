//! Just enough of a hub: grants everything, remembers who said what and when.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use device_sim::device::Settings;
use device_sim::driver::Clock;
use device_sim::fleet::{Arrival, CohortPlan, DevicePlan, Fleet, FleetPlan, Selection, Transport};
use device_sim::netem::NetworkProfile;
use device_sim::transport::{Endpoints, Stream};
use hub_proto::mqtt::decode::decode;
use hub_proto::mqtt::packet::Packet;
use hub_proto::sas::SasKey;
use hub_proto::time::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;

/// What a hub heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) at: Duration,
    pub(crate) device: String,
    pub(crate) what: &'static str,
}

#[derive(Clone)]
pub(crate) struct PaperHub {
    heard: Arc<Mutex<Vec<Heard>>>,
    start: Instant,
}

impl PaperHub {
    pub(crate) fn start() -> Self {
        Self {
            heard: Arc::default(),
            start: Instant::now(),
        }
    }

    pub(crate) fn endpoints(&self) -> Endpoints {
        let hub = self.clone();
        let door = move || -> io::Result<Box<dyn Stream>> {
            let (device_end, hub_end) = duplex(4096);
            tokio::spawn(hub.clone().serve(hub_end));
            Ok(Box::new(device_end))
        };
        Endpoints {
            memory: Some(Arc::new(door)),
            ..Endpoints::default()
        }
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// When it heard this, in milliseconds, whoever said it.
    pub(crate) fn times_ms(&self, what: &str) -> Vec<u128> {
        let heard = self.heard();
        let heard = heard.iter().filter(|heard| heard.what == what);
        heard.map(|heard| heard.at.as_millis()).collect()
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.times_ms(what).len()
    }

    fn note(&self, device: &str, what: &'static str) {
        self.heard.lock().unwrap().push(Heard {
            at: self.start.elapsed(),
            device: device.to_owned(),
            what,
        });
    }

    async fn serve(self, mut stream: DuplexStream) {
        let mut device = String::new();
        let mut input = Vec::new();
        loop {
            let mut used = 0;
            let mut answers = Vec::new();
            while let Some((packet, length)) = decode(&input[used..], 65_536).unwrap() {
                match &packet {
                    Packet::Connect(connect) => {
                        connect.client_id.clone_into(&mut device);
                        self.note(&device, "connect");
                        answers.extend([0x20, 2, 0, 0]);
                    }
                    Packet::Subscribe(subscribe) => {
                        self.note(&device, "subscribe");
                        let filters = subscribe.filters.iter().count();
                        answers.extend([0x90, u8::try_from(2 + filters).unwrap(), 0, 1]);
                        answers.extend(vec![1; filters]);
                    }
                    Packet::PingReq => {
                        self.note(&device, "ping");
                        answers.extend([0xd0, 0]);
                    }
                    Packet::Disconnect => self.note(&device, "goodbye"),
                    Packet::Publish(publish) => {
                        let rid = publish
                            .topic
                            .strip_prefix("$iothub/twin/GET/?$rid=")
                            .unwrap();
                        self.note(&device, "twin");
                        let topic = format!("$iothub/twin/res/200/?$rid={rid}");
                        answers.extend(publish_packet(&topic, br#"{"desired":{},"reported":{}}"#));
                    }
                    other => panic!("{other:?}"),
                }
                used += length;
            }
            input.drain(..used);
            // A device that is gone wants no answer.
            let _ = stream.write_all(&answers).await;
            if stream.read_buf(&mut input).await.unwrap_or(0) == 0 {
                return self.note(&device, "end");
            }
        }
    }
}

fn publish_packet(topic: &str, payload: &[u8]) -> Vec<u8> {
    let topic_length = u16::try_from(topic.len()).unwrap().to_be_bytes();
    let length = u8::try_from(2 + topic.len() + payload.len()).unwrap();
    assert!(length < 128, "one byte of length");
    [
        &[0x30, length],
        &topic_length[..],
        topic.as_bytes(),
        payload,
    ]
    .concat()
}

/// Waits until they are online. Virtual time would run for ever if they never were.
pub(crate) async fn online(fleet: &Fleet, which: &Selection) {
    let online = fleet.online(which);
    let waited = tokio::time::timeout(Duration::from_hours(1), online).await;
    waited.expect("they come online");
}

/// A fleet of `count` devices `d1`, `d2` and so on at this hub.
pub(crate) fn fleet(
    hub: &PaperHub,
    count: usize,
    arrival: Arrival,
    network: NetworkProfile,
) -> Fleet {
    let device = |number| DevicePlan {
        id: format!("d{number}").into(),
        key: SasKey::from_bytes(&[7; 32]),
        host: "localhost".into(),
    };
    let plan = FleetPlan {
        seed: 1,
        cohorts: vec![CohortPlan {
            name: "pumps".into(),
            devices: (1..=count).map(device).collect(),
            settings: Settings::default(),
            arrival,
            network,
            transport: Transport::Memory,
            autostart: true,
        }],
    };
    let clock = Clock::starting_at(Timestamp::from_unix_seconds(1_795_000_000));
    Fleet::new(plan, hub.endpoints(), clock)
}
