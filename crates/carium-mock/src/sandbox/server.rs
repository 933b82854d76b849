//! Requests in, answers out.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::record::Record;
use super::route::{Route, route, shown};
use crate::contract::Violation;
use crate::listening::{Closed, Connection, Content, End, Scissors};
use crate::service::answer::Refusal;
use crate::service::{Outcome, Service};

/// A request of this API is small; a larger one is refused.
const LONGEST_BODY: usize = 1024 * 1024;

/// Serves one connection.
pub(super) async fn connected(socket: TcpStream, service: Arc<Service>, record: Arc<Record>) {
    let scissors = Scissors::default();
    let connection = TokioIo::new(Connection { socket, scissors: scissors.clone() });
    let answering = service_fn(move |request| {
        let (service, record, scissors) = (Arc::clone(&service), Arc::clone(&record), scissors.clone());
        async move {
            let (response, end) = match serve(&service, &record, request).await {
                Outcome::Answered(response) => (response, End::Whole),
                Outcome::Truncated(response) => {
                    let half = response.body().len() as u64 / 2;
                    (response, End::Cut(half, scissors))
                }
                Outcome::Reset => return Err(Closed),
                Outcome::Silence => std::future::pending().await,
            };
            Ok(response.map(|body| Content::new(body, end)))
        }
    });
    drop(http1::Builder::new().serve_connection(connection, answering).await);
}

async fn serve(service: &Service, record: &Record, request: Request<Incoming>) -> Outcome {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, LONGEST_BODY).collect().await {
        Ok(body) => body,
        Err(error) if error.is::<LengthLimitError>() => {
            let expected = format!("a body of at most {LONGEST_BODY} bytes");
            record.add(Violation::unknown_call(shown(&head.method, head.uri.path()), expected));
            let detail = "The body is larger than any request of this API.";
            let refusal = Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail);
            return Outcome::Answered(refusal.into_response());
        }
        // The client has gone.
        Err(_) => return Outcome::Reset,
    };
    let request = Request::from_parts(head, body.to_bytes());
    let (method, path) = (request.method(), request.uri().path());
    let unknown = |expected: String| record.add(Violation::unknown_call(shown(method, path), expected));
    match route(method, path) {
        Route::Operation(operation) => {
            let outcome = service.take(operation, &request);
            let answer = match &outcome {
                Outcome::Answered(response) | Outcome::Truncated(response) => Some(response),
                Outcome::Reset | Outcome::Silence => None,
            };
            record.judge(operation, &request, answer);
            outcome
        }
        Route::OtherMethod(methods) => {
            let allowed: Vec<_> = methods.iter().map(|method| method.as_str()).collect();
            let allowed = allowed.join(", ");
            unknown(format!("one of the methods {allowed}"));
            Outcome::Answered(other_method(&allowed))
        }
        Route::Unknown(nearest) => {
            unknown(nearest.map_or("a path of the spec".to_owned(), |path| format!("a path such as {path}")));
            Outcome::Answered(unknown_path(nearest))
        }
    }
}

fn other_method(allowed: &str) -> Response<Bytes> {
    let detail = format!("This path takes {allowed}.");
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail);
    let mut response = refusal.into_response();
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

fn unknown_path(nearest: Option<&str>) -> Response<Bytes> {
    let hint = nearest.map(|path| format!(" The nearest there is: {path}")).unwrap_or_default();
    let detail = format!("There is no such path in the contract; each ends with a slash.{hint}");
    Refusal::new(StatusCode::NOT_FOUND, "unknown-path", detail).into_response()
}
