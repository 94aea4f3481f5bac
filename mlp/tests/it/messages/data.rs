//! Data sets and tables.

use autograd::Tensor;
use mlp::{Dataset, Scaler, Table, one_hot};

use super::check;

fn data(n: usize) -> Dataset {
    Dataset::new(Tensor::zeros([n, 2]), vec![0; n]).unwrap()
}

#[test]
fn data_sets() {
    let split = |what: &str| format!("split: held-out fraction {what} must lie between 0 and 1");
    let splits = ["NaN", "1e300", "0"].map(split);
    check(vec![
        error!(data(4).split(f64::NAN, 0), &splits[0]),
        error!(data(4).split(1e300, 0), &splits[1]),
        error!(data(4).split(0.0, 0), &splits[2]),
        error!(
            data(4).split(1e-300, 0),
            "split: fraction 1e-300 of 4 samples would hold out nothing; choose another fraction or add samples"
        ),
        error!(data(4).batches(0, None), "batch size: 0 would never pass over the data; choose at least 1"),
        error!(data(4).select(&[]), "select: no samples; at least one is needed"),
        error!(data(4).select(&[4]), "select: sample 4 does not exist; samples are 0 to 3"),
        error!(
            Dataset::new(Tensor::<f64>::zeros([2, 1]), vec![0]),
            "data set: 2 inputs but 1 targets; each input needs one target, in the same order"
        ),
        error!(
            Dataset::new(Tensor::from([[0.0], [f64::NAN]]), vec![0, 1]),
            "inputs: sample 1 holds NaN at position 0; remove the sample or fill in a number"
        ),
        error!(
            Dataset::new(Tensor::from([[0.0]]), Tensor::from([[f64::INFINITY]])),
            "targets: sample 0 holds inf at position 0; remove the sample or fill in a number"
        ),
        error!(Dataset::new(Tensor::<f64>::zeros([0, 1]), vec![]), "inputs: no samples; at least one is needed"),
        error!(
            Dataset::new(Tensor::from(1.0), vec![0]),
            "inputs: a single number has no axis of samples; reshape it to (1, 1)"
        ),
        error!(
            one_hot::<f64>(&[0, 3], 3),
            "sample 1: label 3 is out of range for 3 classes (0 to 2); correct the label or raise the number of classes"
        ),
        error!(
            one_hot::<f64>(&[0, 1], usize::MAX),
            "one_hot: an array of shape (2, 18446744073709551615) has more numbers than memory holds; make it smaller"
        ),
        error!(
            Scaler::standard(&Tensor::from([[0.0], [f64::NAN]])),
            "scaler: column 0 holds NaN, infinite or enormous numbers; remove or clip them"
        ),
        error!(
            Scaler::min_max(&Tensor::<f64>::arange(3)),
            "scaler: shape (3,) is not (rows, columns); reshape a single column to (n, 1)"
        ),
        error!(Scaler::min_max(&Tensor::<f64>::zeros([0, 2])), "scaler: no samples; at least one is needed"),
        error!(
            Scaler::min_max(&Tensor::<f64>::zeros([1, 2]))?.transform(&Tensor::<f64>::zeros([1, 3])),
            "scaler: shape (1, 3) is not (rows, 2), the columns that it was fitted to"
        ),
    ]);
}

fn table(text: &str) -> Table {
    Table::parse("t", text.as_bytes()).unwrap()
}

#[test]
fn tables() {
    let t = || table("x,kind\n1,cat\n2,NA\n");
    let none: [&str; 0] = [];
    check(vec![
        error!(
            Table::parse("t", "x,kind\n1, \"cat\"\n".as_bytes()),
            "t, line 2: a space before a quote makes the quote a part of the cell; delete the space"
        ),
        error!(
            Table::parse("t", "x,kind\n1,\"cat\n".as_bytes()),
            "t, line 2: a quote is opened and never closed; close it, and write each quote inside a cell twice"
        ),
        error!(
            Table::parse("t", "x;y\n1,5;2\n".as_bytes()),
            "t, line 1: its cells are separated by `;`; save the table with commas between cells, and points in numbers, \
             or read it by `Csv::separator(';')`"
        ),
        error!(
            Table::parse("t", "# made by hand\nx\n1\n".as_bytes()),
            "t, line 1: it begins with `#`, but comments are no part of a table; delete it, or put quotes around the cell, \
             or skip such lines by `Csv::comments('#')`"
        ),
        error!(
            Table::parse("t", "1,2\n3,4\n".as_bytes()),
            "t, line 1: it holds numbers where the names of the columns should be; write a line of names above it, \
             with quotes around names that are numbers, or read it by `Csv::names` or `Csv::without_header`"
        ),
        error!(Table::parse("t", "x,y\n".as_bytes()), "t: no samples; at least one is needed"),
        error!(t().numbers::<f64>(&none), "numbers: no columns named; name at least one"),
        error!(t().numbers::<f64>(&["y"]), "t: no column `y`; the columns are `x`, `kind`"),
        error!(
            t().numbers::<f64>(&["kind"]),
            "t, line 2, column `kind`: found `cat`, needs a finite number; correct the cell or drop the row"
        ),
        error!(
            t().classes("kind"),
            "t, line 3, column `kind`: found `NA` for a missing value, needs the name of a class; correct the cell or drop the row"
        ),
        error!(
            t().known_classes("kind", &["dog", "NA"]),
            "t, line 2, column `kind`: found `cat`, needs one of the classes `dog`, `NA`; correct the cell or drop the row"
        ),
        error!(t().known_classes("kind", &none), "known_classes: no classes given; give those of the training"),
        error!(t().labels("x", 0), "labels: 0 classes; at least one is needed"),
        error!(
            t().labels("x", 2),
            "t, line 3, column `x`: found `2`, needs a label from 0 to 1; correct the cell or drop the row"
        ),
    ]);
}
