// Package drivers runs the AWS SDK for Go, version 2, against the embedded DynamoDB, unchanged.
package drivers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

type song struct {
	Artist string         `dynamodbav:"artist"`
	Title  string         `dynamodbav:"song"`
	Year   int            `dynamodbav:"year"`
	Plays  int64          `dynamodbav:"plays"`
	Tags   []string       `dynamodbav:"tags,stringset,omitempty"`
	Cover  []byte         `dynamodbav:"cover,omitempty"`
	More   map[string]any `dynamodbav:"more,omitempty"`
}

var provider = credentials.NewStaticCredentialsProvider("test", "test", "")

func endpoint() string { return os.Getenv("KEYFOLD_DYNAMODB_URL") }

// must ends the test where an error is.
func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// withTable makes a table with an index and a stream, waits for it, and removes it when the test is over.
func withTable(t *testing.T, name string) *dynamodb.Client {
	t.Helper()
	ctx := context.Background()
	client := dynamodb.New(dynamodb.Options{Region: "eu-west-1", BaseEndpoint: aws.String(endpoint()), Credentials: provider})
	must[*dynamodb.CreateTableOutput](t)(client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:   &name,
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("artist"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("song"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("year"), AttributeType: types.ScalarAttributeTypeN},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("artist"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("song"), KeyType: types.KeyTypeRange},
		},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName:  aws.String("by-year"),
			KeySchema:  []types.KeySchemaElement{{AttributeName: aws.String("year"), KeyType: types.KeyTypeHash}},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		}},
		StreamSpecification: &types.StreamSpecification{
			StreamEnabled:  aws.Bool(true),
			StreamViewType: types.StreamViewTypeNewAndOldImages,
		},
	}))
	described := &dynamodb.DescribeTableInput{TableName: &name}
	if err := dynamodb.NewTableExistsWaiter(client).Wait(ctx, described, time.Minute); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		must[*dynamodb.DeleteTableOutput](t)(client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name}))
		if err := dynamodb.NewTableNotExistsWaiter(client).Wait(ctx, described, time.Minute); err != nil {
			t.Fatal(err)
		}
	})
	return client
}

func put(t *testing.T, client *dynamodb.Client, table string, one song) {
	t.Helper()
	item := must[map[string]types.AttributeValue](t)(attributevalue.MarshalMap(one))
	must[*dynamodb.PutItemOutput](t)(client.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: &table, Item: item}))
}

func TestTypesSurvive(t *testing.T) {
	client, table := withTable(t, "go-types"), "go-types"
	written := song{
		Artist: "é\U0001f600", Title: "t", Year: 1999, Plays: 9_007_199_254_740_993,
		Tags: []string{"a", "b"}, Cover: []byte{0, 255}, More: map[string]any{"list": []any{true, nil, "x"}},
	}
	put(t, client, table, written)
	out := must[*dynamodb.GetItemOutput](t)(client.GetItem(context.Background(), &dynamodb.GetItemInput{
		TableName:      &table,
		ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{
			"artist": &types.AttributeValueMemberS{Value: written.Artist},
			"song":   &types.AttributeValueMemberS{Value: "t"},
		},
	}))
	var read song
	if err := attributevalue.UnmarshalMap(out.Item, &read); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(read) != fmt.Sprint(written) {
		t.Fatalf("%v was read, and %v was written", read, written)
	}
}

func TestBatchesPaginatorsAndExpressions(t *testing.T) {
	client, table := withTable(t, "go-pages"), "go-pages"
	ctx := context.Background()
	for from := 0; from < 100; from += 25 {
		requests := make([]types.WriteRequest, 25)
		for i := range requests {
			item := must[map[string]types.AttributeValue](t)(attributevalue.MarshalMap(song{
				Artist: "a", Title: fmt.Sprintf("s%03d", from+i), Year: 2000 + i%2, Plays: int64(from + i),
			}))
			requests[i] = types.WriteRequest{PutRequest: &types.PutRequest{Item: item}}
		}
		out := must[*dynamodb.BatchWriteItemOutput](t)(client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{table: requests},
		}))
		if len(out.UnprocessedItems) != 0 {
			t.Fatal("items came back unprocessed")
		}
	}
	expr := must[expression.Expression](t)(expression.NewBuilder().
		WithKeyCondition(expression.Key("artist").Equal(expression.Value("a")).
			And(expression.Key("song").Between(expression.Value("s010"), expression.Value("s059")))).
		WithFilter(expression.Name("plays").GreaterThan(expression.Value(19))).
		WithProjection(expression.NamesList(expression.Name("song"))).
		Build())
	pages := dynamodb.NewQueryPaginator(client, &dynamodb.QueryInput{
		TableName: &table, Limit: aws.Int32(7), KeyConditionExpression: expr.KeyCondition(),
		FilterExpression: expr.Filter(), ProjectionExpression: expr.Projection(),
		ExpressionAttributeNames: expr.Names(), ExpressionAttributeValues: expr.Values(),
	})
	var titles []string
	for pages.HasMorePages() {
		page := must[*dynamodb.QueryOutput](t)(pages.NextPage(ctx))
		for _, item := range page.Items {
			titles = append(titles, item["song"].(*types.AttributeValueMemberS).Value)
		}
	}
	if len(titles) != 40 || titles[0] != "s020" || titles[39] != "s059" {
		t.Fatalf("%d titles, %v", len(titles), titles)
	}
	scans := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{TableName: &table, IndexName: aws.String("by-year"), Limit: aws.Int32(30)})
	count := 0
	for scans.HasMorePages() {
		count += int(must[*dynamodb.ScanOutput](t)(scans.NextPage(ctx)).Count)
	}
	if count != 100 {
		t.Fatalf("%d entries in the index", count)
	}
}

func TestConditionsAndTransactions(t *testing.T) {
	client, table := withTable(t, "go-conditions"), "go-conditions"
	ctx := context.Background()
	one := song{Artist: "a", Title: "t", Year: 2000, Plays: 1}
	put(t, client, table, one)
	item := must[map[string]types.AttributeValue](t)(attributevalue.MarshalMap(one))
	absent := aws.String("attribute_not_exists(artist)")
	_, err := client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &table, Item: item, ConditionExpression: absent,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) || failed.Item["plays"].(*types.AttributeValueMemberN).Value != "1" {
		t.Fatalf("not a failed condition with its item: %v", err)
	}
	other := must[map[string]types.AttributeValue](t)(attributevalue.MarshalMap(song{Artist: "b", Title: "t", Year: 1}))
	_, err = client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: &table, Item: other}},
		{Put: &types.Put{TableName: &table, Item: item, ConditionExpression: absent}},
	}})
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) || *cancelled.CancellationReasons[1].Code != "ConditionalCheckFailed" {
		t.Fatalf("not cancelled with its reasons: %v", err)
	}
	_, err = client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("go-nowhere")})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		t.Fatalf("not a missing table: %v", err)
	}
}

func TestStreams(t *testing.T) {
	client, table := withTable(t, "go-streams"), "go-streams"
	ctx := context.Background()
	streams := dynamodbstreams.New(dynamodbstreams.Options{Region: "eu-west-1", BaseEndpoint: aws.String(endpoint()), Credentials: provider})
	put(t, client, table, song{Artist: "a", Title: "t", Year: 1})
	put(t, client, table, song{Artist: "a", Title: "t", Year: 2})
	described := must[*dynamodb.DescribeTableOutput](t)(client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table}))
	arn := described.Table.LatestStreamArn
	stream := must[*dynamodbstreams.DescribeStreamOutput](t)(streams.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: arn}))
	iterator := must[*dynamodbstreams.GetShardIteratorOutput](t)(streams.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{
		StreamArn: arn, ShardId: stream.StreamDescription.Shards[0].ShardId, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon,
	}))
	read := must[*dynamodbstreams.GetRecordsOutput](t)(streams.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: iterator.ShardIterator}))
	var names []string
	for _, record := range read.Records {
		names = append(names, string(record.EventName))
	}
	if fmt.Sprint(names) != "[INSERT MODIFY]" {
		t.Fatal(names)
	}
}
