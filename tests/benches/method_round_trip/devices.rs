//! Devices that answer each call at once, on either server.

use std::net::SocketAddr;

use hub_proto::mqtt::encode::encode_publish;
use hub_proto::mqtt::packet::Delivery;
use hub_proto::sas::sign;

use crate::mqtt::Client;
use crate::server::{Hub, Registered};

/// What a device answers.
const ANSWER: &[u8] = br#"{"rebooting":true}"#;

/// Connects the devices to the hub with SAS tokens of their own; they answer from then on.
pub(crate) async fn connect_to_hub(hub: &Hub, devices: &[Registered]) -> anyhow::Result<()> {
    for device in devices {
        let user = format!("127.0.0.1/{}/?api-version=2021-04-12", device.id);
        let audience = format!("127.0.0.1/devices/{}", device.id);
        let password = sign(&audience, &device.key, FAR_FUTURE_UNIX_S, None);
        let client = Client::connect(
            hub.mqtt(),
            &device.id,
            Some((&user, &password)),
            "$iothub/methods/POST/#",
        );
        let client = client.await?;
        tokio::spawn(answer(client, |_| "$iothub".to_owned()));
    }
    Ok(())
}

/// Connects the devices to a broker; they answer from then on.
pub(crate) async fn connect_to_broker(broker: SocketAddr, names: &[String]) -> anyhow::Result<()> {
    for name in names {
        let filter = format!("devices/{name}/methods/POST/#");
        let client = Client::connect(broker, name, None, &filter).await?;
        tokio::spawn(answer(client, |rid| {
            // The caller's name is the first part of the request's id.
            let caller = rid.split_once('-').map_or(rid, |(caller, _)| caller);
            format!("callers/{caller}")
        }));
    }
    Ok(())
}

/// Answers until the server goes, on `{root}/methods/res/200/?$rid={rid}`.
async fn answer(mut client: Client, root: fn(&str) -> String) {
    loop {
        let served = client.on_publish(|asked, _, out| {
            let rid = asked.rsplit_once("$rid=").map_or("", |(_, rid)| rid);
            let topic = format!("{}/methods/res/200/?$rid={rid}", root(rid));
            let print = |out: &mut Vec<u8>| out.extend_from_slice(topic.as_bytes());
            encode_publish(out, Delivery::AtMostOnce, false, print, ANSWER);
        });
        if served.await.is_err() {
            return;
        }
    }
}

/// 2100-01-01.
const FAR_FUTURE_UNIX_S: i64 = 4_102_444_800;
