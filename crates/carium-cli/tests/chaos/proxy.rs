//! A proxy between the program and the sandbox that breaks connections, requests and responses.
//!
//! It works on the bytes of HTTP/1.1 and shares no code with the fault injection of `carium-mock`, so that an error in
//! one of the two cannot hide in the other.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The connection is closed before the request is passed on.
    ResetBefore,
    /// The connection is closed after the service has applied the request.
    ResponseLost,
    /// Status 429, with or without `Retry-After`.
    RateLimited { retry_after: bool },
    /// Status 503 with HTML, as from a load balancer.
    HtmlUnavailable,
    /// Status 502 with HTML after the service has applied the request.
    HtmlAfterApplying,
    /// The connection is closed in the middle of the response.
    Truncated,
    /// The response is JSON whose strings are numbers.
    Mistyped,
    /// The response has status 200 and HTML, as from a captive portal.
    NotJson,
    /// Nothing is passed on, and the connection is closed after some seconds.
    SilenceBefore,
    /// The request is applied, and the connection is closed after some seconds without a response.
    SilenceAfter,
    /// The response arrives in small parts.
    Slow,
    /// All access tokens are revoked before the request is passed on.
    TokensRevoked,
    /// Status 307 to another host.
    Redirect,
    /// The connection is closed when it is idle after the response.
    IdleClosed,
    /// The object store says that the presigned form has expired.
    FormExpired,
    /// The object store says status 503 with XML.
    StoreUnavailable,
}

/// How long silence lasts.
const SILENCE: Duration = Duration::from_secs(3);

/// What a hook wants to be done with a request.
pub(crate) enum Action {
    Pass,
    Fail(Fault),
    /// Calls the function before the request is passed on, and closes the connection.
    StopBefore(Box<dyn FnOnce() + Send>),
    /// Calls the function after the request was applied, and closes the connection.
    StopAfter(Box<dyn FnOnce() + Send>),
}

/// A request as the hook sees it.
pub(crate) struct Call {
    /// The method and the path with `{id}` for IDs, or `upload`.
    pub(crate) operation: String,
    /// The number of the request among those of its operation, counted from 1.
    pub(crate) number: u64,
    /// The number of the request among all requests, counted from 1.
    pub(crate) total: u64,
}

type Hook = Box<dyn FnMut(&Call) -> Action + Send>;

/// A running proxy, which stops when it is dropped.
pub(crate) struct Proxy {
    pub(crate) url: String,
    shared: Arc<Shared>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

struct Shared {
    counts: Mutex<Counts>,
    hook: Mutex<Hook>,
    revoke_tokens: Box<dyn Fn() + Send + Sync>,
    /// Whether connections are refused.
    is_down: watch::Sender<bool>,
    /// The address of the object store that clients are given, and its replacement.
    store: (String, String),
}

/// What the proxy has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) total: u64,
    pub(crate) faults: BTreeMap<Fault, u64>,
    pub(crate) connections: u64,
}

impl Proxy {
    /// Starts a proxy for a service and the object store of its presigned forms.
    pub(crate) async fn start(
        service: &str,
        store: &str,
        revoke_tokens: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let address = |url: &str| url.rsplit('/').next().unwrap().parse::<SocketAddr>().unwrap();
        let (service, store) = (address(service), address(store));
        let service_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let store_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", service_listener.local_addr().unwrap());
        let replacement = store_listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            counts: Mutex::default(),
            hook: Mutex::new(Box::new(|_| Action::Pass)),
            revoke_tokens: Box::new(revoke_tokens),
            is_down: watch::channel(false).0,
            store: (store.to_string(), replacement),
        });
        let tasks = [(service_listener, service, false), (store_listener, store, true)];
        let tasks = tasks.map(|(listener, upstream, is_store)| {
            tokio::spawn(accept(listener, upstream, is_store, Arc::clone(&shared)))
        });
        Self { url, shared, tasks: tasks.into() }
    }

    /// Sets what happens to requests from now on.
    pub(crate) fn set_hook(&self, hook: impl FnMut(&Call) -> Action + Send + 'static) {
        *self.shared.hook.lock().unwrap() = Box::new(hook);
    }

    /// Refuses connections and closes the open ones, or accepts connections again.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.shared.is_down.send_replace(is_down);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.shared.counts.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, is_store: bool, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    let mut down = shared.is_down.subscribe();
    loop {
        tokio::select! {
            _ = down.changed() => {
                if *down.borrow_and_update() {
                    connections.abort_all();
                }
            }
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                if *shared.is_down.borrow() {
                    continue;
                }
                shared.counts.lock().unwrap().connections += 1;
                let _ = client.set_nodelay(true);
                let connection = Connection { client, server: None, upstream, is_store, shared: Arc::clone(&shared) };
                connections.spawn(async move { drop(connection.serve().await) });
            }
        }
    }
}

struct Connection {
    client: TcpStream,
    server: Option<TcpStream>,
    upstream: SocketAddr,
    is_store: bool,
    shared: Arc<Shared>,
}

impl Connection {
    /// Serves requests until either side closes the connection or a fault does.
    async fn serve(mut self) -> io::Result<()> {
        while let Some(request) = read_message(&mut self.client, false).await? {
            let action = self.shared.next_action(&request, self.is_store);
            let fault = match action {
                Action::Pass => None,
                Action::Fail(fault) => Some(fault),
                Action::StopBefore(stop) => {
                    stop();
                    return Ok(());
                }
                Action::StopAfter(stop) => {
                    self.forward(&request).await?;
                    stop();
                    return Ok(());
                }
            };
            match fault {
                Some(Fault::ResetBefore) => return Ok(()),
                Some(Fault::SilenceBefore) => {
                    sleep(SILENCE).await;
                    return Ok(());
                }
                Some(Fault::RateLimited { retry_after }) => {
                    let header = if retry_after { "Retry-After: 1\r\n" } else { "" };
                    self.respond("429 Too Many Requests", header, "").await?;
                    continue;
                }
                Some(Fault::HtmlUnavailable) => {
                    self.respond("503 Service Unavailable", HTML_TYPE, HTML).await?;
                    continue;
                }
                Some(Fault::Redirect) => {
                    let location = "Location: http://127.0.0.2:9/elsewhere/\r\n";
                    self.respond("307 Temporary Redirect", location, "").await?;
                    continue;
                }
                Some(Fault::FormExpired) => {
                    self.respond("403 Forbidden", XML_TYPE, EXPIRED).await?;
                    continue;
                }
                Some(Fault::StoreUnavailable) => {
                    self.respond("503 Slow Down", XML_TYPE, SLOW_DOWN).await?;
                    continue;
                }
                Some(Fault::TokensRevoked) => (self.shared.revoke_tokens)(),
                _ => {}
            }
            let response = self.forward(&request).await?;
            match fault {
                Some(Fault::ResponseLost) => return Ok(()),
                Some(Fault::SilenceAfter) => {
                    sleep(SILENCE).await;
                    return Ok(());
                }
                Some(Fault::HtmlAfterApplying) => self.respond("502 Bad Gateway", HTML_TYPE, HTML).await?,
                Some(Fault::NotJson) => self.respond("200 OK", HTML_TYPE, HTML).await?,
                Some(Fault::Mistyped) => self.client.write_all(&mistyped(&response)).await?,
                Some(Fault::Truncated) => {
                    self.client.write_all(&response[..response.len() - 1 - response.len() / 8]).await?;
                    return Ok(());
                }
                Some(Fault::Slow) => {
                    for part in response.chunks(response.len().div_ceil(8)) {
                        self.client.write_all(part).await?;
                        sleep(Duration::from_millis(100)).await;
                    }
                }
                _ => self.client.write_all(&response).await?,
            }
            if fault == Some(Fault::IdleClosed) {
                sleep(Duration::from_millis(2)).await;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Passes a request on and returns the response, in which the store's address is replaced.
    async fn forward(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        if self.server.is_none() {
            let server = TcpStream::connect(self.upstream).await?;
            let _ = server.set_nodelay(true);
            self.server = Some(server);
        }
        let server = self.server.as_mut().unwrap();
        server.write_all(request).await?;
        let response = read_message(server, true).await?;
        let mut response = response.ok_or(io::ErrorKind::UnexpectedEof)?;
        let (from, to) = &self.shared.store;
        // Free ports have five digits, so the length of the body stays the same.
        assert_eq!(from.len(), to.len());
        let mut start = 0;
        while let Some(found) = find(&response[start..], from.as_bytes()) {
            start += found;
            response[start..start + to.len()].copy_from_slice(to.as_bytes());
        }
        Ok(response)
    }

    async fn respond(&mut self, status: &str, headers: &str, body: &str) -> io::Result<()> {
        let length = body.len();
        let response = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        self.client.write_all(response.as_bytes()).await
    }
}

const HTML_TYPE: &str = "Content-Type: text/html\r\n";
const HTML: &str = "<html><body><h1>Please try again later.</h1></body></html>";
const XML_TYPE: &str = "Content-Type: application/xml\r\n";
const EXPIRED: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>AccessDenied</Code>\
                       <Message>Invalid according to Policy: Policy expired.</Message></Error>";
const SLOW_DOWN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>SlowDown</Code></Error>";

impl Shared {
    fn next_action(&self, request: &[u8], is_store: bool) -> Action {
        let operation = if is_store { "upload".to_owned() } else { operation_of(request) };
        let mut counts = self.counts.lock().unwrap();
        let number = counts.calls.entry(operation.clone()).or_default();
        *number += 1;
        let number = *number;
        counts.total += 1;
        let call = Call { operation, number, total: counts.total };
        drop(counts);
        let action = (self.hook.lock().unwrap())(&call);
        if let Action::Fail(fault) = action {
            *self.counts.lock().unwrap().faults.entry(fault).or_default() += 1;
        }
        action
    }
}

/// Returns the method and the path, with `{id}` for IDs and without the query.
fn operation_of(request: &[u8]) -> String {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default();
    let segments = path.split('/').map(|segment| if segment.len() == 36 { "{id}" } else { segment });
    format!("{method} {}", segments.collect::<Vec<_>>().join("/"))
}

/// Reads a request or a response with its body. Returns `None` if the connection ends before its first byte.
async fn read_message(stream: &mut TcpStream, is_response: bool) -> io::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    loop {
        if let Some(end) = find(&message, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&message[..end]).to_lowercase();
            assert!(!head.contains("transfer-encoding"), "the proxy reads bodies with a length only");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            while message.len() < end + 4 + length {
                if stream.read_buf(&mut message).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            return Ok(Some(message));
        }
        if stream.read_buf(&mut message).await? == 0 {
            let is_end = message.is_empty() && !is_response;
            return if is_end { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// Replaces every string of a JSON body with a number.
fn mistyped(response: &[u8]) -> Vec<u8> {
    fn replace(value: &mut Value) {
        match value {
            Value::String(_) => *value = 7.into(),
            Value::Array(items) => items.iter_mut().for_each(replace),
            Value::Object(fields) => fields.values_mut().for_each(replace),
            _ => {}
        }
    }
    let end = find(response, b"\r\n\r\n").map_or(response.len(), |end| end + 4);
    let Ok(mut body) = serde_json::from_slice::<Value>(&response[end..]) else { return response.to_vec() };
    replace(&mut body);
    let body = body.to_string();
    let status = String::from_utf8_lossy(response.split(|byte| *byte == b'\r').next().unwrap_or_default());
    let head = format!(
        "{status}\r\nContent-Type: application/vnd.api+json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}
