//! Digital twins, as the service side of REST has them.

use std::time::Duration;

use hyper::Method;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;

use super::api::{Call, MethodCall, MethodReply, PATIENCE, SEGMENT, ServiceClient, call, parse};
use super::error::ServiceError;

impl ServiceClient {
    /// A digital twin.
    pub async fn digital_twin(&mut self, id: &str) -> Result<Value, ServiceError> {
        self.json(call(Method::GET, path(id))).await
    }

    /// Applies a JSON Patch to a digital twin.
    pub async fn update_digital_twin(
        &mut self,
        id: &str,
        patch: &Value,
        etag: Option<&str>,
    ) -> Result<(), ServiceError> {
        let call = Call {
            body: Some(patch),
            if_match: etag,
            ..call(Method::PATCH, path(id))
        };
        self.send(call).await.map(drop)
    }

    /// Calls a command of the root, or of a component, and waits for the device's answer.
    pub async fn invoke_command(
        &mut self,
        id: &str,
        component: Option<&str>,
        command: &MethodCall,
    ) -> Result<MethodReply, ServiceError> {
        let component = component.map(|name| format!("/components/{}", encode(name)));
        let (response, connect) = (
            command.response_timeout_s.unwrap_or(30),
            command.connect_timeout_s.unwrap_or(0),
        );
        let path = format!(
            "{}{}/commands/{}?responseTimeoutInSeconds={response}&connectTimeoutInSeconds={connect}",
            path(id),
            component.unwrap_or_default(),
            encode(&command.name),
        );
        let call = Call {
            body: command.payload.as_ref(),
            // The hub's own verdict of "too late" must arrive before ours.
            patience: PATIENCE + Duration::from_secs(response + connect),
            ..call(Method::POST, path)
        };
        let answer = self.send(call).await?;
        let status = answer.headers().get("x-ms-command-statuscode");
        let status = status
            .and_then(|status| status.to_str().ok()?.parse().ok())
            .ok_or_else(|| {
                ServiceError::Protocol("the hub's answer to the command has no status".to_owned())
            })?;
        let payload = match &answer.body()[..] {
            [] => Value::Null,
            body => parse(body)?,
        };
        Ok(MethodReply { status, payload })
    }
}

fn path(id: &str) -> String {
    format!("/digitaltwins/{}", encode(id))
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}
