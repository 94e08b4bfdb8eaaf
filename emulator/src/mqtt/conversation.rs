//! What a device's packets mean for the hub. Acts on bytes in place, never waits, does no I/O.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;

use hub_core::link::LinkClose;
use hub_core::throttle::Refusal;
use hub_core::{HubError, MethodResponse, ReportedPatch, Telemetry};
use hub_proto::ids::ClientIdentity;
use hub_proto::mqtt::decode::decode;
use hub_proto::mqtt::login::Login;
use hub_proto::mqtt::packet::{
    ConnAck, Connect, ConnectCode, Delivery, Packet, Publish, QoS, SubAck, Subscribe, Unsubscribe,
};
use hub_proto::mqtt::session::{Event, Expired, ServerSession, SessionLimits};
use hub_proto::mqtt::violation::Violation;
use hub_proto::time::Instant;
use hub_proto::topic::{PublishTopic, parse_filter, parse_publish};

use super::authenticate::{self, Admitted};
use super::burst::Burst;
use super::end::{End, NotLetIn};
use super::gate::{Gate, Passage};
use super::link::UNREAD_BYTES_HIGH;
use super::mailbox::Mailbox;
use super::operations::Operation;
use crate::hub::{DeviceLink, HubHandle};
use crate::listener::ConnectionContext;
use crate::stop::StopToken;

/// The server's side of one connection.
#[derive(Debug)]
pub(super) struct Conversation {
    /// Until CONNECT says which hub is meant. In a box, since it is of no use after that.
    arrival: Option<Box<ConnectionContext>>,
    /// The one that CONNECT names, the default one until then.
    hub: HubHandle,
    session: ServerSession,
    /// What waits to be written; the link's to take.
    mailbox: Arc<Mailbox>,
    /// Who talks, once let in.
    linked: Option<Linked>,
    /// Whether packets were left for later, since the device has enough to read first.
    is_holding: bool,
    gate: Gate,
}

#[derive(Debug)]
struct Linked {
    link: DeviceLink,
}

impl Conversation {
    /// A connection that has just been opened.
    pub(super) fn new(arrival: ConnectionContext) -> Self {
        let session = ServerSession::new(arrival.hub.now().mono, SessionLimits::default());
        Self {
            hub: arrival.hub.clone(),
            arrival: Some(Box::new(arrival)),
            session,
            mailbox: Arc::default(),
            linked: None,
            is_holding: false,
            gate: Gate::Open,
        }
    }

    /// Says when the emulator stops; there until CONNECT, after which the hub says so.
    pub(super) fn stop(&self) -> Option<StopToken> {
        let arrival = self.arrival.as_ref()?;
        Some(arrival.stop.clone())
    }

    /// The time by the clock that all hubs share.
    pub(super) fn now(&self) -> Instant {
        self.hub.now().mono
    }

    /// Wakes the connection's task: for its timer.
    pub(super) fn bell(&self) -> Waker {
        Waker::from(Arc::clone(&self.mailbox))
    }

    /// What waits to be written to the device.
    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Whether the device was let in.
    pub(super) fn is_linked(&self) -> bool {
        self.linked.is_some()
    }

    /// Who talks, once let in.
    pub(super) fn client(&self) -> Option<&ClientIdentity> {
        self.linked.as_ref().map(|linked| linked.link.client())
    }

    /// Whether whole packets may wait among the bytes that [`Conversation::receive`] left.
    pub(super) fn is_holding(&self) -> bool {
        self.is_holding
    }

    /// Acts on the whole packets at the front of `bytes`; says how many bytes they were. Stops early
    /// where the answers are enough for the device to read.
    pub(super) fn receive(&mut self, now: Instant, bytes: &[u8]) -> Result<usize, End> {
        let mut burst = Burst::new();
        let received = self.receive_packets(now, bytes, &mut burst);
        // What ended the connection came behind these.
        self.hand_over(&mut burst)?;
        received
    }

    fn receive_packets<'a>(
        &mut self,
        now: Instant,
        bytes: &'a [u8],
        burst: &mut Burst<'a>,
    ) -> Result<usize, End> {
        let mut consumed = 0;
        self.is_holding = false;
        while consumed < bytes.len() {
            if burst.is_full() {
                self.hand_over(burst)?;
            }
            if burst.is_empty() && self.mailbox.waiting_bytes() >= UNREAD_BYTES_HIGH {
                self.is_holding = true;
                break;
            }
            let decoded = decode(&bytes[consumed..], PACKET_BYTES_MAX);
            let Some((packet, length)) = decoded.map_err(|broken| self.violated(broken))? else {
                break;
            };
            if let Packet::Connect(connect) = &packet {
                self.turn_to_named_hub(connect);
            }
            let client = self.linked.as_ref().map(|linked| linked.link.client());
            let refusal = match self.gate.pass(&self.hub, client, &packet) {
                Passage::Go => None,
                Passage::Refused(refusal) => Some(refusal),
                Passage::Wait => break,
            };
            consumed += length;
            let event = self
                .session
                .receive(now, packet)
                .map_err(|broken| self.violated(broken))?;
            match refusal {
                None => self.act(now, event, burst)?,
                Some(refusal) => {
                    self.hand_over(burst)?;
                    self.turn_away(&event, refusal)?;
                }
            }
            if burst.is_empty() {
                self.check_open()?;
            }
        }
        Ok(consumed)
    }

    /// Gives the hub the messages that were kept.
    fn hand_over(&self, burst: &mut Burst<'_>) -> Result<(), End> {
        match &self.linked {
            Some(linked) => burst.hand_over(&linked.link, &self.mailbox),
            // Nobody has sent any.
            None => Ok(()),
        }
        .map_err(End::Here)
    }

    /// What follows was sent by a device that is no longer there, if the hub has closed the link.
    fn check_open(&self) -> Result<(), End> {
        match self.mailbox.closed() {
            None => Ok(()),
            Some(reason) => Err(End::ByHub(reason)),
        }
    }

    /// When [`Conversation::handle_deadline`] is due.
    pub(super) fn poll_deadline(&self) -> Instant {
        // Whoever waits his turn is not silent: he is not listened to.
        self.gate
            .until()
            .unwrap_or_else(|| self.session.poll_deadline())
    }

    /// Whether the packet at the front waits its turn: nothing is acted on until then.
    pub(super) fn is_waiting(&self) -> bool {
        self.gate.until().is_some()
    }

    /// Says whether the connection's time is up.
    pub(super) fn handle_deadline(&mut self, now: Instant) -> Option<End> {
        if self.is_waiting() {
            self.is_holding = self.gate.open(now);
            return None;
        }
        Some(match self.session.handle_deadline(now)? {
            Expired::ConnectTimeout => End::NotLetIn(NotLetIn::ConnectTimeout),
            Expired::KeepAlive => End::Here(LinkClose::KeepAlive),
            Expired::Credential => End::Here(LinkClose::CredentialExpired),
        })
    }

    /// The peer is gone without a word.
    pub(super) fn lost(&self) -> End {
        if self.is_linked() {
            End::Here(LinkClose::Lost)
        } else {
            End::NotLetIn(NotLetIn::Lost)
        }
    }

    /// The peer is gone, or broke what carries MQTT.
    pub(super) fn failed(&self, error: &io::Error) -> End {
        if error.kind() != io::ErrorKind::InvalidData {
            self.lost()
        } else if self.is_linked() {
            End::Here(LinkClose::Violation(error.to_string()))
        } else {
            End::NotLetIn(NotLetIn::Transport(error.to_string()))
        }
    }

    /// The connection ended: tells the hub, if it does not know, and the log.
    pub(super) fn close(&mut self, peer: SocketAddr, end: &End) {
        end.log(peer, self.client(), &self.hub);
        if let (Some(linked), End::Here(reason)) = (self.linked.take(), end) {
            linked.link.down(reason.clone());
        }
    }

    /// Messages are kept for the burst; everything else comes behind what is in it.
    fn act<'a>(
        &mut self,
        now: Instant,
        event: Event<'a>,
        burst: &mut Burst<'a>,
    ) -> Result<(), End> {
        if let Event::Connect(connect) = event {
            return self.connect(now, &connect);
        }
        let Some(linked) = &self.linked else {
            // The session lets nothing through before CONNECT was accepted.
            return Err(End::NotLetIn(Violation::FirstPacketNotConnect.into()));
        };
        if !matches!(event, Event::Publish(_)) {
            burst
                .hand_over(&linked.link, &self.mailbox)
                .map_err(End::Here)?;
        }
        let acted = match event {
            Event::Connect(_) => Ok(()),
            Event::Publish(publish) => linked.publish(&self.mailbox, &publish, burst),
            Event::Acknowledged(packet_id) => {
                linked.link.acknowledge(packet_id);
                Ok(())
            }
            Event::Subscribe(subscribe) => linked.subscribe(&self.mailbox, &subscribe),
            Event::Unsubscribe(unsubscribe) => linked.unsubscribe(&self.mailbox, &unsubscribe),
            Event::Ping => self.mailbox.push(&Packet::PingResp),
            Event::Disconnect => Err(LinkClose::Goodbye),
        };
        acted.map_err(End::Here)
    }

    /// The throttles do not let an event through, or the tier has no such thing.
    fn turn_away(&self, event: &Event<'_>, refusal: Refusal) -> Result<(), End> {
        match (event, &self.linked) {
            (Event::Connect(connect), _) => {
                let refusal = authenticate::turn_away(&self.hub, connect, refusal);
                Err(self.not_let_in(refusal))
            }
            (Event::Publish(publish), Some(linked)) => linked
                .turn_away(&self.mailbox, publish, refusal)
                .map_err(End::Here),
            // Nothing else asks.
            _ => Ok(()),
        }
    }

    /// Whose throttles a CONNECT meets. One that names no hub is refused later, by its reason.
    fn turn_to_named_hub(&mut self, connect: &Connect<'_>) {
        let Some(arrival) = &self.arrival else { return };
        if let Ok(login) = Login::parse(connect)
            && let Ok(named) = arrival.to(login.host)
        {
            self.hub = named.hub;
        }
    }

    fn not_let_in(&self, refusal: authenticate::Refusal) -> End {
        if let Some(code) = refusal.code() {
            self.refuse(code);
        }
        End::NotLetIn(refusal.into())
    }

    fn connect(&mut self, now: Instant, connect: &Connect<'_>) -> Result<(), End> {
        let Some(arrival) = self.arrival.take() else {
            return Err(self.violated(Violation::SecondConnect));
        };
        match authenticate::admit(&arrival, connect, &self.mailbox) {
            Ok(Admitted {
                link,
                credential_ends,
            }) => {
                self.session.accept(now, Some(credential_ends));
                link.note_use(Operation::of_connect(link.client()).key());
                if connect.will.is_some() {
                    link.note_use(Operation::LeaveWill.key());
                }
                self.linked = Some(Linked { link });
                Ok(())
            }
            Err(refusal) => Err(self.not_let_in(refusal)),
        }
    }

    fn violated(&self, violation: Violation) -> End {
        if self.is_linked() {
            return End::Here(LinkClose::Violation(violation.to_string()));
        }
        if let Some(code) = violation.connect_code() {
            self.refuse(code);
        }
        End::NotLetIn(violation.into())
    }

    fn refuse(&self, code: ConnectCode) {
        let packet = Packet::ConnAck(ConnAck {
            session_present: false,
            code,
        });
        self.mailbox
            .push(&packet)
            .expect("the mailbox of a connection without link is empty");
    }
}

impl Linked {
    fn publish<'a>(
        &self,
        mailbox: &Mailbox,
        publish: &Publish<'a>,
        burst: &mut Burst<'a>,
    ) -> Result<(), LinkClose> {
        let topic = parse_publish(publish.topic, self.link.client()).map_err(violation)?;
        if let PublishTopic::Telemetry { bag } = topic {
            let message = Telemetry {
                bag,
                payload: publish.payload,
                retain: publish.retain,
                dup: publish.dup,
            };
            burst.push(message, publish.delivery);
            return Ok(());
        }
        burst.hand_over(&self.link, mailbox)?;
        self.link.note_use(Operation::of_publish(&topic).key());
        match topic {
            PublishTopic::Telemetry { .. } => {}
            PublishTopic::TwinGet { rid } => self.link.twin_get(rid),
            PublishTopic::TwinPatchReported { rid, if_version } => {
                self.link.patch_reported(ReportedPatch {
                    rid,
                    if_version,
                    body: publish.payload,
                });
            }
            PublishTopic::MethodResponse { status, rid } => {
                let payload = publish.payload;
                self.link.method_response(MethodResponse {
                    rid,
                    status,
                    payload,
                });
            }
        }
        // After the effect: an acknowledged patch is in the event log.
        acknowledge(mailbox, publish.delivery)
    }

    /// Twin requests are answered with the refusal's status. MQTT has no words to refuse a message, so
    /// that ends the connection, and nothing is acknowledged.
    fn turn_away(
        &self,
        mailbox: &Mailbox,
        publish: &Publish<'_>,
        refusal: Refusal,
    ) -> Result<(), LinkClose> {
        let is_quota = matches!(refusal, Refusal::Quota { .. });
        let error = HubError::from(refusal);
        match parse_publish(publish.topic, self.link.client()).map_err(violation)? {
            PublishTopic::Telemetry { .. } | PublishTopic::MethodResponse { .. } => {
                return Err(if is_quota {
                    LinkClose::QuotaExceeded
                } else {
                    LinkClose::Throttled
                });
            }
            PublishTopic::TwinGet { rid } => self.link.twin_get_refused(rid, &error),
            PublishTopic::TwinPatchReported { rid, .. } => {
                self.link.patch_reported_refused(rid, &error);
            }
        }
        acknowledge(mailbox, publish.delivery)
    }

    fn subscribe(&self, mailbox: &Mailbox, subscribe: &Subscribe<'_>) -> Result<(), LinkClose> {
        let (mut granted, mut codes) = (Vec::new(), Vec::new());
        for (filter, qos) in &subscribe.filters {
            // The hub closes the connection on a foreign filter; it never answers 0x80.
            let subscription = parse_filter(filter, self.link.client()).map_err(violation)?;
            if let Some(operation) = Operation::of_subscription(&subscription) {
                self.link.note_use(operation.key());
            }
            // QoS 2 is asked for and granted as 1. [MQTT-3.8.4-6]
            let (qos, code) = match qos {
                0 => (QoS::AtMostOnce, 0),
                _ => (QoS::AtLeastOnce, 1),
            };
            codes.push(code);
            granted.push((subscription, qos));
        }
        // The SUBACK goes first: a queued message may follow at once.
        mailbox.push(&Packet::SubAck(SubAck {
            packet_id: subscribe.packet_id,
            codes: &codes,
        }))?;
        self.link.subscribe(&granted);
        Ok(())
    }

    fn unsubscribe(
        &self,
        mailbox: &Mailbox,
        unsubscribe: &Unsubscribe<'_>,
    ) -> Result<(), LinkClose> {
        for (filter, _) in &unsubscribe.filters {
            // A filter that cannot have been granted needs no giving up. [MQTT-3.10.4-5]
            if let Ok(subscription) = parse_filter(filter, self.link.client()) {
                self.link.unsubscribe(&subscription);
            }
        }
        mailbox.push(&Packet::UnsubAck(unsubscribe.packet_id))
    }
}

fn acknowledge(mailbox: &Mailbox, delivery: Delivery) -> Result<(), LinkClose> {
    match delivery {
        Delivery::AtMostOnce => Ok(()),
        Delivery::AtLeastOnce(packet_id) => mailbox.push(&Packet::PubAck(packet_id)),
    }
}

fn violation(error: impl std::fmt::Display) -> LinkClose {
    LinkClose::Violation(error.to_string())
}

/// The largest packet: a message of 256 KiB, a topic of 64 KiB, and the header.
const PACKET_BYTES_MAX: usize = 256 * 1024 + 64 * 1024 + 16;
