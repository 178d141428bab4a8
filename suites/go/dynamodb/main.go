// Package main shows DynamoDB through the Go SDK with its attributevalue and expression packages, unmodified:
// `suite ENDPOINT ENDPOINT_WITH_AWS_LIMITS`.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

var background = context.Background()

type place struct {
	City   string   `dynamodbav:"city"`
	Height *float64 `dynamodbav:"height,omitempty"`
}

type thing struct {
	ID     string                  `dynamodbav:"id"`
	Number int64                   `dynamodbav:"number"`
	Tags   []string                `dynamodbav:"tags,stringset,omitempty"`
	Scores []float64               `dynamodbav:"scores,numberset,omitempty"`
	Place  place                   `dynamodbav:"place"`
	Any    map[string]interface{}  `dynamodbav:"any,omitempty"`
	Bytes  []byte                  `dynamodbav:"bytes"`
	At     attributevalue.UnixTime `dynamodbav:"at"`
	Open   bool                    `dynamodbav:"open"`
}

type suite struct {
	client *dynamodb.Client
	table  string
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func equal(actual, expected any) {
	if !reflect.DeepEqual(actual, expected) {
		panic(fmt.Sprintf("%#v is not %#v", actual, expected))
	}
}

func (s *suite) create() {
	attribute := func(name string, kind types.ScalarAttributeType) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: kind}
	}
	key := func(name string, kind types.KeyType) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: &name, KeyType: kind}
	}
	must(s.client.CreateTable(background, &dynamodb.CreateTableInput{
		TableName: &s.table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{attribute("id", "S"), attribute("number", "N")},
		KeySchema:            []types.KeySchemaElement{key("id", "HASH"), key("number", "RANGE")},
	}))
	waiter := dynamodb.NewTableExistsWaiter(s.client)
	if err := waiter.Wait(background, &dynamodb.DescribeTableInput{TableName: &s.table}, time.Minute); err != nil {
		panic(err)
	}
}

func (s *suite) key(id string, number int64) map[string]types.AttributeValue {
	return must(attributevalue.MarshalMap(map[string]any{"id": id, "number": number}))
}

func (s *suite) attributeValues() {
	height := -23.25
	put := thing{
		ID: "a", Number: 1 << 60, Tags: []string{"x", "y"}, Scores: []float64{0.1, 2}, Place: place{"Oslo", &height},
		Any: map[string]any{"list": []any{1.0, "two", nil, true}}, Bytes: []byte{0, 255},
		At: attributevalue.UnixTime(time.Unix(1e9, 0)), Open: true,
	}
	must(s.client.PutItem(background, &dynamodb.PutItemInput{TableName: &s.table, Item: must(attributevalue.MarshalMap(put))}))
	reply := must(s.client.GetItem(background, &dynamodb.GetItemInput{TableName: &s.table, Key: s.key("a", 1<<60), ConsistentRead: aws.Bool(true)}))
	var found thing
	if err := attributevalue.UnmarshalMap(reply.Item, &found); err != nil {
		panic(err)
	}
	equal(found, put)
}

func (s *suite) expressions() {
	change := expression.Set(expression.Name("count"), expression.Plus(expression.IfNotExists(expression.Name("count"), expression.Value(5)), expression.Value(1)))
	built := must(expression.NewBuilder().WithUpdate(change.Add(expression.Name("tags"), expression.Value(&types.AttributeValueMemberSS{Value: []string{"z"}}))).
		WithCondition(expression.Name("count").AttributeNotExists().Or(expression.Name("count").LessThan(expression.Value(7)))).Build())
	update := &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: s.key("e", 1), UpdateExpression: built.Update(), ConditionExpression: built.Condition(),
		ExpressionAttributeNames: built.Names(), ExpressionAttributeValues: built.Values(), ReturnValues: types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	for _, expected := range []string{"6", "7"} {
		equal(must(s.client.UpdateItem(background, update)).Attributes["count"], &types.AttributeValueMemberN{Value: expected})
	}
	_, err := s.client.UpdateItem(background, update)
	var failure *types.ConditionalCheckFailedException
	if !errors.As(err, &failure) {
		panic(err)
	}
	equal(failure.Item["count"], &types.AttributeValueMemberN{Value: "7"})
}

func (s *suite) batchesAndPages() {
	var writes []types.WriteRequest
	for number := range int64(25) {
		item := must(attributevalue.MarshalMap(thing{ID: "q", Number: number}))
		writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
	}
	must(s.client.BatchWriteItem(background, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{s.table: writes}}))
	condition := expression.Key("id").Equal(expression.Value("q")).And(expression.Key("number").Between(expression.Value(3), expression.Value(20)))
	built := must(expression.NewBuilder().WithKeyCondition(condition).WithProjection(expression.NamesList(expression.Name("number"))).Build())
	pages := dynamodb.NewQueryPaginator(s.client, &dynamodb.QueryInput{
		TableName: &s.table, KeyConditionExpression: built.KeyCondition(), ProjectionExpression: built.Projection(),
		ExpressionAttributeNames: built.Names(), ExpressionAttributeValues: built.Values(), Limit: aws.Int32(7),
	})
	var sizes []int
	var numbers []struct {
		Number int64 `dynamodbav:"number"`
	}
	for pages.HasMorePages() {
		page := must(pages.NextPage(background))
		sizes = append(sizes, len(page.Items))
		var some []struct {
			Number int64 `dynamodbav:"number"`
		}
		if err := attributevalue.UnmarshalListOfMaps(page.Items, &some); err != nil {
			panic(err)
		}
		numbers = append(numbers, some...)
	}
	equal(sizes, []int{7, 7, 4})
	equal([]int64{numbers[0].Number, numbers[17].Number}, []int64{3, 20})
}

func (s *suite) transactions() {
	put := func(number int64, condition *string) types.TransactWriteItem {
		return types.TransactWriteItem{Put: &types.Put{TableName: &s.table, Item: s.key("t", number), ConditionExpression: condition}}
	}
	must(s.client.TransactWriteItems(background, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{put(1, nil), put(2, nil)}}))
	second := []types.TransactWriteItem{put(3, nil), put(1, aws.String("attribute_not_exists(id)"))}
	_, err := s.client.TransactWriteItems(background, &dynamodb.TransactWriteItemsInput{TransactItems: second})
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		panic(err)
	}
	equal([]string{*cancelled.CancellationReasons[0].Code, *cancelled.CancellationReasons[1].Code}, []string{"None", "ConditionalCheckFailed"})
}

func (s *suite) typedErrors() {
	_, err := s.client.GetItem(background, &dynamodb.GetItemInput{TableName: aws.String("absent"), Key: s.key("a", 1)})
	var absent *types.ResourceNotFoundException
	if !errors.As(err, &absent) {
		panic(err)
	}
	equal(absent.ErrorMessage(), "Requested resource not found")
	_, err = s.client.CreateTable(background, &dynamodb.CreateTableInput{
		TableName: &s.table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: "HASH"}},
	})
	var used *types.ResourceInUseException
	if !errors.As(err, &used) {
		panic(err)
	}
}

func main() {
	client := dynamodb.New(dynamodb.Options{
		BaseEndpoint: &os.Args[1], Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
	s := &suite{client, fmt.Sprintf("go-%d", time.Now().UnixNano())}
	s.create()
	failed := false
	for _, scenario := range []struct {
		name string
		run  func()
	}{
		{"attribute_values", s.attributeValues},
		{"expressions", s.expressions},
		{"batches_and_pages", s.batchesAndPages},
		{"transactions", s.transactions},
		{"typed_errors", s.typedErrors},
	} {
		func() {
			defer func() {
				if why := recover(); why != nil {
					failed = true
					fmt.Printf("FAILED %s: %v\n", scenario.name, why)
				}
			}()
			scenario.run()
			fmt.Println("ok", scenario.name)
		}()
	}
	if failed {
		os.Exit(1)
	}
}
