//! A queue to plain data and back.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hub_proto::time::Now;

use super::queue::{C2dQueue, ClientQueue, NewMessage, QueuedMessage};
use crate::error::HubError;
use crate::image::{MessageImage, QueueImage, TimeImage};
use crate::limits::Limits;

impl ClientQueue {
    /// As plain data; see [`C2dQueue::export`].
    pub(crate) fn export(&self, now: Now) -> QueueImage {
        let queue = self.get().map(|queue| queue.export(now));
        queue.unwrap_or_default()
    }

    /// From plain data.
    pub(crate) fn import(now: Now, image: &QueueImage, limits: &Limits) -> Result<Self, HubError> {
        if *image == QueueImage::default() {
            return Ok(Self::default());
        }
        C2dQueue::import(now, image, limits).map(Self::new)
    }
}

impl C2dQueue {
    /// As plain data. One that is out counts as waiting; what ended is not part of it.
    fn export(&self, now: Now) -> QueueImage {
        let message = |message: &QueuedMessage| MessageImage {
            sequence: message.sequence,
            properties: message.message.bag.clone(),
            payload_base64: STANDARD.encode(&message.message.payload),
            deliveries: message.deliveries,
            abandoned: message.abandoned,
            enqueued: Some(TimeImage(message.message.enqueued)),
            expires: TimeImage(
                now.wall
                    .saturating_add(message.message.expires.saturating_since(now.mono)),
            ),
        };
        QueueImage {
            last_sequence: self.sequence_last,
            waiting: self.messages.iter().map(message).collect(),
        }
    }

    fn import(now: Now, image: &QueueImage, limits: &Limits) -> Result<Self, HubError> {
        if image.waiting.len() > limits.c2d_queue_messages {
            return Err(HubError::QueueFull(limits.c2d_queue_messages));
        }
        let message = |message: &MessageImage| {
            let payload = STANDARD.decode(&message.payload_base64);
            let payload = payload.map_err(|_| {
                HubError::Argument(format!("message {}: no base64", message.sequence))
            })?;
            let bytes = payload.len() + message.properties.len();
            // Encoding can triple the properties that were within the bound when they were sent.
            if bytes > 3 * limits.c2d_bytes || message.properties.len() > u16::MAX.into() {
                return Err(HubError::TooLarge {
                    what: "the cloud-to-device message",
                    bytes,
                    max: limits.c2d_bytes,
                });
            }
            Ok(QueuedMessage {
                sequence: message.sequence,
                message: NewMessage {
                    bag: message.properties.clone(),
                    payload,
                    enqueued: message.enqueued.map_or(now.wall, |time| time.0),
                    expires: now.mono + message.expires.0.saturating_since(now.wall),
                },
                deliveries: message.deliveries,
                abandoned: message.abandoned,
                lock: None,
            })
        };
        let messages: VecDeque<_> = image
            .waiting
            .iter()
            .map(message)
            .collect::<Result<_, _>>()?;
        let newest = messages.iter().map(|message| message.sequence).max();
        Ok(Self {
            messages,
            sequence_last: image.last_sequence.max(newest.unwrap_or(0)),
            ..Self::default()
        })
    }
}
