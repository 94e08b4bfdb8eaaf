//! Links: the live connection of a device, as the hub sees it, and the subscriptions on it.
//!
//! Knows nothing of sockets or packets: packet ids, keep-alive and token expiry are the connection's.

use std::mem;

use hub_proto::ids::{ClientIdentity, MethodName};
use hub_proto::mqtt::packet::QoS;
use hub_proto::sas::SasToken;
use hub_proto::topic::Subscription;
use thiserror::Error;

/// One connection of one device, unique for the life of the hub process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// What a connecting device brings.
#[derive(Clone, Debug)]
pub struct LinkUp<'a> {
    /// The connection's id, fresh.
    pub link: LinkId,
    /// Who it says it is.
    pub client: ClientIdentity,
    /// How it shows that.
    pub credential: Credential<'a>,
    /// Whether stored subscriptions are dropped, and not kept afterwards.
    pub clean_session: bool,
    /// Telemetry to publish if the link ends without a goodbye.
    pub will: Option<Will>,
    /// The Plug and Play model id of the CONNECT.
    pub model_id: Option<String>,
    /// The SDK's user agent, for the event log.
    pub client_type: Option<String>,
}

/// How a device shows who it is.
#[derive(Clone, Copy, Debug)]
pub enum Credential<'a> {
    /// A token that must be signed by one of the device's keys. Audience and expiry are the
    /// caller's to check; the signature is the shard's.
    DeviceToken(&'a SasToken<'a>),
    /// A policy's token with `DeviceConnect`, wholly checked by the caller.
    Policy,
}

/// A last message, already parsed: its topic was the device's own telemetry topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// The raw property bag.
    pub bag: String,
    /// The body.
    pub payload: Vec<u8>,
}

/// A link that was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkAccepted {
    /// Whether a stored session was resumed.
    pub session_present: bool,
}

/// Why a device is not let in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LinkRefusal {
    /// No such device; CONNACK 5.
    #[error("{noun} {0} is not registered", noun = noun(.0))]
    UnknownDevice(ClientIdentity),
    /// The device identity is disabled; CONNACK 3.
    #[error("device {device} is disabled", device = .0.device_id())]
    Disabled(ClientIdentity),
    /// Neither key made the signature; CONNACK 5.
    #[error("the token is not signed with a key of {noun} {0}", noun = noun(.0))]
    BadSignature(ClientIdentity),
    /// The identity has no keys that could sign a token; CONNACK 5.
    #[error("{noun} {0} is registered with authentication {1:?}, not with keys", noun = noun(.0))]
    NoKeys(ClientIdentity, &'static str),
}

fn noun(client: &ClientIdentity) -> &'static str {
    match client {
        ClientIdentity::Device(_) => "device",
        ClientIdentity::Module(..) => "module",
    }
}

impl LinkRefusal {
    /// The refusal's name in the event log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::UnknownDevice(_) => "unknownDevice",
            Self::Disabled(_) => "disabled",
            Self::BadSignature(_) => "badSignature",
            Self::NoKeys(..) => "noKeys",
        }
    }
}

/// Why a link ended. For the event log and the process's log; a client sees only a closed socket.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LinkClose {
    /// The device said goodbye; the will is void.
    #[error("the device sent DISCONNECT")]
    Goodbye,
    /// The socket ended without a goodbye.
    #[error("the connection was lost")]
    Lost,
    /// Nothing arrived for 1.5 times the keep-alive.
    #[error("nothing arrived within 1.5 times the keep-alive")]
    KeepAlive,
    /// The same identity connected again.
    #[error("the same device connected again")]
    TakenOver,
    /// The SAS token ran out on the live link.
    #[error("the SAS token ran out")]
    CredentialExpired,
    /// The policy of its token was changed, and the policy's links were to end.
    #[error("the policy of the SAS token was changed")]
    CredentialRevoked,
    /// The identity was disabled.
    #[error("the device was disabled")]
    Disabled,
    /// The identity was deleted.
    #[error("the device was deleted")]
    Deleted,
    /// The device broke the protocol or the hub's rules; the text says how.
    #[error("{0}")]
    Violation(String),
    /// The device does not read what is sent to it.
    #[error("the device does not read its messages: {0} bytes wait")]
    SlowReader(usize),
    /// The device sent more than the hub's tier takes; MQTT cannot refuse a message otherwise.
    #[error("the device was throttled")]
    Throttled,
    /// The device sent a message when those of the day were used up.
    #[error("the hub's messages of the day are used up")]
    QuotaExceeded,
    /// The hub is stopping.
    #[error("the hub is stopping")]
    Shutdown,
}

impl LinkClose {
    /// The reason in one word, as the admin API and scenarios call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Goodbye => "goodbye",
            Self::Lost => "lost",
            Self::KeepAlive => "keepAlive",
            Self::TakenOver => "takenOver",
            Self::CredentialExpired => "credentialExpired",
            Self::CredentialRevoked => "credentialRevoked",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
            Self::Violation(_) => "violation",
            Self::SlowReader(_) => "slowReader",
            Self::Throttled => "throttled",
            Self::QuotaExceeded => "quotaExceeded",
            Self::Shutdown => "shutdown",
        }
    }
}

/// Whether a device is there, and what is remembered of it meanwhile.
#[derive(Debug)]
pub(crate) enum Link {
    /// No connection.
    Offline {
        /// The stored session, if the last connection left one: subscriptions outlive a connection
        /// with clean session off. [MQTT-3.1.2-4]
        session: Option<Subscriptions>,
    },
    /// A connection. Boxed, since most of a million devices are away.
    Online(Box<OnlineLink>),
}

/// A connection that is up.
#[derive(Debug)]
pub(crate) struct OnlineLink {
    pub(crate) id: LinkId,
    pub(crate) clean_session: bool,
    /// In a box, since few leave one.
    pub(crate) will: Option<Box<Will>>,
    pub(crate) subscriptions: Subscriptions,
}

impl Link {
    /// The connection, if it is up.
    pub(crate) fn online(&self) -> Option<&OnlineLink> {
        match self {
            Self::Online(online) => Some(online),
            Self::Offline { .. } => None,
        }
    }
}

/// What a device listens to. The granted quality of service is kept where it has an effect: on
/// cloud-to-device messages. Everything else goes at `QoS` 0, whatever was granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subscriptions {
    pub(crate) cloud_to_device: Option<QoS>,
    pub(crate) twin_responses: bool,
    pub(crate) desired_changes: bool,
    all_methods: bool,
    /// Methods subscribed to by name; as a rule none.
    methods: Box<[MethodName]>,
}

/// A device subscribed to more single methods than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyFilters;

impl Subscriptions {
    /// Notes a granted subscription.
    pub(crate) fn add(
        &mut self,
        subscription: &Subscription,
        qos: QoS,
        method_filters_max: usize,
    ) -> Result<(), TooManyFilters> {
        match subscription {
            Subscription::CloudToDevice => self.cloud_to_device = Some(qos),
            Subscription::TwinResponses => self.twin_responses = true,
            Subscription::DesiredChanges => self.desired_changes = true,
            Subscription::Methods => self.all_methods = true,
            Subscription::Method(name) => {
                if !self.methods.contains(name) {
                    if self.methods.len() >= method_filters_max {
                        return Err(TooManyFilters);
                    }
                    let mut methods = mem::take(&mut self.methods).into_vec();
                    methods.push(name.clone());
                    self.methods = methods.into_boxed_slice();
                }
            }
            // Nothing is ever sent to a module's input here.
            Subscription::ModuleInputs => {}
        }
        Ok(())
    }

    /// Forgets a subscription; says whether it was held.
    pub(crate) fn remove(&mut self, subscription: &Subscription) -> bool {
        match subscription {
            Subscription::CloudToDevice => self.cloud_to_device.take().is_some(),
            Subscription::TwinResponses => mem::take(&mut self.twin_responses),
            Subscription::DesiredChanges => mem::take(&mut self.desired_changes),
            Subscription::Methods => mem::take(&mut self.all_methods),
            Subscription::Method(name) => {
                let mut methods = mem::take(&mut self.methods).into_vec();
                let held = methods.len();
                methods.retain(|method| method != name);
                let is_fewer = methods.len() < held;
                self.methods = methods.into_boxed_slice();
                is_fewer
            }
            Subscription::ModuleInputs => false,
        }
    }

    /// Whether a call of `name` reaches the device.
    pub(crate) fn hears(&self, name: &MethodName) -> bool {
        self.all_methods || self.methods.contains(name)
    }
}
