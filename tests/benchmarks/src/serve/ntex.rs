//! A broker on ntex-mqtt, which is a server without one: every filter is a prefix with one subscriber, as the
//! suite's loads have it. One worker, since a sink cannot leave its thread.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpListener};
use std::rc::Rc;

use ntex::service::{fn_factory_with_config, fn_service};
use ntex::util::ByteString;
use ntex_mqtt::v3::{self, MqttServer, MqttSink, ProtocolMessage, Publish, QoS, Session};
use serde_json::json;

use super::served::{say, wait_for_the_end};

/// Subscribers by what their filter has before `/#`.
type Routes = Rc<RefCell<HashMap<ByteString, MqttSink>>>;

#[derive(Clone)]
struct Client {
    sink: MqttSink,
    routes: Routes,
}

#[derive(Debug)]
struct Failed;

impl From<()> for Failed {
    fn from((): ()) -> Self {
        Self
    }
}

/// Serves until the suite ends.
pub(super) fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let system = ntex::rt::System::new("ntex", ntex::rt::DefaultRuntime);
    system.block_on(async move {
        let server = ntex::server::build()
            .listen("mqtt", listener, async |_| {
                // Made once on the one worker.
                let routes = Routes::default();
                let greet = move |handshake: v3::Handshake| {
                    let client = Client {
                        sink: handshake.sink(),
                        routes: Rc::clone(&routes),
                    };
                    async move { Ok::<_, Failed>(handshake.ack(client, false)) }
                };
                MqttServer::new(greet)
                    .protocol(fn_factory_with_config(async |client: Session<Client>| {
                        Ok::<_, Failed>(fn_service(async move |said| {
                            Ok::<_, Failed>(obey(&client, said))
                        }))
                    }))
                    .publish(fn_factory_with_config(async |client: Session<Client>| {
                        Ok::<_, Failed>(fn_service(move |packet| carry(client.clone(), packet)))
                    }))
            })?
            .workers(1)
            .disable_signals()
            .run();
        say(&json!({ "port": port }))?;
        std::thread::spawn(|| {
            wait_for_the_end();
            std::process::exit(0);
        });
        Ok(server.await?)
    })
}

/// Everything but a PUBLISH.
fn obey(client: &Client, said: ProtocolMessage) -> v3::ProtocolMessageAck {
    match said {
        ProtocolMessage::Subscribe(mut subscribe) => {
            for mut filter in &mut subscribe {
                let prefix = filter.topic().strip_suffix("/#");
                let prefix = prefix.unwrap_or_else(|| filter.topic());
                let mut routes = client.routes.borrow_mut();
                routes.insert(ByteString::from(prefix), client.sink.clone());
                filter.confirm(QoS::AtMostOnce);
            }
            subscribe.ack()
        }
        other => other.ack(),
    }
}

/// A PUBLISH: to whoever subscribed to a prefix of its topic. It is acknowledged by returning.
async fn carry(client: Session<Client>, packet: Publish) -> Result<(), Failed> {
    let topic = &packet.packet().topic;
    let sink = {
        let routes = client.routes.borrow();
        let mut prefixes = topic.match_indices('/').map(|(slash, _)| &topic[..slash]);
        prefixes.find_map(|prefix| routes.get(prefix).cloned())
    };
    if let Some(sink) = sink {
        let payload = packet.read_all().await.map_err(|_| Failed)?;
        let sent = sink.publish(topic.clone()).send_at_most_once(payload);
        sent.map_err(|_| Failed)?;
    }
    Ok(())
}
