//! UpdateItem: attributes of an item are changed, or the item made.
use super::asked;
use crate::{
    DynamoDb,
    errors::Result,
    expression::{Parameter, Placeholders, legacy},
    value::{self, Item},
    write::{Action, Write},
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
    let touched = matches!(returned, ReturnValue::UpdatedOld | ReturnValue::UpdatedNew).then(|| update.clone());
    let touched = |item: &Item| touched.as_ref().map(|update| update.touched(item)).filter(|item| !item.is_empty());
    let write = Write {
        condition,
        shows_failed: asked::shows_failed(input.return_values_on_condition_check_failure),
        wants_items: true,
        ..Write::at(table, key, Action::Update(update))?
    };
    let done = dynamodb.write_one(write).await?;
    let (old, new) = (&done.written.old, &done.written.new);
    let attributes = match returned {
        ReturnValue::None => None,
        ReturnValue::AllOld => old.clone(),
        ReturnValue::AllNew => new.clone(),
        ReturnValue::UpdatedOld => old.as_ref().and_then(touched),
        ReturnValue::UpdatedNew => new.as_ref().and_then(touched),
    };
    Ok(UpdateItemOutput {
        consumed_capacity: done.told(&input.table_name, input.return_consumed_capacity),
        item_collection_metrics: done.collection(input.return_item_collection_metrics),
        attributes: attributes.map(value::write_item),
    })
}
