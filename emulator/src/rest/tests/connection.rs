//! What happens on the connection itself, seen through a pipe.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::super::serve_connection;
use super::support::TestHub;

/// Sends `request` and reads until `until` says that the answer is whole.
async fn exchange(pipe: &mut DuplexStream, request: &str, until: impl Fn(&str) -> bool) -> String {
    pipe.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let mut chunk = [0; 4096];
    while !until(&answer) {
        let bytes = pipe.read(&mut chunk).await.unwrap();
        if bytes == 0 {
            break;
        }
        answer.push_str(std::str::from_utf8(&chunk[..bytes]).unwrap());
    }
    answer
}

fn connect(hub: &TestHub) -> DuplexStream {
    let (client, server) = tokio::io::duplex(64 * 1024);
    tokio::spawn(serve_connection(server, hub.context.clone()));
    client
}

#[tokio::test(start_paused = true)]
async fn a_connection_serves_one_request_after_the_other() {
    let hub = TestHub::start();
    let mut pipe = connect(&hub);
    let request = format!(
        "GET /devices?api-version=2021-04-12 HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\n\r\n",
        hub.token("iothubowner")
    );
    for _ in 0..2 {
        let answer = exchange(&mut pipe, &request, |text| text.ends_with("[]")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("\r\nx-ms-request-id: "), "{answer}");
        assert!(answer.contains("\r\ndate: "), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_announced_body_over_the_bound_is_refused_though_it_never_comes() {
    // REST-7
    let hub = TestHub::start();
    let mut pipe = connect(&hub);
    let request = format!(
        "PUT /devices/d?api-version=2021-04-12 HTTP/1.1\r\nHost: localhost\r\n\
         Content-Length: 1048577\r\nAuthorization: {}\r\n\r\n",
        hub.token("iothubowner")
    );
    let answer = exchange(&mut pipe, &request, |text| text.ends_with('}')).await;
    assert!(
        answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"),
        "{answer}"
    );
    assert!(answer.contains("GenericRequestEntityTooLarge"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_head_over_the_bound_or_never_finished_ends_the_connection() {
    let hub = TestHub::start();
    let mut pipe = connect(&hub);
    let request = format!("GET / HTTP/1.1\r\nX: {}\r\n", "x".repeat(33 * 1024));
    let answer = exchange(&mut pipe, &request, |text| text.contains("\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");

    let mut pipe = connect(&hub);
    let started = tokio::time::Instant::now();
    let answer = exchange(&mut pipe, "GET / HTTP/1.1\r\nHost: local", |_| false).await;
    assert!(!answer.contains("200"), "{answer}");
    assert_eq!(started.elapsed().as_secs(), 120);
}

#[tokio::test(start_paused = true)]
async fn a_stop_closes_a_connection_that_waits_for_its_next_request() {
    let hub = TestHub::start();
    let mut pipe = connect(&hub);
    let answer = exchange(&mut pipe, "GET / HTTP/1.1\r\n\r\n", |text| {
        text.ends_with('}')
    })
    .await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert!(hub.stop().await);
    assert_eq!(pipe.read(&mut [0]).await.unwrap(), 0);
}
