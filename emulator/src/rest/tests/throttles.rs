//! A hub with a tier, as its services see it.

use std::time::Duration;

use hub_core::throttle::{Operation, Scale, Shaping, Tier};
use tokio::time::Instant;

use super::support::TestHub;
use crate::config::Throttling;

/// One unit without a burst, and a queue so long.
fn hub(tier: Tier, queue: Duration) -> TestHub {
    TestHub::start_throttled(Throttling {
        scale: Scale::one(tier),
        shaping: Shaping {
            burst: Duration::ZERO,
            queue,
        },
    })
}

#[tokio::test(start_paused = true)]
async fn a_request_too_many_is_429_in_the_words_on_record_and_closes_the_connection() {
    // LIM-6
    let hub = hub(Tier::S1, Duration::ZERO);
    assert_eq!(hub.quick("GET", "/devices", "").await.status, 200);
    let answer = hub.quick("GET", "/devices", "").await;
    assert_eq!(answer.status, 429);
    assert_eq!(
        answer.header("iothub-errorcode"),
        Some("ThrottlingException")
    );
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(answer.header("retry-after"), None);
    let body = answer.json();
    assert_eq!(
        body["Message"],
        "ErrorCode:ThrottlingException;The request has been throttled. Wait 10 seconds and try again. \
         Operation type: IdentityRead"
    );
    let tracking = body["ExceptionMessage"].as_str().unwrap();
    assert!(tracking.starts_with("Tracking ID:"), "{tracking}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_his_turn_holds_up_nobody_of_another_row() {
    // LIM-3
    let hub = hub(Tier::S1, Duration::from_mins(1));
    hub.create("d");
    assert_eq!(hub.quick("GET", "/devices/d", "").await.status, 200);
    let start = Instant::now();
    let timed = async |path: &str| {
        let answer = hub.quick("GET", path, "").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        start.elapsed()
    };
    let (second, third, twin) =
        tokio::join!(timed("/devices/d"), timed("/devices"), timed("/twins/d"));
    // A hundred a minute.
    let near = |time: Duration, ms: u64| time.as_millis().abs_diff(ms.into()) <= 2;
    assert!(
        near(second, 600) && near(third, 1_200),
        "{second:?} {third:?}"
    );
    assert!(near(twin, 0), "{twin:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_gives_up_its_place() {
    // LIM-3
    let hub = hub(Tier::S1, Duration::from_millis(600));
    assert_eq!(hub.quick("GET", "/devices", "").await.status, 200);
    let waiting = hub.quick("GET", "/devices", "");
    let gone = tokio::time::timeout(Duration::from_millis(10), waiting).await;
    assert!(gone.is_err(), "the second was to wait");
    // The only place of the queue.
    assert_eq!(hub.quick("GET", "/devices", "").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_basic_hub_refuses_what_its_tier_lacks() {
    // LIM-4
    let hub = hub(Tier::B1, Duration::from_mins(1));
    hub.create("d");
    let method = r#"{"methodName":"reboot"}"#;
    for (verb, path, body) in [
        ("GET", "/twins/d", ""),
        ("PATCH", "/twins/d", "{}"),
        ("PUT", "/twins/d", "{}"),
        ("POST", "/twins/d/methods", method),
        ("POST", "/devices/d/messages/devicebound", "x"),
        ("DELETE", "/devices/d/commands", ""),
    ] {
        let answer = hub.quick(verb, path, body).await;
        assert_eq!(answer.status, 403, "{verb} {path}");
        assert_eq!(answer.code(), "OperationNotAvailableInCurrentTier");
    }
    let query = r#"{"query":"SELECT * FROM devices"}"#;
    for (verb, path, body) in [
        ("GET", "/devices/d", ""),
        ("POST", "/devices/query", query),
        ("GET", "/devices", ""),
    ] {
        assert_eq!(
            hub.quick(verb, path, body).await.status,
            200,
            "{verb} {path}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_whose_messages_are_used_up_refuses_them_until_midnight_utc() {
    // LIM-5: 8,000 of half a kilobyte.
    let hub = hub(Tier::F1, Duration::from_mins(1));
    hub.create("d");
    let handle = &hub.context.hub;
    handle.spend(7_999 * 512);
    assert_eq!(hub.quick("GET", "/twins/d", "").await.status, 200);
    assert!((8_000..8_010).contains(&handle.messages_today()));
    let answer = hub.quick("GET", "/twins/d", "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (403, "IotHubQuotaExceeded")
    );
    assert!(
        answer.body.contains("Max allowed message count : '8000'"),
        "{}",
        answer.body
    );
    assert_eq!(hub.quick("GET", "/devices/d", "").await.status, 200);
    // From ten in the morning.
    tokio::time::sleep(Duration::from_hours(14)).await;
    assert_eq!(handle.messages_today(), 0);
    handle.admit(Operation::TwinRead, 1).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_has_happened_is_charged_in_blocks_and_administration_is_not() {
    // LIM-5
    let hub = hub(Tier::S1, Duration::from_mins(1));
    let used = || hub.context.hub.messages_today();
    hub.register("d").await;
    hub.quick("GET", "/devices/d", "").await;
    assert_eq!(used(), 0);
    // A twin of less than a block; a change of one, which is told nobody.
    hub.quick("GET", "/twins/d", "").await;
    assert_eq!(used(), 1);
    let large = format!(
        r#"{{"properties":{{"desired":{{"a":"{}"}}}}}}"#,
        "x".repeat(4_000)
    );
    assert_eq!(hub.quick("PATCH", "/twins/d", &large).await.status, 200);
    assert_eq!(used(), 2);
    // Refused, and not charged.
    assert_eq!(hub.quick("GET", "/twins/nobody", "").await.status, 404);
    assert_eq!(used(), 2);
    // To a device that is away: the request, and one for the answer.
    let method = format!(r#"{{"methodName":"m","payload":"{}"}}"#, "x".repeat(5_000));
    assert_eq!(
        hub.quick("POST", "/twins/d/methods", &method).await.status,
        404
    );
    assert_eq!(used(), 5);
    let send = "/devices/d/messages/devicebound";
    assert_eq!(
        hub.quick("POST", send, &"x".repeat(4_097)).await.status,
        204
    );
    assert_eq!(used(), 7);
}

#[tokio::test(start_paused = true)]
async fn without_a_tier_nothing_is_counted_or_refused() {
    // LIM-6
    let hub = TestHub::start();
    for _ in 0..500 {
        assert_eq!(hub.quick("GET", "/devices", "").await.status, 200);
    }
    hub.context.hub.spend(1 << 40);
    assert_eq!(hub.context.hub.messages_today(), 0);
    assert_eq!(hub.context.hub.tier(), None);
}

#[tokio::test(start_paused = true)]
async fn a_hub_told_to_throttle_refuses_with_or_without_a_tier_until_the_time_is_over() {
    // LIM-9
    let without = TestHub::start();
    let with = hub(Tier::S1, Duration::from_mins(1));
    for hub in [without, with] {
        hub.context.hub.throttle_everything(Duration::from_secs(10));
        let answer = hub.quick("GET", "/devices", "").await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (429, "ThrottlingException")
        );
        tokio::time::sleep(Duration::from_millis(10_001)).await;
        assert_eq!(hub.quick("GET", "/devices", "").await.status, 200);
        hub.context.hub.throttle_everything(Duration::from_secs(10));
        hub.context.hub.throttle_everything(Duration::ZERO);
        assert_eq!(hub.quick("GET", "/devices", "").await.status, 200);
    }
}
