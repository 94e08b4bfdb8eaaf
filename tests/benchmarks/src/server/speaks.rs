//! What every MQTT server here is asked for, whatever its topics: so that one load serves all.

use std::net::SocketAddr;

use super::process::Process;
use crate::load::{
    AnswerRoot, Answering, ClientTls, Idle, MqttCaller, Plan, Publishing, SignedIn, Talker,
    connect_packet, publish_packet, subscribe_packet,
};

/// Where a server listens, and what its clients trust.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<ClientTls>,
}

impl Endpoint {
    /// A connection there, and who talks on it.
    pub(crate) fn plan(&self, talker: impl Talker + 'static) -> Plan {
        Plan {
            address: self.address,
            tls: self.tls.clone(),
            talker: Box::new(talker),
        }
    }
}

/// Whether connections are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Plain,
    Tls,
}

/// A server with devices.
pub(crate) trait SpeaksMqtt {
    fn process(&self) -> &Process;

    fn mqtt(&self) -> Endpoint;

    /// CONNECT of a device.
    fn device_connects(&self, device: &str) -> Vec<u8>;

    /// Where a device hears of calls.
    fn calls_filter(&self, device: &str) -> String;

    /// Where the answer to the call of this topic goes, without `/methods/res/...`.
    fn answer_root(&self) -> AnswerRoot;

    /// Devices that answer calls.
    fn answering(&self, devices: &[String]) -> impl Iterator<Item = Plan> {
        devices.iter().map(|device| {
            let subscribe = subscribe_packet(&[&self.calls_filter(device)]);
            let signed_in = SignedIn::new(self.device_connects(device), Some(subscribe));
            let talker = Answering::new(signed_in, self.answer_root());
            self.mqtt().plan(talker)
        })
    }

    /// Devices that listen for calls and hear none.
    fn idle(&self, devices: &[String]) -> impl Iterator<Item = Plan> {
        devices.iter().map(|device| {
            let subscribe = subscribe_packet(&[&self.calls_filter(device)]);
            let signed_in = SignedIn::new(self.device_connects(device), Some(subscribe));
            self.mqtt().plan(Idle::new(signed_in))
        })
    }

    /// Devices that sign in and say and hear nothing else.
    fn silent(&self, devices: &[String]) -> impl Iterator<Item = Plan> {
        devices.iter().map(|device| {
            let signed_in = SignedIn::new(self.device_connects(device), None);
            self.mqtt().plan(Idle::new(signed_in))
        })
    }

    /// Devices that send telemetry at QoS 1 and keep so many messages unacknowledged.
    fn telemetry(&self, devices: &[String], unacknowledged: u16) -> impl Iterator<Item = Plan> {
        devices.iter().map(move |device| {
            let topic = format!("devices/{device}/messages/events/");
            let packets = (1..=unacknowledged)
                .map(|id| publish_packet(&topic, Some(id), TELEMETRY))
                .collect();
            let signed_in = SignedIn::new(self.device_connects(device), None);
            self.mqtt().plan(Publishing::new(signed_in, packets))
        })
    }
}

/// Callers over MQTT on a broker: so many, each with its share of the devices and of the calls in flight.
pub(crate) fn callers(
    endpoint: &Endpoint,
    devices: &[String],
    callers: usize,
    in_flight: usize,
) -> impl Iterator<Item = Plan> {
    let share = devices.len() / callers;
    (0..callers).map(move |number| {
        let filter = format!("callers/{number}/#");
        let connect = connect_packet(&format!("caller-{number}"), None);
        let signed_in = SignedIn::new(connect, Some(subscribe_packet(&[&filter])));
        let devices = devices[number * share..(number + 1) * share].to_vec();
        let talker = MqttCaller::new(signed_in, number, devices, in_flight / callers);
        endpoint.plan(talker)
    })
}

/// 120 bytes, about what a sensor says.
const TELEMETRY: &[u8] = br#"{"temperature":21.5,"humidity":48.2,"pressure":1013.25,"battery":87,"firmware":"1.4.2","uptime":86400,"state":"running"}"#;
