// Many subscriptions of the AWS SDK for Go v2 at once: `subscribers ENDPOINT STREAM RECORDS SECONDS`. Every consumer of the
// stream subscribes to every shard; once each consumer has RECORDS records, or after SECONDS, what they got is printed as
// JSON. A record begins with its number and the microsecond it was sent at.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

var ctx = context.Background()

// consumer counts what one consumer got, in all its subscriptions.
type consumer struct {
	arn      *string
	lock     sync.Mutex
	times    map[int]int
	delays   []float64
	disorder int
}

func (c *consumer) take(last map[string]int, record types.Record) {
	var number int
	var sent int64
	fmt.Sscanf(string(record.Data[:min(len(record.Data), 40)]), "%d %d", &number, &sent)
	c.lock.Lock()
	defer c.lock.Unlock()
	c.times[number]++
	c.delays = append(c.delays, float64(time.Now().UnixMicro()-sent)/1000)
	if before, seen := last[*record.PartitionKey]; seen && before > number {
		c.disorder++
	}
	last[*record.PartitionKey] = number
}

func (c *consumer) count() int {
	c.lock.Lock()
	defer c.lock.Unlock()
	return len(c.times)
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func main() {
	endpoint, stream := os.Args[1], os.Args[2]
	records, seconds := must(strconv.Atoi(os.Args[3])), must(strconv.Atoi(os.Args[4]))
	client := kinesis.New(kinesis.Options{
		BaseEndpoint: &endpoint,
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
	shards := must(client.ListShards(ctx, &kinesis.ListShardsInput{StreamName: &stream})).Shards
	summary := must(client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &stream}))
	listed := must(client.ListStreamConsumers(ctx, &kinesis.ListStreamConsumersInput{
		StreamARN: summary.StreamDescriptionSummary.StreamARN,
	}))
	var consumers []*consumer
	var events, ended atomic.Int64
	for _, each := range listed.Consumers {
		c := &consumer{arn: each.ConsumerARN, times: map[int]int{}}
		consumers = append(consumers, c)
		for _, shard := range shards {
			answer := must(client.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
				ConsumerARN: c.arn, ShardId: shard.ShardId,
				StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeLatest},
			}))
			go func() {
				last := map[string]int{}
				for told := range answer.GetStream().Events() {
					events.Add(1)
					for _, record := range told.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value.Records {
						c.take(last, record)
					}
				}
				ended.Add(1)
			}()
		}
	}
	fmt.Println("subscribed")
	complete := func() bool {
		return !slices.ContainsFunc(consumers, func(c *consumer) bool { return c.count() < records })
	}
	for deadline := time.Now().Add(time.Duration(seconds) * time.Second); !complete() && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
	}
	report(consumers, len(shards), events.Load(), ended.Load())
}

func report(consumers []*consumer, shards int, events, ended int64) {
	var counts []int
	var delays []float64
	doubled, disorder := 0, 0
	for _, c := range consumers {
		counts = append(counts, c.count())
		delays = append(delays, c.delays...)
		disorder += c.disorder
		for _, times := range c.times {
			doubled += times - 1
		}
	}
	slices.Sort(delays)
	at := func(part float64) float64 { return delays[min(len(delays)-1, int(float64(len(delays))*part))] }
	text := must(json.Marshal(map[string]any{
		"subscriptions": len(consumers) * shards, "ended": ended, "events": events, "records": counts, "doubled": doubled,
		"disorder": disorder, "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1),
	}))
	fmt.Println(string(text))
}

