//! Tables of Arrow and Parquet: the cells of every type, in chunks, and what is refused.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::*;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{DataType, Field, Schema};
use mlp::{Columnar, Csv, Error, Table};
use proptest::prelude::*;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// The fixtures that the features read.
fn flowers() -> Vec<PathBuf> {
    ["flowers.feather", "flowers.parquet"].iter().filter(|name| is_read(name)).map(|name| data(name)).collect()
}

fn is_read(name: &str) -> bool {
    cfg!(feature = "parquet") || !name.ends_with("parquet")
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn cells(columns: Vec<(&str, ArrayRef)>) -> Table {
    Columnar::new().batches("t", [batch(columns)]).unwrap()
}

fn refused(columns: Vec<(&str, ArrayRef)>) -> String {
    Columnar::new().batches("t", [batch(columns)]).unwrap_err().to_string()
}

fn arrow(path: &Path, batches: &[RecordBatch]) {
    let schema = batches[0].schema();
    let options = IpcWriteOptions::default().try_with_compression(Some(arrow_ipc::CompressionType::LZ4_FRAME)).unwrap();
    let mut file = FileWriter::try_new_with_options(File::create(path).unwrap(), &schema, options).unwrap();
    batches.iter().for_each(|batch| file.write(batch).unwrap());
    file.finish().unwrap();
}

#[cfg(feature = "parquet")]
fn parquet(path: &Path, batches: &[RecordBatch], compression: parquet::basic::Compression) {
    use parquet::file::properties::WriterProperties;
    let properties = WriterProperties::builder().set_compression(compression).set_max_row_group_row_count(Some(700));
    let file = File::create(path).unwrap();
    let mut file = parquet::arrow::ArrowWriter::try_new(file, batches[0].schema(), Some(properties.build())).unwrap();
    batches.iter().for_each(|batch| file.write(batch).unwrap());
    file.close().unwrap();
}

#[test]
fn files_of_pyarrow_give_what_csv_would() {
    let expected = [
        ("width", ["1.5", "", "NaN", "1e300", "0.1"]),
        ("petals", ["3", "5", "", "-7", "9007199254740992"]),
        ("size", ["0.10000000149011612", "2", "3.5", "", "-0.25"]),
        ("wild", ["true", "false", "", "true", "false"]),
        ("kind", ["rose", "iris", "lily, wild", "", ""]),
        ("colour", ["red", "blue", "", "red", "blue"]),
        ("price", ["12.50", "", "-0.05", "3.00", "0.00"]),
        ("picked", ["2026-11-30", "", "1969-12-31", "2000-02-29", "0001-01-01"]),
        ("seen", ["2026-11-30T12:30:00.250", "", "1970-01-01T00:00:00", "1970-01-01T00:00:00", "1970-01-01T00:00:00"]),
        ("sold", ["2026-01-02T03:04:05Z"; 5]),
        ("at", ["12:30:00", "", "00:00:01", "00:00:01", "00:00:01"]),
        ("nothing", [""; 5]),
    ];
    for path in flowers() {
        let table = Columnar::new().read(&path).unwrap();
        assert_eq!((table.columns(), table.rows()), (&expected.map(|(column, _)| column.to_string())[..], 5));
        for (column, cells) in expected {
            assert_eq!(table.text(column).unwrap(), cells, "{column} of {}", path.display());
        }
        let same = Columnar::new().parse("bytes", fs::read(&path).unwrap()).unwrap();
        assert_eq!(same.text("kind").unwrap(), expected[4].1);
        let chosen = Columnar::new().columns(["kind", "width"]).read(&path).unwrap();
        assert_eq!(chosen.columns(), ["width", "kind"]);
        assert_eq!(chosen.missing("width").unwrap(), [false, true, true, false, false]);
        let rows = table.select(&[4, 1]).unwrap();
        let error = rows.numbers::<f64>(&["petals", "width"]).unwrap_err();
        assert!(matches!(error, Error::Cell { line: 2, counted: "row", .. }), "{error}");
        assert!(error.to_string().contains(", row 2, column `width`: found an empty cell, needs a finite number"));
    }
}

#[test]
fn every_type_of_one_value_is_a_cell() {
    let one = |column: ArrayRef| cells(vec![("x", column)]).text("x").unwrap()[0].to_string();
    for (expected, column) in [
        ("-128", Arc::new(Int8Array::from(vec![i8::MIN])) as ArrayRef),
        ("-5", Arc::new(Int16Array::from(vec![-5]))),
        ("255", Arc::new(UInt8Array::from(vec![255]))),
        ("7", Arc::new(UInt16Array::from(vec![7]))),
        ("8", Arc::new(UInt32Array::from(vec![8]))),
        ("18446744073709551615", Arc::new(UInt64Array::from(vec![u64::MAX]))),
        ("0.5", Arc::new(Float16Array::from_iter_values([half(0x3800)]))),
        ("-inf", Arc::new(Float64Array::from(vec![f64::NEG_INFINITY]))),
        ("ü", Arc::new(LargeStringArray::from(vec![" ü\n"]))),
        ("a longer text than a view holds", Arc::new(StringViewArray::from(vec!["a longer text than a view holds"]))),
        ("1.5", Arc::new(Decimal32Array::from(vec![15]).with_precision_and_scale(5, 1).unwrap())),
        ("-0.001", Arc::new(Decimal64Array::from(vec![-1]).with_precision_and_scale(5, 3).unwrap())),
        ("1200", Arc::new(Decimal128Array::from(vec![12]).with_precision_and_scale(5, -2).unwrap())),
        ("2026-11-30", Arc::new(Date64Array::from(vec![1_795_996_800_000]))),
        ("00:00:01.500", Arc::new(Time32MillisecondArray::from(vec![1500]))),
        ("00:00:02", Arc::new(Time32SecondArray::from(vec![2]))),
        ("00:00:00.000003", Arc::new(Time64MicrosecondArray::from(vec![3]))),
        ("00:00:00.000000004", Arc::new(Time64NanosecondArray::from(vec![4]))),
        ("1969-12-31T23:59:59", Arc::new(TimestampSecondArray::from(vec![-1]))),
        ("1970-01-01T00:00:00.001", Arc::new(TimestampMillisecondArray::from(vec![1]))),
        ("1970-01-01T00:00:00.000000001Z", Arc::new(TimestampNanosecondArray::from(vec![1]).with_timezone("+02:00"))),
        ("b", Arc::new(DictionaryArray::<Int8Type>::from_iter(["b"]))),
    ] {
        assert_eq!(one(column), expected);
    }
    // Keys and entries that are missing, and a dictionary of none.
    let entries: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    let keys = Int32Array::from(vec![Some(0), None, Some(1)]);
    let some: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::try_new(keys, entries).unwrap());
    let none = DictionaryArray::<Int32Type>::new_null(3, &DataType::Utf8);
    let table = cells(vec![("some", some), ("none", none)]);
    assert_eq!([table.text("some").unwrap(), table.text("none").unwrap()], [["a", "", ""], ["", "", ""]]);
}

fn half(bits: u16) -> <arrow_array::types::Float16Type as ArrowPrimitiveType>::Native {
    <arrow_array::types::Float16Type as ArrowPrimitiveType>::Native::from_bits(bits)
}

trait Nulls {
    fn new_null(rows: usize, of: &DataType) -> ArrayRef;
}

impl Nulls for DictionaryArray<Int32Type> {
    /// A dictionary without entries.
    fn new_null(rows: usize, of: &DataType) -> ArrayRef {
        let keys = Int32Array::from(vec![None; rows]);
        Arc::new(DictionaryArray::<Int32Type>::try_new(keys, new_empty_array(of)).unwrap())
    }
}

#[test]
fn what_no_cell_holds_is_refused_by_its_column() {
    let numbers: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]));
    let repair = "which is no single number or text; write it as columns of numbers or text, or choose the others by \
                  `Columnar::columns`";
    let error = refused(vec![("x", numbers.clone()), ("places", list.clone())]);
    assert!(error.starts_with("t: column `places` holds List(") && error.ends_with(repair), "{error}");
    let chosen = Columnar::new().columns(["x"]);
    let both = batch(vec![("places", list), ("x", numbers.clone())]);
    assert_eq!(chosen.batches("t", [both.clone()]).unwrap().columns(), ["x"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    arrow(&path, std::slice::from_ref(&both));
    assert_eq!(chosen.read(&path).unwrap().text("x").unwrap(), ["1"]);
    #[cfg(feature = "parquet")]
    {
        parquet(&path, std::slice::from_ref(&both), parquet::basic::Compression::SNAPPY);
        assert_eq!(chosen.read(&path).unwrap().text("x").unwrap(), ["1"]);
        assert!(Columnar::new().read(&path).unwrap_err().to_string().contains(": column `places` holds List("));
    }

    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"ab"[..]]));
    assert!(refused(vec![("raw", bytes)]).starts_with("t: column `raw` holds Binary, "));
    let twice = Schema::new(vec![Field::new("x", DataType::Float64, false), Field::new("x", DataType::Float64, false)]);
    let twice = RecordBatch::try_new(Arc::new(twice), vec![numbers.clone(), numbers.clone()]).unwrap();
    let error = Columnar::new().batches("t", [twice]).unwrap_err().to_string();
    assert_eq!(error, "t: it has more than one column `x`; rename all but one");
    let error = Columnar::new().columns(["x", "z"]).batches("t", [both]).unwrap_err().to_string();
    assert_eq!(error, "t: no column `z`; the columns are `places`, `x`");

    let far: ArrayRef = Arc::new(Date32Array::from(vec![Some(0), None, Some(i32::MAX)]));
    let error = refused(vec![("picked", far)]);
    assert_eq!(error, "t: row 3, column `picked`: no calendar has this Date32; write a missing value");

    let other = batch(vec![("y", numbers.clone())]);
    let error = Columnar::new().batches("t", [batch(vec![("x", numbers)]), other]).unwrap_err().to_string();
    assert_eq!(error, "t: its batches have different columns; give those of one table");
    for batches in [vec![], vec![batch(vec![("x", new_empty_array(&DataType::Int8))])]] {
        let error = Columnar::new().batches("t", batches).unwrap_err().to_string();
        assert_eq!(error, "t: no samples; at least one is needed");
    }
}

#[test]
fn other_files_are_named() {
    let parse = |bytes: &[u8]| Columnar::new().parse("t", bytes).unwrap_err().to_string();
    let law =
        "t: neither an Arrow file nor a Parquet file; read text by `Csv`, and write other formats anew as one of these";
    assert_eq!((parse(b""), parse(b"x,y\n1,2\n")), (law.into(), law.into()));
    assert_eq!(parse(b"FEA1"), "t: a Feather file of version 1, which is outdated; write it anew as version 2");
    let stream = "t: an Arrow stream and no file; write it as an Arrow file, which is Feather of version 2";
    assert_eq!(parse(&[255, 255, 255, 255, 8, 0, 0, 0]), stream);
    assert!(parse(b"ARROW1").ends_with("; it is cut short or damaged"), "{}", parse(b"ARROW1"));
    match cfg!(feature = "parquet") {
        true => assert!(parse(b"PAR1").ends_with("; it is cut short or damaged"), "{}", parse(b"PAR1")),
        false => {
            assert_eq!(parse(b"PAR1"), "t: a Parquet file, which the feature `parquet` of mlp reads; turn it on")
        }
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Columnar::new().read(folder.path()), Err(Error::Io { .. })), "a folder is no table");
    for name in ["zstd.feather", "zstd.parquet"].iter().filter(|name| is_read(name)) {
        match Columnar::new().read(data(name)) {
            Ok(table) if cfg!(feature = "zstd") => {
                assert_eq!((table.rows(), table.text("x").unwrap()[999]), (1000, "999"))
            }
            Err(error) if !cfg!(feature = "zstd") => {
                let law = "is packed by Zstandard, which this build does not unpack; write the file with Snappy, LZ4 or \
                           no compression, or turn on the feature `zstd`";
                assert!(error.to_string().ends_with(law), "{error}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// 2500 rows in batches of 1000.
fn long() -> Vec<RecordBatch> {
    let part = |rows: std::ops::Range<i64>| {
        let text = rows.clone().map(|i| format!("row {i}")).collect::<Vec<_>>();
        let missing = rows.clone().map(|i| (i % 7 != 0).then_some(i as f64 / 3.0)).collect::<Vec<_>>();
        let (i, text, x): (ArrayRef, ArrayRef, ArrayRef) = (
            Arc::new(Int64Array::from_iter_values(rows)),
            Arc::new(StringArray::from(text)),
            Arc::new(Float64Array::from(missing)),
        );
        RecordBatch::try_from_iter_with_nullable([("i", i, false), ("text", text, false), ("x", x, true)]).unwrap()
    };
    vec![part(0..1000), part(1000..2000), part(2000..2500)]
}

/// The same table as Arrow and, in row groups of 700, as Parquet.
fn long_files(folder: &Path) -> Vec<PathBuf> {
    let path = folder.join("long.arrow");
    arrow(&path, &long());
    [path].into_iter().chain(long_parquets(folder)).collect()
}

#[cfg(feature = "parquet")]
fn long_parquets(folder: &Path) -> Vec<PathBuf> {
    use parquet::basic::Compression::*;
    let all = [("plain", UNCOMPRESSED), ("snappy", SNAPPY), ("gzip", GZIP(Default::default())), ("lz4", LZ4_RAW)];
    let written = all.map(|(name, compression)| {
        let path = folder.join(name);
        parquet(&path, &long(), compression);
        path
    });
    written.into()
}

#[cfg(not(feature = "parquet"))]
fn long_parquets(_: &Path) -> Vec<PathBuf> {
    vec![]
}

#[test]
fn chunks_are_the_file_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let whole = Columnar::new().batches("t", long()).unwrap();
    for path in long_files(folder.path()) {
        for rows in [1, 640, 1000, 2500, usize::MAX] {
            let tables: Vec<Table> = Columnar::new().chunks(&path, rows).unwrap().map(Result::unwrap).collect();
            let lengths: Vec<usize> = tables.iter().map(Table::rows).collect();
            assert_eq!(lengths.iter().sum::<usize>(), 2500);
            assert!(lengths[..lengths.len() - 1].iter().all(|&n| n == rows), "{lengths:?}");
            for column in ["i", "text", "x"] {
                let cells: Vec<&str> = tables.iter().flat_map(|table| table.text(column).unwrap()).collect();
                assert_eq!(cells, whole.text(column).unwrap());
            }
            let error = tables.last().unwrap().numbers::<f64>(&["text"]).unwrap_err();
            let first = 2500 - lengths.last().unwrap() + 1;
            assert!(matches!(error, Error::Cell { line, .. } if line == first as u64), "{error}");
        }
        let sample = |seed| Columnar::new().columns(["i"]).sample(&path, 50, seed).unwrap();
        let numbers = |seed| sample(seed).numbers::<f64>(&["i"]).unwrap().to_vec();
        assert!(numbers(1) == numbers(1) && numbers(1) != numbers(2) && numbers(1).is_sorted());
        assert_eq!(numbers(1).len(), 50);
    }
    let chunks = |rows| drop(Columnar::new().chunks("t", rows));
    let panic = catch_unwind(|| chunks(0)).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().starts_with("chunks: tables of 0 rows"));
}

#[test]
fn a_schema_of_one_format_applies_to_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let line = |i: usize| {
        format!("{i},row {i},{}\n", if i.is_multiple_of(7) { String::new() } else { (i as f64 / 3.0).to_string() })
    };
    let csv = format!("i,text,x\n{}", (0..2500).map(line).collect::<String>());
    let csv = Csv::new().parse("long.csv", csv.as_bytes()).unwrap();
    let columns = [mlp::Numeric::new("i").standard(), mlp::Numeric::new("x").fill_median().indicator().min_max()];
    let schema =
        mlp::Schema::builder().input("inputs", columns).values("i", [mlp::Numeric::new("i")]).fit(&csv).unwrap();
    let expected: mlp::Dataset = schema.dataset(&csv).unwrap();
    for path in long_files(folder.path()) {
        let table = Columnar::new().read(&path).unwrap();
        assert_eq!(schema.dataset::<f64>(&table).unwrap(), expected, "to the bit");
        let data = schema.datasets::<f64, _>(Columnar::new().chunks(&path, 300).unwrap());
        let batches: Vec<mlp::Dataset> = mlp::Stream::batches(data, 64).ahead(2).map(Result::unwrap).collect();
        assert_eq!(mlp::Dataset::concat(&batches).unwrap(), expected);
    }
}

/// A cut file is an error; a flipped one is too, or another table.
#[test]
fn damaged_files_never_panic() {
    for path in flowers() {
        let bytes = fs::read(&path).unwrap();
        let read = |bytes: Vec<u8>, what: String| {
            let read =
                || Columnar::new().parse("t", bytes).map(|table| table.rows()).map_err(|error| error.to_string());
            match catch_unwind(AssertUnwindSafe(read)) {
                Ok(read) => read,
                Err(_) => panic!("{} panics, {what}", path.display()),
            }
        };
        for end in 0..bytes.len() {
            let error = read(bytes[..end].to_vec(), format!("cut at {end}")).unwrap_err();
            assert!(error.starts_with("t: "), "{error}");
        }
        for (place, mask) in (0..bytes.len()).flat_map(|place| [1, 0x80, 0xff].map(|mask| (place, mask))) {
            let mut flipped = bytes.clone();
            flipped[place] ^= mask;
            if let Err(error) = read(flipped, format!("byte {place} flipped by {mask:#x}")) {
                assert!(error.starts_with("t: ") || error.starts_with("t, row"), "{error}");
            }
        }
    }
}

proptest! {
    /// Numbers come back to the bit, text without the spaces around.
    #[test]
    fn values_come_back(rows in proptest::collection::vec((any::<f64>(), any::<f32>(), any::<i64>(), ".{0,8}"), 1..30)) {
        let table = cells(vec![
            ("f64", Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.0)))),
            ("f32", Arc::new(Float32Array::from_iter_values(rows.iter().map(|row| row.1)))),
            ("i64", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2)))),
            ("text", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.3)))),
        ]);
        for (i, row) in rows.iter().enumerate() {
            let cell = |column: &str| table.text(column).unwrap()[i].to_string();
            let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
            prop_assert!(same(cell("f64").parse().unwrap(), row.0));
            prop_assert!(same(cell("f32").parse().unwrap(), f64::from(row.1)));
            prop_assert_eq!(cell("i64"), row.2.to_string());
            prop_assert_eq!(cell("text"), row.3.trim());
        }
    }
}

/// Rows of such tables have numbers, no lines.
#[test]
fn rows_are_counted_in_messages_of_bundles() {
    use mlp::{Bundle, Embedding, Flatten, Init, Linear, Numeric, Sequential};
    use rand::{SeedableRng, rngs::StdRng};
    let rng = &mut StdRng::seed_from_u64(0);
    let column = |values: Vec<f64>| -> Table { cells(vec![("x", Arc::new(Float64Array::from(values)) as ArrayRef)]) };
    let bundle = |first: Sequential| {
        let columns = mlp::Schema::builder().input("inputs", [Numeric::new("x")]).values("y", [Numeric::new("x")]);
        let model = first.then(Linear::new(1, 1, &Init::Constant(1e200), &mut StdRng::seed_from_u64(0)).unwrap());
        Bundle::new(model, columns.fit(&column(vec![1.0, 2.0])).unwrap()).unwrap()
    };
    let refused = |bundle: Bundle| bundle.predict(&column(vec![1.0, 1e150])).unwrap_err().to_string();
    assert!(refused(bundle(Sequential::new())).starts_with("bundle: t, row 2: the model answers with inf"));
    let words = Embedding::new(3, 1, &Init::Zeros, rng).unwrap();
    let text = refused(bundle(Sequential::new().then(words).then(Flatten)));
    assert!(
        text.starts_with("t, row 2, column `x`: found `1") && text.contains("needs a whole number from 0 to 2;"),
        "{text}"
    );
}
