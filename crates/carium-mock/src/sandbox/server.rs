//! Requests in, answers out.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::record::Record;
use super::route::{Route, route, shown};
use crate::contract::Deviation;
use crate::service::Service;
use crate::service::answer::Refusal;

/// A request of this API is small; a larger one is refused.
const LONGEST_BODY: usize = 1024 * 1024;

/// Serves one connection.
pub(super) async fn connected(socket: TcpStream, service: Arc<Service>, record: Arc<Record>) {
    let answering = service_fn(move |request| {
        let (service, record) = (Arc::clone(&service), Arc::clone(&record));
        async move { Ok::<_, Infallible>(serve(&service, &record, request).await.map(Full::new)) }
    });
    drop(http1::Builder::new().serve_connection(TokioIo::new(socket), answering).await);
}

async fn serve(service: &Service, record: &Record, request: Request<Incoming>) -> Response<Bytes> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LONGEST_BODY).collect().await else {
        let detail = "The body is larger than any request of this API.";
        return Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail).into_response();
    };
    answer(service, record, &Request::from_parts(head, body.to_bytes()))
}

fn answer(service: &Service, record: &Record, request: &Request<Bytes>) -> Response<Bytes> {
    let (method, path) = (request.method(), request.uri().path());
    let unknown = |expected: String| record.add(Deviation::unknown_call(shown(method, path), expected));
    match route(method, path) {
        Route::Operation(operation) => {
            let response = service.answer(operation, request);
            record.judge(operation, request, &response);
            response
        }
        Route::OtherMethod(methods) => {
            let allowed: Vec<_> = methods.iter().map(|method| method.as_str()).collect();
            let allowed = allowed.join(", ");
            unknown(format!("one of the methods {allowed}"));
            let detail = format!("This path takes {allowed}.");
            let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail);
            let mut response = refusal.into_response();
            if let Ok(allowed) = HeaderValue::from_str(&allowed) {
                response.headers_mut().insert(ALLOW, allowed);
            }
            response
        }
        Route::Unknown(nearest) => {
            unknown(nearest.map_or("a path of the spec".to_owned(), |path| format!("a path such as {path}")));
            let hint = nearest.map(|path| format!(" The nearest there is: {path}")).unwrap_or_default();
            let detail = format!("There is no such path in the contract; each ends with a slash.{hint}");
            Refusal::new(StatusCode::NOT_FOUND, "unknown-path", detail).into_response()
        }
    }
}
