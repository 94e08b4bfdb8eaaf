//! The demo's back end: the service program of Microsoft's device management tutorial.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;

use super::DEVICE;
use crate::service_client::{MethodCall, ServiceClient, ServiceError};

/// What the back end has to tell.
#[derive(Debug)]
pub(super) enum News {
    Answered { status: i64, payload: Value },
    TwinSays { status: String, version: u64 },
    Failed(ServiceError),
}

/// Calls `reboot`, then reads the twin until the device has booted.
pub(super) async fn back_end(mut client: ServiceClient, news: mpsc::Sender<News>) {
    let call = MethodCall {
        name: "reboot".to_owned(),
        payload: None,
        response_timeout_s: Some(10),
        connect_timeout_s: None,
    };
    match client.invoke_method(DEVICE, &call).await {
        Ok(reply) => {
            let _ = news
                .send(News::Answered {
                    status: reply.status,
                    payload: reply.payload,
                })
                .await;
        }
        Err(error) => {
            let _ = news.send(News::Failed(error)).await;
            return;
        }
    }
    let mut last = String::new();
    while !news.is_closed() {
        let twin = match client.twin(DEVICE).await {
            Ok(twin) => twin,
            Err(error) => {
                let _ = news.send(News::Failed(error)).await;
                return;
            }
        };
        let reported = &twin["properties"]["reported"];
        let status = reported["iothubDM"]["reboot"]["status"]
            .as_str()
            .unwrap_or_default();
        if status != last {
            status.clone_into(&mut last);
            let version = reported["$version"].as_u64().unwrap_or_default();
            let _ = news
                .send(News::TwinSays {
                    status: last.clone(),
                    version,
                })
                .await;
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

const POLL_EVERY: Duration = Duration::from_millis(100);
