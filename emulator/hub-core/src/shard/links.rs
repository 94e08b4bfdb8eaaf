//! Connections of devices: who gets in, what is remembered, what the end of one sets off.

use hub_proto::ids::ClientIdentity;
use hub_proto::mqtt::packet::QoS;
use hub_proto::time::Now;
use hub_proto::topic::Subscription;

use super::state::{Client, Common, Shard};
use crate::error::HubError;
use crate::event::EventKind;
use crate::link::{
    Credential, Link, LinkAccepted, LinkClose, LinkId, LinkRefusal, LinkUp, OnlineLink,
    TooManyFilters,
};
use crate::output::Output;

/// What connected devices do. An event of a link that is not the device's current one is ignored.
impl Shard {
    /// A device wants in. If it may, an older link of it is closed and stored subscriptions hold.
    /// The driver writes CONNACK before it carries out what follows.
    pub fn link_up(&mut self, now: Now, link_up: LinkUp<'_>) -> Result<LinkAccepted, LinkRefusal> {
        let LinkUp {
            link,
            client: id,
            credential,
            clean_session,
            will,
            model_id,
            client_type,
        } = link_up;
        let is_enabled = self.is_enabled(&id);
        let Ok((client, common)) = self.reach(&id) else {
            return Err(LinkRefusal::UnknownDevice(id));
        };
        client.check_credential(credential)?;
        if !is_enabled {
            return Err(LinkRefusal::Disabled(id));
        }
        // One connection per identity; the newer one wins. [MQTT-3.1.4-2]
        client.close_link(now, common, LinkClose::TakenOver);
        let stored = match &mut client.link {
            Link::Offline { session } if !clean_session => session.take(),
            Link::Offline { .. } => None,
            Link::Online(_) => unreachable!("the older link was closed just now"),
        };
        // Session present only if there was one to resume. [MQTT-3.2.2-2] [MQTT-3.2.2-3]
        let session_present = stored.is_some();
        let subscriptions = stored.unwrap_or_default();
        client.link = Link::Online(Box::new(OnlineLink {
            id: link,
            clean_session,
            will: will.map(Box::new),
            subscriptions,
        }));
        client.connection_state_updated = now.wall;
        client.last_activity = now.wall;
        if let Some(model_id) = model_id {
            client.twin.set_model_id(&model_id);
        }
        common.event(
            now,
            &client.id,
            EventKind::Connected {
                session_present,
                client_type,
            },
        );
        client.serve_subscriptions(now, common);
        Ok(LinkAccepted { session_present })
    }

    /// Whether somebody may ask for something as this client without a link: over HTTP.
    pub fn check_client(
        &self,
        id: &ClientIdentity,
        credential: Credential<'_>,
    ) -> Result<(), LinkRefusal> {
        let Ok(client) = self.look_up(id) else {
            return Err(LinkRefusal::UnknownDevice(id.clone()));
        };
        client.check_credential(credential)?;
        if self.is_enabled(id) {
            Ok(())
        } else {
            Err(LinkRefusal::Disabled(id.clone()))
        }
    }

    /// Somebody was not let in as a device, here or before; `reason` is a name, `message` the words.
    /// A fact for the log if there is such a device: of others there could be any number.
    pub fn link_refused(
        &mut self,
        now: Now,
        id: &ClientIdentity,
        reason: &'static str,
        message: String,
    ) {
        if let Ok((_, common)) = self.reach(id) {
            common.event(now, id, EventKind::ConnectRefused { reason, message });
        }
    }

    /// A link ended. Not due for a link that the shard itself closed.
    pub fn link_down(&mut self, now: Now, id: &ClientIdentity, link: LinkId, reason: LinkClose) {
        if let Some((client, common)) = self.reach_linked(id, link) {
            client.end_link(now, common, reason);
        }
    }

    /// A device was granted a subscription (the SUBACK goes first).
    pub fn subscribe(
        &mut self,
        now: Now,
        id: &ClientIdentity,
        link: LinkId,
        granted: &[(Subscription, QoS)],
    ) {
        let Some((client, common)) = self.reach_linked(id, link) else {
            return;
        };
        let Some(online) = client.online_mut() else {
            return;
        };
        let filters_max = common.limits.method_filters;
        let noted = granted.iter().try_for_each(|(subscription, qos)| {
            online.subscriptions.add(subscription, *qos, filters_max)
        });
        let subscriptions = granted.iter().map(|(granted, _)| granted.clone()).collect();
        common.event(now, id, EventKind::Subscribed { subscriptions });
        if noted == Err(TooManyFilters) {
            let reason = format!("more than {filters_max} subscriptions to single methods");
            client.close_link(now, common, LinkClose::Violation(reason));
        } else {
            client.serve_subscriptions(now, common);
        }
    }

    /// A device gave a subscription up.
    pub fn unsubscribe(
        &mut self,
        now: Now,
        id: &ClientIdentity,
        link: LinkId,
        subscription: &Subscription,
    ) {
        if let Some((client, common)) = self.reach_linked(id, link)
            && let Some(online) = client.online_mut()
            && online.subscriptions.remove(subscription)
        {
            let subscription = subscription.clone();
            common.event(now, id, EventKind::Unsubscribed { subscription });
        }
    }
}

impl Client {
    fn check_credential(&self, credential: Credential<'_>) -> Result<(), LinkRefusal> {
        let Credential::DeviceToken(token) = credential else {
            return Ok(());
        };
        let authentication = &self.registered.authentication;
        let Some(keys) = authentication.keys() else {
            return Err(LinkRefusal::NoKeys(self.id.clone(), authentication.kind()));
        };
        if keys.signed(token) {
            Ok(())
        } else {
            Err(LinkRefusal::BadSignature(self.id.clone()))
        }
    }

    /// Hands over what waited for the device to listen.
    fn serve_subscriptions(&mut self, now: Now, common: &mut Common) {
        self.deliver_parked_calls(now, common);
        self.deliver_messages(now, common);
    }

    /// Whoever it is has to go, and cannot come back: what waits for it fails.
    pub(super) fn shut_out(&mut self, now: Now, common: &mut Common, reason: &LinkClose) {
        self.close_link(now, common, reason.clone());
        self.end_all_calls(now, common);
    }

    /// Has the connection closed, if there is one.
    pub(super) fn close_link(&mut self, now: Now, common: &mut Common, reason: LinkClose) {
        let Some(link) = self.link.online().map(|online| online.id) else {
            return;
        };
        common.output(Output::CloseLink {
            link,
            reason: reason.clone(),
        });
        self.end_link(now, common, reason);
    }

    /// Takes the connection as ended: what was open on it fails, what was in flight goes back.
    fn end_link(&mut self, now: Now, common: &mut Common, reason: LinkClose) {
        let ended = std::mem::replace(&mut self.link, Link::Offline { session: None });
        let Link::Online(ended) = ended else {
            self.link = ended;
            return;
        };
        if !ended.clean_session {
            self.link = Link::Offline {
                session: Some(ended.subscriptions),
            };
        }
        self.connection_state_updated = now.wall;
        // [MQTT-3.14.4-3] DISCONNECT discards the will; every other end publishes it.
        let will = if reason == LinkClose::Goodbye {
            None
        } else {
            ended.will
        };
        let error = match reason {
            LinkClose::TakenOver => HubError::ConnectionReplaced,
            LinkClose::Goodbye
            | LinkClose::Lost
            | LinkClose::KeepAlive
            | LinkClose::CredentialExpired
            | LinkClose::CredentialRevoked
            | LinkClose::Disabled
            | LinkClose::Deleted
            | LinkClose::Violation(_)
            | LinkClose::SlowReader(_)
            | LinkClose::Throttled
            | LinkClose::QuotaExceeded
            | LinkClose::Shutdown => HubError::DeviceUnavailable,
        };
        common.event(now, &self.id, EventKind::Disconnected { reason });
        if let Some(will) = will {
            self.publish_will(now, common, &will);
        }
        self.fail_delivered_calls(now, common, &error);
        self.take_back_message(common);
    }
}
