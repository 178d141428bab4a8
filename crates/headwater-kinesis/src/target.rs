//! Which stream a request means: by name, by ARN, or by both.
//!
//! Invariant: a request reaches streams of its caller's account and region alone; looking one up by name or ARN
//! allocates nothing.
use crate::{
    catalog::{Address, Catalog, Scope, Stream},
    errors::{self, Result},
};
use headwater_wire::{Caller, partition};

/// What a request says about the stream it means.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) arn: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// The stream of an ARN.
    pub(crate) const fn arn(arn: &'a str) -> Self {
        Self { name: None, arn: Some(arn) }
    }

    /// The stream meant and its name.
    ///
    /// # Errors
    /// The service's own, if nothing is meant or there is no such stream.
    pub(crate) fn find<'b>(self, catalog: &'b Catalog, caller: &Caller) -> Result<(&'b str, &'b Stream)>
    where
        'a: 'b,
    {
        let name = self.name(caller)?;
        let stream = catalog.stream(&caller.account, &caller.region, name);
        stream.map(|stream| (name, stream)).ok_or_else(|| errors::stream_not_found(name, &caller.account))
    }

    /// The name of the stream meant, whether or not there is one of that name.
    ///
    /// # Errors
    /// The service's own, if nothing is meant, if name and ARN differ, or if the ARN is of somebody else.
    pub(crate) fn name(self, caller: &Caller) -> Result<&'a str> {
        match (self.name, self.arn) {
            (Some(name), None) => Ok(name),
            (name, Some(arn)) => {
                let parsed = parse_arn(arn).ok_or_else(|| errors::stream_not_found(arn, &caller.account))?;
                match name {
                    Some(name) if name != parsed.name => Err(errors::names_differ(name, arn)),
                    _ if parsed.account != &*caller.account || parsed.region != &*caller.region => {
                        Err(errors::stream_not_found(parsed.name, parsed.account))
                    }
                    _ => Ok(parsed.name),
                }
            }
            (None, None) => Err(errors::no_stream_named()),
        }
    }
}

/// Where the stream called `name` is kept for `caller`.
pub(crate) fn address(caller: &Caller, name: &str) -> Address {
    let scope = Scope { account: caller.account.to_string(), region: caller.region.to_string() };
    Address { scope, name: name.to_owned() }
}

/// The ARN of a caller's stream.
pub(crate) fn stream_arn(caller: &Caller, name: &str) -> String {
    arn(&caller.account, &caller.region, name)
}

/// The ARN of the stream called `name`.
pub(crate) fn arn(account: &str, region: &str, name: &str) -> String {
    format!("arn:{}:kinesis:{region}:{account}:stream/{name}", partition(region))
}

struct Arn<'a> {
    region: &'a str,
    account: &'a str,
    name: &'a str,
}

/// Region, account and name in a stream's ARN.
pub(crate) fn parts(arn: &str) -> Option<(&str, &str, &str)> {
    parse_arn(arn).map(|Arn { region, account, name }| (region, account, name))
}

/// The validator has checked the pattern, in which a region may be anything: so the parts may still not be there.
fn parse_arn(arn: &str) -> Option<Arn<'_>> {
    let mut parts = arn.splitn(6, ':').skip(3);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Arn { region, account, name: resource.strip_prefix("stream/")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller::root("123456789012", "us-east-1", "k")
    }

    fn name<'a>(name: Option<&'a str>, arn: Option<&'a str>) -> Result<String> {
        Target { name, arn }.name(&caller()).map(str::to_owned)
    }

    #[test]
    fn name_and_arn_mean_the_same_and_must_agree() {
        let arn = stream_arn(&caller(), "s");
        assert_eq!(arn, "arn:aws:kinesis:us-east-1:123456789012:stream/s");
        assert_eq!(name(None, Some(&arn)).as_deref(), Ok("s"));
        assert_eq!(name(Some("s"), Some(&arn)).as_deref(), Ok("s"));
        assert_eq!(name(Some("t"), Some(&arn)), Err(errors::names_differ("t", &arn)));
        assert_eq!(name(None, None), Err(errors::no_stream_named()));
    }

    #[test]
    fn an_arn_of_somebody_else_finds_nothing() {
        for arn in
            ["arn:aws:kinesis:us-east-1:000000000000:stream/s", "arn:aws:kinesis:eu-west-1:123456789012:stream/s"]
        {
            assert_eq!(name(None, Some(arn)).unwrap_err().code, "ResourceNotFoundException");
        }
    }
}
