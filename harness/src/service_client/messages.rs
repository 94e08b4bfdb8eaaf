//! Messages to devices, as the service side of REST has them.

use hyper::{Method, StatusCode, header};
use percent_encoding::utf8_percent_encode;
use serde_json::Value;

use super::api::{SEGMENT, ServiceClient, array, call, parse};
use super::error::ServiceError;

impl ServiceClient {
    /// Empties a device's queue; says how many messages went.
    pub async fn purge_messages(&mut self, id: &str) -> Result<Value, ServiceError> {
        let id = utf8_percent_encode(id, SEGMENT);
        self.json(call(Method::DELETE, format!("/devices/{id}/commands")))
            .await
    }

    /// The oldest feedback with the lock it is to be settled under; `None`: there is none.
    pub async fn receive_feedback(&mut self) -> Result<Option<(String, Vec<Value>)>, ServiceError> {
        let answer = self.send(call(Method::GET, FEEDBACK.to_owned())).await?;
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let lock = answer.headers().get(header::ETAG);
        let lock = lock.and_then(|lock| lock.to_str().ok()).ok_or_else(|| {
            ServiceError::Protocol("the hub's feedback comes without a lock".to_owned())
        })?;
        let lock = lock.trim_matches('"').to_owned();
        Ok(Some((lock, array(parse(answer.body())?)?)))
    }

    /// Takes feedback out that was read, or leaves it for another reader.
    pub async fn settle_feedback(&mut self, lock: &str, keep: bool) -> Result<(), ServiceError> {
        let path = format!("{FEEDBACK}/{}", utf8_percent_encode(lock, SEGMENT));
        let call = if keep {
            call(Method::POST, format!("{path}/abandon"))
        } else {
            call(Method::DELETE, path)
        };
        self.send(call).await.map(drop)
    }
}

const FEEDBACK: &str = "/messages/serviceBound/feedback";
