//! One HTTPS connection to a hub, dialled when needed and again when it is gone.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::ServiceError;

/// Where a hub's REST endpoint is.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The hub's host name: SNI, `Host` header, audience of the tokens.
    pub host_name: String,
    /// What is dialled; often the same.
    pub dial_host: String,
    /// 443, unless a local hub has moved it.
    pub port: u16,
    /// The roots trusted.
    pub tls: Arc<ClientConfig>,
}

/// A connection to an [`Endpoint`].
#[derive(Debug)]
pub(super) struct Connection {
    endpoint: Endpoint,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    /// Dials nothing yet.
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            sender: None,
        }
    }

    /// Where it leads.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends a request and reads the whole answer, bounded in size and by `patience`.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        patience: Duration,
    ) -> Result<Response<Bytes>, ServiceError> {
        let exchange = tokio::time::timeout(patience, self.exchange(request));
        let result = match exchange.await {
            Ok(result) => result,
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no answer within {} s", patience.as_secs()),
            )),
        };
        result.map_err(|source| {
            self.sender = None;
            let Endpoint {
                dial_host, port, ..
            } = &self.endpoint;
            ServiceError::Unreachable {
                host: dial_host.clone(),
                port: *port,
                source,
            }
        })
    }

    async fn exchange(&mut self, mut request: Request<Full<Bytes>>) -> io::Result<Response<Bytes>> {
        let host = header::HeaderValue::from_str(&self.endpoint.host_name)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the host name is not one"))?;
        request.headers_mut().insert(header::HOST, host);
        let (head, body) = self.answer(request).await?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(io::Error::other)?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    async fn answer(&mut self, request: Request<Full<Bytes>>) -> io::Result<Response<Incoming>> {
        let mut request = request;
        if let Some(sender) = &mut self.sender
            && sender.ready().await.is_ok()
        {
            match sender.try_send_request(request).await {
                Ok(answer) => return Ok(answer),
                // The hub has closed the idle connection just now. Nothing of the request has left,
                // so that it can be sent again whatever it asks for.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(io::Error::other(error.into_error())),
                },
            }
        }
        let sender = self.sender.insert(dial(&self.endpoint).await?);
        sender.send_request(request).await.map_err(io::Error::other)
    }
}

async fn dial(endpoint: &Endpoint) -> io::Result<SendRequest<Full<Bytes>>> {
    let name = ServerName::try_from(endpoint.host_name.clone())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let tcp = TcpStream::connect((endpoint.dial_host.as_str(), endpoint.port)).await?;
    tcp.set_nodelay(true)?;
    let tls = TlsConnector::from(Arc::clone(&endpoint.tls))
        .connect(name, tcp)
        .await?;
    let (sender, connection) = handshake(TokioIo::new(tls))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(async move {
        // Its end shows in the next request; there is nobody here to tell.
        let _ = connection.await;
    });
    Ok(sender)
}

/// A page of a query is at most a thousand twins of some 80 KiB.
const ANSWER_BYTES_MAX: usize = 128 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::task::Poll;

    use rustls::RootCertStore;

    use super::*;

    #[tokio::test]
    async fn a_request_that_did_not_leave_is_sent_on_a_new_connection() {
        let (client, _server) = tokio::io::duplex(1024);
        let (sender, idle) = handshake(TokioIo::new(client)).await.unwrap();
        let mut idle = Box::pin(idle);
        // So that the sender hears that it may send.
        poll_fn(|context| Poll::Ready(Pin::new(&mut idle).poll(context).is_pending())).await;
        let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = nobody.local_addr().unwrap().port();
        drop(nobody);
        let tls =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let tls = tls.with_safe_default_protocol_versions().unwrap();
        let endpoint = Endpoint {
            host_name: "localhost".to_owned(),
            dial_host: "127.0.0.1".to_owned(),
            port,
            tls: Arc::new(
                tls.with_root_certificates(RootCertStore::empty())
                    .with_no_client_auth(),
            ),
        };
        let mut connection = Connection::new(endpoint);
        connection.sender = Some(sender);
        let request = Request::new(Full::default());
        let (answer, ()) = tokio::join!(connection.exchange(request), async { drop(idle) });
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused, "{error}");
    }
}
