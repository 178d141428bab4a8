//! Requests to AWS's services and their likes, signed. Invariant: what is signed is what is sent: the URL, every header
//! that is given, and the hash of the body, which is never put together for it.
use super::settings::S3Key;
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use object_store::{
    StaticCredentialProvider,
    aws::{AmazonS3Builder, AwsAuthorizer, AwsCredential, AwsCredentialProvider},
    client::HttpRequestBody,
};
use reqwest::Url;
use sha2::{Digest, Sha256};
use std::sync::{Arc, LazyLock};

/// Variables by which AWS's tools are told where credentials are.
const NAMED_BY: [&str; 4] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

type Found = Result<AwsCredentialProvider, String>;

/// Signs requests to one service.
pub(super) struct Signer {
    /// Sought when they are first needed: who seeks them reads the machine's certificates.
    credentials: LazyLock<Found, Box<dyn FnOnce() -> Found + Send>>,
    service: &'static str,
}

impl Signer {
    /// Signs with a key; without one, with what AWS's tools would find: the environment's key, a token's role, the
    /// container's, the machine's.
    pub(super) fn new(service: &'static str, key: Option<S3Key>) -> Self {
        Self { credentials: LazyLock::new(Box::new(|| credentials(key))), service }
    }

    /// Signs with what the environment names, if it names something.
    pub(super) fn of_environment(service: &'static str) -> Option<Self> {
        let is_named = NAMED_BY.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
        is_named.then(|| Self::new(service, None))
    }

    /// The headers to send with a body of these parts, those of the signature among them.
    ///
    /// # Errors
    /// A sentence if there are no credentials to be had.
    pub(super) async fn sign(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Vec<Bytes>,
        region: &str,
    ) -> Result<HeaderMap, String> {
        let credentials = self.credentials.as_ref().map_err(Clone::clone)?;
        let credential = credentials.get_credential().await.map_err(|error| format!("no credentials: {error}"))?;
        let request = Request::builder().method(method).uri(url.as_str()).body(HttpRequestBody::empty());
        let mut request = request.map_err(|error| error.to_string())?;
        *request.headers_mut() = headers;
        let (service, region) = (self.service, region.to_owned());
        let signed = tokio::task::spawn_blocking(move || {
            let authorizer = AwsAuthorizer::new(&credential, service, &region);
            let digest = body.iter().fold(Sha256::new(), |digest, part| digest.chain_update(part)).finalize();
            authorizer.try_authorize(&mut request, Some(&digest)).map(|()| request.into_parts().0.headers)
        });
        signed.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }
}

fn credentials(key: Option<S3Key>) -> Found {
    match key {
        Some(S3Key { id, secret, session_token }) => {
            let credential = AwsCredential { key_id: id, secret_key: secret, token: session_token };
            Ok(Arc::new(StaticCredentialProvider::new(credential)))
        }
        // The builder finds credentials for a store; nothing is stored through it.
        None => {
            let built = AmazonS3Builder::from_env().with_bucket_name("any").build();
            Ok(Arc::clone(built.map_err(|error| error.to_string())?.credentials()))
        }
    }
}
