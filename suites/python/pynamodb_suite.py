"""PynamoDB, unmodified: `pynamodb_suite.py ENDPOINT ENDPOINT_WITH_AWS_LIMITS`."""
import datetime

from pynamodb.attributes import (
    BooleanAttribute, JSONAttribute, ListAttribute, MapAttribute, NumberAttribute, NumberSetAttribute, TTLAttribute,
    UnicodeAttribute, UnicodeSetAttribute, UTCDateTimeAttribute, VersionAttribute,
)
from pynamodb.connection import Connection
from pynamodb.exceptions import DoesNotExist, PutError, TransactWriteError, UpdateError
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection, LocalSecondaryIndex
from pynamodb.models import Model
from pynamodb.transactions import TransactGet, TransactWrite
from scenarios import equal, fresh, main, scenario


class ByAuthor(GlobalSecondaryIndex):
    class Meta:
        projection = AllProjection()

    author = UnicodeAttribute(hash_key=True)
    views = NumberAttribute(range_key=True)


class ByTitle(LocalSecondaryIndex):
    class Meta:
        projection = KeysOnlyProjection()

    forum = UnicodeAttribute(hash_key=True)
    title = UnicodeAttribute(range_key=True)


class Place(MapAttribute):
    city = UnicodeAttribute()
    height = NumberAttribute(null=True)


def connect(endpoint):
    """A model whose table is made anew, with a version of its own on each item."""

    class Post(Model):
        class Meta:
            table_name = fresh("pynamodb")
            host, region, billing_mode = endpoint, "us-east-1", "PAY_PER_REQUEST"
            aws_access_key_id, aws_secret_access_key = "AKIDEXAMPLE", "secret"

        forum = UnicodeAttribute(hash_key=True)
        number = NumberAttribute(range_key=True)
        title = UnicodeAttribute(default="untitled")
        author = UnicodeAttribute(null=True)
        views = NumberAttribute(default=0)
        tags = UnicodeSetAttribute(null=True)
        scores = NumberSetAttribute(null=True)
        place = Place(null=True)
        list = ListAttribute(null=True)
        json = JSONAttribute(null=True)
        at = UTCDateTimeAttribute(null=True)
        is_open = BooleanAttribute(default=True)
        expires = TTLAttribute(null=True)
        version = VersionAttribute()
        by_author, by_title = ByAuthor(), ByTitle()

    Post.create_table(wait=True)
    return Post


@scenario
def a_model_and_back(Post):
    at = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.timezone.utc)
    more = {"tags": {"a", "b"}, "scores": {1, 2.5}, "place": Place(city="Oslo", height=23), "list": [1, "x", None]}
    Post("round", 1, author="ann", json={"a": [1]}, at=at, is_open=False, **more).save()
    post = Post.get("round", 1, consistent_read=True)
    equal((post.tags, post.scores, post.place.city, post.list), ({"a", "b"}, {1, 2.5}, "Oslo", [1, "x", None]))
    equal((post.json, post.at, post.is_open, post.version), ({"a": [1]}, at, False, 1))
    post.delete()
    try:
        Post.get("round", 1)
        raise AssertionError("is still there")
    except DoesNotExist:
        pass


@scenario
def versions_and_conditions(Post):
    Post("lock", 1).save()
    mine, other = Post.get("lock", 1), Post.get("lock", 1)
    mine.update(actions=[Post.views.set(Post.views + 5), Post.tags.add({"x"}), Post.place.set(Place(city="Bonn"))])
    equal((mine.views, mine.version, mine.tags), (5, 2, {"x"}))
    try:
        other.save()
        raise AssertionError("an old version was taken")
    except PutError as error:
        equal(error.cause_response_code, "ConditionalCheckFailedException")
    try:
        mine.update(actions=[Post.views.remove()], condition=(Post.views > 5) | Post.place.city.startswith("X"))
        raise AssertionError("a false condition was taken")
    except UpdateError as error:
        equal(error.cause_response_code, "ConditionalCheckFailedException")


@scenario
def batches_queries_and_indexes(Post):
    with Post.batch_write() as batch:
        for number in range(60):
            batch.save(Post("many", number, title=f"t{60 - number:02}", author=f"by{number % 3}", views=number))
    equal(len(list(Post.batch_get([("many", number) for number in range(60)]))), 60)
    equal([post.number for post in Post.query("many", Post.number.between(10, 14), scan_index_forward=False)], [14, 13, 12, 11, 10])
    equal([post.number for post in Post.query("many", page_size=7, filter_condition=Post.views >= 57)], [57, 58, 59])
    equal([post.number for post in Post.by_author.query("by1", ByAuthor.views > 50)], [52, 55, 58])
    equal([post.number for post in Post.by_title.query("many", ByTitle.title.startswith("t0"))], list(range(59, 50, -1)))
    equal(Post.count("many"), 60)
    scanned = [post.number for segment in range(3) for post in Post.scan(segment=segment, total_segments=3, filter_condition=Post.forum == "many")]
    equal(sorted(scanned), list(range(60)))


@scenario
def transactions(Post):
    connection = Connection(host=Post.Meta.host, region="us-east-1")
    post = Post("both", 1)
    with TransactWrite(connection=connection) as write:
        write.save(post, condition=Post.forum.does_not_exist())
        write.save(Post("both", 2))
    try:
        with TransactWrite(connection=connection) as write:
            write.update(Post("both", 3), actions=[Post.views.set(1)], add_version_condition=False)
            write.condition_check(Post, "both", 1, condition=Post.forum.does_not_exist())
        raise AssertionError("a false check was taken")
    except TransactWriteError as error:
        # It sends checks before updates.
        equal([reason and reason.code for reason in error.cancellation_reasons], ["ConditionalCheckFailed", None])
    with TransactGet(connection=connection) as get:
        one, two = get.get(Post, "both", 1), get.get(Post, "both", 2)
    equal((one.get().number, two.get().number), (1, 2))


if __name__ == "__main__":
    import os

    os.environ |= {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    main(connect)
