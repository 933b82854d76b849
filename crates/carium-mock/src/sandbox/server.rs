//! Requests in, answers out.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{ALLOW, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::{Body as _, Incoming};

use super::route::{Route, route};
use crate::listening::Whole;
use crate::service::Service;
use crate::service::answer::Refusal;

/// A request of this API is small; a larger one is refused.
const LONGEST_BODY: usize = 1024 * 1024;

/// Answers every request from the service.
pub(super) fn serve(
    service: Arc<Service>,
) -> impl Fn(Request<Incoming>) -> BoxedAnswer + Clone + Send + Sync + 'static {
    move |request| {
        let service = Arc::clone(&service);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let Ok(body) = read(body).await else {
                let detail = "The body is larger than any request of this API.";
                let refusal = Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail);
                return refusal.into_response().map(Whole::new);
            };
            let request = Request::from_parts(head, body);
            answer(&service, &request).map(Whole::new)
        })
    }
}

/// What answering one request comes down to.
pub(super) type BoxedAnswer = std::pin::Pin<Box<dyn Future<Output = Response<Whole>> + Send>>;

fn answer(service: &Service, request: &Request<Bytes>) -> Response<Bytes> {
    match route(request.method(), request.uri().path()) {
        Route::Operation(operation) => service.answer(operation, request),
        Route::OtherMethod(methods) => {
            let allowed: Vec<_> = methods.iter().map(|method| method.as_str()).collect();
            let allowed = allowed.join(", ");
            let detail = format!("This path takes {allowed}.");
            let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail);
            let mut response = refusal.into_response();
            if let Ok(allowed) = HeaderValue::from_str(&allowed) {
                response.headers_mut().insert(ALLOW, allowed);
            }
            response
        }
        Route::Unknown(nearest) => {
            let hint = nearest.map(|path| format!(" The nearest there is: {path}")).unwrap_or_default();
            let detail = format!("There is no such path in the contract; each ends with a slash.{hint}");
            Refusal::new(StatusCode::NOT_FOUND, "unknown-path", detail).into_response()
        }
    }
}

/// The whole body, or that it is too long or broken.
async fn read(mut body: Incoming) -> Result<Bytes, ()> {
    let mut bytes = BytesMut::new();
    while let Some(frame) =
        std::future::poll_fn(|context| std::pin::Pin::new(&mut body).poll_frame(context)).await
    {
        let Ok(chunk) = frame.map_err(drop)?.into_data() else { continue };
        if bytes.len() + chunk.len() > LONGEST_BODY {
            return Err(());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}
