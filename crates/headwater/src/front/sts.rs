//! The one operation of the token service that tools ask for before anything else: who am I? In the query protocol: a
//! form comes in, XML goes out.
use super::reply::{Reply, RequestId};
use bytes::Bytes;
use headwater_wire::{Caller, ServiceError};
use http::{HeaderName, HeaderValue, StatusCode, header};

/// What the service is called in a signature's scope.
pub(crate) const SCOPE: &str = "sts";

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Whether the form asks for the one operation there is.
///
/// # Errors
/// `InvalidAction` with the service's sentence.
pub(crate) fn check(form: &[u8]) -> Result<(), ServiceError> {
    let form = String::from_utf8_lossy(form);
    let field = |name: &str| form.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
    match field("Action") {
        Some((_, "GetCallerIdentity")) => Ok(()),
        Some((_, action)) => {
            let version = field("Version").map_or("", |(_, version)| version);
            let sentence = format!("Could not find operation {action} for version {version}");
            Err(ServiceError::new("InvalidAction", sentence))
        }
        None => Err(ServiceError::new("MissingAction", "Missing Action")),
    }
}

/// Who the caller is.
pub(crate) fn identity(caller: &Caller, id: &RequestId) -> Reply {
    let Caller { account, principal, .. } = caller;
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\">\n  <GetCallerIdentityResult>\n    \
         <Arn>{principal}</Arn>\n    <UserId>{account}</UserId>\n    <Account>{account}</Account>\n  \
         </GetCallerIdentityResult>\n  <ResponseMetadata>\n    <RequestId>{id}</RequestId>\n  </ResponseMetadata>\n\
         </GetCallerIdentityResponse>\n"
    );
    reply(StatusCode::OK, body, id)
}

/// A refusal in the query protocol's form.
pub(crate) fn refusal(error: &ServiceError, id: &RequestId) -> Reply {
    refusal_of(NAMESPACE, error, id)
}

/// A refusal by a service with this XML name space.
pub(crate) fn refusal_of(namespace: &str, error: &ServiceError, id: &RequestId) -> Reply {
    let status = match error.code {
        "InvalidAction" | "MissingAction" | "MissingRequiredParameterException" | "InvalidParameterValueException" => {
            StatusCode::BAD_REQUEST
        }
        _ => StatusCode::FORBIDDEN,
    };
    let message = escape(error.message.as_deref().unwrap_or_default());
    let code = match error.code {
        "MissingAuthenticationTokenException" => "MissingAuthenticationToken",
        "IncompleteSignatureException" => "IncompleteSignature",
        "InvalidSignatureException" => "SignatureDoesNotMatch",
        "UnrecognizedClientException" => "InvalidClientTokenId",
        "AccessDeniedException" => "AccessDenied",
        "MissingRequiredParameterException" => "MissingParameter",
        "InvalidParameterValueException" => "InvalidParameterValue",
        code => code,
    };
    let body = format!(
        "<ErrorResponse xmlns=\"{namespace}\">\n  <Error>\n    <Type>Sender</Type>\n    <Code>{code}</Code>\n    \
         <Message>{message}</Message>\n  </Error>\n  <RequestId>{id}</RequestId>\n</ErrorResponse>\n"
    );
    reply(status, body, id)
}

fn reply(status: StatusCode, body: String, id: &RequestId) -> Reply {
    let mut reply = Reply::new(Bytes::from(body).into());
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    if let Ok(value) = HeaderValue::from_bytes(id.as_bytes()) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), value);
    }
    reply
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_operation_is_known() {
        assert_eq!(check(b"Action=GetCallerIdentity&Version=2011-06-15"), Ok(()));
        assert_eq!(
            check(b"Version=2011-06-15&Action=AssumeRole").unwrap_err().to_string(),
            "InvalidAction: Could not find operation AssumeRole for version 2011-06-15"
        );
        assert_eq!(check(b"\xff").unwrap_err().code, "MissingAction");
    }

    #[test]
    fn markup_of_the_caller_stays_text() {
        assert_eq!(escape("<a href=\"&\">"), "&lt;a href=\"&amp;\"&gt;");
    }
}
