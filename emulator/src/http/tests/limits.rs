//! What a client may take up, and how connections end.

use std::future::pending;
use std::time::Duration;

use hyper::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::support::{BOUNDS, Recorder, ours, virtually};
use crate::http::{Answer, Body, Head, Service, serve};
use crate::stop::StopSwitch;

#[test]
fn a_head_has_32_kilobytes_and_a_hundred_fields_at_most() {
    let with_name = |bytes: usize| {
        let frame = "GET / HTTP/1.1\r\nx: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(bytes - frame))
    };
    let with_fields = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(count));
    let cases = [
        (with_name(BOUNDS.bytes), "200"),
        (with_name(BOUNDS.bytes + 1), "431"),
        (with_name(70_000), "431"),
        (
            format!("GET /{} HTTP/1.1\r\n\r\n", "y".repeat(40_000)),
            "431",
        ),
        ("\r\n".repeat(20_000), "431"),
        (with_fields(100), "200"),
        (with_fields(101), "431"),
    ];
    for (text, status) in cases {
        for step in [1000, 8 * 1024, text.len()] {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(step).collect();
            let outcome = virtually(ours(&pieces));
            assert_eq!(outcome.statuses(), [status], "{step} of {}", text.len());
            assert_eq!(outcome.is_alive, status == "200");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_has_its_time_for_a_head_and_for_the_next_one() {
    let started = Instant::now();
    let (mut near, far) = duplex(1024);
    let switch = StopSwitch::new();
    let serving = tokio::spawn(async move {
        let recorder = Recorder::default();
        let served = serve(far, BOUNDS, switch.token(), &recorder);
        served.await.unwrap().is_none()
    });
    for _ in 0..3 {
        tokio::time::sleep(BOUNDS.within * 9 / 10).await;
        near.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nok") {
            assert_ne!(near.read_buf(&mut answer).await.unwrap(), 0);
        }
    }
    // Nobody is told who has said nothing.
    let mut rest = String::new();
    near.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "");
    assert!(serving.await.unwrap());
    assert!(started.elapsed() >= BOUNDS.within * 37 / 10);
    assert!(started.elapsed() < BOUNDS.within * 4);

    // Bytes alone do not prolong it.
    let (near, far) = duplex(1024);
    let (mut reader, mut writer) = tokio::io::split(near);
    let switch = StopSwitch::new();
    let drip = async {
        loop {
            tokio::time::sleep(Duration::from_secs(4)).await;
            let _ = writer.write_all(b"x").await;
        }
    };
    let mut answer = String::new();
    let started = Instant::now();
    tokio::select! {
        read = async {
            let (recorder, stop) = (Recorder::default(), switch.token());
            let served = serve(far, BOUNDS, stop, &recorder);
            let (_, read) = tokio::join!(served, reader.read_to_string(&mut answer));
            read
        } => { read.unwrap(); }
        () = drip => {}
    }
    assert!(
        answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"),
        "{answer}"
    );
    assert!(started.elapsed() < BOUNDS.within + Duration::from_secs(3));
}

/// Waits to be let go.
#[derive(Debug, Default)]
struct Gate {
    entered: Notify,
    open: Notify,
}

impl Service for Gate {
    async fn answer(&self, _: Head, _: Body<'_>) -> Answer {
        self.entered.notify_one();
        self.open.notified().await;
        Answer::new(StatusCode::OK, "done")
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_idle_connections_and_lets_the_others_answer() {
    for text in ["", "GET / HTTP/1.1\r\nHos"] {
        let (mut near, far) = duplex(1024);
        let switch = StopSwitch::new();
        near.write_all(text.as_bytes()).await.unwrap();
        let stop = switch.token();
        let gate = Gate::default();
        let (served, ()) = tokio::join!(serve(far, BOUNDS, stop, &gate), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            switch.signal();
        });
        assert!(served.unwrap().is_none());
        assert_eq!(near.read(&mut [0]).await.unwrap(), 0);
    }
    let (mut near, far) = duplex(1024);
    let switch = StopSwitch::new();
    let request = b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n";
    near.write_all(request).await.unwrap();
    let (gate, stop) = (Gate::default(), switch.token());
    let (served, ()) = tokio::join!(serve(far, BOUNDS, stop, &gate), async {
        gate.entered.notified().await;
        switch.signal();
        tokio::time::sleep(Duration::from_secs(1)).await;
        gate.open.notify_one();
    });
    assert!(served.unwrap().is_none());
    let mut answer = String::new();
    near.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("done"));
}

/// Refuses every body.
struct Refusing;

impl Service for Refusing {
    async fn answer(&self, _: Head, mut body: Body<'_>) -> Answer {
        let refused = body.whole(1024, Duration::from_secs(5)).await;
        Answer::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            refused.unwrap_err().to_string(),
        )
    }
}

/// A client that sent three megabytes saw its socket reset: the refusal came before the body was
/// read, and closing with bytes unread overtook it.
#[tokio::test]
async fn a_refusal_arrives_at_a_client_that_sends_all_before_it_reads() {
    // REST-14
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let switch = StopSwitch::new();
    let stop = switch.token();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let stop = stop.clone();
            tokio::spawn(async move { serve(socket, BOUNDS, stop, &Refusing).await });
        }
    });
    let sized = |megabytes: usize| format!("Content-Length: {}\r\n\r\n", megabytes << 20);
    let chunked = "Transfer-Encoding: chunked\r\n\r\n300000\r\n".to_owned();
    for (head, megabytes) in [(sized(3), 3), (sized(15), 15), (chunked, 3)] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(b"POST / HTTP/1.1\r\n").await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..megabytes {
            socket.write_all(&vec![b'x'; 1 << 20]).await.unwrap();
        }
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.ends_with("it is too large"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_on_sending_is_not_listened_to_for_ever() {
    let (near, far) = duplex(1024);
    let (mut reader, mut writer) = tokio::io::split(near);
    let switch = StopSwitch::new();
    let endless = async {
        let head = "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n";
        writer.write_all(head.as_bytes()).await.unwrap();
        while writer.write_all(&[b'x'; 512]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        pending::<()>().await;
    };
    let mut answer = String::new();
    let started = Instant::now();
    tokio::select! {
        () = async {
            let _ = tokio::join!(
                serve(far, BOUNDS, switch.token(), &Refusing),
                reader.read_to_string(&mut answer),
            );
        } => {}
        () = endless => {}
    }
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(4));
}
