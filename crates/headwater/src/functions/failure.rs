//! What became of a call, in the words that Firehose logs it in. Invariant: only what cannot get better by waiting is
//! permanent, as the service tries everything else again.
use super::{MAX_PAYLOAD_BYTES, Uncalled};
use headwater_firehose::outside::Failure;
use serde_json::Value;

/// What is shown of a function's own message.
const MAX_SHOWN_CHARS: usize = 500;

/// The failure of a function that was called and failed; `fault` as the function told it.
pub(super) fn of_fault(fault: &Value) -> Failure {
    let text = |member: &str| fault[member].as_str().unwrap_or_default();
    let (error_type, message) = (text("errorType"), text("errorMessage"));
    if error_type == "Sandbox.Timedout" || message.contains("Task timed out after") {
        let sentence = "The Lambda function invocation timed out. Increase the Timeout setting in the Lambda function.";
        return failure("Lambda.FunctionTimedOut", sentence.into());
    }
    let told: String = format!("{error_type}: {message}").chars().take(MAX_SHOWN_CHARS).collect();
    let sentence = "The Lambda function was successfully invoked but it returned an error result.";
    let shown =
        if message.is_empty() && error_type.is_empty() { sentence.into() } else { format!("{sentence} {told}") };
    failure("Lambda.FunctionError", shown)
}

/// The failure of a call that did not reach its function.
pub(super) fn of_uncalled(uncalled: Uncalled) -> Failure {
    match uncalled {
        Uncalled::NotFound => failure(
            "Lambda.ResourceNotFound",
            "The specified Lambda function does not exist. Use a different function that does exist.".into(),
        ),
        Uncalled::Busy => failure(
            "Lambda.InvokeLimitExceeded",
            "The Lambda concurrent execution limit is exceeded. Increase the concurrent execution limit.".into(),
        ),
        Uncalled::Denied => failure(
            "Lambda.InvokeAccessDenied",
            "Access was denied. Ensure that the access policy allows access to the Lambda function.".into(),
        ),
        Uncalled::TooLarge => Failure {
            code: "Lambda.RequestTooLarge".into(),
            message: format!("The request must be smaller than {MAX_PAYLOAD_BYTES} bytes."),
            is_permanent: true,
        },
        Uncalled::Broken(why) => failure("Lambda.InternalServerError", why),
    }
}

fn failure(code: &str, message: String) -> Failure {
    Failure { code: code.into(), message, is_permanent: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_function_that_timed_out_is_told_from_one_that_failed() {
        let failed = of_fault(&json!({"errorType": "ValueError", "errorMessage": "no"}));
        assert_eq!(failed.code, "Lambda.FunctionError");
        assert!(failed.message.ends_with("it returned an error result. ValueError: no"));
        let old = of_fault(&json!({"errorMessage": "2026-11-21T14:00:00Z 1 Task timed out after 3.00 seconds"}));
        let new = of_fault(&json!({"errorType": "Sandbox.Timedout", "errorMessage": "x"}));
        assert_eq!((&*old.code, &*new.code), ("Lambda.FunctionTimedOut", "Lambda.FunctionTimedOut"));
        assert_eq!(of_fault(&json!("garbage")).code, "Lambda.FunctionError");
    }

    #[test]
    fn only_a_payload_that_is_too_large_stays_too_large() {
        assert!(of_uncalled(Uncalled::TooLarge).is_permanent);
        for uncalled in [Uncalled::NotFound, Uncalled::Busy, Uncalled::Denied, Uncalled::Broken(String::new())] {
            assert!(!of_uncalled(uncalled).is_permanent);
        }
    }
}
