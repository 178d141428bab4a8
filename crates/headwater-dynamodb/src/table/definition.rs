//! A table as a caller asks for it: CreateTable's input, checked in the service's order.
use super::{
    Billing, Index, Phase, Scope, Table, indexes,
    keys::Attributes,
    setting,
    throughput::{self, warmth},
};
use crate::{
    errors::{self, Result},
    key::KeySchema,
};
use headwater_wire::dynamodb::{BillingMode, CreateTableInput};
use std::collections::BTreeMap;

/// What is not the caller's to say of a new table.
#[derive(Clone)]
pub(crate) struct Birth {
    /// The number of the decision.
    pub(crate) number: u64,
    pub(crate) uuid: u128,
    pub(crate) scope: Scope,
    pub(crate) name: String,
    pub(crate) now_ms: u64,
    pub(crate) phase: Phase,
}

/// The table that `input` asks for.
///
/// # Errors
/// The service's words on the first thing that is not right.
pub(crate) fn define(input: &CreateTableInput, birth: Birth) -> Result<Table> {
    refuse_foreign(input)?;
    let (Some(schema), Some(definitions)) = (&input.key_schema, &input.attribute_definitions) else {
        let members = [
            (input.attribute_definitions.is_none(), "attributeDefinitions"),
            (input.key_schema.is_none(), "keySchema"),
        ];
        let missing: Vec<&str> = members.iter().filter(|(is_missing, _)| *is_missing).map(|(_, name)| *name).collect();
        return Err(errors::members_missing(&missing));
    };
    let billing = billing(input, birth.now_ms)?;
    let attributes = Attributes::of(definitions)?;
    let key = attributes.plain_key(schema)?;
    let indexes = all_indexes(input, &attributes, &key, &billing)?;
    attributes.check_used(&key, &indexes)?;
    let view = input.stream_specification.as_ref().map(|given| setting::view(given, true)).transpose()?.flatten();
    let sse = input.sse_specification.as_ref().map(|sse| setting::sse(sse, &birth.scope)).transpose()?.flatten();
    let tags = setting::tags(BTreeMap::new(), input.tags.as_deref().unwrap_or_default())?;
    let Birth { number, uuid, scope, name, now_ms, phase } = birth;
    let mut table = Table {
        id: number,
        uuid,
        scope,
        name,
        created_ms: now_ms,
        phase,
        key,
        next_index: indexes.last().map_or(0, |index| index.id) + 1,
        indexes,
        billing,
        class: input.table_class.map(|class| setting::class(class, None)),
        is_protected: input.deletion_protection_enabled == Some(true),
        sse,
        tags,
        expiry: None,
        streams: Vec::new(),
    };
    if let Some(view) = view {
        table.open_stream(view, now_ms, number);
    }
    Ok(table)
}

/// What belongs to features the service does not have.
fn refuse_foreign(input: &CreateTableInput) -> Result<()> {
    let foreign = [
        (input.vector_indexes.is_some(), "VectorIndexes"),
        (input.resource_policy.is_some(), "ResourcePolicy"),
        (input.global_table_source_arn.is_some(), "GlobalTableSourceArn"),
        (input.global_table_settings_replication_mode.is_some(), "GlobalTableSettingsReplicationMode"),
    ];
    foreign.iter().find(|(is_given, _)| *is_given).map_or(Ok(()), |(_, name)| Err(errors::not_offered(name)))
}

fn billing(input: &CreateTableInput, now_ms: u64) -> Result<Billing> {
    let is_by_request = input.billing_mode == Some(BillingMode::PayPerRequest);
    let provisioned = throughput::provisioned(is_by_request, input.provisioned_throughput.as_ref(), None)?;
    let least = warmth(None, provisioned.as_ref());
    Ok(Billing {
        provisioned,
        is_named: input.billing_mode.is_some(),
        by_request_since_ms: is_by_request.then_some(now_ms),
        on_demand: throughput::on_demand(is_by_request, input.on_demand_throughput.as_ref(), None)?,
        warm: throughput::warm(input.warm_throughput.as_ref(), least, None)?,
    })
}

fn all_indexes(
    input: &CreateTableInput,
    attributes: &Attributes,
    key: &KeySchema,
    billing: &Billing,
) -> Result<Vec<Index>> {
    let (mut indexes, mut ids) = (Vec::new(), 1..);
    let mut next_id = || ids.next().unwrap_or(u32::MAX);
    if let Some(given) = &input.local_secondary_indexes {
        if given.is_empty() {
            return Err(errors::no_indexes("LocalSecondaryIndexes"));
        }
        for index in given {
            indexes::add(&mut indexes, indexes::local(index, attributes, key, next_id())?)?;
        }
    }
    if let Some(given) = &input.global_secondary_indexes {
        if given.is_empty() {
            return Err(errors::no_indexes("GlobalSecondaryIndexes"));
        }
        for index in given {
            indexes::add(&mut indexes, indexes::global(index, attributes, billing, next_id())?)?;
        }
    }
    indexes::check_number(&indexes)?;
    Ok(indexes)
}
