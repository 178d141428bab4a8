//! UpdateItem: attributes of an item are changed, or the item made.
use super::asked;
use crate::{
    DynamoDb,
    errors::Result,
    expression::{Parameter, Placeholders, legacy},
    value::{self, Item},
    write::{Action, Write, Written},
};
use headwater_wire::{
    Caller,
    dynamodb::{ReturnValue, UpdateItemInput, UpdateItemOutput},
};
use std::sync::Arc;

pub(crate) async fn run(dynamodb: Arc<DynamoDb>, caller: Caller, input: UpdateItemInput) -> Result<UpdateItemOutput> {
    legacy::not_mixed(
        &[
            ("AttributeUpdates", input.attribute_updates.is_some()),
            ("Expected", input.expected.is_some()),
            ("ConditionalOperator", input.conditional_operator.is_some()),
        ],
        &[
            (Parameter::Update, input.update_expression.is_some()),
            (Parameter::Condition, input.condition_expression.is_some()),
        ],
    )?;
    let expressions = [
        (Parameter::Update, input.update_expression.as_deref()),
        (Parameter::Condition, input.condition_expression.as_deref()),
    ];
    let mut placeholders =
        Placeholders::new(input.expression_attribute_names, input.expression_attribute_values, &expressions)?;
    let key = value::read_item(input.key)?;
    let update = match &input.update_expression {
        Some(text) => placeholders.update(text)?,
        None => legacy::attribute_updates(input.attribute_updates.unwrap_or_default())?,
    };
    let condition = asked::condition(
        &mut placeholders,
        input.condition_expression.as_deref(),
        input.expected,
        input.conditional_operator,
    )?;
    placeholders.finish()?;
    let table = dynamodb.table(&caller, &input.table_name)?;
    let returned = input.return_values.unwrap_or(ReturnValue::None);
    let touched = update.touched();
    let touched = |item: Item| Some(touched.project(item)).filter(|item| !item.is_empty());
    let returns_old = matches!(returned, ReturnValue::AllOld | ReturnValue::UpdatedOld);
    let write = Write {
        condition,
        shows_failed: asked::shows_failed(input.return_values_on_condition_check_failure),
        wants_items: returns_old || asked::is_told(input.return_consumed_capacity),
        ..Write::at(table, &key, Action::Update(update))?
    };
    let collection = asked::collection_metrics(&write, input.return_item_collection_metrics);
    let done = dynamodb.write_one(write).await?;
    let consumed = done.told(&input.table_name, input.return_consumed_capacity);
    let Written { old, new } = done.written;
    let attributes = match returned {
        ReturnValue::None => None,
        ReturnValue::AllOld => old,
        ReturnValue::AllNew => new,
        ReturnValue::UpdatedOld => old.and_then(touched),
        ReturnValue::UpdatedNew => new.and_then(touched),
    };
    Ok(UpdateItemOutput {
        consumed_capacity: consumed,
        item_collection_metrics: collection,
        attributes: attributes.map(value::write_item),
    })
}
