//! The access token onto every request that wants one.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{Operation, Transport, TransportError};
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};

use super::call::CallState;
use super::failure::{Cause, TransportFailure};
use crate::session::{Session, Token};

/// Puts the session's token on, and renews it once when it is refused.
pub(crate) struct SignedIn<T> {
    inner: T,
    session: Arc<Session>,
}

impl<T: Transport> SignedIn<T> {
    pub(crate) fn new(inner: T, session: Arc<Session>) -> Self {
        Self { inner, session }
    }

    async fn send_with(
        &self,
        token: &Token,
        operation: &'static Operation,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let header = token.header().map_err(|error| TransportFailure::new(Cause::SignIn(error)))?;
        request.headers_mut().insert(AUTHORIZATION, header);
        self.inner.send(operation, request).await
    }
}

#[async_trait]
impl<T: Transport> Transport for SignedIn<T> {
    async fn send(
        &self,
        operation: &'static Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        if !operation.needs_token {
            return self.inner.send(operation, request).await;
        }
        // The token leaves for the origin that it is from, and for no other.
        if !self.session.base_url().is_same_origin(&request.uri().to_string()) {
            return Err(TransportFailure::not_sent("the request is for another origin than the API's").into());
        }
        let no_token = |error| TransportFailure::new(Cause::SignIn(error));
        let token = self.session.token().await.map_err(no_token)?;
        let response = self.send_with(&token, operation, request.clone()).await?;
        if response.status() != StatusCode::UNAUTHORIZED
            || !CallState::of(&request).is_none_or(CallState::may_renew)
        {
            return Ok(response);
        }
        // What is answered 401 was not done, so even a creation is sent again.
        let token = self.session.token_instead_of(&token).await.map_err(no_token)?;
        self.send_with(&token, operation, request).await
    }
}
