//! What is told of a table: its definition and what it holds, in the service's form.
use super::{Billing, Index, IndexKind, IndexPhase, Phase, Projection, Provisioned, Table, throughput};
use crate::{
    database::Count,
    key::{KeySchema, KeyType},
    stream::View,
};
use headwater_wire::{Timestamp, dynamodb as shape};

/// The description of `table`; `count` knows what it (0) and its indexes hold.
pub(crate) fn describe(table: &Table, count: impl Fn(u32) -> Count) -> shape::TableDescription {
    let held = count(0);
    let stream = table.streams.last();
    let warm = throughput::warmth(table.billing.warm, table.billing.provisioned.as_ref());
    let global = table.indexes.iter().filter(|index| index.kind == IndexKind::Global);
    let local = table.indexes.iter().filter(|index| index.kind == IndexKind::Local);
    shape::TableDescription {
        attribute_definitions: Some(table.definitions().into_iter().map(definition).collect()),
        table_name: Some(table.name.clone()),
        key_schema: Some(key_schema(&table.key)),
        table_status: Some(status(table.phase)),
        creation_date_time: Some(moment(table.created_ms)),
        provisioned_throughput: Some(provisioned(table.billing.provisioned.as_ref())),
        table_size_bytes: Some(number(held.bytes)),
        item_count: Some(number(held.items)),
        table_arn: Some(table.arn()),
        table_id: Some(uuid(table.uuid)),
        billing_mode_summary: billing_summary(&table.billing),
        local_secondary_indexes: listed(local.map(|index| local_index(table, index, count(index.id)))),
        global_secondary_indexes: listed(global.map(|index| global_index(table, index, count(index.id)))),
        stream_specification: table.stream().map(|stream| shape::StreamSpecification {
            stream_enabled: true,
            stream_view_type: Some(view(stream.view)),
        }),
        latest_stream_label: stream.map(|stream| stream.label()),
        latest_stream_arn: stream.map(|stream| table.stream_arn(stream)),
        sse_description: table.sse.as_ref().map(|sse| shape::SSEDescription {
            status: Some(shape::SSEStatus::Enabled),
            sse_type: Some(shape::SSEType::Kms),
            kms_master_key_arn: Some(sse.key_arn.clone()),
            inaccessible_encryption_date_time: None,
        }),
        table_class_summary: table.class.as_ref().map(|class| shape::TableClassSummary {
            table_class: Some(if class.word == shape::TableClass::Standard.as_str() {
                shape::TableClass::Standard
            } else {
                shape::TableClass::StandardInfrequentAccess
            }),
            last_update_date_time: class.changed_ms.map(moment),
        }),
        deletion_protection_enabled: Some(table.is_protected),
        on_demand_throughput: table.billing.on_demand.as_ref().map(on_demand),
        warm_throughput: Some(shape::TableWarmThroughputDescription {
            read_units_per_second: Some(warm.read_units),
            write_units_per_second: Some(warm.write_units),
            status: Some(shape::TableStatus::Active),
        }),
        ..shape::TableDescription::default()
    }
}

const fn status(phase: Phase) -> shape::TableStatus {
    match phase {
        Phase::Creating { .. } => shape::TableStatus::Creating,
        Phase::Active => shape::TableStatus::Active,
        Phase::Updating { .. } => shape::TableStatus::Updating,
        Phase::Deleting { .. } | Phase::Deleted => shape::TableStatus::Deleting,
    }
}

fn definition((name, kind): (&str, KeyType)) -> shape::AttributeDefinition {
    let attribute_type = match kind {
        KeyType::S => shape::ScalarAttributeType::S,
        KeyType::N => shape::ScalarAttributeType::N,
        KeyType::B => shape::ScalarAttributeType::B,
    };
    shape::AttributeDefinition { attribute_name: name.to_owned(), attribute_type }
}

fn key_schema(key: &KeySchema) -> Vec<shape::KeySchemaElement> {
    let hash = key.hash.iter().map(|part| (part, shape::KeyType::Hash));
    let range = key.range.iter().map(|part| (part, shape::KeyType::Range));
    hash.chain(range)
        .map(|(part, key_type)| shape::KeySchemaElement { attribute_name: part.name.clone(), key_type })
        .collect()
}

fn provisioned(held: Option<&Provisioned>) -> shape::ProvisionedThroughputDescription {
    let units = held.cloned().unwrap_or_default();
    shape::ProvisionedThroughputDescription {
        last_increase_date_time: units.increased_ms.map(moment),
        last_decrease_date_time: units.decreased_ms.map(moment),
        number_of_decreases_today: Some(units.decreases_today),
        read_capacity_units: Some(units.read_units),
        write_capacity_units: Some(units.write_units),
    }
}

/// Told once the caller named a mode: a table that was always provisioned has none.
fn billing_summary(billing: &Billing) -> Option<shape::BillingModeSummary> {
    let is_by_request = billing.provisioned.is_none();
    (billing.is_named || billing.by_request_since_ms.is_some()).then(|| shape::BillingModeSummary {
        billing_mode: Some(if is_by_request {
            shape::BillingMode::PayPerRequest
        } else {
            shape::BillingMode::Provisioned
        }),
        last_update_to_pay_per_request_date_time: billing.by_request_since_ms.map(moment),
    })
}

fn local_index(table: &Table, index: &Index, held: Count) -> shape::LocalSecondaryIndexDescription {
    shape::LocalSecondaryIndexDescription {
        index_name: Some(index.name.clone()),
        key_schema: Some(key_schema(&index.key)),
        projection: Some(projection(&index.projection)),
        index_size_bytes: Some(number(held.bytes)),
        item_count: Some(number(held.items)),
        index_arn: Some(index_arn(table, index)),
    }
}

fn global_index(table: &Table, index: &Index, held: Count) -> shape::GlobalSecondaryIndexDescription {
    let is_filling = matches!(index.phase, IndexPhase::Filling { .. });
    let warm = throughput::warmth(index.warm, index.provisioned.as_ref());
    let index_status = match (&index.phase, table.phase) {
        (IndexPhase::Emptying, _) | (_, Phase::Deleting { .. } | Phase::Deleted) => shape::IndexStatus::Deleting,
        (IndexPhase::Filling { .. }, _) | (_, Phase::Creating { .. }) => shape::IndexStatus::Creating,
        (IndexPhase::Active, _) => shape::IndexStatus::Active,
    };
    shape::GlobalSecondaryIndexDescription {
        index_name: Some(index.name.clone()),
        key_schema: Some(key_schema(&index.key)),
        projection: Some(projection(&index.projection)),
        index_status: Some(index_status),
        // Resources are found first, while the table is being updated; then items are read.
        backfilling: is_filling.then_some(table.phase == Phase::Active),
        provisioned_throughput: Some(provisioned(index.provisioned.as_ref())),
        index_size_bytes: Some(number(held.bytes)),
        item_count: Some(number(held.items)),
        index_arn: Some(index_arn(table, index)),
        on_demand_throughput: index.on_demand.as_ref().map(on_demand),
        warm_throughput: Some(shape::GlobalSecondaryIndexWarmThroughputDescription {
            read_units_per_second: Some(warm.read_units),
            write_units_per_second: Some(warm.write_units),
            status: Some(index_status),
        }),
    }
}

fn index_arn(table: &Table, index: &Index) -> String {
    format!("{}/index/{}", table.arn(), index.name)
}

fn projection(held: &Projection) -> shape::Projection {
    let (projection_type, non_key_attributes) = match held {
        Projection::All => (shape::ProjectionType::All, None),
        Projection::KeysOnly => (shape::ProjectionType::KeysOnly, None),
        Projection::Include(names) => (shape::ProjectionType::Include, Some(names.clone())),
    };
    shape::Projection { projection_type: Some(projection_type), non_key_attributes }
}

fn on_demand(held: &super::OnDemand) -> shape::OnDemandThroughput {
    shape::OnDemandThroughput {
        max_read_request_units: held.max_read_units,
        max_write_request_units: held.max_write_units,
    }
}

const fn view(view: View) -> shape::StreamViewType {
    match view {
        View::KeysOnly => shape::StreamViewType::KeysOnly,
        View::NewImage => shape::StreamViewType::NewImage,
        View::OldImage => shape::StreamViewType::OldImage,
        View::NewAndOldImages => shape::StreamViewType::NewAndOldImages,
    }
}

/// A list that is left out where it is empty.
fn listed<T>(parts: impl Iterator<Item = T>) -> Option<Vec<T>> {
    Some(parts.collect::<Vec<T>>()).filter(|parts| !parts.is_empty())
}

fn moment(at_ms: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(at_ms).unwrap_or(i64::MAX))
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// `9f1c3b52-…`: 8, 4, 4, 4 and 12 digits.
fn uuid(id: u128) -> String {
    let digits = format!("{id:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| digits.get(range).unwrap_or_default());
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_hyphens() {
        assert_eq!(uuid(0x1234_5678_9abc_def0_1122_3344_5566_7788), "12345678-9abc-def0-1122-334455667788");
    }
}
