"""A file's orders are written or rejected, each with its line and reason; none is lost."""

import csv
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salesflow.orders import Order, Put, Write
from salesflow.replay import ReplayResult, replay
from salesflow.rowfiles import UnreadableFile
from salesflow.writer import WriteCounts

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HEADER = "orderid,product_name,quantity,price"


class Replayed:
    """Replays files, and keeps what was written and rejected."""

    def __init__(self, directory: Path) -> None:
        self.rejects = directory / "rejects" / "orders.rejects.csv"
        self.orders: list[Order] = []
        self.result: ReplayResult | None = None

    def __call__(self, path: Path, **mapping: str) -> "Replayed":
        self.orders = []
        self.result = replay(path, mapping, self._write, self.rejects, at=NOW)
        assert self.result.read == self.result.written + self.result.rejected
        assert self.result.written == len(self.orders)
        return self

    def _write(self, writes: Iterable[Write]) -> WriteCounts:
        for write in writes:
            assert isinstance(write, Put)
            assert write.at == NOW
            self.orders.append(write.order)
        return WriteCounts(inserted=len(self.orders))

    @property
    def ids(self) -> list[str]:
        return [order.orderid for order in self.orders]

    @property
    def rejected(self) -> list[tuple[int, str, str]]:
        if not self.rejects.exists():
            return []
        limit = csv.field_size_limit(1 << 20)
        try:
            with self.rejects.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
                rows = list(csv.reader(file))
        finally:
            csv.field_size_limit(limit)
        assert rows[0] == ["line", "reason", "row"]
        return [(int(line), reason, row) for line, reason, row in rows[1:]]


@pytest.fixture
def replayed(tmp_path: Path) -> Replayed:
    return Replayed(tmp_path)


@pytest.fixture
def a_csv(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: str | bytes, name: str = "orders.csv") -> Path:
        path = tmp_path / name
        raw = [line if isinstance(line, bytes) else line.encode() for line in lines]
        path.write_bytes(b"\n".join(raw) + b"\n")
        return path

    return write


@pytest.fixture
def a_parquet(tmp_path: Path) -> Callable[..., Path]:
    def write(**columns: Any) -> Path:
        path = tmp_path / "orders.parquet"
        pq.write_table(pa.table(columns), path)
        return path

    return write


def test_a_file_with_our_names_needs_no_mapping(
    replayed: Replayed, a_csv: Callable[..., Path]
) -> None:
    replayed(a_csv(HEADER + ",country", "1,Laptop,2,146.30,DE", "2,Phone,1,10,"))
    assert replayed.orders == [
        Order(
            orderid="1", product_name="Laptop", quantity=2, price=Decimal("146.30"), country="DE"
        ),
        Order(orderid="2", product_name="Phone", quantity=1, price=Decimal(10)),
    ]
    assert str(replayed.orders[0].price) == "146.30"
    assert replayed.result == ReplayResult(2, 2, 0, None)
    assert not replayed.rejects.exists()


def test_columns_are_mapped_and_the_others_kept(
    replayed: Replayed, a_csv: Callable[..., Path]
) -> None:
    path = a_csv("Id,Item,Qty,Unit Price,price,,Note", '7,Tablet,1,9.99,total,x,"a, b"')
    replayed(path, orderid="Id", product_name="Item", quantity="Qty", price="Unit Price")
    (order,) = replayed.orders
    assert (order.orderid, order.product_name, order.price) == ("7", "Tablet", Decimal("9.99"))
    assert order.extra == {"price_unmapped": "total", "column_6": "x", "Note": "a, b"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_usual_delimiters_are_recognised(
    replayed: Replayed, a_csv: Callable[..., Path], delimiter: str
) -> None:
    replayed(a_csv(HEADER.replace(",", delimiter), delimiter.join(["1", "Laptop", "2", "3.5"])))
    assert replayed.ids == ["1"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",Laptop,1,1", "orderid is empty"),
        ("  ,Laptop,1,1", "orderid is empty"),
        ("1,,1,1", "product_name is empty"),
        ("1,Laptop,,1", "quantity is empty"),
        ("1,Laptop,-1,1", "quantity '-1' is less than 1"),
        ("1,Laptop,0,1", "quantity '0' is less than 1"),
        ("1,Laptop,2.5,1", "quantity '2.5' is not a whole number"),
        ("1,Laptop,two,1", "quantity 'two' is not a number"),
        ("1,Laptop,9999999999,1", "quantity '9999999999' doesn't fit int"),
        ("1,Laptop,1,", "price is empty"),
        ("1,Laptop,1,-5", "price '-5' is not more than 0"),
        ("1,Laptop,1,0.00", "price '0.00' is not more than 0"),
        ("1,Laptop,1,free", "price 'free' is not a number"),
        ("1,Laptop,1,NaN", "price 'NaN' is not a number"),
        ('1,Laptop,1,"1,234.50"', "price '1,234.50' is not a number"),
        ("1,Laptop,1,$5", "price '$5' is not a number"),
        ("1,Laptop,1,1.00001", "price '1.00001' doesn't fit decimal(18,4)"),
        ("1,Laptop,1," + "9" * 39, "doesn't fit decimal(18,4)"),
        ("1,Laptop,1,1,extra", "the row has 5 fields, the first line has 4"),
        ("1,Laptop,1", "the row has 3 fields, the first line has 4"),
        ('1,"Lap"top,1,1', "the row is no CSV"),
        ("x" * 2049 + ",Laptop,1,1", "orderid is longer than 2048 bytes"),
        ("1," + "x" * 140_000 + ",1,1", "the row is no CSV: field larger than field limit"),
    ],
)
def test_a_row_that_is_no_order_is_rejected_alone(
    replayed: Replayed, a_csv: Callable[..., Path], row: str, reason: str
) -> None:
    replayed(a_csv(HEADER, "a,Phone,1,10", row, "b,Phone,1,10"))
    assert replayed.ids == ["a", "b"]
    ((line, why, text),) = replayed.rejected
    assert reason in why
    assert (line, text) == (3, row)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,Laptop,1,5,lost,", "status 'lost' is none of placed, paid, shipped"),
        ("1,Laptop,1,5, paid,", "status ' paid' is none of"),
        ("1,Laptop,1,5,paid,2026-03-01T00:05:01Z", "order_ts '2026-03-01T00:05:01.000Z' is in the"),
        ("1,Laptop,1,5,,2026-03-01T01:05:01-01:00", "is in the future of the change"),
    ],
)
def test_a_row_that_the_transform_would_refuse_is_rejected(
    replayed: Replayed, a_csv: Callable[..., Path], row: str, reason: str
) -> None:
    replayed(a_csv(f"{HEADER},status,order_ts", row, "b,Phone,1,10,paid,2026-03-01T00:04:59Z"))
    assert replayed.ids == ["b"]
    assert reason in replayed.rejected[0][1]


def test_a_repeated_order_id_names_the_line_of_the_first(
    replayed: Replayed, a_csv: Callable[..., Path]
) -> None:
    replayed(a_csv(HEADER, "1,Phone,1,10", "2,Phone,1,10", "1,Tablet,1,10"))
    assert replayed.ids == ["1", "2"]
    assert replayed.rejected == [(4, "orderid '1' is already on line 2", "1,Tablet,1,10")]


def test_the_id_of_a_rejected_row_is_still_free(
    replayed: Replayed, a_csv: Callable[..., Path]
) -> None:
    assert replayed(a_csv(HEADER, "1,Phone,0,10", "1,Phone,1,10")).ids == ["1"]


def test_a_line_in_another_encoding_is_rejected_with_its_bytes(
    replayed: Replayed, a_csv: Callable[..., Path]
) -> None:
    replayed(a_csv(HEADER, "1,Café,1,10", b"2,Caf\xe9,1,10", "3,Phone,1,10"))
    assert replayed.ids == ["1", "3"]
    ((line, reason, row),) = replayed.rejected
    assert (line, reason) == (3, "the row is not UTF-8")
    assert row.encode("utf-8", "surrogateescape") == b"2,Caf\xe9,1,10"


@pytest.mark.parametrize("after", ["3,Phone,1,10", '3,"Phone",1,10'])
def test_a_quote_that_is_never_closed_costs_its_line_only(
    replayed: Replayed, a_csv: Callable[..., Path], after: str
) -> None:
    replayed(a_csv(HEADER, "1,Phone,1,10", '2,"Phone,1,10', after, "4,Phone,1,10"))
    assert replayed.ids == ["1", "3", "4"]
    ((line, reason, row),) = replayed.rejected
    assert (line, row) == (3, '2,"Phone,1,10')
    assert "a quote may be missing" in reason


def test_rows_over_several_lines_are_numbered_by_their_first(
    replayed: Replayed, a_csv: Callable[..., Path]
) -> None:
    replayed(a_csv(HEADER, '1,"Lap\ntop",1,10', "", "2,Phone,x,10"))
    assert replayed.orders[0].product_name == "Lap\ntop"
    assert [line for line, *_ in replayed.rejected] == [5]


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_files_of_windows_are_read(replayed: Replayed, tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(b"\xef\xbb\xbf" + HEADER.encode() + end + b"1,Phone,1,10" + end)
    assert replayed(path).ids == ["1"]


@pytest.mark.parametrize(
    ("text", "order_ts"),
    [
        ("2025-07-10", "2025-07-10T00:00:00.000Z"),
        ("2025-07-10 14:05:24", "2025-07-10T14:05:24.000Z"),
        ("2025-07-10T14:05:24.5+02:00", "2025-07-10T12:05:24.500Z"),
        ("2025-07-10T14:05:24Z", "2025-07-10T14:05:24.000Z"),
    ],
)
def test_times_are_normalised_to_utc(
    replayed: Replayed, a_csv: Callable[..., Path], text: str, order_ts: str
) -> None:
    replayed(a_csv(HEADER + ",order_ts", f"1,Phone,1,10,{text}"))
    assert replayed.orders[0].order_ts == order_ts


@pytest.mark.parametrize(
    "text", ["yesterday", "10/07/2025", "1752158591", "0001-01-01T00:00+14:00"]
)
def test_a_time_that_is_none_is_rejected(
    replayed: Replayed, a_csv: Callable[..., Path], text: str
) -> None:
    replayed(a_csv(HEADER + ",order_ts", f"1,Phone,1,10,{text}"))
    assert [reason for _, reason, _ in replayed.rejected] == [
        f"order_ts '{text}' is no ISO 8601 time"
    ]


def test_a_row_larger_than_an_item_is_rejected(
    replayed: Replayed, a_csv: Callable[..., Path]
) -> None:
    note = "x" * 120_000
    replayed(a_csv(HEADER + ",a,b,c,d", f"1,Phone,1,10{f',{note}' * 4}", "2,Phone,1,10,,,,"))
    assert replayed.ids == ["2"]
    assert "larger than an item may be" in replayed.rejected[0][1]


def test_parquet_values_keep_their_digits(
    replayed: Replayed, a_parquet: Callable[..., Path]
) -> None:
    replayed(
        a_parquet(
            Id=pa.array([1, 2], pa.int64()),
            product_name=pa.array(["Phone", "Tablet"]).dictionary_encode(),
            quantity=pa.array([1, 2], pa.int8()),
            price=pa.array([Decimal("19.9900"), Decimal("12345678901234.5678")]),
            order_ts=pa.array([NOW, None], pa.timestamp("ns", "UTC")),
            rating=pa.array([4.5, 0.1], pa.float32()),
            tags=pa.array([["new"], None]),
        ),
        orderid="Id",
    )
    assert replayed.rejected == []
    first, second = replayed.orders
    assert (first.orderid, str(first.price)) == ("1", "19.9900")
    assert str(second.price) == "12345678901234.5678"
    assert (first.order_ts, second.order_ts) == ("2026-03-01T00:00:00.000Z", None)
    assert first.extra == {"rating": "4.5", "tags": '["new"]'}
    assert second.extra == {"rating": "0.1"}


def test_parquet_rows_that_are_no_orders_are_rejected_by_number(
    replayed: Replayed, a_parquet: Callable[..., Path]
) -> None:
    replayed(
        a_parquet(
            orderid=["a", None, "c", "d"],
            product_name=pa.array([b"Phone", b"Phone", b"Caf\xe9", b"Phone"]),
            quantity=[1, 1, 1, 1],
            price=[19.99, 1.0, 1.0, float("nan")],
        )
    )
    assert (replayed.ids, replayed.orders[0].price) == (["a"], Decimal("19.99"))
    assert [(line, reason) for line, reason, _ in replayed.rejected] == [
        (2, "orderid is empty"),
        (3, "the row is not UTF-8"),
        (4, "price 'nan' is not a number"),
    ]


def test_an_unreadable_file_writes_nothing_and_says_why(
    replayed: Replayed, a_csv: Callable[..., Path], a_parquet: Callable[..., Path], tmp_path: Path
) -> None:
    good = a_parquet(orderid=["a"] * 9, product_name=["b"] * 9, quantity=[1] * 9, price=[1] * 9)
    broken = bytearray(good.read_bytes())
    broken[30:40] = b"\xff" * 10
    (tmp_path / "broken.parquet").write_bytes(broken)
    (tmp_path / "cut.parquet").write_bytes(good.read_bytes()[:-20])
    (tmp_path / "fake.parquet").write_text("hello")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "junk.csv").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "utf16.csv").write_text(HEADER, encoding="utf-16")
    (tmp_path / "latin1.csv").write_bytes(b"Gr\xf6\xdfe,orderid\n")
    a_csv("orderid,orderid,price", "1,2,3", name="twice.csv")
    a_csv("orderid,product_name,Quantity,price", "1,2,3,4", name="columns.csv")
    a_csv('"orderid', name="quote.csv")
    for name, reason in {
        "missing.csv": "No such file",
        "": "Is a directory",
        "broken.parquet": "damaged Parquet file",
        "cut.parquet": "damaged Parquet file",
        "fake.parquet": "is no Parquet file",
        "empty.csv": "is empty",
        "junk.csv": "no text file in UTF-8",
        "utf16.csv": "no text file in UTF-8",
        "latin1.csv": "the first line is not UTF-8",
        "twice.csv": "more than one column orderid",
        "columns.csv": r"no column quantity.*--map quantity=Quantity",
        "quote.csv": "the first line can't be read",
    }.items():
        with pytest.raises(UnreadableFile, match=reason):
            replayed(tmp_path / name)
        assert replayed.orders == []
        assert not replayed.rejects.exists()


def test_a_mapping_must_name_an_attribute_and_a_column(
    replayed: Replayed, a_csv: Callable[..., Path]
) -> None:
    path = a_csv(HEADER, "1,Phone,1,10")
    with pytest.raises(UnreadableFile, match="an order has no attribute id"):
        replayed(path, id="orderid")
    with pytest.raises(UnreadableFile, match="no column Land, from which country"):
        replayed(path, country="Land")


def test_a_file_is_never_its_own_rejects(replayed: Replayed, a_csv: Callable[..., Path]) -> None:
    path = replayed.rejects = a_csv(HEADER, "1,Phone,1,10")
    with pytest.raises(UnreadableFile, match="its own rejects"):
        replayed(path)
    assert path.exists()


def test_the_rejects_of_an_earlier_replay_are_replaced(
    replayed: Replayed, a_csv: Callable[..., Path]
) -> None:
    assert replayed(a_csv(HEADER, "1,Phone,x,10")).rejected
    assert not replayed(a_csv(HEADER, "1,Phone,1,10")).rejected


fields = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@given(st.lists(st.tuples(fields, fields, fields, fields), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_row_of_a_well_formed_file_is_written_or_rejected(
    tmp_path: Path, rows: list[tuple[str, ...]]
) -> None:
    path = tmp_path / "any.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([HEADER.split(","), *rows])
    result = Replayed(tmp_path)(path).result
    assert result is not None
    assert result.read == len(rows)


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_line_of_any_file_is_lost(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "any.csv"
    junk = junk.replace(b"\0", b"")
    path.write_bytes(HEADER.encode() + b"\n" + junk + b"\nlast,Phone,1,10\n")
    replayed = Replayed(tmp_path)(path)
    assert "last" in replayed.ids
