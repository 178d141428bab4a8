//! Functions that run at a server speaking Lambda's Invoke API. Invariant: a function's name goes into the URL escaped,
//! to an address the operator configured and to no other.
use super::{
    settings::OutwardSettings,
    signing::Signer,
    web::{Web, bounded, whole},
};
use crate::functions::{Call, Called, FunctionName, MAX_ANSWER_BYTES, Uncalled};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::Url;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// What an answer may take beyond the function's own time.
const MARGIN_MS: u64 = 5_000;

/// Where functions run.
pub(crate) struct Remote {
    web: Arc<Web>,
    named: HashMap<String, Url>,
    others: Option<Url>,
    signer: Option<Signer>,
    timeout: Duration,
    region: String,
}

impl Remote {
    pub(super) fn new(settings: &OutwardSettings, web: &Arc<Web>) -> Self {
        Self {
            web: Arc::clone(web),
            named: settings.functions.clone(),
            others: settings.functions_endpoint.clone(),
            signer: Signer::of_environment("lambda"),
            timeout: Duration::from_millis(settings.function_timeout_ms + MARGIN_MS),
            region: settings.region.clone(),
        }
    }

    /// Whether a server was named for the function.
    pub(crate) fn serves(&self, name: &FunctionName) -> bool {
        self.others.is_some() || self.named.contains_key(&name.name)
    }

    /// Where the function is called: at the server's usual path, unless the operator wrote one.
    fn url(&self, name: &FunctionName) -> Option<Url> {
        let server = self.named.get(&name.name).or(self.others.as_ref())?;
        let mut url = server.clone();
        if url.path() == "/" {
            url.set_path(&format!("/2015-03-31/functions/{}/invocations", name.name));
        }
        if let Some(qualifier) = &name.qualifier {
            url.query_pairs_mut().append_pair("Qualifier", qualifier);
        }
        Some(url)
    }

    /// Calls a function that a server was named for.
    pub(crate) async fn call(&self, call: &Call) -> Result<Called, Uncalled> {
        let url = self.url(&call.name).ok_or(Uncalled::NotFound)?;
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("x-amz-invocation-type", HeaderValue::from_static("RequestResponse"));
        if let Some(signer) = &self.signer {
            let region = call.arn.split(':').nth(3).filter(|region| !region.is_empty()).unwrap_or(&self.region);
            let signed = signer.sign(Method::POST, &url, headers, vec![call.payload.clone()], region).await;
            headers = signed.map_err(Uncalled::Broken)?;
        }
        let client = self.web.trusted().map_err(Uncalled::Broken)?;
        let request = client.post(url).headers(headers).body(call.payload.clone()).timeout(self.timeout);
        let broken = |error: reqwest::Error| match error.is_timeout() {
            true => {
                Ok(Called::fault("Sandbox.Timedout", "Error: Task timed out: the function's server did not answer"))
            }
            false => Err(Uncalled::Broken(format!("The function's server cannot be reached: {}.", whole(&error)))),
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return broken(error),
        };
        let status = response.status();
        let failed = response.headers().contains_key("x-amz-function-error");
        let body = match bounded(response, MAX_ANSWER_BYTES).await {
            Ok(Some(body)) => body,
            Ok(None) => return Ok(Called::too_large()),
            Err(error) => return broken(error),
        };
        match status {
            StatusCode::OK if failed => Ok(Called::Fault(body)),
            StatusCode::OK => Ok(Called::Answer(body)),
            StatusCode::NOT_FOUND => Err(Uncalled::NotFound),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Uncalled::Denied),
            StatusCode::TOO_MANY_REQUESTS => Err(Uncalled::Busy),
            StatusCode::PAYLOAD_TOO_LARGE => Err(Uncalled::TooLarge),
            _ => Err(Uncalled::Broken(format!("The function's server answered {status}."))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outward::settings::Written;

    #[test]
    fn a_function_is_called_where_the_operator_says() {
        let function = ["transform=http://localhost:9001".to_owned(), "whole=http://localhost:9002/call/me".to_owned()];
        let written = Written { function: &function, region: "us-east-1", ..Written::default() };
        let remote = |written: &Written<'_>| {
            let settings = OutwardSettings::check(written).unwrap();
            Remote::new(&settings, &Arc::new(Web::new(Vec::new())))
        };
        let url = |remote: &Remote, name: &str| remote.url(&FunctionName::parse(name).unwrap()).map(String::from);
        let named = remote(&written);
        let at = "http://localhost:9001/2015-03-31/functions/transform/invocations";
        assert_eq!(url(&named, "transform").as_deref(), Some(at));
        assert_eq!(url(&named, "transform:$LATEST"), Some(format!("{at}?Qualifier=%24LATEST")));
        assert_eq!(url(&named, "whole").as_deref(), Some("http://localhost:9002/call/me"));
        assert_eq!(url(&named, "other"), None);
        let all = remote(&Written { functions_endpoint: Some("https://lambda.test"), ..written });
        assert!(url(&all, "other").unwrap().starts_with("https://lambda.test/2015-03-31/functions/other/"));
    }
}
