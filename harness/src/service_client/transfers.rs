//! Imports and exports of identities: jobs whose ids the hub chooses.

use hyper::Method;
use serde_json::Value;

use super::api::{Call, ServiceClient, array, call, segment};
use super::error::ServiceError;

impl ServiceClient {
    /// Begins an import or an export; `properties` are the `JobProperties` of the service API.
    pub async fn create_transfer(&mut self, properties: &Value) -> Result<Value, ServiceError> {
        let create = Call {
            body: Some(properties),
            ..call(Method::POST, "/jobs/create".to_owned())
        };
        self.json(create).await
    }

    /// An import or export; `None`: the hub knows none of that id.
    pub async fn transfer(&mut self, id: &str) -> Result<Option<Value>, ServiceError> {
        match self.json(call(Method::GET, path(id))).await {
            Ok(job) => Ok(Some(job)),
            Err(ServiceError::Refused(refusal)) if refusal.status == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All imports and exports that the hub remembers.
    pub async fn transfers(&mut self) -> Result<Vec<Value>, ServiceError> {
        array(self.json(call(Method::GET, "/jobs".to_owned())).await?)
    }

    /// Stops an import or export; what it has done stays.
    pub async fn cancel_transfer(&mut self, id: &str) -> Result<(), ServiceError> {
        self.delete(path(id)).await
    }
}

fn path(id: &str) -> String {
    format!("/jobs/{}", segment(id))
}
