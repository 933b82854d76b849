//! The authentication layer: adds the access token to requests.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{Operation, Transport, TransportError};
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};

use super::call_state::CallState;
use super::failure::{FailureCause, TransportFailure};
use crate::session::{Session, Token};

/// Adds the session's access token to each request. If the service rejects the token, replaces it and sends the
/// request once more.
pub(crate) struct Authenticate<T> {
    inner: T,
    session: Arc<Session>,
}

impl<T: Transport> Authenticate<T> {
    pub(crate) fn new(inner: T, session: Arc<Session>) -> Self {
        Self { inner, session }
    }

    async fn send_with(
        &self,
        token: &Token,
        operation: &'static Operation,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let header = token
            .authorization_header()
            .map_err(|error| TransportFailure::new(FailureCause::SignIn(error)))?;
        request.headers_mut().insert(AUTHORIZATION, header);
        self.inner.send(operation, request).await
    }
}

#[async_trait]
impl<T: Transport> Transport for Authenticate<T> {
    async fn send(
        &self,
        operation: &'static Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        if !operation.needs_token {
            return self.inner.send(operation, request).await;
        }
        // The token must not be sent to another origin than the one that issued it.
        if !self.session.base_url().is_same_origin(&request.uri().to_string()) {
            let source = "the request's origin differs from the origin of the base URL";
            return Err(TransportFailure::not_sent(source).into());
        }
        let sign_in_failed = |error| TransportFailure::new(FailureCause::SignIn(error));
        let token = self.session.token().await.map_err(sign_in_failed)?;
        let response = self.send_with(&token, operation, request.clone()).await?;
        if response.status() != StatusCode::UNAUTHORIZED
            || !CallState::of_request(&request).is_none_or(CallState::claim_token_replacement)
        {
            return Ok(response);
        }
        // A request with status 401 was not applied, so sending it again is safe for every operation.
        let token = self.session.replace_token(&token).await.map_err(sign_in_failed)?;
        self.send_with(&token, operation, request).await
    }
}
