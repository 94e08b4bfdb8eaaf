//! Who is let in: the checks of a CONNECT, in the hub's order.
//!
//! The signature of a device's own key is the shard's to check, since the keys live there; all else
//! is decided here. No message names a secret.
//!
//! Source: "Communicate with your IoT hub using MQTT" and "Control access with shared access
//! signatures" of Microsoft's documentation.

use std::sync::Arc;

use hub_core::link::{Credential, LinkClose, LinkRefusal, Will};
use hub_proto::ids::ClientIdentity;
use hub_proto::mqtt::login::{Login, LoginError};
use hub_proto::mqtt::packet::{self, Connect, ConnectCode};
use hub_proto::sas::{Resource, SasError, SasToken};
use hub_proto::time::{Instant, Now, Timestamp};
use hub_proto::topic::{PublishTopic, TopicError, parse_publish};

use super::mailbox::Mailbox;
use super::operations::Operation;
use crate::directory::NoHub;
use crate::hub::{DeviceLink, HubHandle, LinkRequest};
use crate::listener::ConnectionContext;

/// A device that was let in.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) link: DeviceLink,
    /// When its token no longer holds the connection.
    pub(super) credential_ends: Instant,
}

/// Why a CONNECT is refused, and whose it was.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Refusal {
    client: Option<ClientIdentity>,
    reason: RefusalReason,
}

#[derive(Debug, thiserror::Error)]
enum RefusalReason {
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Host(#[from] NoHub),
    #[error("the hub was removed meanwhile")]
    Removed,
    #[error("the will is not for the device's own telemetry topic: {0}")]
    WillTopic(TopicError),
    #[error("the will is for a topic other than the device's own telemetry topic")]
    WillNotTelemetry,
    #[error("the will has QoS 2")]
    WillQos,
    #[error("CONNECT carries no SAS token (X.509 is not implemented by Hubnerite yet)")]
    NoToken,
    #[error("the password is not a SAS token: {0}")]
    Token(#[from] SasError),
    #[error("the token ran out at {0}")]
    Expired(Timestamp),
    #[error("the token is for another resource")]
    Audience,
    #[error("there is no policy {0:?}")]
    UnknownPolicy(String),
    #[error("the token is not signed with a key of policy {0:?}")]
    PolicySignature(String),
    #[error("policy {0:?} does not permit DeviceConnect")]
    PolicyPermission(String),
    #[error(transparent)]
    Throttled(#[from] hub_core::throttle::Refusal),
    #[error(transparent)]
    Hub(#[from] LinkRefusal),
}

impl RefusalReason {
    /// What the device asked for that is not built, if that is the reason.
    fn not_built(&self) -> Option<Operation> {
        match self {
            Self::NoToken => Some(Operation::ConnectWithCertificate),
            _ => None,
        }
    }

    /// The reason's name in the event log; `docs/ADMIN.md` lists them.
    fn name(&self) -> &'static str {
        match self {
            // Without a client id there is no device to tell of.
            Self::Login(_) => "login",
            Self::Host(NoHub::Foreign(_) | NoHub::Contradiction { .. }) => "foreignHost",
            Self::Host(NoHub::Unknown(_) | NoHub::Full(_)) | Self::Removed => "unknownHub",
            Self::WillTopic(_) | Self::WillNotTelemetry | Self::WillQos => "will",
            Self::NoToken => "noToken",
            Self::Token(_) => "badToken",
            Self::Expired(_) => "expired",
            Self::Audience => "audience",
            Self::UnknownPolicy(_) => "unknownPolicy",
            Self::PolicySignature(_) => "badSignature",
            Self::PolicyPermission(_) => "permission",
            Self::Throttled(_) => "throttled",
            Self::Hub(refusal) => refusal.name(),
        }
    }
}

impl Refusal {
    /// The code of the CONNACK; `None`: the connection is closed without one.
    pub(super) fn code(&self) -> Option<ConnectCode> {
        match &self.reason {
            RefusalReason::WillTopic(_)
            | RefusalReason::WillNotTelemetry
            | RefusalReason::WillQos => None,
            RefusalReason::Hub(LinkRefusal::Disabled(_)) | RefusalReason::Throttled(_) => {
                Some(ConnectCode::ServerUnavailable)
            }
            _ => Some(ConnectCode::NotAuthorized),
        }
    }

    /// Who it said it was, if that could be read.
    pub(super) fn client(&self) -> Option<&ClientIdentity> {
        self.client.as_ref()
    }
}

/// Finds the hub that a CONNECT names, checks it there and brings the link up if it may be.
pub(super) fn admit(
    arrival: &ConnectionContext,
    connect: &Connect<'_>,
    mailbox: &Arc<Mailbox>,
) -> Result<Admitted, Refusal> {
    let login = Login::parse(connect).map_err(|error| {
        let reason = RefusalReason::Login(error);
        arrival.hub.note_refused_link(reason.name());
        Refusal {
            client: None,
            reason,
        }
    })?;
    let client = login.identity.clone();
    let named = arrival.to(login.host);
    // Who names no hub is told of where people look first.
    let hub = named
        .as_ref()
        .map_or(&arrival.hub, |arrival| &arrival.hub)
        .clone();
    let checked = match named {
        Ok(_) => check(&hub, connect, login, mailbox),
        Err(no_hub) => Err(no_hub.into()),
    };
    checked.map_err(|reason| {
        if let Some(operation) = reason.not_built() {
            hub.note_refusal(operation.key());
        }
        hub.note_refused_link(reason.name());
        hub.link_refused(&client, reason.name(), reason.to_string());
        Refusal {
            client: Some(client),
            reason,
        }
    })
}

/// Refuses a CONNECT that is one too many.
pub(super) fn turn_away(
    hub: &HubHandle,
    connect: &Connect<'_>,
    refusal: hub_core::throttle::Refusal,
) -> Refusal {
    let client = Login::parse(connect).ok().map(|login| login.identity);
    let reason = RefusalReason::from(refusal);
    hub.note_refused_link(reason.name());
    if let Some(client) = &client {
        hub.link_refused(client, reason.name(), reason.to_string());
    }
    Refusal { client, reason }
}

fn check(
    hub: &HubHandle,
    connect: &Connect<'_>,
    login: Login<'_>,
    mailbox: &Arc<Mailbox>,
) -> Result<Admitted, RefusalReason> {
    let will = connect
        .will
        .as_ref()
        .map(|will| read_will(will, &login.identity))
        .transpose()?;
    let password = connect.password.ok_or(RefusalReason::NoToken)?;
    let text = std::str::from_utf8(password).map_err(|_| SasError::NotASignature)?;
    let token = SasToken::parse(text)?;
    let now = hub.now();
    let credential = check_token(hub, &token, &login.identity, now)?;
    let live_until = token.expiry().saturating_add(hub.limits().sas_live_grace);
    let request = LinkRequest {
        client: login.identity.clone(),
        credential,
        policy: token.key_name(),
        clean_session: connect.clean_session,
        will,
        model_id: login.model_id,
        client_type: login.client_type,
    };
    let link = hub.link_up(request, mailbox.clone())?;
    if hub.is_retired() {
        link.down(LinkClose::Shutdown);
        return Err(RefusalReason::Removed);
    }
    // Its policy may have been changed, and the policy's links closed, since it was looked at.
    if let Some(name) = token.key_name()
        && !hub
            .policies()
            .get(name)
            .is_some_and(|policy| policy.has_signed(&token))
    {
        link.down(LinkClose::CredentialRevoked);
        return Err(RefusalReason::PolicySignature(name.to_owned()));
    }
    Ok(Admitted {
        link,
        credential_ends: now.mono + live_until.saturating_since(now.wall),
    })
}

fn check_token<'a>(
    hub: &HubHandle,
    token: &'a SasToken<'a>,
    identity: &ClientIdentity,
    now: Now,
) -> Result<Credential<'a>, RefusalReason> {
    if token
        .expiry()
        .saturating_add(hub.limits().sas_connect_grace)
        < now.wall
    {
        return Err(RefusalReason::Expired(token.expiry()));
    }
    if !token.covers(|host| hub.is_host(host), Resource::Client(identity)) {
        return Err(RefusalReason::Audience);
    }
    let Some(name) = token.key_name() else {
        return Ok(Credential::DeviceToken(token));
    };
    let policies = hub.policies();
    let policy = policies
        .get(name)
        .ok_or_else(|| RefusalReason::UnknownPolicy(cut(name)))?;
    if !policy.has_signed(token) {
        return Err(RefusalReason::PolicySignature(name.to_owned()));
    }
    if !policy.permissions.device_connect {
        return Err(RefusalReason::PolicyPermission(name.to_owned()));
    }
    Ok(Credential::Policy)
}

/// A will must be telemetry of the client itself: the hub publishes nothing else.
fn read_will(will: &packet::Will<'_>, identity: &ClientIdentity) -> Result<Will, RefusalReason> {
    if will.qos.is_none() {
        return Err(RefusalReason::WillQos);
    }
    match parse_publish(will.topic, identity).map_err(RefusalReason::WillTopic)? {
        PublishTopic::Telemetry { bag } => Ok(Will {
            bag: bag.to_owned(),
            payload: will.payload.to_owned(),
        }),
        PublishTopic::TwinGet { .. }
        | PublishTopic::TwinPatchReported { .. }
        | PublishTopic::MethodResponse { .. } => Err(RefusalReason::WillNotTelemetry),
    }
}

/// A text of a client's choosing, short enough for a log line.
fn cut(text: &str) -> String {
    text.chars().take(LOGGED_CHARS_MAX).collect()
}

const LOGGED_CHARS_MAX: usize = 128;
