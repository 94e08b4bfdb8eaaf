//! Automatic configurations.

use hyper::Method;
use serde_json::Value;

use super::api::{ServiceClient, array, call, segment};
use super::error::ServiceError;

impl ServiceClient {
    /// Makes a configuration, as the hub's JSON says it.
    pub async fn create_configuration(
        &mut self,
        id: &str,
        configuration: &Value,
    ) -> Result<Value, ServiceError> {
        self.put(path(id), configuration, None).await
    }

    /// Writes a configuration anew, if it still has `etag`.
    pub async fn update_configuration(
        &mut self,
        id: &str,
        configuration: &Value,
        etag: &str,
    ) -> Result<Value, ServiceError> {
        self.put(path(id), configuration, Some(etag)).await
    }

    /// A configuration with its metrics.
    pub async fn configuration(&mut self, id: &str) -> Result<Value, ServiceError> {
        self.json(call(Method::GET, path(id))).await
    }

    /// All configurations; a hub has 100 at most.
    pub async fn configurations(&mut self) -> Result<Vec<Value>, ServiceError> {
        array(
            self.json(call(Method::GET, "/configurations".to_owned()))
                .await?,
        )
    }

    /// Removes a configuration, whatever its etag.
    pub async fn delete_configuration(&mut self, id: &str) -> Result<(), ServiceError> {
        self.delete(path(id)).await
    }
}

fn path(id: &str) -> String {
    format!("/configurations/{}", segment(id))
}
