//! Every byte comes back, by tokio alone: what a round trip over a socket costs on this machine.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Echoes, a task a connection.
pub(super) async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        tokio::spawn(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) {
    let mut some = [0; 1024];
    while let Ok(bytes @ 1..) = stream.read(&mut some).await {
        if stream.write_all(&some[..bytes]).await.is_err() {
            return;
        }
    }
}
