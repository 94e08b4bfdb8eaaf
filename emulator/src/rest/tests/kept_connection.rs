//! What is remembered of a connection's last request counts only for as long as it is true.

use std::time::Duration;

use http_body_util::Full;
use hub_proto::sas::sign;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HOST};

use super::super::caller::Caller;
use super::super::reply::Reply;
use super::support::{NOW_UNIX_S, TestHub};
use crate::HubHost;
use crate::directory::When;
use crate::http::testing;
use crate::hub::RotatedKey;

/// Reads the registry.
async fn ask(caller: &Caller, host: &str, token: &str) -> Reply {
    let request = Request::get("/devices?api-version=2021-04-12")
        .header(HOST, host)
        .header(AUTHORIZATION, token)
        .body(Full::<Bytes>::default())
        .unwrap();
    testing::ask(caller, request).await
}

async fn get(caller: &Caller, host: &str, token: &str) -> u16 {
    ask(caller, host, token).await.status().as_u16()
}

#[tokio::test]
async fn a_token_that_was_good_is_not_once_its_policy_is_rotated_or_gone() {
    // AUTH-8
    let hub = TestHub::start();
    let caller = Caller::new(hub.context.clone());
    let token = hub.token("registryRead");
    assert_eq!(get(&caller, "localhost", &token).await, 200);
    assert_eq!(get(&caller, "localhost", &token).await, 200);
    let handle = &hub.context.hub;
    handle
        .rotate_policy("registryRead", RotatedKey::Both)
        .unwrap();
    assert_eq!(get(&caller, "localhost", &token).await, 401);
    let token = hub.token("registryRead");
    assert_eq!(get(&caller, "localhost", &token).await, 200);
    handle.delete_policy("registryRead").unwrap();
    assert_eq!(get(&caller, "localhost", &token).await, 401);
}

#[tokio::test]
async fn each_token_of_a_connection_is_looked_at() {
    let hub = TestHub::start();
    let caller = Caller::new(hub.context.clone());
    let good = hub.token("iothubowner");
    let broken = good.replace("&sig=", "&sig=AA");
    for (token, status) in [
        (good.as_str(), 200),
        (&broken, 401),
        (&hub.token("service"), 401),
        (&good, 200),
    ] {
        assert_eq!(get(&caller, "localhost", token).await, status, "{token}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_runs_out_on_a_connection_that_stays() {
    // AUTH-2
    let hub = TestHub::start();
    let caller = Caller::new(hub.context.clone());
    let policies = hub.context.hub.policies();
    let key = &policies.get("iothubowner").unwrap().primary;
    let token = sign("localhost", key, NOW_UNIX_S + 60, Some("iothubowner"));
    assert_eq!(get(&caller, "localhost", &token).await, 200);
    tokio::time::advance(Duration::from_mins(6)).await;
    assert_eq!(get(&caller, "localhost", &token).await, 200);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(get(&caller, "localhost", &token).await, 401);
}

#[tokio::test]
async fn another_host_on_the_same_connection_is_another_hub_with_its_own_check() {
    // HUB-1
    let hub = TestHub::start();
    let orders = HubHost::parse("orders").unwrap();
    let directory = &hub.context.directory;
    directory.create(orders.clone(), When::Start).unwrap();
    let caller = Caller::new(hub.context.clone());
    let here = hub.token("iothubowner");
    let policies = hub.context.hub.policies();
    let key = &policies.get("iothubowner").unwrap().primary;
    let there = sign(
        "orders.localhost",
        key,
        NOW_UNIX_S + 3600,
        Some("iothubowner"),
    );
    for (host, token, status) in [
        ("localhost", &here, 200),
        // The same keys at first, but a token for somewhere else.
        ("orders.localhost", &here, 401),
        ("orders.localhost", &there, 200),
        ("localhost", &there, 401),
        ("orders.localhost", &there, 200),
    ] {
        assert_eq!(get(&caller, host, token).await, status, "{host}");
    }
    directory.delete(&orders);
    assert_eq!(
        ask(&caller, "orders.localhost", &there)
            .await
            .field("iothub-errorcode"),
        Some("IotHubNotFound")
    );
}
