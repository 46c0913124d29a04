//! Requests that vaultrs has no type for.

use std::marker::PhantomData;

use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::ServerError;

/// A request by its method and path, with an answer of type `T`.
pub(super) struct Unlisted<T> {
    method: RequestMethod,
    path: String,
    body: Option<Zeroizing<Vec<u8>>>,
    answer: PhantomData<fn() -> T>,
}

impl<T> Unlisted<T> {
    pub(super) fn new(method: RequestMethod, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            body: None,
            answer: PhantomData,
        }
    }

    pub(super) fn with_body(mut self, body: &impl Serialize) -> Result<Self, ServerError> {
        let bytes = serde_json::to_vec(body).map_err(|_| ServerError::NotAnAnswer {
            why: "what is to be sent has no form in JSON",
        })?;
        self.body = Some(Zeroizing::new(bytes));
        Ok(self)
    }
}

impl<T: DeserializeOwned + Send + Sync> Endpoint for Unlisted<T> {
    type Response = T;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        self.method.clone()
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(self.body.as_ref().map(|body| body.to_vec()))
    }
}
