//! Identities beyond a device with keys: any device, modules, keys made anew, counts.

use hyper::Method;
use serde_json::{Value, json};

use super::api::{Call, ServiceClient, accepted, array, call, device_path, parse, segment};
use super::error::{Refusal, ServiceError};

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

    /// Carries out up to 100 rows of a bulk request (`importMode` says what each asks for); gives those
    /// that came to nothing, by device. The others hold.
    pub(crate) async fn change_devices(
        &mut self,
        rows: &Value,
    ) -> Result<Vec<(String, Refusal)>, ServiceError> {
        let change = Call {
            body: Some(rows),
            ..call(Method::POST, "/devices".to_owned())
        };
        let answer = self.ask(change).await?;
        let told = parse(answer.body()).unwrap_or_default();
        match told["errors"].as_array() {
            // With 400 if there is one, at some hubs.
            Some(failed) => Ok(failed.iter().map(row_refusal).collect()),
            None => accepted(answer).map(|_| Vec::new()),
        }
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

/// A row that came to nothing: `{"deviceId":…,"errorCode":409001,"errorStatus":"ErrorCode:…;words"}`.
fn row_refusal(row: &Value) -> (String, Refusal) {
    let status = row["errorCode"].as_u64().map(|code| code / 1000);
    let status = status.and_then(|status| u16::try_from(status).ok());
    let words = row["errorStatus"].as_str().unwrap_or_default();
    let named = words.strip_prefix("ErrorCode:");
    let (code, message) = match named.and_then(|named| named.split_once(';')) {
        Some((code, message)) => (Some(code.to_owned()), message),
        None => (None, words),
    };
    let refusal = Refusal {
        status: status.unwrap_or(400),
        code,
        message: message.to_owned(),
    };
    let device = row["deviceId"].as_str().unwrap_or_default();
    (device.to_owned(), refusal)
}

fn module_path(device: &str, id: &str) -> String {
    format!("{}/modules/{}", device_path(device), segment(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_came_to_nothing_is_a_refusal_of_its_own() {
        let row = json!({
            "deviceId": "p1", "moduleId": null, "errorCode": 409_001,
            "errorStatus": "ErrorCode:DeviceAlreadyExists;A device with ID 'p1' is already registered.",
        });
        let (device, refusal) = row_refusal(&row);
        assert_eq!((device.as_str(), refusal.status), ("p1", 409));
        assert_eq!(refusal.code.as_deref(), Some("DeviceAlreadyExists"));
        assert!(refusal.message.starts_with("A device"));
        // What says nothing is a refusal all the same.
        assert_eq!(row_refusal(&json!({})).1.status, 400);
    }
}
