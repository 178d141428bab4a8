// The AWS SDK for Go v2, unmodified: `suite ENDPOINT ENDPOINT_WITH_AWS_LIMITS`.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
)

var ctx = context.Background()

type client struct{ *kinesis.Client }

func connect(endpoint string) client {
	return client{kinesis.New(kinesis.Options{
		BaseEndpoint: aws.String(endpoint),
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})}
}

// must ends the scenario with an error; main turns it into a line.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func equal(actual, expected any) {
	if left, right := fmt.Sprint(actual), fmt.Sprint(expected); left != right {
		panic(fmt.Errorf("%s is not %s", left, right))
	}
}

var streams = 0

// stream creates a stream for one scenario and returns its name and what deletes it.
func (c client) stream(shards int32) (string, func()) {
	streams++
	name := fmt.Sprintf("go-%d-%d-%d", os.Getpid(), time.Now().UnixNano(), streams)
	must(c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &shards}))
	c.active(name)
	return name, func() { must(c.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: &name})) }
}

func (c client) active(name string) {
	waiter := kinesis.NewStreamExistsWaiter(c.Client, func(options *kinesis.StreamExistsWaiterOptions) {
		options.MinDelay = 100 * time.Millisecond
	})
	if err := waiter.Wait(ctx, &kinesis.DescribeStreamInput{StreamName: &name}, time.Minute); err != nil {
		panic(err)
	}
}

func (c client) put(name, data, key string) *kinesis.PutRecordOutput {
	return must(c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: &name, Data: []byte(data), PartitionKey: &key}))
}

func (c client) iterator(input kinesis.GetShardIteratorInput) *string {
	return must(c.GetShardIterator(ctx, &input)).ShardIterator
}

// drain reads from an iterator up to the tip or the shard's end.
func (c client) drain(position *string) (records []types.Record, last *kinesis.GetRecordsOutput) {
	for {
		reply := must(c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: position}))
		records = append(records, reply.Records...)
		position = reply.NextShardIterator
		if position == nil || (len(reply.Records) == 0 && *reply.MillisBehindLatest == 0) {
			return records, reply
		}
	}
}

func (c client) read(input kinesis.GetShardIteratorInput) (texts []string) {
	records, _ := c.drain(c.iterator(input))
	for _, record := range records {
		texts = append(texts, string(record.Data))
	}
	return texts
}

func whole(name, shard string) kinesis.GetShardIteratorInput {
	kind := types.ShardIteratorTypeTrimHorizon
	return kinesis.GetShardIteratorInput{StreamName: &name, ShardId: &shard, ShardIteratorType: kind}
}

func (c client) shards(name string) []types.Shard {
	return must(c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: &name})).Shards
}

func (c client) split(name string, shard types.Shard) []types.Shard {
	start, _ := new(big.Int).SetString(*shard.HashKeyRange.StartingHashKey, 10)
	end, _ := new(big.Int).SetString(*shard.HashKeyRange.EndingHashKey, 10)
	middle := new(big.Int).Add(start, end)
	middle.Rsh(middle, 1).Add(middle, big.NewInt(1))
	must(c.SplitShard(ctx, &kinesis.SplitShardInput{
		StreamName: &name, ShardToSplit: shard.ShardId, NewStartingHashKey: aws.String(middle.String()),
	}))
	c.active(name)
	return slices.DeleteFunc(c.shards(name), func(other types.Shard) bool {
		return other.ParentShardId == nil || *other.ParentShardId != *shard.ShardId
	})
}

func putRecordAndReadAtSequence(c, _ client) {
	name, remove := c.stream(2)
	defer remove()
	c.put(name, "before", "key")
	put := c.put(name, "the one", "key")
	c.put(name, "after", "key")
	position := c.iterator(kinesis.GetShardIteratorInput{
		StreamName: &name, ShardId: put.ShardId,
		ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber, StartingSequenceNumber: put.SequenceNumber,
	})
	first := must(c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: position})).Records[0]
	equal([]string{*first.SequenceNumber, string(first.Data)}, []string{*put.SequenceNumber, "the one"})
}

func batch(size, count int) (records []types.PutRecordsRequestEntry) {
	for number := range count {
		data := append([]byte(strconv.Itoa(number)), make([]byte, size)...)
		records = append(records, types.PutRecordsRequestEntry{Data: data, PartitionKey: aws.String("k")})
	}
	return records
}

func putMany(c, _ client) {
	name, remove := c.stream(1)
	defer remove()
	records := batch(100, 500)
	reply := must(c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &name, Records: records}))
	equal(*reply.FailedRecordCount, 0)
	for number, text := range c.read(whole(name, *reply.Records[0].ShardId)) {
		equal(text, string(records[number].Data))
	}
}

func partialFailures(_, limited client) {
	name, remove := limited.stream(1)
	defer remove()
	reply := must(limited.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &name, Records: batch(4096, 400)}))
	refused := int32(0)
	for _, record := range reply.Records {
		if record.ErrorCode != nil {
			equal(*record.ErrorCode, "ProvisionedThroughputExceededException")
			refused++
		}
	}
	equal(refused, *reply.FailedRecordCount)
	if refused == 0 || refused == 400 {
		panic(fmt.Errorf("%d of 400 refused", refused))
	}
	time.Sleep(time.Second)
	equal(len(limited.read(whole(name, "shardId-000000000000"))), 400-refused)
}

func fiveIteratorTypes(c, _ client) {
	name, remove := c.stream(1)
	defer remove()
	var puts []*kinesis.PutRecordOutput
	for _, data := range []string{"0", "1", "2", "3"} {
		puts = append(puts, c.put(name, data, "k"))
		time.Sleep(20 * time.Millisecond)
	}
	from := whole(name, *puts[0].ShardId)
	equal(c.read(from), []string{"0", "1", "2", "3"})
	records, _ := c.drain(c.iterator(from))
	from.StartingSequenceNumber = puts[1].SequenceNumber
	from.ShardIteratorType = types.ShardIteratorTypeAtSequenceNumber
	equal(c.read(from), []string{"1", "2", "3"})
	from.ShardIteratorType = types.ShardIteratorTypeAfterSequenceNumber
	equal(c.read(from), []string{"2", "3"})
	from.StartingSequenceNumber = nil
	from.ShardIteratorType, from.Timestamp = types.ShardIteratorTypeAtTimestamp, records[2].ApproximateArrivalTimestamp
	equal(c.read(from), []string{"2", "3"})
	from.ShardIteratorType, from.Timestamp = types.ShardIteratorTypeLatest, nil
	latest := c.iterator(from)
	c.put(name, "new", "k")
	records, _ = c.drain(latest)
	equal([]any{len(records), string(records[0].Data)}, []any{1, "new"})
}

func splitAndMerge(c, _ client) {
	name, remove := c.stream(1)
	defer remove()
	parent := c.shards(name)[0]
	children := c.split(name, parent)
	equal(len(children), 2)
	must(c.MergeShards(ctx, &kinesis.MergeShardsInput{
		StreamName: &name, ShardToMerge: children[0].ShardId, AdjacentShardToMerge: children[1].ShardId,
	}))
	c.active(name)
	merged := c.shards(name)[3]
	equal(*merged.ParentShardId+*merged.AdjacentParentShardId, *children[0].ShardId+*children[1].ShardId)
	equal(*merged.HashKeyRange.EndingHashKey, *parent.HashKeyRange.EndingHashKey)
}

func closedShardsThenChildren(c, _ client) {
	name, remove := c.stream(1)
	defer remove()
	for number := range 10 {
		c.put(name, strconv.Itoa(number), strconv.Itoa(number))
	}
	parent := c.shards(name)[0]
	children := c.split(name, parent)
	for number := range 10 {
		c.put(name, strconv.Itoa(number+10), strconv.Itoa(number))
	}
	records, last := c.drain(c.iterator(whole(name, *parent.ShardId)))
	equal([]any{len(records), last.NextShardIterator == nil, len(last.ChildShards)}, []any{10, true, 2})
	seen := 0
	for number, child := range last.ChildShards {
		equal(*child.ShardId, *children[number].ShardId)
		equal(child.ParentShards, []string{*parent.ShardId})
		seen += len(c.read(whole(name, *child.ShardId)))
	}
	equal(seen, 10)
}

func tags(c, _ client) {
	name, remove := c.stream(1)
	defer remove()
	added := map[string]string{"colour": "blue", "size": "10"}
	must(c.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: &name, Tags: added}))
	removed := []string{"size"}
	must(c.RemoveTagsFromStream(ctx, &kinesis.RemoveTagsFromStreamInput{StreamName: &name, TagKeys: removed}))
	reply := must(c.ListTagsForStream(ctx, &kinesis.ListTagsForStreamInput{StreamName: &name}))
	equal([]any{len(reply.Tags), *reply.Tags[0].Key, *reply.Tags[0].Value}, []any{1, "colour", "blue"})
}

func retention(c, _ client) {
	name, remove := c.stream(1)
	defer remove()
	must(c.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{
		StreamName: &name, RetentionPeriodHours: aws.Int32(100),
	}))
	c.active(name)
	must(c.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{
		StreamName: &name, RetentionPeriodHours: aws.Int32(30),
	}))
	summary := must(c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name}))
	equal(*summary.StreamDescriptionSummary.RetentionPeriodHours, 30)
}

func paging(c, _ client) {
	name, remove := c.stream(5)
	defer remove()
	_, removeOther := c.stream(1)
	defer removeOther()
	var names []string
	streams := kinesis.NewListStreamsPaginator(c.Client, &kinesis.ListStreamsInput{Limit: aws.Int32(1)})
	for streams.HasMorePages() {
		names = append(names, must(streams.NextPage(ctx)).StreamNames...)
	}
	equal([]bool{slices.Contains(names, name), slices.IsSorted(names)}, []bool{true, true})
	var sizes []int
	for page := must(c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: &name, MaxResults: aws.Int32(2)})); ; {
		sizes = append(sizes, len(page.Shards))
		if page.NextToken == nil {
			break
		}
		page = must(c.ListShards(ctx, &kinesis.ListShardsInput{NextToken: page.NextToken, MaxResults: aws.Int32(2)}))
	}
	equal(sizes, []int{2, 2, 1})
}

// refused is the error the call ended with, as the SDK's own type.
func refused[E error](_ any, err error) {
	var kind E
	if !errors.As(err, &kind) {
		panic(fmt.Errorf("%T expected, not %v", kind, err))
	}
}

func typedErrors(c, _ client) {
	name, remove := c.stream(1)
	defer remove()
	refused[*types.ResourceNotFoundException](c.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("absent")}))
	refused[*types.ResourceInUseException](c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(1)}))
	big := kinesis.CreateStreamInput{StreamName: aws.String("big-" + name), ShardCount: aws.Int32(100_000)}
	refused[*types.LimitExceededException](c.CreateStream(ctx, &big))
	refused[*types.InvalidArgumentException](c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: aws.String("AAAA")}))
	_, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("a b"), ShardCount: aws.Int32(1)})
	var invalid smithy.APIError
	if !errors.As(err, &invalid) {
		panic(fmt.Errorf("no answer of the service: %v", err))
	}
	equal(invalid.ErrorCode(), "ValidationException")
}

func subscribeToShard(c, _ client) {
	name, remove := c.stream(1)
	defer remove()
	summary := must(c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name}))
	consumer := must(c.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{
		StreamARN: summary.StreamDescriptionSummary.StreamARN, ConsumerName: aws.String("suite"),
	})).Consumer.ConsumerARN
	defer func() {
		must(c.DeregisterStreamConsumer(ctx, &kinesis.DeregisterStreamConsumerInput{ConsumerARN: consumer}))
	}()
	for {
		reply := must(c.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: consumer}))
		if reply.ConsumerDescription.ConsumerStatus == types.ConsumerStatusActive {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for number := range 3 {
		c.put(name, strconv.Itoa(number), "k")
	}
	shard := c.shards(name)[0]
	subscription := must(c.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: consumer, ShardId: shard.ShardId,
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
	})).GetStream()
	defer subscription.Close()
	var texts []string
	var last types.SubscribeToShardEvent
	for event := range subscription.Events() {
		last = event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
		for _, record := range last.Records {
			texts = append(texts, string(record.Data))
		}
		if len(texts) == 3 && last.ContinuationSequenceNumber != nil {
			c.split(name, shard) // ends the subscription
		}
	}
	equal(texts, []string{"0", "1", "2"})
	equal([]any{last.ContinuationSequenceNumber == nil, len(last.ChildShards)}, []any{true, 2})
}

func run(scenario func(c, limited client), c, limited client) (err error) {
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case error:
			err = fault
		default:
			err = fmt.Errorf("%v", fault)
		}
	}()
	scenario(c, limited)
	return nil
}

func main() {
	c, limited := connect(os.Args[1]), connect(os.Args[2])
	failed := 0
	for _, scenario := range []struct {
		name string
		run  func(c, limited client)
	}{
		{"put_record_and_read_at_sequence", putRecordAndReadAtSequence},
		{"put_many", putMany},
		{"partial_failures", partialFailures},
		{"five_iterator_types", fiveIteratorTypes},
		{"split_and_merge", splitAndMerge},
		{"closed_shards_then_children", closedShardsThenChildren},
		{"tags", tags},
		{"retention", retention},
		{"paging", paging},
		{"typed_errors", typedErrors},
		{"subscribe_to_shard", subscribeToShard},
	} {
		if err := run(scenario.run, c, limited); err != nil {
			fmt.Printf("FAILED %s: %v\n", scenario.name, err)
			failed++
		} else {
			fmt.Println("ok", scenario.name)
		}
	}
	if failed > 0 {
		os.Exit(1)
	}
}
