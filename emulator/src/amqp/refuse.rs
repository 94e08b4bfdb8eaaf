//! One refused connection: the headers, SASL where the client wants it, `open`, `close`, the end.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tracing::{debug, warn};

use super::frames;
use crate::ledger::{self, Fidelity, Row};
use crate::listener::ConnectionContext;

/// Tells the client that AMQP is not built, in bounded time.
pub(crate) async fn serve<IO>(mut io: IO, context: ConnectionContext)
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let ConnectionContext {
        hub,
        peer,
        mut stop,
        ..
    } = context;
    let told = tokio::select! {
        told = tokio::time::timeout(REFUSED_WITHIN, refuse(&mut io)) => told,
        () = stop.stopped() => return,
    };
    if matches!(told, Ok(Ok(()))) {
        hub.note_refusal(ledger::key(CONNECT));
        if hub.gap_is_news(NOT_BUILT) {
            warn!(%peer, "AMQP connection refused: {NOT_BUILT} (told once a minute)");
        }
    } else {
        debug!(%peer, ?told, "an AMQP client left before it was refused");
    }
    // A socket closed with bytes unread is reset, and the reset can overtake the refusal.
    tokio::select! {
        _ = tokio::time::timeout(FAREWELL, farewell(&mut io)) => {}
        () = stop.stopped() => {}
    }
}

async fn refuse<IO>(io: &mut IO) -> io::Result<()>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut header = read_header(io).await?;
    if header == frames::SASL_HEADER {
        let mut offer = frames::SASL_HEADER.to_vec();
        offer.extend(frames::sasl_mechanisms());
        send(io, &offer).await?;
        skip_frame(io).await?;
        send(io, &frames::sasl_outcome()).await?;
        header = read_header(io).await?;
    }
    // Another version or layer is answered with the one there is, and closed (AMQP 1.0, 2.2).
    let mut answer = frames::HEADER.to_vec();
    if header == frames::HEADER {
        answer.extend(frames::open());
        answer.extend(frames::close(NOT_BUILT));
    }
    send(io, &answer).await
}

async fn read_header(io: &mut (impl AsyncRead + Unpin)) -> io::Result<[u8; 8]> {
    let mut header = [0; 8];
    io.read_exact(&mut header).await?;
    Ok(header)
}

/// Reads one frame and forgets it.
async fn skip_frame(io: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    let size = io.read_u32().await?;
    let rest = usize::try_from(size)
        .ok()
        .and_then(|size| size.checked_sub(4));
    let Some(rest) = rest.filter(|rest| *rest <= SASL_FRAME_BYTES_MAX) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    io.read_exact(&mut vec![0; rest]).await?;
    Ok(())
}

async fn send(io: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    io.write_all(bytes).await?;
    io.flush().await
}

async fn farewell<IO>(io: &mut IO) -> io::Result<()>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    io.shutdown().await?;
    tokio::io::copy(io, &mut tokio::io::sink()).await?;
    Ok(())
}

/// What is refused, for the ledger.
pub(crate) fn ledger_rows() -> impl Iterator<Item = Row> {
    std::iter::once(Row {
        id: CONNECT,
        feature: "AMQP",
        what: "any connection: devices, service, events".to_owned(),
        fidelity: Fidelity::Absent("AMQP"),
    })
}

const CONNECT: &str = "Amqp_Connect";
const NOT_BUILT: &str = "Hubnerite does not implement AMQP yet";
const REFUSED_WITHIN: Duration = Duration::from_secs(10);
const FAREWELL: Duration = Duration::from_secs(2);
/// The specification allows 512 (2.8.13); PLAIN carries a whole SAS token.
const SASL_FRAME_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};
    use tokio::task::JoinHandle;

    use super::*;
    use crate::test_hub::TestHub;

    fn dial(hub: &TestHub) -> (DuplexStream, JoinHandle<()>) {
        let (client, server) = duplex(64 * 1024);
        (client, tokio::spawn(serve(server, hub.context.clone())))
    }

    async fn expect(client: &mut DuplexStream, expected: &[u8]) {
        let mut read = vec![0; expected.len()];
        client.read_exact(&mut read).await.unwrap();
        assert_eq!(read, expected);
    }

    async fn expect_end(mut client: DuplexStream, server: JoinHandle<()>) {
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        drop(client);
        server.await.unwrap();
    }

    fn refusal() -> Vec<u8> {
        let parts = [
            frames::HEADER.to_vec(),
            frames::open(),
            frames::close("Hubnerite does not implement AMQP yet"),
        ];
        parts.concat()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_without_sasl_is_told_in_its_own_protocol() {
        // AMQP-1
        let hub = TestHub::start();
        let (mut client, server) = dial(&hub);
        client.write_all(&frames::HEADER).await.unwrap();
        expect(&mut client, &refusal()).await;
        expect_end(client, server).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_with_sasl_is_let_through_it_and_told_the_same() {
        // AMQP-1
        let hub = TestHub::start();
        let (mut client, server) = dial(&hub);
        client.write_all(&frames::SASL_HEADER).await.unwrap();
        expect(&mut client, &frames::SASL_HEADER).await;
        expect(&mut client, &frames::sasl_mechanisms()).await;
        // `sasl-init` of uamqp: MSSBCBS and nothing else, the list's tail left out.
        let init = b"\x00\x00\x00\x17\x02\x01\x00\x00\x00\x53\x41\xc0\x0a\x01\xa3\x07MSSBCBS";
        client.write_all(init).await.unwrap();
        expect(&mut client, &frames::sasl_outcome()).await;
        client.write_all(&frames::HEADER).await.unwrap();
        expect(&mut client, &refusal()).await;
        expect_end(client, server).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_amqp_is_closed_and_silence_is_not_waited_for() {
        // AMQP-1
        let hub = TestHub::start();
        let (mut client, server) = dial(&hub);
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        expect(&mut client, &frames::HEADER).await;
        expect_end(client, server).await;

        let (mut client, server) = dial(&hub);
        client.write_all(&frames::SASL_HEADER).await.unwrap();
        client.write_all(b"\xff\xff\xff\xff").await.unwrap();
        expect(&mut client, &frames::SASL_HEADER).await;
        expect(&mut client, &frames::sasl_mechanisms()).await;
        expect_end(client, server).await;

        let (client, server) = dial(&hub);
        let started = tokio::time::Instant::now();
        expect_end(client, server).await;
        assert_eq!(started.elapsed(), REFUSED_WITHIN);
    }
}
