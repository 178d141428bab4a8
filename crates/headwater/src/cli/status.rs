//! Waiting for what a service does in its own time. Invariant: whoever waits learns the end, the bad one too.
use super::{
    connection::{Caller, Failure},
    output::{cell, spinner, tell},
};
use serde_json::Value;

/// Between two looks.
const POLL_MS: u64 = 200;

/// Waits until what `look` says of `name` is `wanted`; `None`: until there is no such thing any more.
///
/// # Errors
/// A sentence if it failed, or cannot be looked at.
pub(super) async fn wait(
    caller: &Caller,
    name: &str,
    wanted: Option<&str>,
    look: impl AsyncFn() -> Result<Value, Failure>,
) -> Result<(), String> {
    let picture = spinner(name.to_owned());
    loop {
        let seen = match look().await {
            Ok(status) => Some(cell(&status)),
            Err(failure) if failure.is("ResourceNotFoundException") => None,
            Err(failure) => return Err(format!("{name}: {failure}")),
        };
        if seen.as_deref() == wanted {
            picture.finish_and_clear();
            tell(&format!("{name}: {}", wanted.unwrap_or("deleted")));
            return Ok(());
        }
        let seen = seen.unwrap_or_else(|| "coming".into());
        if seen.ends_with("FAILED") {
            return Err(format!("{name}: {seen}"));
        }
        picture.set_message(format!("{name}: {seen}"));
        caller.clock().sleep(POLL_MS).await;
    }
}
