//! Identities beyond a device with keys: any device, modules, keys made anew, counts.

use hyper::Method;
use serde_json::{Value, json};

use super::api::{Call, ServiceClient, array, call, device_path, segment};
use super::error::ServiceError;

impl ServiceClient {
    /// Registers a device as `identity`, the hub's JSON, says.
    pub async fn register_device(
        &mut self,
        id: &str,
        identity: &Value,
    ) -> Result<Value, ServiceError> {
        self.put(device_path(id), identity, None).await
    }

    /// Replaces a device's identity, whatever its etag.
    pub async fn update_device(
        &mut self,
        id: &str,
        identity: &Value,
    ) -> Result<Value, ServiceError> {
        self.put(device_path(id), identity, Some("*")).await
    }

    /// Registers a module of a device.
    pub async fn register_module(
        &mut self,
        device: &str,
        id: &str,
        identity: &Value,
    ) -> Result<Value, ServiceError> {
        self.put(module_path(device, id), identity, None).await
    }

    /// Replaces a module's identity, whatever its etag.
    pub async fn update_module(
        &mut self,
        device: &str,
        id: &str,
        identity: &Value,
    ) -> Result<Value, ServiceError> {
        self.put(module_path(device, id), identity, Some("*")).await
    }

    /// A module's identity.
    pub async fn module(&mut self, device: &str, id: &str) -> Result<Value, ServiceError> {
        self.json(call(Method::GET, module_path(device, id))).await
    }

    /// The identities of a device's modules.
    pub async fn modules(&mut self, device: &str) -> Result<Vec<Value>, ServiceError> {
        let list = call(Method::GET, format!("{}/modules", device_path(device)));
        array(self.json(list).await?)
    }

    /// Removes a module, whatever its etag.
    pub async fn delete_module(&mut self, device: &str, id: &str) -> Result<(), ServiceError> {
        self.delete(module_path(device, id)).await
    }

    /// Makes keys anew, in place: `which` is `primaryKey`, `secondaryKey` or `both`. Gives
    /// `rotatedKeys` and `errors`, a row for each device; where there are only errors, that is one.
    pub async fn renew_keys(
        &mut self,
        which: &str,
        devices: &[String],
        module: Option<&str>,
    ) -> Result<Value, ServiceError> {
        let row = |id: &String| match module {
            Some(module) => json!({"id": id, "moduleId": module}),
            None => json!({"id": id}),
        };
        let rows: Vec<Value> = devices.iter().map(row).collect();
        let body = json!({"policyKey": which, "devices": rows});
        let renew = Call {
            body: Some(&body),
            ..call(Method::POST, "/devices/keys/regenerate".to_owned())
        };
        self.json(renew).await
    }

    /// Counts of devices: `totalDeviceCount`, `enabledDeviceCount`, `disabledDeviceCount`,
    /// `connectedDeviceCount`.
    pub async fn statistics(&mut self) -> Result<Value, ServiceError> {
        let devices = call(Method::GET, "/statistics/devices".to_owned());
        let mut counts = self.json(devices).await?;
        let service = call(Method::GET, "/statistics/service".to_owned());
        let connected = self.json(service).await?["connectedDeviceCount"].take();
        counts["connectedDeviceCount"] = connected;
        Ok(counts)
    }

    pub(super) async fn put(
        &mut self,
        path: String,
        body: &Value,
        if_match: Option<&str>,
    ) -> Result<Value, ServiceError> {
        let put = Call {
            body: Some(body),
            if_match,
            ..call(Method::PUT, path)
        };
        self.json(put).await
    }

    pub(super) async fn delete(&mut self, path: String) -> Result<(), ServiceError> {
        let delete = Call {
            if_match: Some("*"),
            ..call(Method::DELETE, path)
        };
        self.send(delete).await.map(drop)
    }
}

fn module_path(device: &str, id: &str) -> String {
    format!("{}/modules/{}", device_path(device), segment(id))
}
