//! Our own programs as callers of the endpoint: what a runtime starts, with a token that lies in a file.

use crate::failure::Failure;
use crate::os;
use reqwest::{Client, RequestBuilder, header};
use std::path::Path;

pub(super) struct Caller {
    client: Client,
    url: String,
    token: String,
}

impl Caller {
    pub(super) fn open(url: &str, token_file: &Path) -> Result<Self, Failure> {
        let unread = |e| Failure::failed(format!("{}: {e}", token_file.display()));
        let token = os::read_text(token_file, 4096).map_err(unread)?;
        Ok(Self { client: os::loopback_client(), url: url.to_owned(), token: token.trim().to_owned() })
    }

    /// One request with a JSON body.
    pub(super) fn post(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.client.post(&self.url).bearer_auth(&self.token);
        request.header(header::CONTENT_TYPE, "application/json").body(body)
    }
}
